/* SPDX-License-Identifier: Apache-2.0
 *
 * STEP: what a stage's steps do. run: the command's changes over the trees below become the delta. fetch: the same with
 * a network, and only the output directory survives, normalised; its digest, taken relative to that directory, is the
 * pin. copy and make are assembled.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/assemble.h"
#include "builder/command_run.h"
#include "builder/grants.h"
#include "builder/pin.h"
#include "builder/progress.h"
#include "builder/sandbox/network.h"
#include "builder/sandbox/sandbox.h"
#include "builder/step_cache.h"
#include "builder/step_network.h"
#include "layers/base/fd.h"
#include "layers/image_config.h"
#include "layers/scan.h"
#include "layers/tree.h"

static const size_t *chain_of(const struct action *a)
{
	return plan_stage(a->plan, a->node->stage->name)->chain;
}

/* A file that is mounted has to be an O_PATH descriptor: those are opened anew in the child's own mount namespace. */
static int open_blob(struct action *a, const struct gg_digest *blob, struct gg_err *err)
{
	_cleanup_close_ int verified = store_blob_open(a->session->store, blob, NULL, err);
	char path[64];
	int fd;

	if (verified < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", verified);
	fd = gg_openat(AT_FDCWD, path, O_PATH, 0, err);
	return fd < 0 ? -1 : action_keep_fd(a, fd);
}

static int open_input(struct action *a, struct grants *g, const struct recipe_mount *m,
		      struct gg_err *err)
{
	for (size_t i = 0; i < a->plan->n_nodes; i++) {
		const struct plan_node *n = &a->plan->nodes[i];
		struct action_tree *t;
		int fd;

		if (!n->input || !gg_streq(n->input->name, m->input))
			continue;
		if (n->kind == PLAN_URL) {
			fd = open_blob(a, &n->blob, err);
			if (fd < 0)
				return -1;
		} else {
			if (action_open_tree(a, i, &t, err) < 0)
				return -1;
			fd = t->fd;
		}
		grants_mount(g, fd, m->at);
		return 0;
	}
	return gg_fail(err, GG_INTERNAL, "input '%s' is not in the plan", m->input);
}

static void note_short_values(const struct action *a, const struct grants *g)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	for (size_t i = 0; i < g->n_leaks; i++)
		if (g->leaks[i].len > 0 && g->leaks[i].len < LEAK_MIN)
			gg_buf_printf(&text, "%s%s", text.len ? ", " : "", g->leaks[i].what);
	if (text.len) {
		_cleanup_free_ char *note =
			gg_asprintf("%s: too short (less than %d bytes) to be searched for in the "
				    "output: %s",
				    a->node->name, LEAK_MIN, text.data);

		progress_note(a->session->progress, note);
	}
}

static int check_network(const struct session *s, const struct recipe_step *step,
			 struct gg_err *err)
{
	bool fetch = step->kind == RECIPE_STEP_FETCH;

	if (!fetch && !s->allow_network) {
		gg_fail_at(err, GG_USAGE, step->pos, "step '%s' wants a network", step->name);
		return gg_hint(err,
			       "allow it with --allow network; the image is then not hermetic");
	}
	if (!s->offline)
		return 0;
	gg_fail_at(err, GG_REMOTE, step->pos,
		   "%s '%s' has to run and --offline forbids every connection",
		   fetch ? "fetch" : "step", fetch ? step->fetch : step->name);
	return gg_hint(err, fetch ? "run `ggbuild fetch` for this recipe where there is a network"
				  : "build the recipe where there is a network, and its result is "
				    "in the store");
}

static int prepare_command(struct action *a, struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	bool network = step->kind == RECIPE_STEP_FETCH || step->network;
	struct grants *g = grants_new();

	a->extra = g;
	a->extra_free = grants_free;
	if (network && check_network(a->session, step, err) < 0)
		return -1;
	if (action_read_config(a, err) < 0 ||
	    action_open_trees(a, chain_of(a), a->node->below, true, err) < 0)
		return -1;
	for (size_t i = 0; i < step->n_mounts; i++)
		if (open_input(a, g, &step->mounts[i], err) < 0)
			return -1;
	if (grants_secrets(g, a->session, a->recipe, step, err) < 0 ||
	    step_cache_open(a, g, err) < 0)
		return -1;
	if (network && (grants_network(g, a->session, step, err) < 0 ||
			step_network_prepare(g, a->session, a->tmp.fd, err) < 0))
		return -1;
	note_short_values(a, g);
	a->redact = g->redact;
	return action_open_log(a, err);
}

