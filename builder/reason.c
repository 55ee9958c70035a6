/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/reason.h"

#include <errno.h>
#include <string.h>

#include "builder/forecast.h"
#include "builder/plan.h"
#include "builder/reason_text.h"
#include "builder/results.h"
#include "layers/store.h"

const char *const reason_words[] = {
	[REASON_NONE] = "none",         [REASON_FIRST] = "first",   [REASON_CHANGED] = "changed",
	[REASON_UNPINNED] = "unpinned", [REASON_BEHIND] = "behind",
};

/* The last build's keys, parallel to the nodes. */
struct past {
	const struct plan *plan;
	struct gg_digest *keys;
	bool *known;
};

static bool key_is(const struct gg_digest *key, const char *text, size_t len)
{
	char mine[GG_DIGEST_TEXT];

	gg_digest_text(key, mine);
	return strlen(mine) == len && memcmp(mine, text, len) == 0;
}

static const char *old_name(void *ctx, const char *key, size_t len)
{
	const struct past *past = ctx;

	for (size_t i = 0; i < past->plan->n_nodes; i++)
		if (past->known[i] && key_is(&past->keys[i], key, len))
			return past->plan->nodes[i].name;
	return NULL;
}

static const char *new_name(void *ctx, const char *key, size_t len)
{
	const struct past *past = ctx;

	for (size_t i = 0; i < past->plan->n_nodes; i++)
		if (past->plan->nodes[i].keyed && key_is(&past->plan->nodes[i].key, key, len))
			return past->plan->nodes[i].name;
	return NULL;
}

/* The text of an earlier key; *ret_found false when the store has it no more. */
static int read_text(struct store *s, const struct gg_digest *key, struct gg_buf *ret,
		     bool *ret_found, struct gg_err *err)
{
	*ret_found = store_action_text(s, key, ret, err) == 0;
	if (*ret_found || err->errnum != ENOENT)
		return *ret_found ? 0 : -1;
	gg_err_done(err);
	*err = (struct gg_err)GG_ERR_INIT;
	return 0;
}

static int compare_key(struct store *s, const struct past *past, size_t id, struct reason *ret,
		       struct gg_err *err)
{
	const struct plan_node *n = &past->plan->nodes[id];
	const struct reason_names names = { old_name, new_name, (void *)past };
	_cleanup_buf_ struct gg_buf text = { 0 };
	bool found = false;

	ret->kind = REASON_FIRST;
	if (past->known[id] && gg_digest_eq(&past->keys[id], &n->key)) {
		ret->kind = REASON_NONE;
		return 0;
	}
	if (past->known[id] && read_text(s, &past->keys[id], &text, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	ret->kind = REASON_CHANGED;
	reason_text(text.data, text.len, n->text, strlen(n->text), &names, ret);
	return 0;
}

static int compare_definition(struct store *s, const struct recipe *r, const struct past *past,
			      size_t id, struct reason *ret, struct gg_err *err)
{
	const struct plan_node *n = &past->plan->nodes[id];
	const struct reason_names names = { old_name, new_name, (void *)past };
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct gg_digest old;
	bool found;

	if (results_recall(s, r, n, RESULTS_DEFINITION, &old, &found, err) < 0)
		return -1;
	if (!found || gg_digest_eq(&old, &n->definition))
		return 0;
	if (read_text(s, &old, &text, &found, err) < 0)
		return -1;
	if (found)
		reason_text(text.data, text.len, n->definition_text, strlen(n->definition_text),
			    &names, ret);
	return 0;
}

static int find(struct store *s, const struct recipe *r, const struct past *past,
		const struct forecast *f, size_t id, struct reason *ret, struct gg_err *err)
{
	const struct plan_node *n = &past->plan->nodes[id];

	if (n->kind == PLAN_DEB)
		return 0;
	if (!n->keyed)
		ret->kind = n->definition_text ? REASON_UNPINNED : REASON_BEHIND;
	else if (!s)
		ret->kind = REASON_FIRST;
	else if (compare_key(s, past, id, ret, err) < 0)
		return -1;
	if (ret->kind == REASON_BEHIND)
		gg_strv_add(&ret->because, past->plan->nodes[f->nodes[id].waits_for].name);
	return s && n->definition_text ? compare_definition(s, r, past, id, ret, err) : 0;
}

static bool has_own(const struct reason *reasons, const struct plan *p, const char *name)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (gg_streq(p->nodes[i].name, name))
			return reasons[i].changes.n || reasons[i].packages.n ||
			       reasons[i].kind == REASON_FIRST;
	return false;
}

/* Of several steps that changed, those that changed by themselves say it all. */
static void prune(struct reason *reasons, const struct plan *p, struct reason *r)
{
	struct gg_strv own = { 0 };

	for (size_t i = 0; i < r->because.n; i++)
		if (has_own(reasons, p, r->because.v[i]))
			gg_strv_add(&own, r->because.v[i]);
	if (own.n == 0 && r->because.n)
		gg_strv_add(&own, r->because.v[r->because.n - 1]);
	gg_strv_done(&r->because);
	r->because = own;
}

int reasons_find(struct store *store, const struct recipe *r, const struct plan *p,
		 const struct forecast *f, struct reason **ret, struct gg_err *err)
{
	_cleanup_free_ struct gg_digest *keys = gg_calloc(p->n_nodes + 1, sizeof(*keys));
	_cleanup_free_ bool *known = gg_calloc(p->n_nodes + 1, sizeof(*known));
	struct past past = { p, keys, known };
	struct reason *reasons = gg_calloc(p->n_nodes + 1, sizeof(*reasons));

	for (size_t i = 0; store && i < p->n_nodes; i++)
		if (p->nodes[i].kind != PLAN_DEB &&
		    results_recall(store, r, &p->nodes[i], RESULTS_KEY, &keys[i], &known[i], err) <
			    0)
			goto fail;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (find(store, r, &past, f, i, &reasons[i], err) < 0)
			goto fail;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (reasons[i].kind != REASON_BEHIND)
			prune(reasons, p, &reasons[i]);
	*ret = reasons;
	return 0;
fail:
	reasons_free(reasons, p);
	return -1;
}

void reasons_free(struct reason *reasons, const struct plan *p)
{
	if (!reasons)
		return;
	for (size_t i = 0; i < p->n_nodes; i++) {
		gg_strv_done(&reasons[i].changes);
		gg_strv_done(&reasons[i].packages);
		gg_strv_done(&reasons[i].because);
	}
	free(reasons);
}
