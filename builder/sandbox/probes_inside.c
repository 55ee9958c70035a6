/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/probes.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/filter.h"
#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/mounts.h"
#include "builder/sandbox/overlay.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/spawn.h"
#include "layers/base/fd.h"

PROBE(namespaces)
{
	int pidfd = -1;
	pid_t pid = spawn_clone(SANDBOX_NAMESPACES | CLONE_NEWNET, &pidfd);

	(void)p;
	if (pid == 0)
		_exit(EXIT_SUCCESS);
	if (pid < 0) {
		gg_fail_errno(err, "create the sandbox's namespaces");
		explain_namespaces(err);
		return ABILITY_MISSING;
	}
	gg_close(pidfd);
	waitpid(pid, NULL, 0);
	gg_buf_puts(seen, "mount, pid, ipc, uts, network, cgroup");
	return ABILITY_OK;
}

static int try_mounts(struct gg_err *err)
{
	_cleanup_close_ int fs = mountapi_new("tmpfs", NULL, 0, 0, err), copy = -1, top = -1;

	if (fs < 0)
		return -1;
	copy = mountapi_clone(fs, "", err);
	top = gg_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, err);
	if (copy < 0 || top < 0 || mountapi_attach(copy, top, "/proc", err) < 0)
		return -1;
	return mountapi_restrict(copy, MOUNT_ATTR_RDONLY, err);
}

PROBE(mount_api)
{
	(void)p;
	if (try_mounts(err) < 0) {
		explain_overlay(err);
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, "file systems are mounted by descriptor");
	return ABILITY_OK;
}

/* A process of a new pid namespace shall mount it, in a mount namespace that shows the old one. */
PROBE(proc)
{
	int pidfd = -1, status = -1;
	pid_t pid = spawn_clone(CLONE_NEWPID | CLONE_NEWNS, &pidfd);
	_cleanup_close_ int proc = -1;

	(void)p;
	if (pid < 0) {
		gg_fail_errno(err, "create a pid namespace");
		return ABILITY_MISSING;
	}
	if (pid > 0) {
		/* The answer is the child's: it writes where we would have. */
		gg_close(pidfd);
		waitpid(pid, &status, 0);
		_exit(status != 0);
	}
	proc = mounts_new_proc(err);
	if (proc < 0)
		return ABILITY_MISSING;
	gg_buf_puts(seen, "can be mounted afresh");
	return ABILITY_OK;
}

struct layers {
	int lower, upper, work;
};

static void layers_done(struct layers *l)
{
	gg_close(l->lower);
	gg_close(l->upper);
	gg_close(l->work);
}
#define _cleanup_layers_ GG_CLEANUP(layers_done)

static int layers_make(int dir, struct layers *ret, struct gg_err *err)
{
	static const char *const names[] = { "lower", "upper", "work" };
	int *const fds[] = { &ret->lower, &ret->upper, &ret->work };

	ret->lower = ret->upper = ret->work = -1;
	for (size_t i = 0; i < GG_LEN(names); i++) {
		if (mkdirat(dir, names[i], 0755) < 0)
			return gg_fail_errno(err, "make a directory in the store");
		*fds[i] = gg_openat(dir, names[i], O_RDONLY | O_DIRECTORY, 0, err);
		if (*fds[i] < 0)
			return -1;
	}
	return 0;
}

/* A file goes, a directory is replaced: what a step's changes are made of. */
static int change(int root, struct gg_err *err)
{
	if (unlinkat(root, "gone", 0) < 0)
		return gg_fail_errno(err, "remove a file of the lower layer");
	if (unlinkat(root, "again/inner", 0) < 0 || unlinkat(root, "again", AT_REMOVEDIR) < 0 ||
	    mkdirat(root, "again", 0755) < 0)
		return gg_fail_errno(err, "replace a directory of the lower layer");
	return 0;
}

static int check_changes(int upper, struct gg_err *err)
{
	_cleanup_close_ int again = -1;
	struct stat st;
	char opaque;

	if (fstatat(upper, "gone", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "find the whiteout");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != 0)
		return gg_fail(err, GG_SYSTEM, "the whiteout is no character device 0/0");
	again = gg_openat(upper, "again", O_RDONLY | O_DIRECTORY, 0, err);
	if (again < 0)
		return -1;
	if (fgetxattr(again, "user.overlay.opaque", &opaque, 1) != 1)
		return gg_fail_errno(err, "read the attribute of an opaque directory");
	return 0;
}

static int try_overlay(int dir, struct gg_err *err)
{
	_cleanup_layers_ struct layers l = { -1, -1, -1 };
	_cleanup_close_ int root = -1, file = -1, inner = -1;

	if (layers_make(dir, &l, err) < 0)
		return -1;
	file = gg_openat(l.lower, "gone", O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (file < 0 || gg_mkdirs(l.lower, "again", 0755, err) < 0)
		return -1;
	inner = gg_openat(l.lower, "again/inner", O_WRONLY | O_CREAT | O_EXCL, 0644, err);
	if (inner < 0)
		return -1;
	root = overlay_mount_layers(&l.lower, 1, l.upper, l.work, err);
	if (root < 0)
		return -1;
	if (change(root, err) == 0 && check_changes(l.upper, err) == 0)
		return 0;
	/* Mounted, but the file system keeps no marks of changes. */
	err->errnum = EOPNOTSUPP;
	explain_overlay(err);
	return -1;
}

PROBE(overlay)
{
	if (try_overlay(p->dir, err) < 0)
		return ABILITY_MISSING;
	gg_buf_puts(seen, "roots of steps are mounted on the store, nothing is copied");
	return ABILITY_OK;
}

/* Whether the filter that steps have is obeyed: without it, setns(2) says EBADF to a descriptor that
 * is none. */
PROBE(filter)
{
	_cleanup_filter_ struct filter f = { 0 };
	int no_listener;

	(void)p;
	filter_make(0, NULL, &f);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		gg_fail_errno(err, "set no_new_privs");
		return ABILITY_MISSING;
	}
	if (filter_load(&f, &no_listener, err) < 0)
		return ABILITY_MISSING;
	if (syscall(SYS_setns, -1, 0) != -1 || errno != EPERM) {
		gg_fail(err, GG_SYSTEM, "the filter is there and not obeyed");
		return ABILITY_MISSING;
	}
	gg_buf_printf(seen, "a filter of %zu instructions is in force for every step", f.n);
	return ABILITY_OK;
}

/* The whole of it: a sandbox whose command does not exist. When that is all that goes wrong, a step can run. */
static int try_step(int dir, struct gg_err *err)
{
	static const char *const argv[] = { "/no such command", NULL };
	_cleanup_layers_ struct layers l = { -1, -1, -1 };
	_cleanup_sandbox_ struct sandbox *s = NULL;
	struct sandbox_result result;
	struct sandbox_spec spec = { .n_lowers = 1,
				     .argv = argv,
				     .workdir = "/",
				     .stdout_fd = STDERR_FILENO,
				     .stderr_fd = STDERR_FILENO };

	if (layers_make(dir, &l, err) < 0)
		return -1;
	spec.lowers = &l.lower;
	spec.upper = l.upper;
	spec.work = l.work;
	if (sandbox_start(&spec, &s, err) < 0)
		return -1;
	return sandbox_wait(s, &result, err);
}

PROBE(step)
{
	if (try_step(p->dir, err) < 0 && (err->kind != GG_STEP || err->errnum != ENOENT))
		return ABILITY_MISSING;
	gg_buf_puts(seen, "a whole sandbox was made");
	return ABILITY_OK;
}
