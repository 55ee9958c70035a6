/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/scan.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/glob.h"
#include "layers/meta.h"
#include "layers/scan_hash.h"
#include "layers/scan_inodes.h"
#include "layers/tree.h"

/* Ancestors beyond these are closed and found again by "..". */
enum { OPEN_MAX_FRAMES = 128, TARGET_MAX = 4096 };

/* A directory that is being walked. */
struct frame {
	int fd; /* -1: closed for now */
	dev_t dev;
	ino_t ino;
	struct gg_strv names;
	size_t next;
	size_t path_len; /* of the directory's own path in scan.path */
	struct tree_entry meta;
};

/* A file whose digest a reader writes. */
struct pending {
	size_t index;
	const struct gg_digest *digest;
	const struct stat *st; /* for the memory; else NULL */
};

struct scan {
	const struct scan_options *o;
	struct tree *t;
	struct scan_hash *hash;
	struct scan_inodes inodes;
	struct glob **exclude;
	size_t n_exclude;
	struct frame *frames;
	size_t n_frames, cap_frames;
	struct pending *pending;
	size_t n_pending, cap_pending;
	struct gg_buf path;
	dev_t dev;
};

static void frame_done(struct frame *f)
{
	gg_close(f->fd);
	gg_strv_done(&f->names);
}

static void scan_done(struct scan *s)
{
	/* The readers write into the tree's arena: they end first. */
	scan_hash_free(s->hash);
	for (size_t i = 0; i < s->n_frames; i++)
		frame_done(&s->frames[i]);
	for (size_t i = 0; i < s->n_exclude; i++)
		glob_free(s->exclude[i]);
	free(s->exclude);
	free(s->frames);
	free(s->pending);
	scan_inodes_done(&s->inodes);
	gg_buf_done(&s->path);
	tree_free(s->t);
}

static bool writes(const struct scan *s)
{
	return s->o->flags & SCAN_WRITE;
}

static bool changes_metadata(const struct scan *s)
{
	return writes(s) && (s->o->flags & (SCAN_MODES | SCAN_OWNERS));
}

/* By the frame's own descriptor, whose offset nobody else uses: an open and a close less for each directory. */
static int read_names(int fd, struct gg_strv *ret, struct gg_err *err)
{
	_Alignas(struct dirent64) char block[32 * 1024];
	ssize_t n;

	while ((n = getdents64(fd, block, sizeof(block))) > 0) {
		const struct dirent64 *e;

		for (ssize_t at = 0; at < n; at += e->d_reclen) {
			e = (const struct dirent64 *)(const void *)(block + at);
			if (!gg_streq(e->d_name, ".") && !gg_streq(e->d_name, ".."))
				gg_strv_add(ret, e->d_name);
		}
	}
	if (n < 0)
		return gg_fail_errno(err, "read the directory");
	gg_strv_sort(ret);
	return 0;
}

static int drop_xattrs(int fd, struct tree_entry *e, bool write, struct gg_err *err)
{
	for (size_t i = 0; write && i < e->n_xattrs; i++)
		if (fremovexattr(fd, e->xattrs[i].name) < 0 && errno != ENODATA)
			return gg_fail_errno(err, "remove attribute '%s'", e->xattrs[i].name);
	e->n_xattrs = 0;
	return 0;
}

/* Mode, owner and xattrs of an object; fd is -1 for those that have no xattrs. */
static int describe(struct scan *s, int fd, const struct stat *st, struct tree_entry *e,
		    struct gg_err *err)
{
	bool recorded = s->o->owners == OWNERS_RECORDED && !(s->o->flags & SCAN_OWNERS);
	unsigned flags = (s->o->flags & SCAN_OVERLAY ? META_OVERLAY : 0) |
			 (writes(s) ? META_WRITE : 0) | (recorded ? META_RECORDED : 0);
	struct owners_ids ids = { 0 };

	if (recorded && fd < 0)
		owners_marked(&st->st_mtim, &ids);
	else if (s->o->owners == OWNERS_ON_INODES && !(s->o->flags & SCAN_OWNERS))
		ids = (struct owners_ids){ .uid = st->st_uid, .gid = st->st_gid };
	e->mode = st->st_mode & 07777;
	e->uid = ids.uid;
	e->gid = ids.gid;
	if (e->type == TREE_SYMLINK)
		e->mode = 0777;
	else if (s->o->flags & SCAN_MODES)
		e->mode = e->type == TREE_DIR || (st->st_mode & 0111) ? 0755 : 0644;
	if (fd < 0 ||
	    (s->o->flags & (SCAN_NO_XATTRS | SCAN_OVERLAY | SCAN_WRITE)) == SCAN_NO_XATTRS)
		return 0;
	if (meta_read_xattrs(fd, s->t, e, flags, err) < 0)
		return -1;
	return s->o->flags & SCAN_NO_XATTRS ? drop_xattrs(fd, e, writes(s), err) : 0;
}

static int push(struct scan *s, int fd, const struct stat *st, const struct tree_entry *meta,
		struct gg_err *err)
{
	struct frame *f;

