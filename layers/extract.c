/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/extract_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/glob.h"
#include "layers/dirs.h"
#include "layers/meta.h"

static const char WHITEOUT[] = ".wh.", OPAQUE[] = ".wh..wh..opq";
/* HEADERS: of an entry on average, with padding; STREAM_SLACK: what else an archive has, its end for one. */
enum { TARGET_MAX = 4095, HEADERS = 4096, STREAM_SLACK = 1 << 20 };
#define MAX_BYTES (UINT64_C(64) << 30)

/* Where an entry goes: below `dir`, `node` being what is there. */
struct place {
	struct draft_node *dir, *node;
	const char *name;
};

static struct draft_inode *inode_for(struct extract *x, const struct untar_entry *e,
				     enum tree_type type)
{
	struct draft_inode *inode = draft_inode_new(x->draft, type);
	struct tree_entry *to = &inode->entry;
	struct tree_xattr *xattrs = gg_arena_calloc(x->draft->arena, e->n_xattrs, sizeof(*xattrs));

	to->mode = type == TREE_SYMLINK ? 0777 : e->mode;
	to->uid = x->o.flags & EXTRACT_OWNERS ? 0 : e->uid;
	to->gid = x->o.flags & EXTRACT_OWNERS ? 0 : e->gid;
	to->major = e->major;
	to->minor = e->minor;
	/* The manifest has a place for them with these two only. */
	if (type != TREE_DIR && type != TREE_FILE)
		return inode;
	to->n_xattrs = meta_filter_xattrs(e->xattrs, e->n_xattrs, xattrs);
	to->xattrs = xattrs;
	for (size_t i = 0; i < to->n_xattrs; i++) {
		xattrs[i].name = gg_arena_strdup(x->draft->arena, xattrs[i].name);
		xattrs[i].value = gg_arena_strndup(x->draft->arena, xattrs[i].value, xattrs[i].len);
	}
	return inode;
}

/* Makes room at the place. */
static int clear(struct extract *x, struct place *p, struct gg_err *err)
{
	if (p->node && extract_remove(x, p->node, err) < 0)
		return -1;
	p->node = NULL;
	return 0;
}

static void put(struct extract *x, const struct place *p, struct draft_inode *inode)
{
	draft_add(x->draft, p->dir, p->name, strlen(p->name), inode)->own = true;
}

static int write_content(struct extract *x, int fd, const char *name, struct tree_entry *e,
			 struct gg_err *err)
{
	for (;;) {
		const void *bytes;
		size_t len;

		if (untar_data(x->untar, &bytes, &len, err) < 0)
			return -1;
		if (len == 0)
			break;
		gg_hash_add(x->content, bytes, len);
		if (gg_write_all(fd, bytes, len, err) < 0)
			return gg_context(err, "'%s'", name);
	}
	gg_hash_end(x->content, &e->content);
	return 0;
}

static int extract_file(struct extract *x, struct place *p, const struct untar_entry *e,
			struct gg_err *err)
{
	struct draft_inode *inode = inode_for(x, e, TREE_FILE);
	_cleanup_close_ int fd = -1;
	int dir;

	if (e->size > x->o.max_bytes - x->stats.bytes)
		return gg_fail(err, GG_INTEGRITY, "the contents are more than %" PRIu64 " bytes",
			       x->o.max_bytes);
	x->stats.bytes += e->size;
	inode->entry.size = e->size;
	if (clear(x, p, err) < 0 || (dir = extract_open(x, p->dir, err)) < 0)
		return -1;
	fd = gg_openat(dir, p->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (fd < 0 || write_content(x, fd, p->name, &inode->entry, err) < 0 ||
	    meta_apply(fd, &inode->entry, x->o.owners, err) < 0)
		return -1;
	put(x, p, inode);
	return 0;
}

static int extract_special(struct extract *x, struct place *p, const struct untar_entry *e,
			   enum tree_type type, struct gg_err *err)
{
	struct draft_inode *inode = inode_for(x, e, type);
	int dir;

