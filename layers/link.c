/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/link.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/fs.h>

#include "layers/base/fd.h"
#include "layers/dirs.h"
#include "layers/meta.h"
#include "layers/tree.h"
#include "layers/unlock.h"

enum { BLOCK = 256 * 1024, COPY = 1 << 16 };

struct linking {
	const struct tree *t;
	const int *origins;
	int destfd;
	unsigned flags; /* link_flags and COPY */
	struct dirs *to, *from, *first;
	struct gg_hash *hash;
	char *block;
};

static void linking_done(struct linking *l)
{
	dirs_free(l->to);
	dirs_free(l->from);
	dirs_free(l->first);
	gg_hash_free(l->hash);
	free(l->block);
}

static enum owners_kept owners(const struct linking *l)
{
	return l->flags & LINK_RECORDED ? OWNERS_RECORDED : OWNERS_ON_INODES;
}

static int changed(const char *name, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY,
		       "'%s' is not what its tree says: changed while it was copied", name);
}

/* Zeros are left out: a hole is read as the same, and a sparse file stays one. */
static int write_block(int to, const char *block, size_t n, struct gg_err *err)
{
	if (n == 0 || block[0] != 0 || memcmp(block, block + 1, n - 1) != 0)
		return gg_write_all(to, block, n, err);
	if (lseek(to, (off_t)n, SEEK_CUR) < 0)
		return gg_fail_errno(err, "seek");
	return 0;
}

static int copy_verified(struct linking *l, int from, int to, const struct tree_entry *e,
			 struct gg_err *err)
{
	struct gg_digest digest;
	uint64_t total = 0;

	for (;;) {
		ssize_t n = gg_read_full(from, l->block, BLOCK, err);

		if (n < 0 || write_block(to, l->block, (size_t)n, err) < 0)
			return -1;
		if (n == 0)
			break;
		gg_hash_add(l->hash, l->block, (size_t)n);
		total += (uint64_t)n;
	}
	gg_hash_end(l->hash, &digest);
	if (ftruncate(to, (off_t)total) < 0)
		return gg_fail_errno(err, "set the size");
	if (total != e->size || !gg_digest_eq(&digest, &e->content))
		return changed(e->path, err);
	return 0;
}

static int copy_plain(struct linking *l, int from, int to, const struct tree_entry *e,
		      struct gg_err *err)
{
	uint64_t total = 0;
	ssize_t n = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while (total < e->size) {
		n = copy_file_range(from, NULL, to, NULL, e->size - total, 0);
		if (n <= 0)
			break;
		total += (uint64_t)n;
	}
	/* Not every pair of file systems has it; both descriptors stand where it ended. */
	while (total < e->size) {
		n = gg_read_full(from, l->block, BLOCK, err);
		if (n < 0 || gg_write_all(to, l->block, (size_t)n, err) < 0)
			return -1;
		if (n == 0)
			return changed(e->path, err);
		total += (uint64_t)n;
	}
	return 0;
}

