/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tree.h"

#include <string.h>

/* A hard link of the result, in the words of its source tree: which inode it is a name of. */
struct link {
	unsigned source;
	const char *first; /* path of the inode's first name in the source */
	size_t index;      /* of the entry in the result */
};

struct links {
	struct link *v;
	size_t n, cap;
};

static void links_done(struct links *l)
{
	free(l->v);
}

static void note_link(struct links *l, unsigned source, const char *first, size_t index)
{
	GG_GROW(l->v, l->n, l->cap);
	l->v[l->n++] = (struct link){ .source = source, .first = first, .index = index };
}

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int order;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	order = strcmp(x->first, y->first);
	if (order)
		return order;
	return x->index < y->index ? -1 : x->index > y->index;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return gg_streq(dir, ".") || (!strncmp(path, dir, len) && path[len] == '/');
}

/* Where an inode's first name did not come along, the first of those that did takes its place. The result is what the
 * sources have below `dir`. */
static void relink(struct tree *t, struct links *l, const char *dir)
{
	size_t skip = gg_streq(dir, ".") ? 0 : strlen(dir) + 1;
	const struct link *group = NULL;
	const char *first = NULL;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_links);
	for (size_t i = 0; i < l->n; i++) {
		const struct link *link = &l->v[i];
		struct tree_entry *e = &t->entries[link->index];

		if (!group || group->source != link->source ||
		    !gg_streq(group->first, link->first)) {
			const struct tree_entry *there = NULL;

			if (is_below(link->first, dir))
				there = tree_find(t, link->first + skip);
			group = link;
			first = e->path;
			if (there && there < e && there->type == TREE_FILE &&
			    there->origin == link->source)
				first = there->path;
		}
		e->hardlink = first == e->path ? NULL : first;
	}
}

/* A path that the merge has passed and under which entries may follow. */
struct level {
	const char *path;
	size_t floor; /* trees below this one are hidden here */
};

/* One entry of a source that the merge has not reached yet; sources are a heap ordered by it. */
struct merge {
	const struct tree *const *trees;
	size_t n;
	size_t *next; /* per tree: index of its next entry */
	size_t *heap; /* trees, smallest next path first; the topmost tree first among equals */
	size_t n_heap;
	struct level *levels;
	size_t n_levels, cap_levels;
	unsigned flags;
	struct tree *out;
	struct links links;
};

static void merge_done(struct merge *m)
{
	free(m->next);
	free(m->heap);
	free(m->levels);
	links_done(&m->links);
	tree_free(m->out);
}

static const struct tree_entry *next_of(const struct merge *m, size_t tree)
{
	return &m->trees[tree]->entries[m->next[tree]];
}

static bool comes_first(const struct merge *m, size_t a, size_t b)
{
	int order = tree_compare_paths(next_of(m, a)->path, next_of(m, b)->path);

	return order < 0 || (order == 0 && a > b);
}

static void sift_down(struct merge *m, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1, held;

		for (size_t i = child; i < child + 2 && i < m->n_heap; i++)
			if (comes_first(m, m->heap[i], m->heap[least]))
				least = i;
		if (least == at)
			return;
		held = m->heap[at];
		m->heap[at] = m->heap[least];
		m->heap[least] = held;
		at = least;
	}
}

/* Takes the smallest entry off; the tree it came from is *ret_tree. */
static const struct tree_entry *pop(struct merge *m, size_t *ret_tree)
{
	size_t tree = m->heap[0];
	const struct tree_entry *e = next_of(m, tree);

	if (++m->next[tree] == m->trees[tree]->n)
		m->heap[0] = m->heap[--m->n_heap];
	sift_down(m, 0);
	*ret_tree = tree;
	return e;
}

static void start(struct merge *m)
{
	m->next = gg_calloc(m->n, sizeof(*m->next));
	m->heap = gg_calloc(m->n, sizeof(*m->heap));
	for (size_t i = 0; i < m->n; i++)
		if (m->trees[i]->n)
			m->heap[m->n_heap++] = i;
	for (size_t i = m->n_heap; i-- > 0;)
		sift_down(m, i);
	m->out = tree_new();
}

