/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock made complete: resolved, and its fetches run and pinned.
 */
#include "builder/build.h"

#include "builder/grants.h"
#include "builder/policy_report.h"
#include "builder/resolve_lock.h"
#include "builder/session.h"
#include "layers/store.h"

struct pinning {
	const struct build_options *o;
	struct resolve_options resolve;
	struct gg_digest *fresh; /* definitions that ran in this invocation */
	size_t n_fresh, cap_fresh;
	unsigned ran; /* actions */
};

static void pinning_done(struct pinning *g)
{
	free(g->fresh);
}

static bool is_fresh(const struct pinning *g, const struct gg_digest *definition)
{
	for (size_t i = 0; i < g->n_fresh; i++)
		if (gg_digest_eq(&g->fresh[i], definition))
			return true;
	return false;
}

/* Which nodes count. */
static int reach(const struct session *s, const struct plan *p, const struct build_options *o,
		 bool *reached, struct gg_err *err)
{
	_cleanup_build_goals_ struct build_goals goals = { 0 };

	/* Also where every fetch counts: a target that does not exist is worth no fetch. */
	if (build_goals(s, p, o, &goals, err) < 0)
		return -1;
	plan_reach(p, goals.v, goals.n, reached);
	for (size_t i = 0; i < p->n_nodes; i++)
		reached[i] = reached[i] || o->complete || o->relock;
	return 0;
}

/* The next fetch to run: everything behind one without a pin has no key yet; one with a pin may be wanted anew. */
static int next_fetch(const struct session *s, const struct plan *p, const struct pinning *g,
		      size_t *ret, struct gg_err *err)
{
	_cleanup_free_ bool *reached = gg_calloc(p->n_nodes + 1, sizeof(*reached));

	*ret = SIZE_MAX;
	if (reach(s, p, g->o, reached, err) < 0)
		return -1;
	for (size_t i = 0; i < p->n_nodes && *ret == SIZE_MAX; i++) {
		const struct plan_node *n = &p->nodes[i];

		if (!reached[i] || n->kind != PLAN_STEP || n->step->kind != RECIPE_STEP_FETCH)
			continue;
		if (!n->pinned ||
		    (resolve_wants(&g->resolve, n->step->fetch) && !is_fresh(g, &n->definition)))
			*ret = i;
	}
	return 0;
}

static int run_fetch(struct session *s, struct project *p, struct pinning *g,
		     const struct plan *plan, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &plan->nodes[id];
	_cleanup_execution_ struct execution *x = NULL;
	unsigned ran, cached;

	if (s->locked) {
		gg_fail_at(err, GG_LOCK, n->step->pos,
			   "fetch '%s' is not in the lock as the recipe has it", n->step->fetch);
		return gg_hint(err, RESOLVE_LOCKED_HINT);
	}
	x = execution_new(s, p->recipe, plan);
	if (execution_run(x, &id, 1, err) < 0)
		return -1;
	if (execution_pins(x, p->lock, g->o->platform) == 0)
		return gg_fail(err, GG_INTERNAL, "a fetch ended without a pin");
	execution_counts(x, &ran, &cached);
	g->ran += ran;
	return 0;
}

static int save(struct project *p, const struct build_options *o, struct gg_err *err)
{
	bool written;

	return o->dry ? 0 : project_save_lock(p, &written, err);
}

/* One fetch at a time, and a plan after each: the pin decides what is above it. An old pin is forgotten only when its
 * fetch is the next to run, so that a failure loses none. */
static int pin_fetches(struct session *s, struct project *p, struct pinning *g,
		       struct build_result *ret, struct gg_err *err)
{
	while (true) {
		struct gg_digest definition;
		size_t id;

		build_result_done(ret);
		if (build_plan(s, p, g->o->platform, &ret->plan, err) < 0 ||
		    next_fetch(s, ret->plan, g, &id, err) < 0)
			return -1;
		ret->pinning_ran = g->ran;
		if (id == SIZE_MAX)
			return 0;
		definition = ret->plan->nodes[id].definition;
		if (lock_drop_fetch(lock_platform(p->lock, g->o->platform), &definition))
			continue;
		if (run_fetch(s, p, g, ret->plan, id, err) < 0)
			return -1;
		GG_GROW(g->fresh, g->n_fresh, g->cap_fresh);
		g->fresh[g->n_fresh++] = definition;
		if (!g->o->relock && save(p, g->o, err) < 0)
			return -1;
	}
}

