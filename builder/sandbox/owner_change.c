/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* chown(2): root may all, an owner may give to one of its groups. */
static bool may_change(const struct owner_call *c, struct owners_ids now, uint32_t uid,
		       uint32_t gid)
{
	const struct owner_creds *creds = owner_creds_of(c);

	if (creds->fsuid == 0 || (uid == UINT32_MAX && gid == UINT32_MAX))
		return true;
	if (creds->fsuid != now.uid || (uid != UINT32_MAX && uid != now.uid))
		return false;
	return gid == UINT32_MAX || gid == now.gid || owner_in_group(creds, gid);
}

static int64_t change(const struct owner_call *c, int fd, uint32_t uid, uint32_t gid)
{
	struct owners_ids ids;
	struct stat st;
	char buf[OWNER_FD_PATH];
	const char *path = owner_fd_path(fd, buf);

	if (fstat(fd, &st) < 0)
		return -errno;
	owners_read(path, true, &st, &ids);
	if ((uid != UINT32_MAX && uid >= OWNERS_LIMIT) ||
	    (gid != UINT32_MAX && gid >= OWNERS_LIMIT))
		return -EINVAL;
	if (!may_change(c, ids, uid, gid))
		return -EPERM;
	if (fchownat(fd, "", uid == UINT32_MAX ? uid : 0, gid == UINT32_MAX ? gid : 0,
		     AT_EMPTY_PATH) < 0)
		return -errno;
	if (uid != UINT32_MAX)
		ids.uid = uid;
	if (gid != UINT32_MAX)
		ids.gid = gid;
	if (owners_write(path, true, &st, ids) == 0)
		return 0;
	/* What has no place for a record (/proc, /dev/pts, old tmpfs) is no part of any result. */
	return errno == ENOTSUP || errno == EPERM || errno == EACCES ? 0 : -errno;
}

static int64_t change_at(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags,
			 uint64_t uid, uint64_t gid)
{
	_cleanup_close_ int fd = owner_open(c, dirfd, path, flags);

	/* A link that only the kernel may judge. */
	if (fd == -ELOOP)
		return OWNER_PROCEED;
	return fd < 0 ? fd : change(c, fd, (uint32_t)uid, (uint32_t)gid);
}

int64_t owner_call_change(struct owner_call *c)
{
	const uint64_t *a = c->args;
	unsigned flags;
	int64_t r;

	switch (c->nr) {
#ifdef SYS_chown
	case SYS_chown:
		return change_at(c, AT_FDCWD, a[0], 0, a[1], a[2]);
	case SYS_lchown:
		return change_at(c, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, a[1], a[2]);
#endif
	case SYS_fchown:
		if ((int)a[0] < 0)
			return -EBADF;
		r = change_at(c, (int)a[0], 0, AT_EMPTY_PATH, a[1], a[2]);
		/* A number that is none is no missing file. */
		return r == -ENOENT ? -EBADF : r;
	case SYS_fchownat:
		flags = (unsigned)a[4];
		if (flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
			return -EINVAL;
		return change_at(c, (int)a[0], a[1], flags, a[2], a[3]);
	default:
		return OWNER_PROCEED;
	}
}
