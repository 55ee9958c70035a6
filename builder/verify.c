/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/verify.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/progress.h"
#include "builder/rebuild.h"
#include "builder/results.h"
#include "builder/seed.h"
#include "builder/settle.h"
#include "builder/verify_place.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "layers/image_source.h"
#include "layers/store.h"
#include "layers/tree.h"

/* ---- the reference ---- */

static struct rebuild as_usual(const struct verify *v, const struct conditions *plain)
{
	return (struct rebuild){ .verb = "build",
				 .recipe = v->recipe,
				 .store = v->store,
				 .scratch = v->scratch,
				 .common = v->o.common,
				 .steps = v->o.steps,
				 .conditions = plain };
}

static int build_reference(struct verify *v, struct gg_err *err)
{
	const struct conditions plain = CONDITIONS_INIT;
	struct rebuild r = as_usual(v, &plain);

	v->image = gg_asprintf("oci:%s/reference", v->scratch);
	r.layout = v->image + strlen("oci:");
	if (rebuild_run(&v->c->session, &r, &v->digest, err) < 0)
		return gg_context(err, "build");
	return 0;
}

/* Somebody else's: what it was built from is all that has to be here. */
static int take_reference(struct verify *v, struct gg_err *err)
{
	_cleanup_image_source_ struct image_source *image = NULL;
	const struct conditions plain = CONDITIONS_INIT;
	struct rebuild r = as_usual(v, &plain);

	v->image = gg_strdup(v->o.against);
	if (image_source_open(v->image, NULL, &image, err) < 0)
		return -1;
	if (!image->manifest.bytes) {
		gg_fail(err, GG_USAGE, "'%s' has no OCI manifest to compare", v->image);
		return gg_hint(err, "`ggbuild diff` compares archives of docker");
	}
	v->digest = image->manifest.blob.digest;
	r.verb = "fetch";
	if (rebuild_run(&v->c->session, &r, NULL, err) < 0)
		return gg_context(err, "fetch");
	return 0;
}

/* A step with a network, a cache or a secret cannot be held to anything. */
static int check_network(const struct verify *v, struct gg_err *err)
{
	for (size_t i = 0; i < v->plan->n_nodes; i++) {
		const struct recipe_step *s = v->reached[i] ? v->plan->nodes[i].step : NULL;

		if (!s || s->kind != RECIPE_STEP_RUN || !s->network)
			continue;
		gg_fail_at(err, GG_USAGE, s->pos,
			   "step '%s' has a network: what it gives cannot be verified", s->name);
		return gg_hint(err, "make it a fetch, whose output the lock pins");
	}
	return 0;
}

static int plan_reference(struct verify *v, struct gg_err *err)
{
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	struct build_options how = { .platform = command_platform() };
	struct session *s = &v->c->session;

	s->no_test = true;
	if (build_plan(s, &v->c->project, how.platform, &v->plan, err) < 0 ||
	    build_goals(s, v->plan, &how, &goals, err) < 0)
		return -1;
	v->reached = gg_calloc(v->plan->n_nodes + 1, sizeof(*v->reached));
	plan_reach(v->plan, goals.v, goals.n, v->reached);
	return check_network(v, err);
}

static uint64_t tree_bytes(struct store *s, const struct gg_json *record)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_tree_ struct tree *t = NULL;
	struct gg_digest d;
	uint64_t sum = 0;

	if (gg_digest_parse(gg_json_get_str(record, "tree", ""), &d, &ignored) < 0 ||
	    store_tree_manifest(s, &d, &t, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < t->n; i++)
		sum += t->entries[i].hardlink ? 0 : t->entries[i].size;
	return sum;
}

/* What the reference's trees and archives hold, and as much again for what steps remove before they end. */
static uint64_t bytes_needed(struct verify *v)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < v->plan->n_nodes; i++) {
		const struct plan_node *n = &v->plan->nodes[i];
		_cleanup_json_ struct gg_json *record = NULL;
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

		if (!v->reached[i])
			continue;
		if (n->blob_size != UINT64_MAX)
			sum += n->blob_size;
		if (results_find(v->c->session.store, n, &record, &ignored) == 0 && record)
			sum += tree_bytes(v->c->session.store, record);
	}
	return 2 * sum;
}

/* ---- where ---- */

static int open_scratch(struct verify *v, struct gg_err *err)
{
	struct store *s = v->c->session.store;

	if (v->o.scratch) {
		_cleanup_free_ char *parent = realpath(v->o.scratch, NULL);

		if (!parent)
			return gg_fail_errno(err, "--scratch '%s'", v->o.scratch);
		v->otherfd = place_make(parent, &v->other, err);
		if (v->otherfd < 0)
			return -1;
	}
	if (store_tmp_new(s, geteuid(), &v->tmp, err) < 0)
		return -1;
	v->scratch = gg_asprintf("%s/tmp/%s", v->store, v->tmp.name);
	return 0;
}

