/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/plan_private.h"

#include <string.h>

const char *plan_kind_name(enum plan_kind kind)
{
	switch (kind) {
	case PLAN_DEB:
		return "deb";
	case PLAN_DISTRO:
		return "distro";
	case PLAN_ROOTFS:
		return "rootfs";
	case PLAN_BLOB:
		return "blob";
	case PLAN_BASE:
		return "base";
	case PLAN_IMAGE:
		return "image";
	case PLAN_FLAT:
		return "flat";
	case PLAN_LOCAL:
		return "local";
	case PLAN_URL:
		return "url";
	case PLAN_STEP:
		return "step";
	case PLAN_USER:
		return "user";
	case PLAN_LAYER:
		return "layer";
	case PLAN_PACK:
		return "pack";
	case PLAN_TEST:
		return "test";
	}
	return "?";
}

void plan_ids_add(struct plan_ids *l, size_t id)
{
	GG_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = id;
}

void plan_ids_add_all(struct plan_ids *deps, const struct plan_ids *more)
{
	for (size_t i = 0; i < more->n; i++)
		plan_ids_add(deps, more->v[i]);
}

void plan_ids_done(struct plan_ids *l)
{
	free(l->v);
}

const size_t *plan_ids_keep(struct gg_arena *a, const struct plan_ids *l)
{
	size_t *copy = gg_arena_calloc(a, l->n + 1, sizeof(*copy));

	if (l->n)
		memcpy(copy, l->v, l->n * sizeof(*copy));
	return copy;
}

struct plan_node *plan_node_at(struct plan_making *m, size_t id)
{
	return &m->plan->nodes[id];
}

size_t plan_add_node(struct plan_making *m, const struct plan_node *proto, struct gg_buf *text,
		     const struct plan_ids *deps)
{
	struct plan *p = m->plan;
	struct plan_node n = *proto;

	n.keyed = true;
	for (size_t i = 0; deps && i < deps->n; i++)
		n.keyed = n.keyed && p->nodes[deps->v[i]].keyed;
	n.text = gg_arena_strndup(p->arena, text->data, text->len);
	gg_digest_of(text->data, text->len, &n.key);
	if (deps) {
		n.deps = plan_ids_keep(p->arena, deps);
		n.n_deps = deps->n;
	}
	GG_GROW(p->nodes, p->n_nodes, p->cap_nodes);
	p->nodes[p->n_nodes] = n;
	return p->n_nodes++;
}

struct plan_stage *plan_stage_of(struct plan_making *m, const char *name)
{
	const struct recipe *r = m->in->recipe;

	for (size_t i = 0; i < r->n_stages; i++)
		if (gg_streq(r->stages[i].name, name))
			return &m->plan->stages[i];
	return NULL;
}

int plan_make(const struct plan_input *input, struct plan **ret, struct gg_err *err)
{
	_cleanup_plan_ struct plan *p = gg_zalloc(sizeof(*p));
	struct plan_making m = { .in = input, .plan = p };

	p->arena = gg_arena_new();
	p->platform = gg_arena_strdup(p->arena, input->platform);
	p->hermetic = true;
	p->epoch = input->recipe->epoch >= 0 ? input->recipe->epoch : input->lock->epoch;
	if (p->epoch < 0)
		p->epoch = 0;
	/* lock_platform creates what is absent, which is no change of content: an empty platform is not written. */
	m.platform = lock_platform((struct lock *)input->lock, input->platform);
	if (plan_check_inputs(&m, err) < 0)
		return -1;
	p->n_stages = input->recipe->n_stages;
	p->stages = gg_arena_calloc(p->arena, p->n_stages + 1, sizeof(*p->stages));
	for (size_t i = 0; i < p->n_stages; i++)
		if (plan_make_stage(&m, i, err) < 0)
			return -1;
	if (plan_make_image(&m, err) < 0)
		return -1;
	*ret = gg_steal(&p);
	return 0;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	gg_arena_free(p->arena);
	free(p->nodes);
	free(p);
}

void plan_freep(struct plan **p)
{
	plan_free(*p);
}

const struct plan_node *plan_find(const struct plan *p, const char *name)
{
	const struct plan_node *found = NULL;

	for (size_t i = 0; i < p->n_nodes; i++) {
		const char *slash = strrchr(p->nodes[i].name, '/');

		if (gg_streq(p->nodes[i].name, name))
			return &p->nodes[i];
		if (slash && gg_streq(slash + 1, name)) {
			if (found)
				return NULL;
			found = &p->nodes[i];
		}
	}
	return found;
}

bool plan_is_url(const char *rootfs)
{
	return strstr(rootfs, "://") != NULL;
}

bool plan_downloads(const struct plan_node *n)
{
	return n->kind == PLAN_DEB || n->kind == PLAN_URL || n->kind == PLAN_BLOB ||
	       (n->kind == PLAN_ROOTFS && plan_is_url(n->stage->from.rootfs));
}

void plan_reach(const struct plan *p, const size_t *goals, size_t n, bool *reached)
{
	for (size_t i = 0; i < n; i++)
		reached[goals[i]] = true;
	/* What a node reads was added before it. */
	for (size_t i = p->n_nodes; i-- > 0;)
		for (size_t j = 0; reached[i] && j < p->nodes[i].n_deps; j++)
			reached[p->nodes[i].deps[j]] = true;
}

const struct plan_stage *plan_stage(const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_stages; i++)
		if (gg_streq(p->stages[i].stage->name, name))
			return &p->stages[i];
	return NULL;
}
