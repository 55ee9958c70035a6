/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/lone.h"
#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"
#include "layers/base/owners.h"

#define HARDENED (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* Binds `source`/`path` on `target`/`name`, with more attributes than it has. */
static int bind_on(int source, const char *path, int target_dir, const char *name, uint64_t attrs,
		   struct gg_err *err)
{
	_cleanup_close_ int target = openat(target_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int mount_fd = -1;

	if (target < 0)
		return gg_fail_errno(err, "open the mount point '%s'", name);
	mount_fd = mountapi_clone(source, path, err);
	if (mount_fd < 0 || mountapi_attach(mount_fd, target, name, err) < 0)
		return -1;
	return attrs ? mountapi_restrict(mount_fd, attrs, err) : 0;
}

static int mount_top(int mount_fd, int root, const char *name, struct gg_err *err)
{
	_cleanup_close_ int target =
		gg_openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0, err);

	if (target < 0)
		return -1;
	return mountapi_attach(mount_fd, target, name, err);
}

/* A host's device node, bound only if it is the device that its name says. */
static int bind_device(int dev, const char *name, unsigned minor_number, unsigned major_number,
		       struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("/dev/%s", name);
	_cleanup_close_ int node = gg_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, err),
			    place = -1;
	struct stat st;

	if (node < 0)
		return gg_hint(
			err, "the host's /dev must hold null, zero, full, random, urandom and tty");
	if (fstat(node, &st) < 0)
		return gg_fail_errno(err, "stat '%s'", path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_number, minor_number))
		return gg_fail(err, GG_SYSTEM, "'%s' of the host is not the character device %u:%u",
			       path, major_number, minor_number);
	place = gg_openat(dev, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, err);
	if (place < 0)
		return -1;
	return bind_on(node, "", dev, name, 0, err);
}

