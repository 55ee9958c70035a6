/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules that only the image's trees can break.
 */
#include <string.h>

#include "builder/policy_report.h"
#include "builder/session.h"
#include "layers/store.h"
#include "layers/tree.h"

struct image_trees {
	struct tree **v; /* parallel to plan->layers */
	size_t n;
	struct tree *merged;
};

static void image_trees_done(struct image_trees *t)
{
	for (size_t i = 0; i < t->n; i++)
		tree_free(t->v[i]);
	free(t->v);
	tree_free(t->merged);
}

static int read_trees(struct session *s, const struct plan *p, const struct execution *x,
		      struct image_trees *ret, struct gg_err *err)
{
	ret->v = gg_calloc(p->n_layers + 1, sizeof(struct tree *));
	for (; ret->n < p->n_layers; ret->n++) {
		struct gg_digest d;

		if (execution_digest(x, p->layers[ret->n], "tree", &d, err) < 0 ||
		    store_tree_manifest(s->store, &d, &ret->v[ret->n], err) < 0)
			return -1;
	}
	return tree_merge((const struct tree *const *)ret->v, ret->n, 0, &ret->merged, err);
}

static bool leads_to(const char *to, const char *path)
{
	size_t len = strlen(to);

	while (len && to[len - 1] == '/')
		len--;
	return !strncmp(to, path, len) && (path[len] == '/' || !path[len]);
}

/* Which line of the recipe put the path there. */
static struct gg_pos place_of(const struct recipe *r, const struct plan_node *n, const char *path)
{
	if (n->kind == PLAN_USER)
		return r->image.user.pos;
	if (n->kind == PLAN_STEP)
		return n->step->pos;
	if (n->kind == PLAN_IMAGE)
		return n->image->pos;
	if (n->kind != PLAN_LAYER)
		return n->stage->from.pos;
	for (size_t i = n->layer->n_makes; i-- > 0;)
		if (gg_streq(n->layer->makes[i].path, path))
			return n->layer->makes[i].pos;
	for (size_t i = n->layer->n_copies; i-- > 0;)
		if (leads_to(n->layer->copies[i].to, path))
			return n->layer->copies[i].pos;
	return n->layer->pos;
}

/* NULL: none. */
static const char *privilege(const struct tree_entry *e)
{
	if (e->type != TREE_FILE)
		return NULL;
	if (e->mode & 04000)
		return "set-user-id";
	if (e->mode & 02000)
		return "set-group-id";
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (gg_streq(e->xattrs[i].name, "security.capability"))
			return "capable";
	return NULL;
}

static void check_setuid(const struct build_result *b, const struct image_trees *t,
			 struct policy_report *r)
{
	const struct policy_list *rule = &r->policy->setuid;

	for (size_t i = 0; rule->pos.line && i < t->merged->n; i++) {
		const struct tree_entry *e = &t->merged->entries[i];
		_cleanup_free_ char *path = gg_asprintf("/%s", e->path);
		const char *is = privilege(e);

		if (!is || policy_matches(rule, path))
			continue;
		policy_violate(
			r, place_of(r->recipe, &b->plan->nodes[b->plan->layers[e->origin]], path),
			rule->pos, "setuid", "the image's '%s' is %s", path, is);
	}
}

static void check_size(const struct image_trees *t, struct policy_report *r)
{
	uint64_t bytes = 0, most = r->policy->max_size;

	for (size_t i = 0; i < t->merged->n; i++)
		if (t->merged->entries[i].type == TREE_FILE && !t->merged->entries[i].hardlink)
			bytes += t->merged->entries[i].size;
	if (r->policy->max_size_pos.line && bytes > most)
		policy_violate(r, r->recipe->image.pos, r->policy->max_size_pos, "max-size",
			       "the image has %llu bytes of files, %llu more than allowed",
			       (unsigned long long)bytes, (unsigned long long)(bytes - most));
}

/* A layer, and if so wished the packages that it is made of. */
static void add_goals(struct build_goals *g, const struct plan *p, size_t layer, bool packages)
{
	const struct plan_node *n = &p->nodes[layer];
	size_t more = packages && n->kind == PLAN_DISTRO ? n->n_deps : 0;

	for (size_t i = 0; i < more + 1; i++) {
		GG_GROW(g->v, g->n, g->cap);
		g->v[g->n++] = i < more ? n->deps[i] : layer;
	}
}

int policy_check_image(struct session *s, const struct project *p, const struct build_result *b,
		       struct gg_err *err)
{
	struct policy_report r = { .policy = s->policy, .recipe = p->recipe };
	struct image_trees t GG_CLEANUP(image_trees_done) = { 0 };
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	_cleanup_execution_ struct execution *x = execution_new(s, p->recipe, b->plan);

	/* Layers that were packed before may have no trees any more; then they are made again. */
	for (size_t i = 0; i < b->plan->n_layers; i++)
		add_goals(&goals, b->plan, b->plan->layers[i], s->policy->licenses.pos.line != 0);
	if (execution_run(x, goals.v, goals.n, err) < 0 || read_trees(s, b->plan, x, &t, err) < 0 ||
	    policy_check_licenses(s, b->plan, x, &r, err) < 0) {
		recipe_errors_done(&r.errors);
		return gg_context(err, "hold the image against the policy '%s'", s->policy->file);
	}
	check_setuid(b, &t, &r);
	check_size(&t, &r);
	return policy_report_end(&r, err);
}