	if (type == TREE_SYMLINK) {
		if (strlen(e->link) > TARGET_MAX)
			return gg_fail(err, GG_INTEGRITY,
				       "the symlink's target is longer than %d bytes", TARGET_MAX);
		inode->entry.target = gg_arena_strdup(x->draft->arena, e->link);
	}
	if (clear(x, p, err) < 0 || (dir = extract_open(x, p->dir, err)) < 0 ||
	    meta_make_special(dir, p->name, &inode->entry, x->o.owners, err) < 0)
		return -1;
	put(x, p, inode);
	return 0;
}

static int extract_directory(struct extract *x, struct place *p, const struct untar_entry *e,
			     struct gg_err *err)
{
	struct draft_inode *inode = inode_for(x, e, TREE_DIR);
	struct draft_node *behind;
	int dir;

	/* A directory in the place of one that this layer deleted: nothing shines through. */
	inode->entry.opaque = p->node && extract_is_gone(p->node);

	if (p->node && p->node->inode->entry.type == TREE_SYMLINK &&
	    !(x->o.flags & EXTRACT_LAYER)) {
		_cleanup_buf_ struct gg_buf path = { 0 };

		draft_path(p->node, &path);
		if (extract_enter(x, path.data, path.len, false, &behind, err) < 0)
			return -1;
		if (behind)
			return 0;
	}
	if (p->node && p->node->inode->entry.type != TREE_DIR && clear(x, p, err) < 0)
		return -1;
	if (p->node) {
		if (extract_bring(x, p->node, err) < 0)
			return -1;
		inode->entry.opaque = p->node->inode->entry.opaque;
		p->node->inode->entry = inode->entry;
		p->node->own = true;
		p->node->implicit = false;
		return 0;
	}
	dir = extract_open(x, p->dir, err);
	if (dir < 0)
		return -1;
	if (mkdirat(dir, p->name, 0700) < 0)
		return gg_fail_errno(err, "mkdir '%s'", p->name);
	put(x, p, inode);
	return 0;
}

/* The node that a hard link means: never made, the last component not followed. */
static int find_target(struct extract *x, const char *path, struct draft_node **ret,
		       struct gg_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct draft_node *dir;

	if (extract_enter(x, path, slash ? (size_t)(slash - path) : 0, false, &dir, err) < 0)
		return -1;
	*ret = dir ? draft_find(x->draft, dir, name, strlen(name)) : NULL;
	if (*ret && extract_is_gone(*ret))
		*ret = NULL;
	return 0;
}

static int link_node(struct extract *x, const struct place *p, struct draft_node *target,
		     struct gg_err *err)
{
	_cleanup_close_ int from = -1;
	int dir;

	if (extract_copy_up(x, target, err) < 0 || (dir = extract_open(x, target->parent, err)) < 0)
		return -1;
	from = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (from < 0)
		return gg_fail_errno(err, "duplicate a descriptor");
	dir = extract_open(x, p->dir, err);
	if (dir < 0)
		return -1;
	if (linkat(from, target->name, dir, p->name, 0) < 0)
		return gg_fail_errno(err, "link '%s' to '%s'", p->name, target->name);
	put(x, p, target->inode);
	return 0;
}

static int extract_link(struct extract *x, struct place *p, const struct untar_entry *e,
			struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf path = { 0 };
	struct draft_node *target = NULL;
	enum tree_type type;
	bool skip;

	if (extract_clean(x, e->link, &path, &skip, err) < 0)
		return gg_context(err, "hard link to '%.200s'", e->link);
	if (!skip && path.len && find_target(x, path.data, &target, err) < 0)
		return -1;
	if (target && target == p->node)
		return 0;
	/* What is replaced may hold the target. */
	if (target && (clear(x, p, err) < 0 || find_target(x, path.data, &target, err) < 0))
		return -1;
	type = target ? target->inode->entry.type : TREE_DIR;
	if (target && type == TREE_SYMLINK) {
		/* A second name of a symlink is a symlink with the same text. */
		struct untar_entry copy = *e;

		copy.link = target->inode->entry.target;
		copy.uid = target->inode->entry.uid;
		copy.gid = target->inode->entry.gid;
		return extract_special(x, p, &copy, TREE_SYMLINK, err);
	}
	if (!target || type != TREE_FILE)
		return gg_fail(err, GG_INTEGRITY,
			       "hard link to '%.200s', which is no file that came before", e->link);
	return link_node(x, p, target, err);
}

static int whiteout(struct extract *x, struct place *p, const struct untar_entry *e,
		    struct gg_err *err)
{
	const char *name = p->name + strlen(WHITEOUT);
	struct draft_node *node;

