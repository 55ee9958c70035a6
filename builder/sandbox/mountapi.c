/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/mountapi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* The kernel explains errors of mounts in the context's log, one line "e words" a read. */
static int fail_with_log(int fs, const char *type, const char *what, struct gg_err *err)
{
	int saved = errno;
	char log[256];
	ssize_t n = read(fs, log, sizeof(log) - 1);

	errno = saved;
	if (n <= 2)
		return gg_fail_errno(err, "%s '%s'", what, type);
	log[n] = '\0';
	log[strcspn(log, "\n")] = '\0';
	return gg_fail_errno(err, "%s '%s' (%s)", what, type, log + 2);
}

int mountapi_open(const char *type, struct gg_err *err)
{
	int fs = fsopen(type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return gg_fail_errno(err, "open file system type '%s'", type);
	return fs;
}

int mountapi_set(int fs, const char *type, const char *key, const char *value, struct gg_err *err)
{
	unsigned cmd = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
	char what[64];

	if (fsconfig(fs, cmd, key, value, 0) == 0)
		return 0;
	snprintf(what, sizeof(what), "set option '%s' of", key);
	return fail_with_log(fs, type, what, err);
}

int mountapi_create(int fs, const char *type, uint64_t attrs, struct gg_err *err)
{
	int mount;

	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_with_log(fs, type, "create file system", err);
	mount = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
	if (mount < 0)
		return fail_with_log(fs, type, "mount file system", err);
	return mount;
}

int mountapi_new(const char *type, const struct mountapi_option *options, size_t n, uint64_t attrs,
		 struct gg_err *err)
{
	_cleanup_close_ int fs = mountapi_open(type, err);

	if (fs < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (mountapi_set(fs, type, options[i].key, options[i].value, err) < 0)
			return -1;
	return mountapi_create(fs, type, attrs, err);
}

int mountapi_clone(int fd, const char *path, struct gg_err *err)
{
	int mount = open_tree(fd, path,
			      AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | OPEN_TREE_CLONE |
				      OPEN_TREE_CLOEXEC);

	if (mount < 0)
		return gg_fail_errno(err, "bind '%s'", path);
	return mount;
}

int mountapi_attach(int mount, int target, const char *name, struct gg_err *err)
{
	if (move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
	    0)
		return gg_fail_errno(err, "mount on '%s'", name);
	return 0;
}

/* Linux 5.11. The remount must repeat what the mount has, else the kernel takes it for an attempt to unlock flags. */
static int restrict_by_remount(int mount_fd, uint64_t attrs, struct gg_err *err)
{
	static const struct {
		uint64_t attr;
		unsigned long st, ms;
	} flags[] = {
		{ MOUNT_ATTR_RDONLY, ST_RDONLY, MS_RDONLY },
		{ MOUNT_ATTR_NOSUID, ST_NOSUID, MS_NOSUID },
		{ MOUNT_ATTR_NODEV, ST_NODEV, MS_NODEV },
		{ MOUNT_ATTR_NOEXEC, ST_NOEXEC, MS_NOEXEC },
		{ 0, ST_NOATIME, MS_NOATIME },
		{ 0, ST_NODIRATIME, MS_NODIRATIME },
		{ 0, ST_RELATIME, MS_RELATIME },
	};
	unsigned long ms = MS_REMOUNT | MS_BIND;
	struct statvfs st;
	char path[64];

	if (fstatvfs(mount_fd, &st) < 0)
		return gg_fail_errno(err, "read a mount's flags");
	for (size_t i = 0; i < GG_LEN(flags); i++)
		if ((attrs & flags[i].attr) || (st.f_flag & flags[i].st))
			ms |= flags[i].ms;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mount_fd);
	if (mount(NULL, path, NULL, ms, NULL) < 0)
		return gg_fail_errno(err, "restrict a mount");
	return 0;
}

int mountapi_restrict(int mount_fd, uint64_t attrs, struct gg_err *err)
{
	struct mount_attr attr = { .attr_set = attrs };

	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno == ENOSYS)
		return restrict_by_remount(mount_fd, attrs, err);
	return gg_fail_errno(err, "restrict a mount");
}