static int fill_dev(int dev, struct gg_err *err)
{
	static const struct {
		const char *name;
		unsigned major, minor;
	} nodes[] = {
		{ "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
		{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
	};
	static const char *const links[][2] = {
		{ "/proc/self/fd", "fd" },       { "/proc/self/fd/0", "stdin" },
		{ "/proc/self/fd/1", "stdout" }, { "/proc/self/fd/2", "stderr" },
		{ "pts/ptmx", "ptmx" },
	};

	for (size_t i = 0; i < GG_LEN(nodes); i++)
		if (bind_device(dev, nodes[i].name, nodes[i].minor, nodes[i].major, err) < 0)
			return -1;
	for (size_t i = 0; i < GG_LEN(links); i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			return gg_fail_errno(err, "make '/dev/%s'", links[i][1]);
	if (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 0755) < 0)
		return gg_fail_errno(err, "make the directories of /dev");
	return 0;
}

static int mount_dev(int root, struct gg_err *err)
{
	static const struct mountapi_option top[] = { { "mode", "0755" }, { "size", "64m" } };
	static const struct mountapi_option pts[] = {
		{ "newinstance", NULL }, { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", "5" }
	};
	static const struct mountapi_option shm[] = { { "mode", "1777" }, { "size", "64m" } };
	_cleanup_close_ int dev = -1, pts_fd = -1, shm_fd = -1;

	dev = mountapi_new("tmpfs", top, GG_LEN(top), MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (dev < 0 || mount_top(dev, root, "dev", err) < 0 || fill_dev(dev, err) < 0)
		return -1;
	/* Where one id is all there is, a terminal has no group of its own. */
	pts_fd = mountapi_new("devpts", pts, GG_LEN(pts) - lone_id(),
			      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (pts_fd < 0 || mount_top(pts_fd, dev, "pts", err) < 0)
		return -1;
	shm_fd = mountapi_new("tmpfs", shm, GG_LEN(shm), HARDENED, err);
	if (shm_fd < 0)
		return -1;
	return mount_top(shm_fd, dev, "shm", err);
}

/* Files become /dev/null, directories empty; what this kernel does not have needs no mask. */
static int mask_proc(int empty, int root, int proc, struct gg_err *err)
{
	static const char *const masked[] = { "acpi",       "asound",        "interrupts",  "kcore",
					      "keys",       "latency_stats", "sched_debug", "scsi",
					      "timer_list", "timer_stats" };
	static const char *const read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };
	_cleanup_close_ int null = gg_openat(root, "dev/null", O_PATH | O_NOFOLLOW, 0, err);
	struct stat st;

	if (null < 0)
		return -1;
	for (size_t i = 0; i < GG_LEN(masked); i++) {
		int r;

		if (fstatat(proc, masked[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		r = bind_on(S_ISDIR(st.st_mode) ? empty : null, "", proc, masked[i], 0, err);
		if (r < 0)
			return -1;
	}
	for (size_t i = 0; i < GG_LEN(read_only); i++) {
		if (fstatat(proc, read_only[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (bind_on(proc, read_only[i], proc, read_only[i], HARDENED | MOUNT_ATTR_RDONLY,
			    err) < 0)
			return -1;
	}
	return 0;
}

/* Behind seccomp, a second wall: the kernel refuses user namespaces below ours. The sysctl is our namespace's own. */
static int forbid_user_namespaces(int proc, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(proc, "sys/user/max_user_namespaces", O_WRONLY, 0, err);

	if (fd < 0)
		return -1;
	return gg_write_all(fd, "0\n", 2, err);
}

int mounts_new_proc(struct gg_err *err)
{
	int proc = mountapi_new("proc", NULL, 0, HARDENED, err);

	if (proc < 0)
		explain_proc(err);
	return proc;
}

static int mount_proc(int empty, int root, struct gg_err *err)
{
	_cleanup_close_ int proc = mounts_new_proc(err);

	if (proc < 0)
		return -1;
	if (mount_top(proc, root, "proc", err) < 0 || forbid_user_namespaces(proc, err) < 0)
		return -1;
	return mask_proc(empty, root, proc, err);
}

/* Recorded only where a tmpfs has such attributes (Linux 6.6): it can be read in any case. */
static int give(const struct sandbox_spec *spec, int fd)
{
	if (!(spec->flags & SANDBOX_OWNERSHIP))
		return fchown(fd, spec->uid, spec->gid);
	(void)owners_write_fd(fd, (struct owners_ids){ .uid = spec->uid, .gid = spec->gid });
	return 0;
}

/* The bytes as a file on the tmpfs that /sys will be; a detached mount of it. */
static int make_file(int sys, const struct sandbox_spec *spec, const struct sandbox_mount *m,
		     struct gg_err *err)
{
	bool secret = m->flags & SANDBOX_SECRET;
	_cleanup_close_ int fd = gg_openat(sys, "bytes", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
					   secret ? 0400 : 0444, err);

	if (fd < 0 || gg_write_all(fd, m->bytes, m->len, err) < 0)
		return -1;
	if (secret && give(spec, fd) < 0)
		return gg_fail_errno(err, "give the secret to uid %u", spec->uid);
	return mountapi_clone(sys, "bytes", err);
}

static int attach_source(int sys, const struct sandbox_spec *spec, int root,
			 const struct mounts_source *source, struct gg_err *err)
{
	const struct sandbox_mount *m = source->spec;
	_cleanup_close_ int target = gg_openat_in(root, m->target, O_PATH, 0, err), made = -1;
	bool bytes = m->flags & (SANDBOX_SECRET | SANDBOX_BYTES);
	uint64_t attrs = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID;
	int mount_fd = source->mount;

	if (target < 0)
		return -1;
	if (bytes)
		mount_fd = made = make_file(sys, spec, m, err);
	if (mount_fd < 0 || mountapi_attach(mount_fd, target, m->target, err) < 0)
		return -1;
	/* Mounted, it needs no name; the kernel attaches nothing that has lost its name before. */
	if (bytes && unlinkat(sys, "bytes", 0) < 0)
		return gg_fail_errno(err, "unlink what is mounted on '%s'", m->target);
	if (bytes || (m->flags & SANDBOX_RO))
		attrs |= MOUNT_ATTR_RDONLY;
	return mountapi_restrict(mount_fd, attrs, err);
}

/* An empty /sys, whose copies also hide directories of /proc. The spec's mounts come before /dev and /proc: where a
 * symlink of the image leads there, they end up on what the image has, and are covered. */
static int build(const struct sandbox_spec *spec, int root, const struct mounts_source *sources,
		 size_t n, struct gg_err *err)
{
	static const struct mountapi_option options[] = { { "mode", "0555" }, { "size", "64m" } };
	_cleanup_close_ int sys = mountapi_new("tmpfs", options, GG_LEN(options), HARDENED, err);

	if (sys < 0 || mount_top(sys, root, "sys", err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (attach_source(sys, spec, root, &sources[i], err) < 0)
			return -1;
	if (mountapi_restrict(sys, MOUNT_ATTR_RDONLY, err) < 0 || mount_dev(root, err) < 0)
		return -1;
	return mount_proc(sys, root, err);
}

/* The old root lands on top of the new one and is let go with everything below it. Whether anything is left over the
 * root shows in "/..", which crosses into it. */
static int pivot(int root, int host_root, struct gg_err *err)
{
	struct stat here, above;

	if (fchdir(root) < 0)
		return gg_fail_errno(err, "enter the new root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return gg_fail_errno(err, "pivot_root");
	if (fchdir(host_root) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return gg_fail_errno(err, "let the host's root go");
	if (fstat(root, &here) < 0 || stat("/..", &above) < 0)
		return gg_fail_errno(err, "stat the new root");
	if (here.st_dev != above.st_dev || here.st_ino != above.st_ino)
		return gg_fail(err, GG_INTERNAL, "something is still mounted over the new root");
	return 0;
}

int mounts_enter(const struct sandbox_spec *spec, int root, const struct mounts_source *sources,
		 size_t n, struct gg_err *err)
{
	_cleanup_close_ int host_root = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return gg_fail_errno(err, "make the mounts private");
	host_root = gg_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, err);
	if (host_root < 0 || mountapi_attach(root, host_root, "/", err) < 0)
		return -1;
	if (build(spec, root, sources, n, err) < 0)
		return -1;
	if ((spec->flags & SANDBOX_READ_ONLY_ROOT) &&
	    mountapi_restrict(root, MOUNT_ATTR_RDONLY, err) < 0)
		return -1;
	return pivot(root, host_root, err);
}
