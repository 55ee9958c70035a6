/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* Elsewhere the calls have other names and another struct. */
_Static_assert(sizeof(void *) == 8, "the layer knows 64-bit architectures");

/* By far the most requests are about what has no record, so that is found out first, with one call where it can be. What
 * follows symlinks does not see the owners of fifos and sockets; a place with a descriptor is the object, whatever led
 * there. */
static bool recorded(const struct owner_call *c, const struct owner_place *p, struct stat *st,
		     struct owners_ids *ret)
{
	char text[OWNERS_TEXT];
	ssize_t len = p->follow ? getxattr(p->path, OWNERS_XATTR, text, sizeof(text))
				: lgetxattr(p->path, OWNERS_XATTR, text, sizeof(text));

	if (len < 0 && ((p->follow && p->fd < 0) || errno != ENODATA))
		return false;
	if (fstatat(AT_FDCWD, p->path, st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ||
	    owner_is_ours(c, st))
		return false;
	if (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode))
		return len > 0 && owners_parse(text, (size_t)len, ret);
	return owners_marked(&st->st_mtim, ret);
}

static int64_t give_stat(const struct owner_call *c, struct stat *st, struct owners_ids ids,
			 uint64_t to)
{
	st->st_uid = ids.uid;
	st->st_gid = ids.gid;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		st->st_mtim = (struct timespec){ .tv_sec = OWNERS_SHOWN_TIME };
	return owner_write(c, to, st, sizeof(*st));
}

/* What the kernel refuses, it refuses the caller. */
static int64_t stat_at(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags,
		       uint64_t to)
{
	_cleanup_place_ struct owner_place p;
	struct owners_ids ids;
	struct stat st;

	if (owner_locate(c, dirfd, path, flags, &p) < 0 || !recorded(c, &p, &st, &ids))
		return OWNER_PROCEED;
	return give_stat(c, &st, ids, to);
}

static int64_t stat_fd(const struct owner_call *c, int number, uint64_t to)
{
	_cleanup_close_ int fd = owner_get_fd(c, number);
	struct owners_ids ids;
	struct stat st;
	bool found;

	if (fd < 0)
		return stat_at(c, number, 0, AT_EMPTY_PATH, to);
	if (fstat(fd, &st) < 0)
		return OWNER_PROCEED;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		found = owners_read_fd(fd, &ids);
	else
		found = owners_marked(&st.st_mtim, &ids);
	return found ? give_stat(c, &st, ids, to) : OWNER_PROCEED;
}

static int64_t statx_at(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags,
			unsigned mask, uint64_t to)
{
	_cleanup_place_ struct owner_place p;
	struct owners_ids ids;
	struct statx sx;
	struct stat st;

	if (owner_locate(c, dirfd, path, flags, &p) < 0 || !recorded(c, &p, &st, &ids) ||
	    statx(AT_FDCWD, p.path,
		  (int)(flags & AT_STATX_SYNC_TYPE) | (p.follow ? 0 : AT_SYMLINK_NOFOLLOW), mask,
		  &sx) < 0)
		return OWNER_PROCEED;
	/* Looked up again, it can be another. */
	if (sx.stx_ino == c->s->ino && makedev(sx.stx_dev_major, sx.stx_dev_minor) == c->s->dev)
		return OWNER_PROCEED;
	sx.stx_uid = ids.uid;
	sx.stx_gid = ids.gid;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		memset(&sx.stx_mtime, 0, sizeof(sx.stx_mtime));
		sx.stx_mtime.tv_sec = OWNERS_SHOWN_TIME;
	}
	return owner_write(c, to, &sx, sizeof(sx));
}

int64_t owner_call_stat(struct owner_call *c)
{
	const uint64_t *a = c->args;

	switch (c->nr) {
	case SYS_fstat:
		return stat_fd(c, (int)a[0], a[1]);
#ifdef SYS_stat
	case SYS_stat:
		return stat_at(c, AT_FDCWD, a[0], 0, a[1]);
	case SYS_lstat:
		return stat_at(c, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1]);
#endif
#ifdef SYS_newfstatat
	case SYS_newfstatat:
		return stat_at(c, (int)a[0], a[1], (unsigned)a[3], a[2]);
#endif
	case SYS_statx:
		return statx_at(c, (int)a[0], a[1], (unsigned)a[2], (unsigned)a[3], a[4]);
	default:
		return OWNER_PROCEED;
	}
}
