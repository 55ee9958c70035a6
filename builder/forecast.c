/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/forecast.h"

#include "builder/plan.h"
#include "builder/results.h"
#include "layers/store.h"

void forecast_done(struct forecast *f)
{
	free(f->nodes);
	*f = (struct forecast){ 0 };
}

static int look(struct store *store, const struct plan_node *n, struct forecast_node *ret,
		struct gg_err *err)
{
	_cleanup_json_ struct gg_json *record = NULL;

	if (!store)
		return 0;
	if (results_find(store, n, &record, err) < 0)
		return -1;
	ret->cached = record != NULL;
	return 0;
}

/* What a node reads was added to the plan before it. */
static size_t waits_for(const struct plan *p, const struct forecast *f, size_t id)
{
	const struct plan_node *n = &p->nodes[id];

	if (n->keyed)
		return SIZE_MAX;
	for (size_t i = 0; i < n->n_deps; i++)
		if (f->nodes[n->deps[i]].waits_for != SIZE_MAX)
			return f->nodes[n->deps[i]].waits_for;
	return id;
}

static void add_download(struct forecast *f, const struct plan_node *n)
{
	f->n_downloads++;
	if (n->blob_size == UINT64_MAX)
		f->n_unknown++;
	else
		f->download_bytes += n->blob_size;
}

int forecast_make(struct store *store, const struct plan *p, const size_t *goals, size_t n,
		  struct forecast *ret, struct gg_err *err)
{
	ret->nodes = gg_calloc(p->n_nodes + 1, sizeof(*ret->nodes));
	for (size_t i = 0; i < p->n_nodes; i++) {
		if (look(store, &p->nodes[i], &ret->nodes[i], err) < 0)
			return -1;
		ret->nodes[i].waits_for = waits_for(p, ret, i);
	}
	for (size_t i = 0; i < n; i++)
		ret->nodes[goals[i]].needed = true;
	for (size_t i = p->n_nodes; i-- > 0;) {
		const struct plan_node *node = &p->nodes[i];

		if (!forecast_runs(&ret->nodes[i]))
			continue;
		for (size_t j = 0; j < node->n_deps; j++)
			ret->nodes[node->deps[j]].needed = true;
		ret->nodes[i].download =
			plan_downloads(node) && !(store && store_blob_has(store, &node->blob));
		if (ret->nodes[i].download)
			add_download(ret, node);
	}
	return 0;
}
