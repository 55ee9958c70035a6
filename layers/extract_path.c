/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/extract_private.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/dirs.h"
#include "layers/meta.h"

enum { LINKS_MAX = 40, COMPONENT_MAX = 255, PATH_BYTES_MAX = 64 * 1024, ALL_PATHS_MAX = 512 << 20 };

int extract_clean(const struct extract *x, const char *name, struct gg_buf *ret, bool *ret_skip,
		  struct gg_err *err)
{
	unsigned strip = x->o.strip;

	ret->len = 0;
	gg_buf_puts(ret, "");
	for (const char *p = name; *p;) {
		size_t len = strcspn(p, "/");
		const char *part = p;

		p += len + (p[len] == '/');
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.')
			return gg_fail(err, GG_INTEGRITY, "the name has a '..'");
		if (len > COMPONENT_MAX)
			return gg_fail(err, GG_INTEGRITY,
				       "a component of the name is longer than %d bytes",
				       COMPONENT_MAX);
		if (strip) {
			strip--;
			continue;
		}
		if (ret->len)
			gg_buf_putc(ret, '/');
		gg_buf_add(ret, part, len);
	}
	*ret_skip = x->o.strip && (strip || ret->len == 0);
	return 0;
}

int extract_admit(struct extract *x, const struct draft_node *dir, size_t name_len,
		  struct gg_err *err)
{
	size_t len = dir->path_len + 1 + name_len;

	if (++x->stats.entries > x->o.max_entries)
		return gg_fail(err, GG_INTEGRITY, "more than %" PRIu64 " entries",
			       x->o.max_entries);
	if (len > PATH_BYTES_MAX)
		return gg_fail(err, GG_INTEGRITY, "its path is longer than %d bytes",
			       PATH_BYTES_MAX);
	/* Memory follows the sum of all paths: a few deep directories with many entries would exhaust it. */
	x->name_bytes += len;
	if (x->name_bytes > ALL_PATHS_MAX)
		return gg_fail(err, GG_INTEGRITY, "all paths together are longer than %d bytes",
			       ALL_PATHS_MAX);
	return 0;
}

struct node_list {
	struct draft_node **v;
	size_t n, cap;
};

static void node_list_done(struct node_list *l)
{
	free(l->v);
}

int extract_bring(struct extract *x, struct draft_node *node, struct gg_err *err)
{
	GG_CLEANUP(node_list_done) struct node_list l = { 0 };

	for (; !node->here; node = node->parent) {
		GG_GROW(l.v, l.n, l.cap);
		l.v[l.n++] = node;
	}
	while (l.n) {
		_cleanup_close_ int dir = -1;

		node = l.v[--l.n];
		draft_path(node->parent, &x->path);
		dir = dirs_open(x->destfd, x->path.data, err);
		if (dir < 0)
			return -1;
		if (mkdirat(dir, node->name, 0700) < 0)
			return gg_fail_errno(err, "mkdir '%s'", node->name);
		node->here = true;
	}
	return 0;
}

