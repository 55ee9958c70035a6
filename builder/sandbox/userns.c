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
#include "layers/base/fd.h"
#include "layers/base/mem.h"

/* What the child tells the parent before userns_fork returns in either. */
struct outcome {
	int errnum; /* 0: ready */
	char what[96];
};

/* Whether ids first…first+count-1 are there to be given away: /proc/self/{uid,gid}_map, "inside outside count". */
static bool ids_available(const char *map, uint32_t first, uint32_t count)
{
	FILE *f = fopen(map, "re");
	unsigned long inside, outside, n;
	bool found = false;

	if (!f)
		return false;
	while (!found && fscanf(f, "%lu %lu %lu", &inside, &outside, &n) == 3)
		found = inside <= first && inside + n >= (unsigned long)first + count;
	fclose(f);
	return found;
}

int userns_detect(struct userns *ret, struct gg_err *err)
{
	ret->base = USERNS_ROOT_BASE;
	ret->count = USERNS_COUNT;
	if (geteuid() != 0) {
		gg_fail(err, GG_SYSTEM, "find a range of user ids for uid %u", (unsigned)geteuid());
		return gg_hint(
			err,
			"run ggbuild as root; builds as an ordinary user are not supported yet");
	}
	if (!ids_available("/proc/self/uid_map", ret->base, ret->count) ||
	    !ids_available("/proc/self/gid_map", ret->base, ret->count)) {
		gg_fail(err, GG_SYSTEM,
			"find user ids %u to %u: this user namespace does not hold them", ret->base,
			ret->base + ret->count - 1);
		return gg_hint(err, "start the container that ggbuild runs in without a user "
				    "namespace of its own, or "
				    "with one that maps these ids");
	}
	return 0;
}

static int write_map(pid_t pid, const char *name, const struct userns *ns, struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("/proc/%d/%s", (int)pid, name);
	_cleanup_free_ char *line = gg_asprintf("0 %u %u\n", ns->base, ns->count);
	_cleanup_close_ int fd = gg_openat(AT_FDCWD, path, O_WRONLY, 0, err);

	if (fd < 0)
		return -1;
	/* The kernel takes a map in one write or not at all. */
	if (write(fd, line, strlen(line)) < 0)
		return gg_fail_errno(err, "write '%s' (%u ids from %u)", name, ns->count, ns->base);
	return 0;
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

static int enter(pid_t parent, struct gg_err *err)
{
	if (reopen_directories(err) < 0)
		return -1;
	if (setgroups(0, NULL) < 0)
		return gg_fail_errno(err, "drop supplementary groups");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return gg_fail_errno(err, "become root of the user namespace");
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
static int run_child(pid_t parent, int sock)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct outcome out = { .errnum = 0 };
	char go;
	int r;

	if (recv(sock, &go, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	r = enter(parent, &err);
	if (r < 0) {
		out.errnum = err.errnum ? err.errnum : EINVAL;
		snprintf(out.what, sizeof(out.what), "%s", err.text);
	}
	if (send(sock, &out, sizeof(out), MSG_NOSIGNAL) != sizeof(out) || r < 0)
		_exit(EXIT_FAILURE);
	return 0;
}

static int finish_parent(pid_t pid, int sock, const struct userns *ns, struct gg_err *err)
{
	struct outcome out;
	ssize_t n;

	if (write_map(pid, "uid_map", ns, err) < 0 || write_map(pid, "gid_map", ns, err) < 0)
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

pid_t userns_fork(const struct userns *ns, int *ret_pidfd, struct gg_err *err)
{
	int sv[2], pidfd = -1;
	pid_t parent = getpid(), pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = spawn_clone(CLONE_NEWUSER | CLONE_NEWNS, &pidfd);
	*ret_pidfd = -1;
	if (pid < 0) {
		gg_fail_errno(err, "create a user namespace");
		explain_userns(err);
		gg_close(sv[0]);
		gg_close(sv[1]);
		return -1;
	}
	gg_close(sv[pid == 0 ? 0 : 1]);
	if (pid == 0) {
		run_child(parent, sv[1]);
		gg_close(sv[1]);
		return 0;
	}
	if (finish_parent(pid, sv[0], ns, err) < 0) {
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