static void note_digest(struct gg_strv *list, const struct gg_digest *d)
{
	char hex[GG_DIGEST_HEX];

	gg_strv_add(list, gg_digest_hex(d, hex));
}

/* An edited package list or fetch leaves its old entry behind: it may be another argument's. Who knows better says so. */
static bool prune(const struct recipe *r, const struct plan *plan, struct lock *lock,
		  const char *platform)
{
	struct lock_use use GG_CLEANUP(lock_use_done) = { 0 };

	for (size_t i = 0; i < r->n_stages; i++) {
		const struct recipe_stage *stage = &r->stages[i];

		if (stage->from.kind == RECIPE_FROM_DISTRO)
			gg_strv_take(&use.distros, plan_distro_key(&stage->from));
		if (stage->from.kind == RECIPE_FROM_IMAGE)
			gg_strv_take(&use.images, lock_image_key(stage->from.image));
		for (size_t j = 0; j < stage->n_steps; j++)
			if (stage->steps[j].piece)
				gg_strv_add(&use.pieces, stage->steps[j].piece);
	}
	for (size_t i = 0; i < plan->n_nodes; i++)
		if (plan->nodes[i].kind == PLAN_STEP &&
		    plan->nodes[i].step->kind == RECIPE_STEP_FETCH)
			note_digest(&use.fetches, &plan->nodes[i].definition);
	for (size_t i = 0; i < r->n_inputs; i++)
		if (r->inputs[i].kind == RECIPE_INPUT_URL)
			note_digest(&use.urls, &r->inputs[i].sha256);
		else if (r->inputs[i].kind == RECIPE_INPUT_IMAGE)
			gg_strv_take(&use.images, lock_image_key(r->inputs[i].image));
	return lock_prune(lock, lock_platform(lock, platform), &use);
}

/* Now the lock names every package, and no fetch has run for it yet. */
static int check_resolved(struct session *s, struct project *p, const struct build_options *o,
			  struct gg_err *err)
{
	_cleanup_plan_ struct plan *plan = NULL;

	if (build_plan(s, p, o->platform, &plan, err) < 0)
		return -1;
	return policy_check(s, p, o, plan, err);
}

static int complete(struct session *s, struct project *p, const struct build_options *o,
		    struct build_result *ret, struct gg_err *err)
{
	struct pinning pinning GG_CLEANUP(pinning_done) = {
		.o = o,
		.resolve = { .platform = o->platform,
			     .all = o->relock,
			     .complete = o->complete,
			     .names = o->update },
	};
	bool changed;

	if (grants_check(s, p->recipe, err) < 0 ||
	    (s->policy && policy_check(s, p, o, NULL, err) < 0))
		return -1;
	if (s->locked && p->lock_missing) {
		gg_fail(err, GG_LOCK, "there is no lock '%s/%s', and --locked forbids writing one",
			p->dir, p->lock_name);
		return gg_hint(err, "run `ggbuild lock %s` and commit the lock file", p->path);
	}
	if (resolve_lock(s, p->recipe, p->lock, &pinning.resolve, &changed, err) < 0)
		return -1;
	if (s->policy && check_resolved(s, p, o, err) < 0)
		return -1;
	if ((changed || p->lock_missing) && !o->relock && save(p, o, err) < 0)
		return -1;
	if (pin_fetches(s, p, &pinning, ret, err) < 0)
		return -1;
	changed = o->prune && prune(p->recipe, ret->plan, p->lock, o->platform);
	return o->relock || changed ? save(p, o, err) : 0;
}

int build_lock(struct session *s, struct project *p, const struct build_options *o,
	       struct build_result *ret, struct gg_err *err)
{
	if (complete(s, p, o, ret, err) == 0)
		return 0;
	store_explain(s->store, err);
	return -1;
}