static size_t floor_at(struct merge *m, const char *path)
{
	while (m->n_levels && !is_below(path, m->levels[m->n_levels - 1].path))
		m->n_levels--;
	return m->n_levels ? m->levels[m->n_levels - 1].floor : 0;
}

static void emit(struct merge *m, const struct tree_entry *e, size_t tree, bool opaque)
{
	struct tree_entry *copy;

	if (e->type == TREE_WHITEOUT && !(m->flags & TREE_MERGE_KEEP_WHITEOUTS))
		return;
	copy = tree_add_copy(m->out, e, NULL);
	copy->origin = (unsigned)tree;
	copy->source = NULL;
	copy->opaque = opaque && (m->flags & TREE_MERGE_KEEP_WHITEOUTS);
	if (e->hardlink)
		note_link(&m->links, (unsigned)tree, e->hardlink, m->out->n - 1);
}

/* All entries of one path, topmost tree first. The topmost is shown; what lies under it is hidden from the first one
 * downwards that is no directory, or below the first opaque one. */
static void merge_path(struct merge *m)
{
	size_t tree, below, floor;
	const struct tree_entry *top = pop(m, &tree), *e;
	bool open = top->type == TREE_DIR && !top->opaque, opaque = top->opaque;

	floor = floor_at(m, top->path);
	if (tree < floor)
		top = NULL;
	else if (top->type != TREE_DIR)
		floor = tree + 1;
	else if (top->opaque)
		floor = tree;
	const char *path = top ? top->path : NULL;
	while (top && m->n_heap && gg_streq(next_of(m, m->heap[0])->path, path)) {
		e = pop(m, &below);
		if (!open || below < floor)
			continue;
		open = e->type == TREE_DIR && !e->opaque;
		if (!open) {
			floor = e->type == TREE_DIR ? below : below + 1;
			opaque = true;
		}
	}
	if (!top)
		return;
	emit(m, top, tree, opaque && top->type == TREE_DIR);
	GG_GROW(m->levels, m->n_levels, m->cap_levels);
	m->levels[m->n_levels++] = (struct level){ .path = path, .floor = floor };
}

int tree_merge(const struct tree *const *trees, size_t n, unsigned flags, struct tree **ret,
	       struct gg_err *err)
{
	GG_CLEANUP(merge_done) struct merge m = { .trees = trees, .n = n, .flags = flags };

	start(&m);
	while (m.n_heap) {
		merge_path(&m);
		if (m.out->n > TREE_MAX_ENTRIES)
			return gg_fail(err, GG_INTEGRITY,
				       "merge of %zu trees: more than %d entries", n,
				       TREE_MAX_ENTRIES);
	}
	relink(m.out, &m.links, ".");
	*ret = gg_steal(&m.out);
	return 0;
}