int extract_copy_up(struct extract *x, struct draft_node *file, struct gg_err *err)
{
	struct draft_inode *inode;
	_cleanup_close_ int from = -1, to = -1;
	int dir;

	if (file->here)
		return 0;
	inode = draft_inode_new(x->draft, TREE_FILE);
	inode->entry = file->inode->entry;
	if (inode->entry.size > x->o.max_bytes - x->stats.bytes)
		return gg_fail(err, GG_INTEGRITY, "the contents are more than %" PRIu64 " bytes",
			       x->o.max_bytes);
	x->stats.bytes += inode->entry.size;
	draft_path(file, &x->path);
	from = x->o.open_below(x->o.ctx, x->path.data, err);
	if (from < 0 || (dir = extract_open(x, file->parent, err)) < 0)
		return -1;
	to = gg_openat(dir, file->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (to < 0 || gg_copy_bytes(from, to, inode->entry.size, err) < 0 ||
	    meta_apply(to, &inode->entry, x->o.owners, err) < 0)
		return gg_context(err, "copy up '%s'", file->name);
	/* Other names of it below are other files from now on. */
	file->inode = inode;
	file->here = true;
	return 0;
}

int extract_open(struct extract *x, struct draft_node *dir, struct gg_err *err)
{
	if (x->open_node == dir && x->open_fd >= 0)
		return x->open_fd;
	if (extract_bring(x, dir, err) < 0)
		return -1;
	draft_path(dir, &x->path);
	gg_close(x->open_fd);
	x->open_fd = dirs_open(x->destfd, x->path.data, err);
	x->open_node = dir;
	return x->open_fd;
}

static struct draft_node *make_directory(struct extract *x, struct draft_node *dir,
					 const char *name, size_t len, struct gg_err *err)
{
	struct draft_inode *inode = draft_inode_new(x->draft, TREE_DIR);
	struct draft_node *node;
	int fd;

	if (extract_admit(x, dir, len, err) < 0 || (fd = extract_open(x, dir, err)) < 0)
		return NULL;
	inode->entry.mode = 0755;
	node = draft_add(x->draft, dir, name, len, inode);
	node->own = node->implicit = true;
	/* Its metadata is set at the end, when nothing is written into it any more. */
	if (mkdirat(fd, node->name, 0700) < 0) {
		gg_fail_errno(err, "mkdir '%s'", node->name);
		return NULL;
	}
	return node;
}

/* Puts a symlink's target in front of what is left to walk, which begins at `from` of x->rest. */
static int splice_target(struct extract *x, const char *target, size_t from, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf next = { 0 };

	if (++x->links > LINKS_MAX)
		return gg_fail(err, GG_INTEGRITY, "more than %d symlinks in the name", LINKS_MAX);
	gg_buf_puts(&next, target);
	gg_buf_putc(&next, '/');
	gg_buf_add(&next, x->rest.data + from, x->rest.len - from);
	gg_buf_done(&x->rest);
	x->rest = next;
	next = (struct gg_buf){ 0 };
	return 0;
}

/* In a delta: a whiteout, or what is below and no directory. */
static bool is_in_the_way(const struct extract *x, const struct draft_node *n)
{
	return extract_is_gone(n) || (x->o.below && !n->here && n->inode->entry.type != TREE_DIR);
}

/* One component. *at moves in x->rest; *node is NULL afterwards when the way ends here. */
static int step(struct extract *x, struct draft_node **node, size_t *at, bool make,
		struct gg_err *err)
{
	const char *part = x->rest.data + *at;
	size_t len = strcspn(part, "/");
	struct draft_node *dir = *node, *child;

	*at += len;
	if (len == 1 && part[0] == '.')
		return 0;
	if (len == 2 && part[0] == '.' && part[1] == '.') {
		*node = dir->parent ? dir->parent : dir;
		return 0;
	}
	child = draft_find(x->draft, dir, part, len);
	if (child && extract_is_gone(child) && !make)
		child = NULL;
	if (make && (!child || is_in_the_way(x, child))) {
		bool opaque = child && extract_is_gone(child);

		if (child && extract_remove(x, child, err) < 0)
			return -1;
		child = make_directory(x, dir, part, len, err);
		if (!child)
			return -1;
		child->inode->entry.opaque = opaque;
	}
	*node = child;
	if (!child || child->inode->entry.type == TREE_DIR)
		return 0;
	if (child->inode->entry.type == TREE_SYMLINK) {
		const char *target = child->inode->entry.target;

		*node = target[0] == '/' ? x->draft->root : dir;
		if (splice_target(x, target, *at, err) < 0)
			return -1;
		*at = 0;
		return 0;
	}
	*node = NULL;
	if (make)
		return gg_fail(err, GG_INTEGRITY, "'%s' in the name is not a directory",
			       child->name);
	return 0;
}

int extract_enter(struct extract *x, const char *path, size_t len, bool make,
		  struct draft_node **ret, struct gg_err *err)
{
	struct draft_node *node = x->draft->root;
	bool keeps = make || !x->o.below;
	size_t at = 0;

	/* Entries come directory by directory. In a delta a way that is only looked along may lead elsewhere. */
	if (keeps && x->last_node && x->last_name.len == len &&
	    !memcmp(x->last_name.data, path, len)) {
		*ret = x->last_node;
		return 0;
	}
	x->rest.len = 0;
	gg_buf_add(&x->rest, path, len);
	x->links = 0;
	for (;;) {
		while (x->rest.data[at] == '/')
			at++;
		if (!node || x->rest.data[at] == '\0')
			break;
		if (step(x, &node, &at, make, err) < 0)
			return -1;
	}
	*ret = node;
	if (node && keeps) {
		x->last_name.len = 0;
		gg_buf_add(&x->last_name, path, len);
		x->last_node = node;
	}
	return 0;
}

/* A way that led somewhere may lead elsewhere now. */
static void forget(struct extract *x)
{
	x->last_node = x->open_node = NULL;
	gg_close(x->open_fd);
	x->open_fd = -1;
}

static int unlink_node(struct extract *x, const struct draft_node *node, struct gg_err *err)
{
	int flags = node->inode->entry.type == TREE_DIR ? AT_REMOVEDIR : 0, fd;

	if (!node->here)
		return 0;
	fd = extract_open(x, node->parent, err);
	if (fd < 0)
		return -1;
	if (unlinkat(fd, node->name, flags) < 0)
		return gg_fail_errno(err, "remove '%s'", node->name);
	return 0;
}

/* Parents before children, so that backwards it is an order to delete in. */
static void collect(struct draft_node *top, struct node_list *l)
{
	for (struct draft_node *n = top; n; n = draft_next(top, n)) {
		GG_GROW(l->v, l->n, l->cap);
		l->v[l->n++] = n;
	}
}

int extract_remove(struct extract *x, struct draft_node *node, struct gg_err *err)
{
	GG_CLEANUP(node_list_done) struct node_list l = { 0 };

	collect(node, &l);
	for (size_t i = l.n; i-- > 0;)
		if (unlink_node(x, l.v[i], err) < 0)
			return -1;
	if (node->inode->entry.type == TREE_DIR || node->inode->entry.type == TREE_SYMLINK)
		forget(x);
	draft_remove(x->draft, node);
	return 0;
}

/* *ret_gone: the topmost went, too. */
static int remove_lower(struct extract *x, const struct node_list *l, bool itself, bool *ret_gone,
			struct gg_err *err)
{
	*ret_gone = false;
	for (size_t i = l->n; i-- > (itself ? 0U : 1U);) {
		struct draft_node *n = l->v[i];

		/* A whiteout in what is deleted says nothing more. */
		if (n->own && !extract_is_gone(n))
			continue;
		if (n->children) {
			/* This layer put something below a directory that it deleted: it is made anew. */
			n->inode->entry = (struct tree_entry){ .type = TREE_DIR, .mode = 0755 };
			n->own = n->implicit = true;
			continue;
		}
		if (unlink_node(x, n, err) < 0)
			return -1;
		draft_remove(x->draft, n);
		*ret_gone = i == 0;
	}
	return 0;
}

static int put_whiteout(struct extract *x, struct draft_node *dir, const char *name,
			struct gg_err *err)
{
	struct draft_inode *inode = draft_inode_new(x->draft, TREE_WHITEOUT);
	int fd = extract_open(x, dir, err);

	if (fd < 0 || meta_make_special(fd, name, &inode->entry, x->o.owners, err) < 0)
		return -1;
	draft_add(x->draft, dir, name, strlen(name), inode)->own = true;
	return 0;
}

int extract_remove_lower(struct extract *x, struct draft_node *node, bool itself,
			 struct gg_err *err)
{
	GG_CLEANUP(node_list_done) struct node_list l = { 0 };
	bool again = node->cleared || extract_is_gone(node), gone;

	/* The way down costs what is below, so it is walked once. */
	x->stats.duplicates += again;
	if (again)
		return x->o.flags & EXTRACT_LENIENT
			       ? 0
			       : gg_fail(err, GG_INTEGRITY, "the whiteout comes twice");
	node->cleared = true;
	collect(node, &l);
	if (remove_lower(x, &l, itself, &gone, err) < 0)
		return -1;
	forget(x);
	if (!x->o.below)
		return 0;
	if (gone)
		return put_whiteout(x, node->parent, node->name, err);
	if (node->inode->entry.type != TREE_DIR)
		return 0;
	node->inode->entry.opaque = true;
	return extract_bring(x, node, err);
}
