/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layers/base/mem.h"

/* Elsewhere the calls have other names and another struct. */
_Static_assert(sizeof(void *) == 8, "the layer knows 64-bit architectures");

static int64_t give_stat(const struct owner_call *c, const struct owner_place *p, uint64_t to)
{
	struct owners_ids ids;
	struct stat st;

	/* What the kernel refuses, it refuses the caller. */
	if (fstatat(AT_FDCWD, p->path, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ||
	    owner_is_ours(c, &st) || !owners_read(p->path, p->follow, &st, &ids))
		return OWNER_PROCEED;
	st.st_uid = ids.uid;
	st.st_gid = ids.gid;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		st.st_mtim = (struct timespec){ .tv_sec = OWNERS_SHOWN_TIME };
	return owner_write(c, to, &st, sizeof(st));
}

static int64_t give_statx(const struct owner_call *c, const struct owner_place *p, unsigned flags,
			  unsigned mask, uint64_t to)
{
	struct owners_ids ids;
	struct statx sx;
	struct stat st;

	if (fstatat(AT_FDCWD, p->path, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ||
	    owner_is_ours(c, &st) || !owners_read(p->path, p->follow, &st, &ids) ||
	    statx(AT_FDCWD, p->path,
		  (flags & AT_STATX_SYNC_TYPE) | (p->follow ? 0 : AT_SYMLINK_NOFOLLOW), mask,
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
	_cleanup_place_ struct owner_place p = { .fd = -1 };
	const uint64_t *a = c->args;
	int r;

	switch (c->nr) {
	case SYS_fstat:
		r = owner_locate_fd(c, (int)a[0], &p);
		return r < 0 ? OWNER_PROCEED : give_stat(c, &p, a[1]);
#ifdef SYS_stat
	case SYS_stat:
		r = owner_locate(c, AT_FDCWD, a[0], 0, &p);
		return r < 0 ? OWNER_PROCEED : give_stat(c, &p, a[1]);
	case SYS_lstat:
		r = owner_locate(c, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &p);
		return r < 0 ? OWNER_PROCEED : give_stat(c, &p, a[1]);
#endif
#ifdef SYS_newfstatat
	case SYS_newfstatat:
		r = owner_locate(c, (int)a[0], a[1], (unsigned)a[3], &p);
		return r < 0 ? OWNER_PROCEED : give_stat(c, &p, a[2]);
#endif
	case SYS_statx:
		r = owner_locate(c, (int)a[0], a[1], (unsigned)a[2], &p);
		return r < 0 ? OWNER_PROCEED
			     : give_statx(c, &p, (unsigned)a[2], (unsigned)a[3], a[4]);
	default:
		return OWNER_PROCEED;
	}
}