/* Index of the first entry that is not before path. */
static size_t lower_bound(const struct tree *t, const char *path)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (tree_compare_paths(t->entries[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int tree_subtree(const struct tree *t, const char *path, struct tree **ret, struct gg_err *err)
{
	_cleanup_tree_ struct tree *out = NULL;
	GG_CLEANUP(links_done) struct links links = { 0 };
	size_t i = lower_bound(t, path), skip = gg_streq(path, ".") ? 0 : strlen(path) + 1;

	if (i == t->n || !gg_streq(t->entries[i].path, path))
		return gg_fail(err, GG_INTEGRITY, "no '%s' in the tree", path);
	if (t->entries[i].type != TREE_DIR)
		return gg_fail(err, GG_INTEGRITY, "'%s' is not a directory", path);
	out = tree_new();
	tree_add_copy(out, &t->entries[i], ".");
	for (i++; i < t->n && is_below(t->entries[i].path, path); i++) {
		const struct tree_entry *e = &t->entries[i];

		struct tree_entry *copy = tree_add_copy(out, e, e->path + skip);

		if (skip && !copy->source)
			copy->source = gg_arena_strdup(out->arena, e->path);
		if (e->hardlink)
			note_link(&links, e->origin, e->hardlink, out->n - 1);
	}
	relink(out, &links, path);
	*ret = gg_steal(&out);
	return 0;
}

static bool same_xattrs(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->n_xattrs != b->n_xattrs)
		return false;
	for (size_t i = 0; i < a->n_xattrs; i++) {
		const struct tree_xattr *x = &a->xattrs[i], *y = &b->xattrs[i];

		if (!gg_streq(x->name, y->name) || x->len != y->len ||
		    (x->len && memcmp(x->value, y->value, x->len) != 0))
			return false;
	}
	return true;
}

static const char *kind(const struct tree_entry *e)
{
	switch (e->type) {
	case TREE_DIR:
		return "directory";
	case TREE_FILE:
		return "file";
	case TREE_SYMLINK:
		return "symlink";
	case TREE_CHAR:
		return "character device";
	case TREE_BLOCK:
		return "block device";
	case TREE_FIFO:
		return "fifo";
	case TREE_WHITEOUT:
		return "whiteout";
	}
	return "?";
}

static char *file_difference(const struct tree_entry *a, const struct tree_entry *b)
{
	char x[GG_DIGEST_HEX], y[GG_DIGEST_HEX];

	if (a->size != b->size)
		return gg_asprintf("size %llu -> %llu", (unsigned long long)a->size,
				   (unsigned long long)b->size);
	if (!gg_digest_eq(&a->content, &b->content))
		return gg_asprintf("content %.12s -> %.12s", gg_digest_hex(&a->content, x),
				   gg_digest_hex(&b->content, y));
	if (!a->hardlink != !b->hardlink || (a->hardlink && !gg_streq(a->hardlink, b->hardlink)))
		return gg_asprintf("hard link to '%s' -> '%s'", a->hardlink ? a->hardlink : "",
				   b->hardlink ? b->hardlink : "");
	return NULL;
}

/* NULL when the entries are equal. Owned by the caller. */
static char *difference(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type != b->type)
		return gg_asprintf("%s -> %s", kind(a), kind(b));
	if (a->type == TREE_WHITEOUT)
		return NULL;
	if (a->type == TREE_SYMLINK && !gg_streq(a->target, b->target))
		return gg_asprintf("target '%s' -> '%s'", a->target, b->target);
	if (a->type != TREE_SYMLINK && a->mode != b->mode)
		return gg_asprintf("mode %04o -> %04o", a->mode, b->mode);
	if (a->uid != b->uid || a->gid != b->gid)
		return gg_asprintf("owner %u:%u -> %u:%u", a->uid, a->gid, b->uid, b->gid);
	if (a->opaque != b->opaque)
		return gg_strdup(b->opaque ? "became opaque" : "is no longer opaque");
	if ((a->type == TREE_CHAR || a->type == TREE_BLOCK) &&
	    (a->major != b->major || a->minor != b->minor))
		return gg_asprintf("device %u:%u -> %u:%u", a->major, a->minor, b->major, b->minor);
	if (!same_xattrs(a, b))
		return gg_strdup("extended attributes differ");
	return a->type == TREE_FILE ? file_difference(a, b) : NULL;
}

bool tree_next_difference(const struct tree *a, const struct tree *b, struct tree_places *at,
			  const char **ret_path, char **ret_what)
{
	while (at->a < a->n || at->b < b->n) {
		const struct tree_entry *x = at->a < a->n ? &a->entries[at->a] : NULL;
		const struct tree_entry *y = at->b < b->n ? &b->entries[at->b] : NULL;
		int order = !x ? 1 : !y ? -1 : tree_compare_paths(x->path, y->path);

		at->a += order <= 0;
		at->b += order >= 0;
		if (order < 0)
			*ret_what = gg_asprintf("%s is gone", kind(x));
		else if (order > 0)
			*ret_what = gg_asprintf("%s is new", kind(y));
		else
			*ret_what = difference(x, y);
		*ret_path = order <= 0 ? x->path : y->path;
		if (*ret_what)
			return true;
	}
	return false;
}

bool tree_first_difference(const struct tree *a, const struct tree *b, const char **ret_path,
			   char **ret_what)
{
	struct tree_places at = { 0 };

	return tree_next_difference(a, b, &at, ret_path, ret_what);
}
