/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tree.h"

#include <string.h>

enum { LINKS_MAX = 40 };

struct tree *tree_new(void)
{
	struct tree *t = gg_zalloc(sizeof(*t));

	t->arena = gg_arena_new();
	return t;
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	gg_arena_free(t->arena);
	free(t->entries);
	free(t);
}

void tree_freep(struct tree **t)
{
	tree_free(*t);
}

struct tree_entry *tree_add(struct tree *t, const char *path, enum tree_type type)
{
	struct tree_entry *e;

	GG_GROW(t->entries, t->n, t->cap);
	e = &t->entries[t->n++];
	*e = (struct tree_entry){ .path = gg_arena_strdup(t->arena, path), .type = type };
	return e;
}

static const struct tree_xattr *copy_xattrs(struct tree *t, const struct tree_entry *e)
{
	struct tree_xattr *xattrs = gg_arena_calloc(t->arena, e->n_xattrs, sizeof(*xattrs));

	for (size_t i = 0; i < e->n_xattrs; i++) {
		xattrs[i] = (struct tree_xattr){
			.name = gg_arena_strdup(t->arena, e->xattrs[i].name),
			.value = gg_arena_strndup(t->arena, e->xattrs[i].value, e->xattrs[i].len),
			.len = e->xattrs[i].len,
		};
	}
	return xattrs;
}

struct tree_entry *tree_add_copy(struct tree *t, const struct tree_entry *from, const char *path)
{
	/* By value: `from` may be an entry of t, which the addition moves. */
	struct tree_entry copy = *from, *e;

	e = tree_add(t, path ? path : copy.path, copy.type);
	copy.path = e->path;
	if (copy.target)
		copy.target = gg_arena_strdup(t->arena, copy.target);
	if (copy.hardlink)
		copy.hardlink = gg_arena_strdup(t->arena, copy.hardlink);
	if (copy.source)
		copy.source = gg_arena_strdup(t->arena, copy.source);
	if (copy.n_xattrs)
		copy.xattrs = copy_xattrs(t, &copy);
	*e = copy;
	return e;
}

static bool is_root(const char *path)
{
	return path[0] == '.' && path[1] == '\0';
}

/* The end of a path sorts first, '/' second: so a directory's entries follow it before its next sibling. */
static int rank(unsigned char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : c + 2;
}

int tree_compare_paths(const char *a, const char *b)
{
	if (is_root(a) || is_root(b))
		return is_root(b) - is_root(a);
	while (*a && *a == *b)
		a++, b++;
	return rank((unsigned char)*a) - rank((unsigned char)*b);
}

static int compare_entries(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return tree_compare_paths(x->path, y->path);
}

int tree_sort(struct tree *t, struct gg_err *err)
{
	bool sorted = true;

	for (size_t i = 1; i < t->n && sorted; i++)
		sorted = compare_entries(&t->entries[i - 1], &t->entries[i]) < 0;
	if (sorted)
		return 0;
	qsort(t->entries, t->n, sizeof(*t->entries), compare_entries);
	for (size_t i = 1; i < t->n; i++) {
		if (compare_entries(&t->entries[i - 1], &t->entries[i]) == 0)
			return gg_fail(err, GG_INTEGRITY, "path '%s' comes twice in the tree",
				       t->entries[i].path);
	}
	return 0;
}

static void add_directory(struct tree *t, const char *path)
{
	tree_add(t, path, TREE_DIR)->mode = 0755;
}

/* Length of what two paths share as whole components. */
static size_t shared_components(const char *a, const char *b)
{
	size_t shared = 0;

	for (size_t i = 0;; i++) {
		bool end_a = a[i] == '\0' || a[i] == '/', end_b = b[i] == '\0' || b[i] == '/';

		if (end_a && end_b)
			shared = i;
		if (a[i] != b[i] || a[i] == '\0')
			return shared;
	}
}

