/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/bundle_import.h"
#include "builder/job.h"
#include "builder/local.h"
#include "builder/mirror.h"
#include "builder/progress.h"
#include "builder/sandbox/sandbox.h"
#include "builder/settings.h"
#include "builder/settle.h"
#include "builder/step_network.h"
#include "builder/variation.h"
#include "layers/base/fd.h"
#include "layers/bundle.h"
#include "layers/store.h"

const struct option_def command_common_defs[COMMAND_N_COMMON] = {
	{ .name = "store",
	  .arg = "DIR",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct common_options, store),
	  .help = "where blobs, trees and results are kept" },
	{ .name = "userns",
	  .arg = "KIND",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct common_options, userns),
	  .help = "the user namespace that steps run in",
	  .values = userns_choice_names },
	{ .name = "arg",
	  .arg = "NAME=VALUE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct common_options, args),
	  .help = "set an argument of the recipe" },
	{ .name = "allow",
	  .arg = "WHAT",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct common_options, allow),
	  .help = "grant what a recipe may not take: network, path=DIR" },
	{ .name = "mirror",
	  .arg = "NAME=URL",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct common_options, mirrors),
	  .help = "archive of a distribution: debian=URL, debian-security=URL" },
	{ .name = "offline",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct common_options, offline),
	  .help = "forbid every connection" },
	{ .name = "progress",
	  .arg = "MODE",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct common_options, progress),
	  .help = "how progress is shown on standard error",
	  .values = progress_mode_names },
	{ .name = "policy",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct common_options, policy),
	  .help = "what the build may consist of; a violation ends it" },
};

const struct option_def command_step_defs[COMMAND_N_STEP] = {
	{ .name = "jobs",
	  .arg = "N",
	  .kind = OPTION_UINT,
	  .offset = offsetof(struct step_options, jobs),
	  .help = "actions at once (default: one a processor)" },
	{ .name = "locked",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct step_options, locked),
	  .help = "fail where the lock would have to change" },
	{ .name = "fetch-env",
	  .arg = "[STEP:]NAME=VALUE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct step_options, fetch_env),
	  .help = "a variable for fetch steps" },
	{ .name = "fetch-mount",
	  .arg = "[STEP:]HOSTDIR=DIR",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct step_options, fetch_mounts),
	  .help = "a read-only directory for fetch steps" },
	{ .name = "fetch-network",
	  .arg = "WHICH",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct step_options, fetch_network),
	  .values = step_network_names,
	  .help = "the network of fetch steps" },
	{ .name = "secret",
	  .arg = "id=ID,env=NAME|src=FILE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct step_options, secrets),
	  .help = "a secret that the recipe declares" },
};

void command_take_steps(struct session *s, const struct step_options *o)
{
	if (o->jobs)
		s->n_jobs = o->jobs;
	s->locked = o->locked || s->bundle;
	gg_strv_copy(&s->fetch_env, &o->fetch_env);
	s->fetch_network = o->fetch_network;
	gg_strv_copy(&s->fetch_mounts, &o->fetch_mounts);
	gg_strv_copy(&s->secrets, &o->secrets);
}

const char *command_platform(void)
{
	return gg_streq(mirror_deb_arch(), "arm64") ? "linux/arm64" : "linux/amd64";
}

char *command_store_path(const struct common_options *o, const struct config *config,
			 struct gg_err *err)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (o->store || (config && config->store))
		return gg_strdup(o->store ? o->store : config->store);
	if (cache && cache[0] == '/')
		return gg_asprintf("%s/ggbuild", cache);
	if (home && home[0] == '/')
		return gg_asprintf("%s/.cache/ggbuild", home);
	gg_fail(err, GG_USAGE, "neither XDG_CACHE_HOME nor HOME says where the store is");
	gg_hint(err, "pass --store DIR");
	return NULL;
}

#define ALLOW_NETWORK "network"
#define ALLOW_PATH "path="

int command_take_paths(const struct common_options *o, struct gg_strv *ret, struct gg_err *err)
{
	for (size_t i = 0; i < o->allow.n; i++) {
		const char *what = o->allow.v[i];

		if (gg_starts(what, ALLOW_PATH) && what[strlen(ALLOW_PATH)])
			gg_strv_add(ret, what + strlen(ALLOW_PATH));
		else if (!gg_streq(what, ALLOW_NETWORK))
			return gg_fail(err, GG_USAGE,
				       "option '--allow' with value '%s': must be " ALLOW_NETWORK
				       " or " ALLOW_PATH "DIR",
				       what);
	}
	return 0;
}

