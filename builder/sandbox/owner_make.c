/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "layers/base/fd.h"

enum { TMPFILE = O_TMPFILE & ~O_DIRECTORY };

/* Who owns what the caller makes in a directory; false: root and its group, which takes no record. */
static bool heir(const struct owner_call *c, const char *dir, struct owners_ids *ret)
{
	const struct owner_creds *creds = owner_creds_of(c);
	struct owners_ids above;
	struct stat st;

	*ret = (struct owners_ids){ .uid = creds->fsuid, .gid = creds->fsgid };
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_mode & S_ISGID) {
		owners_read(dir, true, &st, &above);
		ret->gid = above.gid;
	}
	return ret->uid || ret->gid;
}

/* Seldom; whether it is so costs less to find out than the directory's descriptor. */
static bool is_ours(const struct owner_call *c, int dirfd, uint64_t path, bool nameless)
{
	_cleanup_place_ struct owner_place p;
	struct owners_ids ids;
	int r = nameless ? owner_locate(c, dirfd, path, 0, &p)
			 : owner_locate_parent(c, dirfd, path, &p);

	return r == 0 && heir(c, p.path, &ids);
}

/* For the object that was just made. Where there is no place for a record it stays root's. */
static int64_t record(int dir, const char *name, struct owners_ids ids)
{
	_cleanup_close_ int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char path[OWNER_FD_PATH];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return 0;
	if (owners_write(owner_fd_path(fd, path), true, &st, ids) == 0)
		return 0;
	return errno == ENOSPC || errno == EOVERFLOW ? -errno : 0;
}

static int64_t hand_over(const struct owner_call *c, int fd, int flags)
{
	struct seccomp_notif_addfd add = { .id = c->id,
					   .flags = SECCOMP_ADDFD_FLAG_SEND,
					   .srcfd = (uint32_t)fd,
					   .newfd_flags = (uint32_t)(flags & O_CLOEXEC) };
	int r = ioctl(c->s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	if (r >= 0)
		return OWNER_DONE;
	/* Before Linux 5.14 in two steps. */
	if (errno != EINVAL)
		return -errno;
	add.flags = 0;
	r = ioctl(c->s->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	return r < 0 ? -errno : r;
}

/* A new file, opened by us; whatever else the call comes to is the kernel's: what is there already, and every error. */
static int64_t make_file(const struct owner_call *c, int dirfd, uint64_t path, int flags,
			 mode_t mode)
{
	bool nameless = (flags & TMPFILE) && (flags & O_DIRECTORY);
	char name[NAME_MAX + 1] = ".", buf[OWNER_FD_PATH];
	_cleanup_close_ int dir = -1, fd = -1;
	struct owners_ids ids;

	if (!is_ours(c, dirfd, path, nameless))
		return OWNER_PROCEED;
	dir = nameless ? owner_open(c, dirfd, path, 0) : owner_open_parent(c, dirfd, path, name);
	if (dir < 0 || !heir(c, owner_fd_path(dir, buf), &ids))
		return OWNER_PROCEED;
	umask(owner_umask(c));
	if (!nameless)
		flags |= O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY;
	fd = openat(dir, name, flags | O_CLOEXEC, mode & 07777);
	if (fd < 0)
		return OWNER_PROCEED;
	if (owners_write_fd(fd, ids) < 0 && errno == ENOSPC)
		return -ENOSPC;
	return hand_over(c, fd, flags);
}

static int make_named(const struct owner_call *c, int dir, const char *name, uint64_t what,
		      mode_t mode)
{
	char target[PATH_MAX];
	int r;

	switch (c->nr) {
#ifdef SYS_mkdir
	case SYS_mkdir:
#endif
	case SYS_mkdirat:
		return mkdirat(dir, name, mode & 07777);
#ifdef SYS_symlink
	case SYS_symlink:
#endif
	case SYS_symlinkat:
		r = owner_read_string(c, what, target);
		return r < 0 ? -1 : symlinkat(target, dir, name);
	default:
		return mknodat(dir, name, mode, 0);
	}
}

static int64_t make(const struct owner_call *c, int dirfd, uint64_t path, uint64_t what,
		    mode_t mode)
{
	char name[NAME_MAX + 1], buf[OWNER_FD_PATH];
	_cleanup_close_ int dir = -1;
	struct owners_ids ids;

	if (!is_ours(c, dirfd, path, false))
		return OWNER_PROCEED;
	dir = owner_open_parent(c, dirfd, path, name);
	if (dir < 0 || !heir(c, owner_fd_path(dir, buf), &ids))
		return OWNER_PROCEED;
	umask(owner_umask(c));
	if (make_named(c, dir, name, what, mode) < 0)
		return OWNER_PROCEED;
	return record(dir, name, ids);
}

/* Devices are the kernel's to refuse, or are whiteouts. */
static bool is_device(mode_t mode)
{
	return S_ISCHR(mode) || S_ISBLK(mode);
}

int64_t owner_call_make(struct owner_call *c)
{
	const uint64_t *a = c->args;

	switch (c->nr) {
#ifdef SYS_open
	case SYS_open:
		return make_file(c, AT_FDCWD, a[0], (int)a[1], (mode_t)a[2]);
	case SYS_creat:
		return make_file(c, AT_FDCWD, a[0], O_CREAT | O_WRONLY | O_TRUNC, (mode_t)a[1]);
	case SYS_mkdir:
		return make(c, AT_FDCWD, a[0], 0, (mode_t)a[1]);
	case SYS_symlink:
		return make(c, AT_FDCWD, a[1], a[0], 0);
	case SYS_mknod:
		return is_device((mode_t)a[1]) ? OWNER_PROCEED
					       : make(c, AT_FDCWD, a[0], 0, (mode_t)a[1]);
#endif
	case SYS_openat:
		return make_file(c, (int)a[0], a[1], (int)a[2], (mode_t)a[3]);
	case SYS_mkdirat:
		return make(c, (int)a[0], a[1], 0, (mode_t)a[2]);
	case SYS_symlinkat:
		return make(c, (int)a[1], a[2], a[0], 0);
	case SYS_mknodat:
		return is_device((mode_t)a[2]) ? OWNER_PROCEED
					       : make(c, (int)a[0], a[1], 0, (mode_t)a[2]);
	default:
		return OWNER_PROCEED;
	}
}