static int step_prepare(struct action *a, struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;

	if (step->kind == RECIPE_STEP_RUN || step->kind == RECIPE_STEP_FETCH)
		return prepare_command(a, err);
	if (action_open_trees(a, chain_of(a), a->node->below, true, err) < 0)
		return -1;
	return assembly_prepare(a, step->copies, step->n_copies, err);
}

static void step_environment(const struct action *a, const struct grants *g, struct gg_strv *env)
{
	const struct recipe_step *step = a->node->step;
	const struct recipe_list *lists[] = { &step->args, &step->env };

	action_environment(a, env);
	for (size_t i = 0; i < GG_LEN(lists); i++)
		for (size_t j = 0; j < lists[i]->n; j++)
			gg_strv_putenv(env, lists[i]->v[j]);
	grants_environment(g, env);
}

static int run_command(struct action *a, const struct job_port *port, const struct view *below,
		       struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	struct grants *g = a->extra;
	const char *const shell[] = { "/bin/sh", "-eu", "-c", step->command.shell, NULL };
	_cleanup_strv_ struct gg_strv env = { 0 };
	_cleanup_network_ struct network network = NETWORK_INIT;
	const char *workdir = step->workdir ? step->workdir : image_config_workdir(a->config);
	const char *name = step->user ? step->user : image_config_user(a->config);
	struct owner user = { 0 };

	if (step_network_enter(g, a->session, a->logfd, &network, err) < 0)
		return -1;
	struct command_run run = {
		.lowers = below->fds,
		.n_lowers = below->n,
		.env = &env,
		.port = port,
		.timeout = step->timeout,
		.argv = step->command.shell ? shell : step->command.argv.v,
		.workdir = workdir ? workdir : "/",
		.flags = (g->network ? SANDBOX_NETWORK : 0) | (step->setuid ? SANDBOX_SETUID : 0),
	};

	if (name && view_owner(below, name, &user, err) < 0)
		return -1;
	run.uid = user.uid;
	run.gid = user.gid;
	step_environment(a, g, &env);
	if (user.home)
		gg_strv_setenv(&env, "HOME", user.home);
	free(user.home);
	if (step_cache_mount(a, g, user.uid, user.gid, err) < 0)
		return -1;
	run.mounts = g->mounts;
	run.n_mounts = g->n_mounts;
	if (command_run(a, &run, err) < 0) {
		/* What a network step could not get is the network's fault for all that we know; 7 lets a caller retry. */
		if (step->kind == RECIPE_STEP_FETCH && err->kind == GG_STEP)
			err->kind = GG_REMOTE;
		if (network.helper)
			gg_hint(err,
				"its network was not the host's but %s's; --fetch-network host is "
				"another way",
				network.helper);
		return -1;
	}
	return 0;
}

static int give_run(struct action *a, int upper, struct gg_json *result, struct gg_err *err)
{
	struct scan_options scan = { .flags = SCAN_OVERLAY | SCAN_WRITE,
				     .owners = action_owners(a) };
	const struct grants *g = a->extra;
	_cleanup_tree_ struct tree *delta = NULL;

	if (scan_tree(upper, &scan, &delta, err) < 0)
		return -1;
	if (leak_check(upper, delta, g->leaks, g->n_leaks, err) < 0)
		return gg_hint(err, "who gets the image could read it: keep the command from "
				    "writing it, or remove the "
				    "file in the same step");
	return action_give_tree(a, "upper", delta, result, err);
}

