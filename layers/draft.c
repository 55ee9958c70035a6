/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/draft.h"

#include <string.h>
#include <sys/random.h>

enum { FIRST_BUCKETS = 256 };

struct draft *draft_new(void)
{
	struct draft *d = gg_zalloc(sizeof(*d));

	d->arena = gg_arena_new();
	d->n_buckets = FIRST_BUCKETS;
	d->buckets = gg_calloc(d->n_buckets, sizeof(*d->buckets));
	if (getrandom(&d->seed, sizeof(d->seed), 0) != sizeof(d->seed))
		abort();
	d->root = gg_arena_alloc(d->arena, sizeof(*d->root));
	d->root->name = "";
	d->root->implicit = d->root->here = true;
	d->root->inode = draft_inode_new(d, TREE_DIR);
	d->root->inode->entry.mode = 0755;
	return d;
}

void draft_free(struct draft *d)
{
	if (!d)
		return;
	gg_arena_free(d->arena);
	free(d->buckets);
	free(d);
}

void draft_freep(struct draft **d)
{
	draft_free(*d);
}

struct draft_inode *draft_inode_new(struct draft *d, enum tree_type type)
{
	struct draft_inode *inode = gg_arena_alloc(d->arena, sizeof(*inode));

	inode->entry.type = type;
	return inode;
}

/* Seeded, so that nobody can choose names that meet in one bucket. */
static uint64_t hash_of(const struct draft *d, const struct draft_node *dir, const char *name,
			size_t len)
{
	const uint64_t prime = 0x9e3779b97f4a7c15;
	uint64_t h = d->seed ^ (uint64_t)(uintptr_t)dir;

	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)name[i]) * prime;
		h ^= h >> 29;
	}
	return (h ^ h >> 32) * prime >> 8;
}

struct draft_node *draft_find(const struct draft *d, const struct draft_node *dir, const char *name,
			      size_t len)
{
	uint64_t hash = hash_of(d, dir, name, len);

	for (struct draft_node *n = d->buckets[hash % d->n_buckets]; n; n = n->bucket)
		if (n->hash == hash && n->parent == dir && !strncmp(n->name, name, len) &&
		    n->name[len] == '\0')
			return n;
	return NULL;
}

static void grow(struct draft *d)
{
	size_t n = d->n_buckets * 4;
	struct draft_node **fresh = gg_calloc(n, sizeof(*fresh));

	for (size_t i = 0; i < d->n_buckets; i++) {
		for (struct draft_node *node = d->buckets[i]; node;) {
			struct draft_node *next = node->bucket, **slot = &fresh[node->hash % n];

			node->bucket = *slot;
			*slot = node;
			node = next;
		}
	}
	free(d->buckets);
	d->buckets = fresh;
	d->n_buckets = n;
}

struct draft_node *draft_add(struct draft *d, struct draft_node *dir, const char *name, size_t len,
			     struct draft_inode *inode)
{
	struct draft_node *node = gg_arena_alloc(d->arena, sizeof(*node)), **slot;

	if (d->n >= d->n_buckets)
		grow(d);
	node->here = true;
	node->name = gg_arena_strndup(d->arena, name, len);
	node->parent = dir;
	node->inode = inode;
	node->path_len = dir->path_len + (dir->parent != NULL) + len;
	node->hash = hash_of(d, dir, name, len);
	node->next = dir->children;
	if (node->next)
		node->next->previous = node;
	dir->children = node;
	slot = &d->buckets[node->hash % d->n_buckets];
	node->bucket = *slot;
	*slot = node;
	d->n++;
	return node;
}

struct draft_node *draft_next(const struct draft_node *top, struct draft_node *node)
{
	if (node->children)
		return node->children;
	while (node != top) {
		if (node->next)
			return node->next;
		node = node->parent;
	}
	return NULL;
}

static void unhash(struct draft *d, const struct draft_node *node)
{
	struct draft_node **slot = &d->buckets[node->hash % d->n_buckets];

	while (*slot != node)
		slot = &(*slot)->bucket;
	*slot = node->bucket;
	d->n--;
}

void draft_remove(struct draft *d, struct draft_node *node)
{
	for (struct draft_node *n = node; n; n = draft_next(node, n))
		unhash(d, n);
	if (node->previous)
		node->previous->next = node->next;
	else
		node->parent->children = node->next;
	if (node->next)
		node->next->previous = node->previous;
}