static int take_settings(struct session *s, const struct common_options *o, char **ret_store,
			 struct gg_err *err)
{
	for (size_t i = 0; i < o->mirrors.n; i++) {
		if (config_check_mirror(o->mirrors.v[i], err) < 0)
			return -1;
		gg_strv_putenv(&s->mirrors, o->mirrors.v[i]);
	}
	if (settings_read(&s->config, err) < 0)
		return -1;
	if (s->config && s->config->jobs)
		s->n_jobs = (unsigned)s->config->jobs;
	*ret_store = command_store_path(o, s->config, err);
	return *ret_store ? 0 : -1;
}

static int take_policy(struct session *s, const struct common_options *o, struct gg_err *err)
{
	const char *path = o->policy ? o->policy : s->config ? s->config->policy : NULL;

	return path ? settings_read_policy(path, &s->policy, err) : 0;
}

/* How `verify` tells the builds that it starts what their steps shall see. */
static int take_perturb(struct command_session *c, struct gg_err *err)
{
	const char *text = getenv(PERTURB_VARIABLE);

	if (!text || !*text)
		return 0;
	if (perturb_parse(text, &c->perturb, &c->perturb_text, err) < 0)
		return -1;
	c->session.perturb = &c->perturb;
	return 0;
}

static void open_view(struct session *s, const struct common_options *o)
{
	struct progress_options view = { .fd = STDERR_FILENO,
					 .now = job_now_ns(),
					 .colour = !getenv("NO_COLOR") };

	view.mode = progress_resolve((enum progress_mode)o->progress, STDERR_FILENO, getenv("TERM"),
				     getenv("CI"));
	s->progress = progress_new(&view);
}

static int open_session(struct command_session *c, const struct common_options *o,
			struct gg_err *err)
{
	_cleanup_free_ char *path = NULL, *ids = NULL;
	struct store_options store = { 0 };
	struct session *s = &c->session;

	open_view(s, o);
	s->n_jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	s->offline = o->offline;
	s->report = getenv("GGBUILD_REPORT");
	s->allow_network = gg_strv_has(&o->allow, ALLOW_NETWORK);
	if (take_perturb(c, err) < 0 || take_settings(s, o, &path, err) < 0 ||
	    take_policy(s, o, err) < 0 || sandbox_check_kernel(NULL, err) < 0 ||
	    userns_choose(o->userns, &s->userns, err) < 0)
		return -1;
	ids = settle_ids(&s->userns);
	store.ids = ids;
	if (store_open(path, &store, &s->store, err) < 0)
		return -1;
	s->jobs = jobs_new(err);
	return s->jobs ? 0 : -1;
}

static int refuse_bundle(const char *file, struct gg_err *err)
{
	gg_err_done(err);
	gg_fail(err, GG_USAGE, "'%s' is an archive, and no recipe", file);
	return gg_hint(err, "if it is a bundle, `ggbuild build` takes it and `ggbuild bundle ls` "
			    "says what is in it");
}

static int open_project(struct command_session *c, const struct common_options *o,
			const char *recipe, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv allowed = { 0 };
	struct project_options options = { .args = &o->args, .allowed = &allowed };

	if (command_take_paths(o, &allowed, err) < 0)
		return -1;
	if (project_open(recipe, &options, &c->project, err) < 0)
		return bundle_recognise(recipe) ? refuse_bundle(recipe, err) : -1;
	c->session.recipe_dirfd = c->project.dirfd;
	c->session.recipe_dir = c->project.dir;
	return 0;
}

int command_open(struct command_session *c, const struct common_options *o, const char *recipe,
		 struct gg_err *err)
{
	*c = (struct command_session){ .project = PROJECT_INIT, .session = { .recipe_dirfd = -1 } };
	/* The recipe first: its mistakes are told on any machine. */
	if (recipe && open_project(c, o, recipe, err) < 0)
		return -1;
	return open_session(c, o, err);
}

int command_open_view(struct command_session *c, const struct common_options *o, struct gg_err *err)
{
	*c = (struct command_session){ .project = PROJECT_INIT, .session = { .recipe_dirfd = -1 } };
	open_view(&c->session, o);
	c->session.jobs = jobs_new(err);
	return c->session.jobs ? 0 : -1;
}

int command_read_bundle(const char *file, const struct gg_strv *bases, struct bundle **ret,
			struct gg_err *err)
{
	_cleanup_bundle_ struct bundle *b = NULL;

