/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/store_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/log.h"

bool store_blob_has(struct store *s, const struct gg_digest *d)
{
	char hex[GG_DIGEST_HEX], path[GG_DIGEST_HEX + 3];
	struct stat st;

	gg_digest_hex(d, hex);
	memcpy(path, hex, 2);
	path[2] = '/';
	memcpy(path + 3, hex, GG_DIGEST_HEX);
	return fstatat(s->dirs[STORE_BLOBS], path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode);
}

/* NULL when the bytes are what the name says; else what is wrong. The descriptor is left at offset
 * 0. */
static const char *blob_problem(int fd, const struct stat *st, const struct gg_digest *d,
				struct gg_err *err)
{
	struct gg_digest is;

	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (gg_digest_fd(fd, &is, NULL, err) < 0) {
		/* A sector that cannot be read is damage, and the next source may still have the
		 * bytes. */
		return err->errnum == EIO || err->errnum == EISDIR ? "cannot be read" : NULL;
	}
	if (!gg_digest_eq(&is, d))
		return "its content has another digest";
	if (lseek(fd, 0, SEEK_SET) < 0)
		gg_fail_errno(err, "seek");
	return NULL;
}

/* Puts right what does not touch the content. */
static int blob_settle(int fd, struct stat *st, struct gg_err *err)
{
	if ((st->st_mode & 07777) != 0444 && (fchmod(fd, 0444) < 0 || fstat(fd, st) < 0))
		return gg_fail_errno(err, "chmod 0444 of a blob");
	return 0;
}

static int blob_bad(struct store *s, int dirfd, const char *hex, const char *why, bool *ret_bad)
{
	store_quarantine(s, dirfd, hex, why);
	store_mark_remove(s, hex);
	if (ret_bad)
		*ret_bad = true;
	return 0;
}

int store_blob_check(struct store *s, const struct gg_digest *d, unsigned flags, int *ret_fd,
		     struct stat *ret_st, bool *ret_bad, struct gg_err *err)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_close_ int dirfd = -1, fd = -1;
	char hex[GG_DIGEST_HEX];
	const char *why;

	dirfd = store_fan_open(s, STORE_BLOBS, gg_digest_hex(d, hex), false, err);
	if (dirfd < 0)
		return err->kind == GG_OK ? 0 : -1;
	/* O_NONBLOCK: something that is not a file must not make us wait. */
	fd = openat(dirfd, hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ELOOP || errno == ENXIO || errno == EIO))
		return blob_bad(s, dirfd, hex, "not a readable file", ret_bad);
	if (fd < 0 || fstat(fd, ret_st) < 0)
		return gg_fail_errno(err, "open blob '%s'", hex);
	if ((flags & STORE_CHECK_FORCE) || !S_ISREG(ret_st->st_mode) ||
	    !store_mark_good(s, hex, ret_st)) {
		why = blob_problem(fd, ret_st, d, &problem);
		if (why)
			return blob_bad(s, dirfd, hex, why, ret_bad);
		if (problem.kind != GG_OK) {
			gg_err_move(err, &problem);
			return gg_context(err, "blob '%s'", hex);
		}
		if (blob_settle(fd, ret_st, err) < 0)
			return -1;
		store_mark_write(s, hex, ret_st);
	}
	*ret_fd = gg_steal_fd(&fd);
	return 1;
}

int store_blob_open(struct store *s, const struct gg_digest *d, uint64_t *ret_size,
		    struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	struct stat st;
	int fd = -1, r = store_blob_check(s, d, 0, &fd, &st, NULL, err);

	if (r < 0)
		return -1;
	if (r == 0) {
		errno = ENOENT;
		return gg_fail_errno(err, "open blob '%s'", gg_digest_hex(d, hex));
	}
	if (ret_size)
		*ret_size = (uint64_t)st.st_size;
	return fd;
}

int store_blob_read(struct store *s, const struct gg_digest *d, size_t max, struct gg_buf *ret,
		    struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_close_ int fd = store_blob_open(s, d, NULL, err);

	if (fd < 0)
		return -1;
	if (gg_read_fd(fd, max, ret, err) < 0)
		return gg_context(err, "blob '%s'", gg_digest_hex(d, hex));
	return 0;
}

/* From `from` in `fromfd`, hashed, synced and with its final mode, to its place. A damaged blob
 * that is in the way is moved out of it. The inode that arrives must be the one that was checked:
 * `fromfd` may be a step's directory. */
static int blob_commit(struct store *s, int fromfd, const char *from, const struct gg_digest *d,
		       ino_t inode, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_close_ int dirfd =
		store_fan_open(s, STORE_BLOBS, gg_digest_hex(d, hex), true, err);
	struct stat st;
	bool existed;

	if (dirfd < 0)
		return -1;
	for (int attempt = 0; attempt < 3; attempt++) {
		_cleanup_close_ int there = -1;
		int r;

		if (store_commit(s, fromfd, from, dirfd, hex, 0, &existed, err) < 0)
			return -1;
		if (!existed) {
			if (fstatat(dirfd, hex, &st, AT_SYMLINK_NOFOLLOW) < 0)
				return gg_fail_errno(err, "stat blob '%s'", hex);
			if (st.st_ino != inode) {
				store_quarantine(s, dirfd, hex, "replaced while it was taken");
				return gg_fail(err, GG_INTEGRITY,
					       "blob '%s' was replaced while it was taken", hex);
			}
			store_mark_write(s, hex, &st);
			return 0;
		}
		r = store_blob_check(s, d, 0, &there, &st, NULL, err);
		if (r != 0) {
			if (r > 0)
				unlinkat(fromfd, from, 0);
			return r > 0 ? 0 : -1;
		}
	}
	return gg_fail(err, GG_SYSTEM, "blob '%s' cannot take its place in the store '%s'", hex,
		       s->path);
}

int store_blob_put(struct store *s, const void *bytes, size_t len, struct gg_digest *ret,
		   struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int there = -1;
	struct stat st;
	int r;

	gg_digest_of(bytes, len, ret);
	r = store_blob_check(s, ret, 0, &there, &st, NULL, err);
	if (r != 0)
		return r > 0 ? 0 : -1;
	if (store_stage(s, bytes, len, 0444, &name, err) < 0)
		return -1;
	if (fstatat(s->work.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (blob_commit(s, s->work.fd, name, ret, st.st_ino, err) < 0) {
		unlinkat(s->work.fd, name, 0);
		return -1;
	}
	return 0;
}

int store_blob_adopt(struct store *s, int dirfd, const char *name, const struct gg_digest *d,
		     uint64_t size, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return gg_fail(err, GG_INTEGRITY, "'%s' is not a file with one name", name);
	if ((uint64_t)st.st_size != size)
		return gg_fail(err, GG_INTEGRITY, "'%s' has %lld bytes, not %llu", name,
			       (long long)st.st_size, (unsigned long long)size);
	if ((st.st_uid != geteuid() || st.st_gid != getegid()) &&
	    fchown(fd, geteuid(), getegid()) < 0)
		return gg_fail_errno(err, "chown '%s' to the store's owner", name);
	if (fchmod(fd, 0444) < 0 || (!s->batch && fsync(fd) < 0))
		return gg_fail_errno(err, "fsync '%s'", name);
	return blob_commit(s, dirfd, name, d, st.st_ino, err);
}