static void look_for_filesystem(struct verify *v)
{
	struct stat here, there;

	if (!v->other) {
		place_look(v->tmp.fd, bytes_needed(v), &v->here);
		return;
	}
	if (fstat(v->tmp.fd, &here) == 0 && fstat(v->otherfd, &there) == 0 &&
	    here.st_dev != there.st_dev)
		v->here.filesystem = v->o.scratch;
	else
		v->here.why_no_filesystem = "--scratch is on the store's";
}

int verify_open(struct command_session *c, const struct verify_options *o, struct verify *ret,
		struct gg_err *err)
{
	*ret = (struct verify)VERIFY_INIT;
	ret->c = c;
	ret->o = *o;
	ret->recipe = realpath(o->recipe, NULL);
	ret->store = realpath(store_path(c->session.store), NULL);
	if (!ret->recipe || !ret->store)
		return gg_fail_errno(err, "find '%s'",
				     ret->recipe ? store_path(c->session.store) : o->recipe);
	surroundings_look(&ret->here);
	ret->here.jobs = o->steps->jobs ? o->steps->jobs : c->session.n_jobs;
	if (!c->project.recipe->image.present)
		return gg_fail(err, GG_USAGE, "the recipe declares no image to verify");
	if (open_scratch(ret, err) < 0)
		return -1;
	ret->from = time(NULL);
	if (o->against ? take_reference(ret, err) < 0 : build_reference(ret, err) < 0)
		return -1;
	ret->to = time(NULL);
	if (command_reload(c, o->common, o->recipe, err) < 0 || plan_reference(ret, err) < 0)
		return -1;
	look_for_filesystem(ret);
	return 0;
}

/* ---- rebuilds ---- */

/* The second store is where the variations say; it is filled when it is first needed. */
static int choose_store(struct verify *v, const struct conditions *c, char **ret,
			struct gg_err *err)
{
	/* Whoever names a directory wants all of it there. */
	bool elsewhere = v->o.scratch || c->filesystem;
	bool *seeded = elsewhere ? &v->other_seeded : &v->seeded;

	if (elsewhere && !v->other) {
		v->otherfd = place_make(v->here.filesystem, &v->other, err);
		if (v->otherfd < 0)
			return -1;
	}
	*ret = gg_asprintf("%s/store", elsewhere ? v->other : v->scratch);
	if (!*seeded && seed_store(&v->c->session, v->plan, v->reached, *ret, err) < 0)
		return -1;
	*seeded = true;
	return 0;
}

void verify_apply(const struct verify *v, const bool *vary, struct conditions *ret)
{
	const char *why;

	for (size_t i = 0; i < n_variations; i++)
		if (vary[i])
			variations[i].apply(&v->here, ret, &why);
}

int verify_rebuild(struct verify *v, struct verify_run *run, struct gg_err *err)
{
	_cleanup_conditions_ struct conditions c = CONDITIONS_INIT;
	_cleanup_free_ char *store = NULL;
	struct rebuild r = { .verb = "build",
			     .recipe = v->recipe,
			     .scratch = v->scratch,
			     .common = v->o.common,
			     .steps = v->o.steps,
			     .conditions = &c,
			     .again = true,
			     .quiet = run->quiet };

	verify_apply(v, run->vary, &c);
	if (choose_store(v, &c, &store, err) < 0)
		return -1;
	r.store = store;
	r.layout = run->layout = gg_asprintf("%s/rebuilt-%u", v->scratch, v->runs++);
	run->from = time(NULL);
	if (rebuild_run(&v->c->session, &r, &run->digest, err) < 0) {
		if (err->kind == GG_STEP)
			err->kind = GG_GATE;
		return gg_context(err, "rebuild");
	}
	run->to = time(NULL);
	return 0;
}

void verify_drop(struct verify *v, struct verify_run *run)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)v;
	if (run->layout && gg_remove_tree(AT_FDCWD, run->layout, &err) < 0)
		gg_log(GG_LOG_WARNING, "%s: %s", run->layout, err.text);
	free(run->layout);
	run->layout = NULL;
}

void verify_close(struct verify *v)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	/* What subordinate ids own can be removed from inside alone. Nothing is started any more. */
	if ((v->seeded || v->other_seeded) &&
	    settle(&v->c->session.userns, v->c->session.store, NULL, &err) < 0)
		gg_log(GG_LOG_WARNING, "%s", err.text);
	if (v->other && gg_remove_tree(AT_FDCWD, v->other, &err) < 0)
		gg_log(GG_LOG_WARNING, "%s: %s", v->other, err.text);
	gg_close(v->otherfd);
	store_tmp_done(&v->tmp);
	plan_free(v->plan);
	free(v->reached);
	free(v->recipe);
	free(v->store);
	free(v->scratch);
	free(v->other);
	free(v->image);
	*v = (struct verify)VERIFY_INIT;
}