	if (bundle_open(file, &b, err) < 0)
		return -1;
	for (size_t i = 0; i < bases->n; i++) {
		struct bundle *base = NULL;

		if (bundle_open(bases->v[i], &base, err) < 0 || bundle_add_base(b, base, err) < 0)
			return -1;
	}
	*ret = gg_steal(&b);
	return 0;
}

static int check_options(const struct common_options *o, const struct bundle *b, struct gg_err *err)
{
	if (o->args.n) {
		gg_fail(err, GG_USAGE,
			"--arg '%s': a bundle has the arguments that it was made with",
			o->args.v[0]);
		return gg_hint(err, "give --arg to `ggbuild bundle`");
	}
	if (!gg_streq(b->info.platform, command_platform()))
		return gg_fail(err, GG_USAGE, "bundle '%s' is for %s, and this machine is %s",
			       b->path, b->info.platform, command_platform());
	return 0;
}

int command_open_bundle(struct command_session *c, const struct common_options *o, const char *file,
			const struct gg_strv *bases, struct gg_err *err)
{
	struct session *s = &c->session;

	*c = (struct command_session){ .project = PROJECT_INIT, .session = { .recipe_dirfd = -1 } };
	if (command_read_bundle(file, bases, &s->bundle, err) < 0 ||
	    check_options(o, s->bundle, err) < 0 || open_session(c, o, err) < 0)
		return -1;
	s->offline = s->locked = true;
	if (bundle_check(s, err) < 0)
		return -1;
	return bundle_project(s->bundle, &c->project, err);
}

int command_look(struct command_session *c, const struct common_options *o, const char *recipe,
		 struct gg_err *err)
{
	_cleanup_free_ char *path = NULL, *ids = NULL;
	struct store_options store = { 0 };

	*c = (struct command_session){ .project = PROJECT_INIT,
				       .session = { .recipe_dirfd = -1, .read_only = true } };
	if (open_project(c, o, recipe, err) < 0 || take_settings(&c->session, o, &path, err) < 0 ||
	    userns_choose(o->userns, &c->session.userns, err) < 0)
		return -1;
	if (access(path, F_OK) < 0)
		return 0;
	ids = settle_ids(&c->session.userns);
	store.ids = ids;
	return store_open(path, &store, &c->session.store, err);
}

void command_close(struct command_session *c)
{
	jobs_free(c->session.jobs);
	progress_free(c->session.progress);
	mirror_cache_free(c->session.mirror_cache);
	local_trees_free(c->session.locals);
	store_close(c->session.store);
	userns_done(&c->session.userns);
	gg_strv_done(&c->session.mirrors);
	config_free(c->session.config);
	policy_free(c->session.policy);
	gg_strv_done(&c->session.fetch_env);
	gg_strv_done(&c->session.fetch_mounts);
	gg_strv_done(&c->session.secrets);
	project_done(&c->project);
	free(c->perturb_text);
	bundle_free(c->session.bundle);
}

/* A position in a recipe that is no file: its line is shown now, as nobody finds it later. */
static void settle_position(const struct project *p, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_free_ char *head = NULL;
	size_t first;

	if (err->whole || !err->pos.file || err->pos.file != p->path)
		return;
	first = strcspn(err->text, "\n");
	head = gg_strndup(err->text, first);
	recipe_error_print(err->pos, head, NULL, p->text.data, p->text.len, &text);
	if (err->text[first])
		gg_buf_printf(&text, "%s\n", err->text + first + 1);
	if (err->hint)
		gg_buf_printf(&text, "  help: %s\n", err->hint);
	free(err->text);
	err->text = gg_buf_steal(&text);
	err->pos = (struct gg_pos){ 0 };
	err->whole = true;
}

int command_reload(struct command_session *c, const struct common_options *o, const char *recipe,
		   struct gg_err *err)
{
	project_done(&c->project);
	return open_project(c, o, recipe, err);
}

int command_within(int (*open)(struct command_session *c, const struct common_options *o,
			       const char *recipe, struct gg_err *err),
		   const void *options, const struct gg_strv *args,
		   int (*work)(struct command_session *c, const void *options,
			       const struct gg_strv *args, struct gg_err *err),
		   struct gg_err *err)
{
	struct command_session c;
	int r = open(&c, options, args->v[0], err);

	if (r == 0)
		r = work(&c, options, args, err);
	if (r < 0 && c.session.bundle)
		settle_position(&c.project, err);
	command_close(&c);
	return r;
}

int command_print(const char *text, size_t len, struct gg_err *err)
{
	if (gg_write_all(STDOUT_FILENO, text, len, err) < 0)
		return gg_context(err, "standard output");
	return 0;
}