	if (e->type != '0')
		return gg_fail(err, GG_INTEGRITY, "a whiteout that is no file");
	if (++x->stats.entries > x->o.max_entries)
		return gg_fail(err, GG_INTEGRITY, "more than %" PRIu64 " entries",
			       x->o.max_entries);
	if (gg_streq(p->name, OPAQUE))
		return p->dir ? extract_remove_lower(x, p->dir, false, err) : 0;
	if (!*name || gg_streq(name, ".") || gg_streq(name, "..") || gg_starts(name, WHITEOUT))
		return gg_fail(err, GG_INTEGRITY, "a whiteout of nothing that can be");
	node = p->dir ? draft_find(x->draft, p->dir, name, strlen(name)) : NULL;
	return node ? extract_remove_lower(x, node, true, err) : 0;
}

static int extract_at(struct extract *x, struct place *p, const struct untar_entry *e,
		      struct gg_err *err)
{
	bool unique = x->o.flags & (EXTRACT_LAYER | EXTRACT_UNIQUE),
	     again = p->node && p->node->own && !p->node->implicit && !extract_is_gone(p->node);

	if (again && unique && !(x->o.flags & EXTRACT_LENIENT))
		return gg_fail(err, GG_INTEGRITY, "the name comes twice");
	x->stats.duplicates += again;
	switch (e->type) {
	case '0':
		return extract_file(x, p, e, err);
	case '1':
		return extract_link(x, p, e, err);
	case '2':
		return extract_special(x, p, e, TREE_SYMLINK, err);
	case '3':
		return extract_special(x, p, e, TREE_CHAR, err);
	case '4':
		return extract_special(x, p, e, TREE_BLOCK, err);
	case '5':
		return extract_directory(x, p, e, err);
	default:
		return extract_special(x, p, e, TREE_FIFO, err);
	}
}

static int extract_root(struct extract *x, const struct untar_entry *e, struct gg_err *err)
{
	struct place p = { .node = x->draft->root };

	if (e->type != '5')
		return gg_fail(err, GG_INTEGRITY, "the root is not a directory");
	return extract_at(x, &p, e, err);
}

static bool excluded(const struct extract *x, char *path)
{
	for (size_t i = 0; i < x->n_exclude; i++) {
		for (char *p = path;; p++) {
			char held = *p;
			bool hit;

			if (held != '/' && held != '\0')
				continue;
			*p = '\0';
			hit = glob_test(x->exclude[i], path);
			*p = held;
			if (hit)
				return true;
			if (held == '\0')
				break;
		}
	}
	return false;
}

static int extract_entry(struct extract *x, const struct untar_entry *e, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf path = { 0 };
	struct place p = { 0 };
	char *slash;
	bool skip, deletes;

	if (extract_clean(x, e->name, &path, &skip, err) < 0)
		return -1;
	if (skip || (path.len && excluded(x, path.data)))
		return 0;
	if (path.len == 0)
		return extract_root(x, e, err);
	slash = strrchr(path.data, '/');
	p.name = slash ? slash + 1 : path.data;
	deletes = (x->o.flags & EXTRACT_LAYER) && gg_starts(p.name, WHITEOUT);
	if (extract_enter(x, path.data, slash ? (size_t)(slash - path.data) : 0, !deletes, &p.dir,
			  err) < 0)
		return -1;
	if (deletes)
		return whiteout(x, &p, e, err);
	if (extract_admit(x, p.dir, strlen(p.name), err) < 0)
		return -1;
	p.node = draft_find(x->draft, p.dir, p.name, strlen(p.name));
	return extract_at(x, &p, e, err);
}

/* Directories get their metadata when nothing is written into them any more; opened anew, no symlink followed. */
static int finish_directories(struct extract *x, struct gg_err *err)
{
	for (struct draft_node *n = x->draft->root; n; n = draft_next(x->draft->root, n)) {
		_cleanup_close_ int fd = -1;

		if (n->inode->entry.type != TREE_DIR || !n->here)
			continue;
		draft_path(n, &x->path);
		fd = dirs_open(x->destfd, x->path.data, err);
		if (fd < 0 || meta_apply(fd, &n->inode->entry, x->o.owners, err) < 0)
			return gg_context(err, "directory '%.200s'", x->path.data);
	}
	return 0;
}

static int extract_all(struct extract *x, struct gg_err *err)
{
	for (;;) {
		const struct untar_entry *e;

		if (untar_next(x->untar, &e, err) < 0)
			return -1;
		if (!e)
			return finish_directories(x, err);
		if (extract_entry(x, e, err) < 0)
			return gg_context(err, "extract '%.200s'", e->name);
	}
}

static void extract_init(struct extract *x, int destfd, const struct extract_options *options)
{
	if (options)
		x->o = *options;
	if (!x->o.max_entries)
		x->o.max_entries = TREE_MAX_ENTRIES;
	if (!x->o.max_bytes)
		x->o.max_bytes = MAX_BYTES;
	x->destfd = destfd;
	x->open_fd = -1;
	x->draft = draft_new();
	x->content = gg_hash_new();
	x->n_exclude = x->o.exclude ? x->o.exclude->n : 0;
	x->exclude = gg_calloc(x->n_exclude, sizeof(struct glob *));
	for (size_t i = 0; i < x->n_exclude; i++)
		x->exclude[i] = glob_compile(x->o.exclude->v[i]);
}

static void extract_done(struct extract *x)
{
	for (size_t i = 0; i < x->n_exclude; i++)
		glob_free(x->exclude[i]);
	free(x->exclude);
	draft_free(x->draft);
	gg_hash_free(x->content);
	gg_close(x->open_fd);
	gg_buf_done(&x->last_name);
	gg_buf_done(&x->path);
	gg_buf_done(&x->rest);
}

/* What is left out and what follows the end marker counts as well: a few kilobytes may decompress to any amount. */
static uint64_t max_stream(const struct extract *x)
{
	uint64_t max;

	if (__builtin_mul_overflow(x->o.max_entries, HEADERS, &max) ||
	    __builtin_add_overflow(max, x->o.max_bytes, &max) ||
	    __builtin_add_overflow(max, STREAM_SLACK, &max))
		return UINT64_MAX;
	return max;
}

int extract_stream(struct archive_stream *stream, int destfd, const struct extract_options *options,
		   struct tree **io_tree, struct extract_stats *ret_stats, struct gg_err *err)
{
	GG_CLEANUP(extract_done) struct extract x = { 0 };
	_cleanup_untar_ struct untar *untar = NULL;
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	bool hashed = options && (options->flags & EXTRACT_HASH);

