/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/results.h"

#include "builder/contents.h"
#include "layers/store.h"
#include "recipes/recipe.h"

bool results_has_directory(struct store *s, const struct gg_json *record)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	const char *tree = gg_json_get_str(record, "tree", NULL);
	struct gg_digest d;

	return tree && gg_digest_parse(tree, &d, &ignored) == 0 && store_tree_has(s, &d);
}

/* Of a tree without a directory: its manifest, and the trees that hold what it names. */
static bool contents_there(struct store *s, const struct gg_json *record)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_free_ struct gg_digest *parts = NULL;
	struct gg_digest d;
	size_t n;

	if (contents_read(record, &parts, &n, &ignored) < 0 || !parts ||
	    gg_digest_parse(gg_json_get_str(record, "tree", ""), &d, &ignored) < 0 ||
	    !store_blob_has(s, &d))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!store_tree_has(s, &parts[i]))
			return false;
	return true;
}

static bool objects_there(struct store *s, const struct gg_json *record)
{
	static const char *const blobs[] = { "blob", "control" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	const char *tree = gg_json_get_str(record, "tree", NULL);
	struct gg_digest d;

	if (tree && !results_has_directory(s, record) && !contents_there(s, record))
		return false;
	for (size_t i = 0; i < GG_LEN(blobs); i++) {
		const char *blob = gg_json_get_str(record, blobs[i], NULL);

		if (blob && (gg_digest_parse(blob, &d, &err) < 0 || !store_blob_has(s, &d)))
			return false;
	}
	return true;
}

int results_find(struct store *s, const struct plan_node *n, struct gg_json **ret,
		 struct gg_err *err)
{
	*ret = NULL;
	if (!n->keyed)
		return 0;
	if (store_action_get(s, &n->key, ret, err) < 0)
		return -1;
	if (*ret && !objects_there(s, *ret)) {
		gg_json_unref(*ret);
		*ret = NULL;
	}
	return 0;
}

/* A package is named by its archive's digest where it is read: its own name would explain nothing more. */
static bool has_name(const struct plan_node *n)
{
	return n->kind != PLAN_DEB;
}

static char *name_of(const struct recipe *r, const struct plan_node *n, enum results_text what)
{
	return gg_asprintf("%s:%s%s", r->name, n->name,
			   what == RESULTS_DEFINITION ? " definition" : "");
}

int results_recall(struct store *s, const struct recipe *r, const struct plan_node *n,
		   enum results_text what, struct gg_digest *ret, bool *ret_found,
		   struct gg_err *err)
{
	_cleanup_free_ char *name = name_of(r, n, what);

	return store_name_get(s, name, ret, ret_found, err);
}

/* The definition of a fetch is no key of a result, but its text is worth keeping like one. */
static int remember_definition(struct store *s, const struct recipe *r, const struct plan_node *n,
			       struct gg_err *err)
{
	_cleanup_free_ char *name = name_of(r, n, RESULTS_DEFINITION);
	_cleanup_json_ struct gg_json *record = NULL;
	struct gg_digest old;
	bool found;

	if (store_name_get(s, name, &old, &found, err) < 0)
		return -1;
	if (found && gg_digest_eq(&old, &n->definition))
		return 0;
	record = gg_json_object();
	gg_json_set_str(record, "kind", "definition");
	if (store_action_put(s, &n->definition, n->definition_text, record, err) < 0)
		return -1;
	return store_name_put(s, name, &n->definition, err);
}

int results_remember(struct store *s, const struct recipe *r, const struct plan_node *n,
		     struct gg_err *err)
{
	_cleanup_free_ char *name = name_of(r, n, RESULTS_KEY);

	if (!has_name(n))
		return 0;
	if (n->keyed && store_name_put(s, name, &n->key, err) < 0)
		return -1;
	return n->definition_text ? remember_definition(s, r, n, err) : 0;
}

static int is_remembered(struct store *s, const struct recipe *r, const struct plan_node *n,
			 bool *ret, struct gg_err *err)
{
	struct gg_digest key;

	if (results_recall(s, r, n, RESULTS_KEY, &key, ret, err) < 0)
		return -1;
	*ret = *ret && gg_digest_eq(&key, &n->key);
	return 0;
}

int results_are_last(struct store *s, const struct recipe *r, const struct plan *p,
		     const size_t *goals, size_t n, bool *ret, struct gg_err *err)
{
	*ret = true;
	for (size_t i = 0; i < n && *ret; i++)
		if (is_remembered(s, r, &p->nodes[goals[i]], ret, err) < 0)
			return -1;
	return 0;
}

int results_remember_all(struct store *s, const struct recipe *r, const struct plan *p,
			 const size_t *goals, size_t n, struct gg_err *err)
{
	_cleanup_free_ bool *reached = gg_calloc(p->n_nodes + 1, sizeof(*reached));

	plan_reach(p, goals, n, reached);
	for (size_t i = 0; i < p->n_nodes; i++)
		if (reached[i] && results_remember(s, r, &p->nodes[i], err) < 0)
			return -1;
	return 0;
}