void draft_path(const struct draft_node *node, struct gg_buf *ret)
{
	char *end;

	ret->len = 0;
	if (!node->parent) {
		gg_buf_putc(ret, '.');
		return;
	}
	gg_buf_reserve(ret, node->path_len);
	ret->len = node->path_len;
	end = ret->data + ret->len;
	*end = '\0';
	for (const struct draft_node *n = node; n->parent; n = n->parent) {
		size_t part = strlen(n->name);

		end -= part;
		memcpy(end, n->name, part);
		if (end > ret->data)
			*--end = '/';
	}
}

static struct tree_entry *copy_entry(struct draft *d, const struct tree_entry *from,
				     struct tree_entry *to)
{
	struct tree_xattr *xattrs = gg_arena_calloc(d->arena, from->n_xattrs, sizeof(*xattrs));

	*to = *from;
	to->path = to->hardlink = to->source = NULL;
	to->origin = 0;
	to->target = from->target ? gg_arena_strdup(d->arena, from->target) : NULL;
	for (size_t i = 0; i < from->n_xattrs; i++) {
		xattrs[i].name = gg_arena_strdup(d->arena, from->xattrs[i].name);
		xattrs[i].value =
			gg_arena_strndup(d->arena, from->xattrs[i].value, from->xattrs[i].len);
		xattrs[i].len = from->xattrs[i].len;
	}
	to->xattrs = xattrs;
	return to;
}

/* The node at a path that is there, or NULL. */
static struct draft_node *walk(struct draft *d, const char *path, size_t len)
{
	struct draft_node *node = d->root;

	for (size_t i = 0; node && i < len;) {
		size_t part = 0;

		while (i + part < len && path[i + part] != '/')
			part++;
		node = draft_find(d, node, path + i, part);
		i += part + 1;
	}
	return node;
}

void draft_load(struct draft *d, const struct tree *t, bool here)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *e = &t->entries[i];
		const char *slash = strrchr(e->path, '/'), *name = slash ? slash + 1 : e->path;
		struct draft_node *dir, *node, *first = NULL;

		if (gg_streq(e->path, ".")) {
			copy_entry(d, e, &d->root->inode->entry);
			d->root->implicit = false;
			continue;
		}
		dir = walk(d, e->path, slash ? (size_t)(slash - e->path) : 0);
		if (!dir)
			continue;
		if (e->hardlink)
			first = walk(d, e->hardlink, strlen(e->hardlink));
		if (!first) {
			struct draft_inode *inode = draft_inode_new(d, e->type);

			copy_entry(d, e, &inode->entry);
			node = draft_add(d, dir, name, strlen(name), inode);
		} else {
			node = draft_add(d, dir, name, strlen(name), first->inode);
		}
		node->here = here;
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct draft_node *const *)a)->name,
		      (*(struct draft_node *const *)b)->name);
}

static void sort_children(struct draft_node *dir)
{
	_cleanup_free_ struct draft_node **list = NULL;
	size_t n = 0, cap = 0;

	for (struct draft_node *c = dir->children; c; c = c->next) {
		GG_GROW(list, n, cap);
		list[n++] = c;
	}
	if (n < 2)
		return;
	qsort(list, n, sizeof(struct draft_node *), by_name);
	for (size_t i = 0; i < n; i++) {
		list[i]->previous = i ? list[i - 1] : NULL;
		list[i]->next = i + 1 < n ? list[i + 1] : NULL;
	}
	dir->children = list[0];
}

struct tree *draft_tree(struct draft *d)
{
	_cleanup_buf_ struct gg_buf path = { 0 };
	struct tree *t = tree_new();

	for (struct draft_node *n = d->root; n; n = draft_next(d->root, n))
		n->inode->first = NULL;
	for (struct draft_node *n = d->root; n; n = draft_next(d->root, n)) {
		struct tree_entry *e;

		if (!n->here)
			continue;
		sort_children(n);
		draft_path(n, &path);
		e = tree_add_copy(t, &n->inode->entry, path.data);
		e->hardlink = n->inode->first;
		if (!n->inode->first)
			n->inode->first = e->path;
	}
	return t;
}