	extract_init(&x, destfd, options);
	if (*io_tree || x.o.below)
		draft_load(x.draft, x.o.below ? x.o.below : *io_tree, !x.o.below);
	x.untar = untar = untar_new(stream, max_stream(&x), hashed ? hash : NULL);
	if (x.o.flags & EXTRACT_LAYER)
		untar_open_end(untar);
	if (extract_all(&x, err) < 0)
		return -1;
	x.stats.stream_bytes = untar_bytes(untar);
	if (hashed)
		gg_hash_end(hash, &x.stats.stream_digest);
	if (ret_stats)
		*ret_stats = x.stats;
	tree_free(*io_tree);
	*io_tree = draft_tree(x.draft);
	return 0;
}

int extract_range(int fd, uint64_t offset, uint64_t size, int destfd,
		  const struct extract_options *options, struct tree **io_tree,
		  struct extract_stats *ret_stats, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *stream = NULL;

	if (archive_open(fd, offset, size, &stream, err) < 0)
		return -1;
	if (options && (options->flags & EXTRACT_AHEAD) &&
	    archive_read_ahead(stream, NULL, err) < 0)
		return -1;
	return extract_stream(stream, destfd, options, io_tree, ret_stats, err);
}

int extract_archive(int fd, int destfd, const struct extract_options *options,
		    struct tree **io_tree, struct extract_stats *ret_stats, struct gg_err *err)
{
	return extract_range(fd, 0, UINT64_MAX, destfd, options, io_tree, ret_stats, err);
}