static int scan_output(struct action *a, int upper, const char *output, struct tree **ret,
		       struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	const struct grants *g = a->extra;
	_cleanup_strv_ struct gg_strv exclude = { 0 };
	struct scan_options scan = { .flags = SCAN_OVERLAY | SCAN_WRITE | SCAN_OWNERS |
					      SCAN_NO_XATTRS,
				     .exclude = &exclude,
				     .owners = action_owners(a) };
	_cleanup_close_ int from =
		gg_try_openat_in(upper, output, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (from < 0) {
		gg_fail(err, GG_STEP, "fetch '%s' did not make its output directory '%s'",
			step->fetch, step->output);
		return gg_hint(err,
			       "the command must write below it; everything else is thrown away");
	}
	for (size_t i = 0; i < step->exclude.n; i++)
		gg_strv_add(&exclude, step->exclude.v[i]);
	if (scan_tree(from, &scan, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < (*ret)->n; i++)
		if ((*ret)->entries[i].type == TREE_WHITEOUT)
			return gg_fail(err, GG_STEP,
				       "fetch '%s' removed '%s/%s', which an earlier step made",
				       step->fetch, step->output, (*ret)->entries[i].path);
	/* Whether the directory was there before the fetch must not show. */
	tree_find(*ret, ".")->opaque = false;
	if (leak_check(from, *ret, g->leaks, g->n_leaks, err) == 0)
		return 0;
	return gg_hint(err, "what one user passes must not get into what everybody pins: keep the "
			    "command from writing "
			    "it, or add the file to the fetch's `exclude`");
}

/* The output in its place: "placed/OUTPUT" on disk, the same in the manifest; parents are 0755 root whatever they are
 * below. */
static int place_output(struct action *a, const char *output, const struct tree *content,
			struct gg_json *result, struct gg_err *err)
{
	_cleanup_close_ int to = action_mkdir(a, "placed", err);
	_cleanup_free_ char *from = gg_asprintf("upper/%s", output), *parent = gg_strdup(output);
	char *slash = strrchr(parent, '/');
	_cleanup_tree_ struct tree *placed = NULL;

	if (to < 0)
		return -1;
	if (slash) {
		*slash = '\0';
		if (gg_mkdirs(to, parent, 0755, err) < 0)
			return -1;
	}
	if (renameat(a->tmp.fd, from, to, output) < 0)
		return gg_fail_errno(err, "move the output '/%s'", output);
	if (pin_place(content, output, &placed, err) < 0)
		return -1;
	return action_give_tree(a, "placed", placed, result, err);
}

/* The pin is the digest of the output alone, relative to its own root. */
static int give_fetch(struct action *a, int upper, struct gg_json *result, struct gg_err *err)
{
	const char *output = assembly_relative(a->node->step->output);
	_cleanup_tree_ struct tree *content = NULL;

	if (scan_output(a, upper, output, &content, err) < 0 || pin_give(a, content, err) < 0)
		return -1;
	return place_output(a, output, content, result, err);
}

static int give_assembled(struct action *a, const struct view *below, struct gg_json *result,
			  struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	_cleanup_assembly_ struct assembly *s = assembly_new(a, below);

	for (size_t i = 0; i < step->n_copies; i++)
		if (assembly_copy(s, &step->copies[i], err) < 0)
			return -1;
	for (size_t i = 0; i < step->n_makes; i++)
		if (assembly_make(s, &step->makes[i], err) < 0)
			return -1;
	return assembly_give(s, "tree", result, err);
}

static int step_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	_cleanup_view_ struct view below = VIEW_INIT;
	_cleanup_close_ int upper = -1;

	if (view_make(a, chain_of(a), a->node->below, &below, err) < 0)
		return -1;
	if (step->kind == RECIPE_STEP_COPY || step->kind == RECIPE_STEP_MAKE)
		return give_assembled(a, &below, result, err);
	if (view_flatten(&below, a, err) < 0 || run_command(a, port, &below, err) < 0)
		return -1;
	upper = gg_openat(a->tmp.fd, "upper", O_RDONLY | O_DIRECTORY, 0, err);
	if (upper < 0)
		return -1;
	return step->kind == RECIPE_STEP_FETCH ? give_fetch(a, upper, result, err)
					       : give_run(a, upper, result, err);
}

static int step_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	if (a->node->step->kind == RECIPE_STEP_FETCH && pin_take(a, err) < 0)
		return -1;
	return action_take_tree(a, result, err);
}

const struct action_ops action_step = { .prepare = step_prepare,
					.work = step_work,
					.commit = step_commit };
