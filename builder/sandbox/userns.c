/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/userns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/keyctl.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/spawn.h"
#include "builder/sandbox/userns_make.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

/* What the child tells the parent before userns_fork returns in either. */
struct outcome {
	int errnum; /* 0: ready */
	char what[96];
};

int userns_settle(struct userns *ns, struct gg_err *err)
{
	while (!ns->settled) {
		_cleanup_err_ struct gg_err refused = GG_ERR_INIT;

		if (userns_try(ns, &refused) == 0) {
			ns->settled = true;
			break;
		}
		if (ns->choice != USERNS_AUTO) {
			gg_err_move(err, &refused);
			return -1;
		}
		gg_err_done(&ns->why);
		gg_err_move(&ns->why, &refused);
		userns_next(ns);
	}
	return 0;
}

int userns_allows_sandbox(const struct userns *ns, struct gg_err *err)
{
	if (ns->kind != USERNS_NONE)
		return 0;
	gg_fail(err, GG_SYSTEM, "a sandbox is needed, and there are no user namespaces: %s",
		ns->why.text ? ns->why.text : "--userns none forbids them");
	if (ns->why.text)
		err->errnum = ns->why.errnum;
	if (ns->why.hint)
		gg_hint(err, "%s", ns->why.hint);
	return -1;
}

void userns_done(struct userns *ns)
{
	gg_err_done(&ns->why);
}

/*
 * The kernel mounts only what belongs to the mounter's own mount namespace, and descriptors that were opened before
 * the clone belong to the old one. So every directory is opened again by its path and put in the place of the old
 * descriptor, while the process still has the parent's ids: 0700 directories on the way are the parent's. The path
 * is checked by what it leads to: device and inode must be the same. What cannot be reached stays as it is.
 */
static void reopen(int fd)
{
	char link[64], path[PATH_MAX];
	struct stat old, new;
	int flags = fcntl(fd, F_GETFL), keep = fcntl(fd, F_GETFD), again;
	ssize_t len;

	if (flags < 0 || fstat(fd, &old) < 0 || (!S_ISDIR(old.st_mode) && !(flags & O_PATH)))
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0 || path[0] != '/')
		return;
	path[len] = '\0';
	again = open(path, (flags & (O_PATH | O_ACCMODE)) |
				   (S_ISDIR(old.st_mode) ? O_DIRECTORY : 0) | O_NOFOLLOW |
				   O_CLOEXEC);
	if (again < 0)
		return;
	if (fstat(again, &new) == 0 && new.st_dev == old.st_dev &&new.st_ino == old.st_ino)
		dup3(again, fd, (keep & FD_CLOEXEC) ? O_CLOEXEC : 0);
	close(again);
}

static int reopen_directories(struct gg_err *err)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return gg_fail_errno(err, "open '/proc/self/fd'");
	while ((e = readdir(dir))) {
		char *end;
		long fd = strtol(e->d_name, &end, 10);

		if (end != e->d_name && *end == '\0' && fd != dirfd(dir))
			reopen((int)fd);
	}
	closedir(dir);
	return 0;
}

static int enter(const struct userns *ns, struct gg_err *err)
{
	if (reopen_directories(err) < 0)
		return -1;
	if (ns->kind != USERNS_SINGLE && setgroups(0, NULL) < 0)
		return gg_fail_errno(err, "drop supplementary groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return gg_fail_errno(err, "become root of the user namespace");
	return 0;
}

static int start(const struct userns *ns, pid_t parent, struct gg_err *err)
{
	if (ns->kind != USERNS_NONE && enter(ns, err) < 0)
		return -1;
	/* A change of ids clears the death signal, so it is set after them; the parent may be gone by then. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return gg_fail_errno(err, "prctl");
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	/* A keyring of the caller must not be possessed in here. Where containers forbid it, seccomp does too. */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	return 0;
}

/* Child: waits for the maps, enters, tells the parent. */
static void run_child(const struct userns *ns, pid_t parent, int sock)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct outcome out = { .errnum = 0 };
	char go;
	int r;

	if (recv(sock, &go, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	r = start(ns, parent, &err);
	if (r < 0) {
		out.errnum = err.errnum ? err.errnum : EINVAL;
		snprintf(out.what, sizeof(out.what), "%s", err.text);
	}
	if (send(sock, &out, sizeof(out), MSG_NOSIGNAL) != sizeof(out) || r < 0)
		_exit(EXIT_FAILURE);
}

static int finish_parent(const struct userns *ns, pid_t pid, int sock, struct gg_err *err)
{
	struct outcome out;
	ssize_t n;

	if (userns_map(ns, pid, err) < 0)
		return -1;
	if (send(sock, "", 1, MSG_NOSIGNAL) != 1)
		return gg_fail_errno(err, "tell the child of its user ids");
	do
		n = recv(sock, &out, sizeof(out), 0);
	while (n < 0 && errno == EINTR);
	if (n != sizeof(out))
		return gg_fail(err, GG_SYSTEM,
			       "the child died while it entered its user namespace");
	if (out.errnum) {
		err->errnum = out.errnum;
		return gg_fail(err, GG_SYSTEM, "%.*s", (int)sizeof(out.what), out.what);
	}
	return 0;
}

pid_t userns_fork(struct userns *ns, int *ret_pidfd, struct gg_err *err)
{
	bool joins = ns->kind == USERNS_SUBUID || ns->kind == USERNS_SINGLE;
	int sv[2], pidfd = -1;
	pid_t parent = getpid(), pid;

	*ret_pidfd = -1;
	if (joins && !ns->inside && userns_settle(ns, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = spawn_clone(ns->kind == USERNS_NONE ? 0 : CLONE_NEWUSER | CLONE_NEWNS, &pidfd);
	if (pid < 0) {
		gg_fail_errno(err, "create a user namespace");
		explain_userns(err);
		gg_close(sv[0]);
		gg_close(sv[1]);
		return -1;
	}
	gg_close(sv[pid == 0 ? 0 : 1]);
	if (pid == 0) {
		run_child(ns, parent, sv[1]);
		gg_close(sv[1]);
		return 0;
	}
	if (finish_parent(ns, pid, sv[0], err) < 0) {
		gg_context(err, "enter a user namespace");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		gg_close(pidfd);
		pidfd = -1;
		pid = -1;
	}
	gg_close(sv[0]);
	*ret_pidfd = pidfd;
	return pid;
}