	if (s->n_frames >= OPEN_MAX_FRAMES) {
		f = &s->frames[s->n_frames - OPEN_MAX_FRAMES];
		gg_close(f->fd);
		f->fd = -1;
	}
	GG_GROW(s->frames, s->n_frames, s->cap_frames);
	f = &s->frames[s->n_frames++];
	*f = (struct frame){ .fd = fd,
			     .dev = st->st_dev,
			     .ino = st->st_ino,
			     .path_len = s->path.len,
			     .meta = *meta };
	/* A file system that is mounted here is not ours to read. */
	return st->st_dev == s->dev ? read_names(fd, &f->names, err) : 0;
}

/* Finishes the directory on top and makes sure that its parent is open. */
static int pop(struct scan *s, struct gg_err *err)
{
	struct frame *f = &s->frames[s->n_frames - 1];
	struct frame *parent = s->n_frames > 1 ? f - 1 : NULL;
	struct stat st;
	int r = 0;

	if (parent && parent->fd < 0) {
		parent->fd = gg_openat(f->fd, "..", O_RDONLY | O_DIRECTORY, 0, err);
		if (parent->fd < 0)
			return -1;
		if (fstat(parent->fd, &st) < 0 || st.st_dev != parent->dev ||
		    st.st_ino != parent->ino)
			return gg_fail(err, GG_SYSTEM, "moved while it was read");
	}
	if (f->dev == s->dev && changes_metadata(s))
		r = meta_apply(f->fd, &f->meta, s->o->owners, err);
	else if (f->dev == s->dev && writes(s))
		r = meta_touch(f->fd, err);
	frame_done(f);
	s->n_frames--;
	return r;
}

static int scan_directory(struct scan *s, int dirfd, const char *name, struct tree_entry *e,
			  const struct stat *st, struct gg_err *err)
{
	_cleanup_close_ int fd =
		gg_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);

	if (fd < 0 || describe(s, fd, st, e, err) < 0)
		return -1;
	return push(s, gg_steal_fd(&fd), st, e, err);
}

static void expect(struct scan *s, size_t index, const struct gg_digest *digest,
		   const struct stat *st)
{
	struct stat *kept = NULL;

	if (st && s->o->memory) {
		kept = gg_arena_alloc(s->t->arena, sizeof(*kept));
		*kept = *st;
	}
	GG_GROW(s->pending, s->n_pending, s->cap_pending);
	s->pending[s->n_pending++] =
		(struct pending){ .index = index, .digest = digest, .st = kept };
}

static bool is_known(struct scan *s, struct tree_entry *e, const struct stat *st)
{
	const struct scan_memory *memory = s->o->memory;

	if (!memory || (st->st_nlink > 1 && !(s->o->flags & SCAN_NO_HARDLINKS)) ||
	    !memory->known(memory->ctx, st, &e->content))
		return false;
	e->size = (uint64_t)st->st_size;
	return true;
}

static int scan_file(struct scan *s, int dirfd, const char *name, struct tree_entry *e,
		     const struct stat *st, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;
	struct scan_job job = { .path = e->path,
				.touch = writes(s),
				.apply = changes_metadata(s),
				.owners = s->o->owners };
	size_t index = s->t->n - 1;
	struct scan_inode *inode = NULL;

	if (is_known(s, e, st))
		return describe(s, -1, st, e, err);
	/* Not to wait for a writer, should it have become a fifo. */
	fd = gg_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &job.st) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (!S_ISREG(job.st.st_mode))
		return gg_fail(err, GG_SYSTEM, "changed while it was read");
	if (job.st.st_nlink > 1 && !(s->o->flags & SCAN_NO_HARDLINKS))
		inode = scan_inodes_get(&s->inodes, job.st.st_dev, job.st.st_ino);
	if (inode && inode->digest) {
		const char *path = e->path;

		*e = s->t->entries[inode->index];
		e->path = path;
		e->hardlink = s->t->entries[inode->index].path;
		expect(s, index, inode->digest, NULL);
		return 0;
	}
	if (describe(s, fd, &job.st, e, err) < 0)
		return -1;
	e->size = (uint64_t)job.st.st_size;
	job.meta = *e;
	job.fd = gg_steal_fd(&fd);
	job.ret = gg_arena_alloc(s->t->arena, sizeof(*job.ret));
	expect(s, index, job.ret, &job.st);
	if (inode)
		*inode = (struct scan_inode){ .index = index, .digest = job.ret };
	return scan_hash_add(s->hash, &job, err);
}

static int scan_symlink(struct scan *s, int dirfd, const char *name, struct tree_entry *e,
			const struct stat *st, struct gg_err *err)
{
	char target[TARGET_MAX + 1];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target));

	if (n < 0)
		return gg_fail_errno(err, "read symlink '%s'", name);
	if (n == sizeof(target))
		return gg_fail(err, GG_SYSTEM, "the symlink's target is too long");
	e->target = gg_arena_strndup(s->t->arena, target, (size_t)n);
	if (describe(s, -1, st, e, err) < 0)
		return -1;
	return writes(s) ? meta_apply_link(dirfd, name, e, s->o->owners, err) : 0;
}

