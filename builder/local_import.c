/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "builder/local.h"
#include "builder/session.h"
#include "builder/stat_cache.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/store.h"
#include "layers/tree.h"

enum { FROM_INPUT, FROM_PREVIOUS };

/* The note is the digest of the last import's tree. The store verifies the tree as it does for every reader. */
static void open_previous(struct session *s, struct local_import *i)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf note = { 0 };
	struct gg_digest about, tree;

	if (stat_cache_identity(i->fd, "import", &about) < 0 || !store_note_get(s->store, &about, &note) ||
	    note.len != GG_DIGEST_LEN)
		return;
	memcpy(tree.bytes, note.data, GG_DIGEST_LEN);
	if (!store_tree_has(s->store, &tree))
		return;
	i->previous_fd = store_tree_open(s->store, &tree, &ignored);
	if (i->previous_fd >= 0 && store_tree_manifest(s->store, &tree, &i->previous, &ignored) < 0) {
		gg_close(i->previous_fd);
		i->previous_fd = -1;
	}
}

int local_import_open(struct session *s, const struct recipe_input *in, struct local_import **ret, struct gg_err *err)
{
	struct local_import *i = gg_zalloc(sizeof(*i));

	*i = (struct local_import){ .previous_fd = -1, .owner = s->userns.base };
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
	gg_close(i->previous_fd);
	tree_free(i->previous);
	free(i);
}

static int compare_contents(const void *a, const void *b)
{
	const struct tree_entry *const *x = a, *const *y = b;
	int order = memcmp((*x)->content.bytes, (*y)->content.bytes, GG_DIGEST_LEN);

	return order ? order : (int)(*x)->mode - (int)(*y)->mode;
}

/* Where each file's content is: below any name in the last import, else in the input. */
static void find_contents(const struct local_import *i, struct tree *t)
{
	_cleanup_free_ const struct tree_entry **old = NULL;
	size_t n = 0;

	if (!i->previous)
		return;
	old = gg_calloc(i->previous->n, sizeof(*old));
	for (size_t j = 0; j < i->previous->n; j++)
		if (i->previous->entries[j].type == TREE_FILE)
			old[n++] = &i->previous->entries[j];
	if (n)
		qsort(old, n, sizeof(*old), compare_contents);
	for (size_t j = 0; n && j < t->n; j++) {
		struct tree_entry *e = &t->entries[j];
		const struct tree_entry *key = e, **found;

		if (e->type != TREE_FILE)
			continue;
		found = bsearch(&key, old, n, sizeof(*old), compare_contents);
		if (!found)
			continue;
		e->origin = FROM_PREVIOUS;
		e->source = (*found)->path;
	}
}

int local_import_run(const struct local_import *i, int destfd, struct gg_err *err)
{
	const int origins[] = { [FROM_INPUT] = i->fd, [FROM_PREVIOUS] = i->previous_fd };
	_cleanup_tree_ struct tree *t = tree_new();

	/* Ids as they are outside of the namespace. */
	for (size_t j = 0; j < i->tree->n; j++) {
		struct tree_entry *e = tree_add_copy(t, &i->tree->entries[j], NULL);

		e->uid = e->gid = i->owner;
		e->origin = FROM_INPUT;
		e->source = NULL;
	}
	find_contents(i, t);
	return link_tree_copy(t, origins, destfd, LINK_VERIFY | LINK_OTHERS, err);
}

void local_import_remember(struct session *s, const struct local_import *i, const struct gg_digest *tree)
{
	struct gg_digest about;

	if (stat_cache_identity(i->fd, "import", &about) == 0)
		store_note_put(s->store, &about, tree->bytes, GG_DIGEST_LEN);
}