static int copy_file(struct linking *l, int source, const char *name, int dest,
		     const struct tree_entry *e, const char *dest_name, struct gg_err *err)
{
	_cleanup_close_ int from = unlock_open(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	_cleanup_close_ int to = -1;
	int r;

	if (from < 0)
		return gg_fail_errno(err, "open '%s'", name);
	to = gg_openat(dest, dest_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (to < 0)
		return -1;
	if (l->flags & LINK_VERIFY)
		r = copy_verified(l, from, to, e, err);
	else
		r = copy_plain(l, from, to, e, err);
	return r < 0 ? -1 : meta_apply(to, e, owners(l), err);
}

/* A second name of an inode that this tree has made already. */
static int link_first(struct linking *l, const struct tree_entry *e, int dest, const char *name,
		      struct gg_err *err)
{
	const char *first;
	int dir = dirs_parent(l->first, l->destfd, e->hardlink, &first, err);

	if (dir < 0)
		return -1;
	if (linkat(dir, first, dest, name, 0) < 0)
		return gg_fail_errno(err, "link '%s' to '%s'", name, e->hardlink);
	return 0;
}

static bool links(const struct linking *l, const struct tree_entry *e)
{
	return !(l->flags & COPY) || ((l->flags & LINK_OTHERS) && e->origin > 0);
}

static bool has_owner(const struct linking *l, int dir, const char *name, const struct stat *st,
		      const struct tree_entry *e)
{
	struct owners_ids ids = { .uid = st->st_uid, .gid = st->st_gid };
	char path[NAME_MAX + 32];

	if (owners(l) == OWNERS_RECORDED) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
		owners_read(path, false, st, &ids);
	}
	return ids.uid == e->uid && ids.gid == e->gid;
}

static int link_file(struct linking *l, const struct tree_entry *e, int dest, const char *name,
		     struct gg_err *err)
{
	const char *from;
	struct stat st;
	int dir;

	if (e->hardlink)
		return link_first(l, e, dest, name, err);
	dir = dirs_parent(l->from, l->origins[e->origin], e->source ? e->source : e->path, &from,
			  err);
	if (dir < 0)
		return -1;
	if (fstatat(dir, from, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "stat '%s'", from);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != e->size)
		return changed(e->path, err);
	if (links(l, e) && (st.st_mode & 07777) == e->mode && has_owner(l, dir, from, &st, e)) {
		if (linkat(dir, from, dest, name, 0) == 0)
			return 0;
		if (errno != EMLINK && errno != EXDEV && errno != EPERM)
			return gg_fail_errno(err, "link '%s'", name);
	}
	return copy_file(l, dir, from, dest, e, name, err);
}

static int make_entry(struct linking *l, const struct tree_entry *e, struct gg_err *err)
{
	const char *name;
	int dest;

	if (gg_streq(e->path, "."))
		return 0;
	dest = dirs_parent(l->to, l->destfd, e->path, &name, err);
	if (dest < 0)
		return -1;
	if (e->type == TREE_FILE)
		return link_file(l, e, dest, name, err);
	if (e->type != TREE_DIR)
		return meta_make_special(dest, name, e, owners(l), err);
	if (mkdirat(dest, name, 0700) < 0)
		return gg_fail_errno(err, "mkdir '%s'", name);
	return 0;
}

/* Last, and from the bottom up, when nothing is made below them any more. */
static int finish_directories(struct linking *l, struct gg_err *err)
{
	for (size_t i = l->t->n; i-- > 0;) {
		const struct tree_entry *e = &l->t->entries[i];
		_cleanup_close_ int fd = -1;

		if (e->type != TREE_DIR)
			continue;
		fd = dirs_open(l->destfd, e->path, err);
		if (fd < 0 || meta_apply(fd, e, owners(l), err) < 0)
			return gg_context(err, "directory '%.200s'", e->path);
	}
	return 0;
}

static int run(const struct tree *t, const int *origins, int destfd, unsigned flags,
	       struct gg_err *err)
{
	GG_CLEANUP(linking_done)
	struct linking l = { .t = t, .origins = origins, .destfd = destfd, .flags = flags };

	l.to = dirs_new();
	l.from = dirs_new();
	l.first = dirs_new();
	l.hash = gg_hash_new();
	l.block = gg_alloc(BLOCK);
	for (size_t i = 0; i < t->n; i++)
		if (make_entry(&l, &t->entries[i], err) < 0)
			return gg_context(err, "make '%.200s'", t->entries[i].path);
	return finish_directories(&l, err);
}

int link_tree(const struct tree *t, const int *origins, int destfd, unsigned flags,
	      struct gg_err *err)
{
	return run(t, origins, destfd, flags, err);
}

int link_tree_copy(const struct tree *t, const int *origins, int destfd, unsigned flags,
		   struct gg_err *err)
{
	return run(t, origins, destfd, flags | COPY, err);
}