static int scan_special(struct scan *s, int dirfd, const char *name, struct tree_entry *e,
			const struct stat *st, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;

	if (describe(s, -1, st, e, err) < 0)
		return -1;
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		e->major = major(st->st_rdev);
		e->minor = minor(st->st_rdev);
		/* Its open would have effects. */
		return writes(s) ? meta_apply_link(dirfd, name, e, s->o->owners, err) : 0;
	}
	if (!writes(s))
		return 0;
	fd = gg_openat(dirfd, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW, 0, err);
	return fd < 0 ? -1 : meta_apply(fd, e, s->o->owners, err);
}

static bool left_out(const struct scan *s, mode_t mode)
{
	if (S_ISSOCK(mode))
		return true;
	for (size_t i = 0; i < s->n_exclude; i++)
		if (glob_test(s->exclude[i], s->path.data))
			return true;
	return s->o->skip && s->o->skip(s->o->ctx, s->path.data, S_ISDIR(mode));
}

static enum tree_type type_of(const struct scan *s, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return TREE_DIR;
	if (S_ISREG(st->st_mode))
		return TREE_FILE;
	if (S_ISLNK(st->st_mode))
		return TREE_SYMLINK;
	if (S_ISFIFO(st->st_mode))
		return TREE_FIFO;
	if (S_ISBLK(st->st_mode))
		return TREE_BLOCK;
	/* Whiteouts share inodes; they are no hard links of anything. */
	return (s->o->flags & SCAN_OVERLAY) && st->st_rdev == 0 ? TREE_WHITEOUT : TREE_CHAR;
}

static int scan_child(struct scan *s, int dirfd, const char *name, struct gg_err *err)
{
	struct tree_entry *e;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (left_out(s, st.st_mode))
		return writes(s) ? gg_remove_tree(dirfd, name, err) : 0;
	if (s->t->n == TREE_MAX_ENTRIES)
		return gg_fail(err, GG_SYSTEM, "more than %d entries", TREE_MAX_ENTRIES);
	e = tree_add(s->t, s->path.data, type_of(s, &st));
	switch (e->type) {
	case TREE_DIR:
		return scan_directory(s, dirfd, name, e, &st, err);
	case TREE_FILE:
		return scan_file(s, dirfd, name, e, &st, err);
	case TREE_SYMLINK:
		return scan_symlink(s, dirfd, name, e, &st, err);
	case TREE_WHITEOUT:
		return 0;
	case TREE_CHAR:
	case TREE_BLOCK:
	case TREE_FIFO:
		break;
	}
	return scan_special(s, dirfd, name, e, &st, err);
}

static int walk(struct scan *s, struct gg_err *err)
{
	while (s->n_frames) {
		struct frame *f = &s->frames[s->n_frames - 1];
		const char *name;

		s->path.len = f->path_len;
		if (f->next == f->names.n) {
			if (pop(s, err) < 0)
				return gg_context(err, "scan '%.200s'", s->path.data);
			continue;
		}
		name = f->names.v[f->next++];
		if (s->path.len)
			gg_buf_putc(&s->path, '/');
		gg_buf_puts(&s->path, name);
		/* Not f->fd after the call: a push moves the frames. */
		if (scan_child(s, f->fd, name, err) < 0)
			return gg_context(err, "scan '%.200s'", s->path.data);
	}
	return 0;
}

static int scan_root(struct scan *s, int dirfd, struct gg_err *err)
{
	struct tree_entry *e = tree_add(s->t, ".", TREE_DIR);
	struct stat st;

	if (fstat(dirfd, &st) < 0)
		return gg_fail_errno(err, "stat the directory");
	s->dev = st.st_dev;
	gg_buf_puts(&s->path, "");
	return scan_directory(s, dirfd, ".", e, &st, err);
}

int scan_tree(int dirfd, const struct scan_options *o, struct tree **ret, struct gg_err *err)
{
	GG_CLEANUP(scan_done) struct scan s = { .o = o };

	assert(!o->memory || (o->flags & (SCAN_WRITE | SCAN_NO_XATTRS)) == SCAN_NO_XATTRS);
	s.t = tree_new();
	s.hash = scan_hash_new();
	s.n_exclude = o->exclude ? o->exclude->n : 0;
	s.exclude = gg_calloc(s.n_exclude, sizeof(struct glob *));
	for (size_t i = 0; i < s.n_exclude; i++)
		s.exclude[i] = glob_compile(o->exclude->v[i]);
	if (scan_root(&s, dirfd, err) < 0 || walk(&s, err) < 0 || scan_hash_end(s.hash, err) < 0)
		return -1;
	for (size_t i = 0; i < s.n_pending; i++) {
		const struct pending *p = &s.pending[i];

		s.t->entries[p->index].content = *p->digest;
		if (p->st)
			o->memory->learned(o->memory->ctx, p->st, p->digest);
	}
	*ret = gg_steal(&s.t);
	return 0;
}