int tree_complete(struct tree *t, struct gg_err *err)
{
	_cleanup_free_ char *previous = gg_strdup("");
	size_t n;

	if (tree_sort(t, err) < 0)
		return -1;
	n = t->n;
	if (n == 0 || !is_root(t->entries[0].path))
		add_directory(t, ".");
	/* In tree order a parent that exists is the path before, or shares all its components with it. */
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = gg_strdup(t->entries[i].path);
		size_t from = shared_components(previous, path);

		for (char *p = path + from + 1; !is_root(path) && p < path + strlen(path); p++) {
			if (*p != '/')
				continue;
			*p = '\0';
			if ((size_t)(p - path) > from)
				add_directory(t, path);
			*p = '/';
		}
		free(previous);
		previous = gg_steal(&path);
	}
	return tree_sort(t, err);
}

struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = tree_compare_paths(t->entries[middle].path, path);

		if (order == 0)
			return &t->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Cuts the last component off. */
static void go_up(struct gg_buf *at)
{
	while (at->len > 0 && at->data[--at->len] != '/')
		continue;
	if (at->data)
		at->data[at->len] = '\0';
}

struct walk {
	struct gg_buf at;   /* where we are: a resolved path, "" at the root */
	struct gg_buf rest; /* what is still to be walked */
	unsigned links;
};

static void walk_done(struct walk *w)
{
	gg_buf_done(&w->at);
	gg_buf_done(&w->rest);
}

static bool follow(struct walk *w, const char *target, const char *rest)
{
	struct gg_buf next = { 0 };

	if (++w->links > LINKS_MAX)
		return false;
	go_up(&w->at);
	if (target[0] == '/') {
		gg_buf_done(&w->at);
		gg_buf_puts(&w->at, "");
	}
	gg_buf_puts(&next, target);
	gg_buf_putc(&next, '/');
	gg_buf_puts(&next, rest);
	gg_buf_done(&w->rest);
	w->rest = next;
	return true;
}

struct tree_entry *tree_resolve(const struct tree *t, const char *path, bool follow_last,
				const char **ret_path)
{
	GG_CLEANUP(walk_done) struct walk w = { 0 };
	struct tree_entry *e = tree_find(t, ".");
	const char *p;

	gg_buf_puts(&w.at, "");
	gg_buf_puts(&w.rest, path);
	p = w.rest.data;
	while (e) {
		const char *word;
		size_t len;

		while (*p == '/')
			p++;
		if (*p == '\0')
			break;
		if (e->type != TREE_DIR)
			return NULL;
		word = p;
		len = strcspn(word, "/");
		p += len;
		if (len == 1 && word[0] == '.')
			continue;
		if (len == 2 && word[0] == '.' && word[1] == '.') {
			go_up(&w.at);
			e = tree_find(t, w.at.len ? w.at.data : ".");
			continue;
		}
		if (w.at.len)
			gg_buf_putc(&w.at, '/');
		gg_buf_add(&w.at, word, len);
		e = tree_find(t, w.at.data);
		if (e && e->type == TREE_SYMLINK && (follow_last || p[strspn(p, "/")])) {
			if (!follow(&w, e->target, p))
				return NULL;
			p = w.rest.data;
			e = tree_find(t, w.at.len ? w.at.data : ".");
		}
	}
	if (!e || e->type == TREE_WHITEOUT)
		return NULL;
	if (ret_path)
		*ret_path = gg_arena_strdup(t->arena, e->path);
	return e;
}

/* A name whose inode's first name is gone. */
struct orphan {
	const char *gone;
	size_t index;
};

static int by_inode(const void *a, const void *b)
{
	const struct orphan *x = a, *y = b;
	int order = strcmp(x->gone, y->gone);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

void tree_promote_links(struct tree *t)
{
	_cleanup_free_ struct orphan *v = NULL;
	size_t n = 0, cap = 0;

	for (size_t i = 0; i < t->n; i++) {
		const char *first = t->entries[i].hardlink;

		if (!first || tree_find(t, first))
			continue;
		GG_GROW(v, n, cap);
		v[n++] = (struct orphan){ .gone = first, .index = i };
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_inode);
	for (size_t i = 0, first = 0; i < n; i++) {
		if (!gg_streq(v[first].gone, v[i].gone))
			first = i;
		t->entries[v[i].index].hardlink =
			i == first ? NULL : t->entries[v[first].index].path;
	}
}
