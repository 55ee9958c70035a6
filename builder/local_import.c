/* SPDX-License-Identifier: Apache-2.0
 *
 * The note "import" of a directory holds the digests of the trees that its last import is in: the one that holds most,
 * which was imported whole, and before it, if anything has changed since, one with all that is not in there.
 */
#include <string.h>

#include "builder/action.h"
#include "builder/contents.h"
#include "builder/local.h"
#include "builder/stat_cache.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/tree.h"

enum {
	PARTS_MAX = 2,
	WHOLE_SHARE =
		4, /* when a quarter of the files is not in the whole tree, it is time for another */
};

static void open_previous(struct session *s, struct local_import *i)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf note = { 0 };
	struct gg_digest about, parts[PARTS_MAX];
	size_t n;

	if (stat_cache_identity(i->fd, "import", &about) < 0 ||
	    !store_note_get(s->store, &about, &note))
		return;
	n = note.len / GG_DIGEST_LEN;
	if (n == 0 || n > PARTS_MAX || note.len % GG_DIGEST_LEN)
		return;
	for (size_t j = 0; j < n; j++) {
		memcpy(parts[j].bytes, note.data + j * GG_DIGEST_LEN, GG_DIGEST_LEN);
		if (!store_tree_has(s->store, &parts[j]))
			return;
	}
	if (contents_open(s->store, parts, n, &i->previous, &ignored) < 0)
		i->previous = NULL;
}

int local_import_open(struct session *s, const struct recipe_input *in, struct local_import **ret,
		      struct gg_err *err)
{
	struct local_import *i = gg_zalloc(sizeof(*i));

	*i = (struct local_import){ .owner =
					    s->userns.kind == USERNS_SHIFTED ? s->userns.base : 0 };
	*ret = i;
	i->fd = local_open(s, in, err);
	if (i->fd < 0 || local_manifest(s, in, &i->tree, err) < 0)
		return -1;
	open_previous(s, i);
	return 0;
}

void local_import_free(void *import)
{
	struct local_import *i = import;

	gg_close(i->fd);
	contents_free(i->previous);
	free(i);
}

/* Origin 0 is the input, the others are the previous import's parts. */
static struct tree *located(const struct local_import *i)
{
	struct tree *t = tree_new();

	for (size_t j = 0; j < i->tree->n; j++)
		tree_add_copy(t, &i->tree->entries[j], NULL);
	if (!i->previous)
		return t;
	contents_locate(i->previous, t, (unsigned)i->previous->n);
	for (size_t j = 0; j < t->n; j++) {
		struct tree_entry *e = &t->entries[j];

		if (e->type == TREE_FILE)
			e->origin = e->origin == i->previous->n ? 0 : e->origin + 1;
	}
	return t;
}

/* Copies from the input, links from the rest. Ids as they are outside of the namespace. */
static int make(struct action *a, const struct local_import *i, const struct tree *t,
		struct gg_json *result, struct gg_err *err)
{
	int origins[1 + PARTS_MAX] = { i->fd };
	_cleanup_close_ int dir = action_mkdir(a, "tree", err);
	_cleanup_tree_ struct tree *outside = tree_new();

	if (dir < 0)
		return -1;
	for (size_t j = 0; i->previous && j < i->previous->n; j++)
		origins[1 + j] = i->previous->fds[j];
	for (size_t j = 0; j < t->n; j++) {
		struct tree_entry *e = tree_add_copy(outside, &t->entries[j], NULL);

		e->uid = e->gid = i->owner;
	}
	if (link_tree_copy(outside, origins, dir, LINK_VERIFY | LINK_OTHERS | action_link(a), err) <
	    0)
		return -1;
	return action_give_tree(a, "tree", t, result, err);
}

int local_import_run(struct action *a, const struct local_import *i, struct gg_json *result,
		     struct gg_err *err)
{
	_cleanup_tree_ struct tree *all = located(i), *fresh = tree_new();
	unsigned whole = i->previous ? (unsigned)i->previous->n : 0;
	size_t n_files = 0, n_fresh = 0;

	for (size_t j = 0; j < all->n; j++) {
		if (all->entries[j].type != TREE_FILE)
			continue;
		n_files++;
		if (all->entries[j].origin == whole)
			continue;
		tree_add_copy(fresh, &all->entries[j], NULL);
		n_fresh++;
	}
	if (!i->previous || a->directory || n_fresh > n_files / WHOLE_SHARE)
		return make(a, i, all, result, err);
	if (n_fresh > 0 && (tree_complete(fresh, err) < 0 || make(a, i, fresh, result, err) < 0))
		return -1;
	return action_give_contents(a, i->tree, &i->previous->digests[whole - 1], 1, result, err);
}

int local_import_remember(struct session *s, const struct local_import *i,
			  const struct gg_json *record, struct gg_err *err)
{
	_cleanup_free_ struct gg_digest *parts = NULL;
	struct gg_digest about, tree;
	size_t n;

	if (contents_read(record, &parts, &n, err) < 0 ||
	    gg_digest_parse(gg_json_get_str(record, "tree", ""), &tree, err) < 0)
		return -1;
	if (stat_cache_identity(i->fd, "import", &about) == 0)
		store_note_put(s->store, &about, parts ? parts : &tree,
			       (parts ? n : 1) * sizeof(tree));
	return 0;
}
