/* SPDX-License-Identifier: Apache-2.0
 *
 * The check is the real thing: a sandbox on an overlay in the store's file system, whose command does not exist. When
 * all that goes wrong is that the command is not found, the machine can do everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/report.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/userns.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"

int sandbox_check_kernel(const char *release, struct gg_err *err)
{
	unsigned major, minor;
	struct utsname u;

	if (!release && uname(&u) < 0)
		return gg_fail_errno(err, "read the kernel's version");
	if (!release)
		release = u.release;
	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return gg_fail(err, GG_SYSTEM, "read the kernel's version: '%s'", release);
	if (major > 5 || (major == 5 && minor >= 11))
		return 0;
	gg_fail(err, GG_SYSTEM, "this machine's kernel is Linux %u.%u", major, minor);
	return gg_hint(err, "overlayfs in user namespaces needs Linux 5.11 or newer");
}

static int try_sandbox(int dir, struct gg_err *err)
{
	static const char *const argv[] = { "/no such command", NULL };
	static const char *const names[] = { "lower", "upper", "work" };
	_cleanup_close_ int lower = -1, upper = -1, work = -1;
	_cleanup_sandbox_ struct sandbox *s = NULL;
	int *const fds[] = { &lower, &upper, &work };
	struct sandbox_result result;

	for (size_t i = 0; i < GG_LEN(names); i++) {
		if (mkdirat(dir, names[i], 0755) < 0)
			return gg_fail_errno(err, "make a directory in the store");
		*fds[i] = gg_openat(dir, names[i], O_RDONLY | O_DIRECTORY, 0, err);
		if (*fds[i] < 0)
			return -1;
	}
	struct sandbox_spec spec = { .lowers = &lower,
				     .n_lowers = 1,
				     .upper = upper,
				     .work = work,
				     .argv = argv,
				     .workdir = "/",
				     .stdout_fd = STDERR_FILENO,
				     .stderr_fd = STDERR_FILENO };

	if (sandbox_start(&spec, &s, err) < 0)
		return -1;
	return sandbox_wait(s, &result, err);
}

static _Noreturn void run_child(int dir, int sock)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct report done = { .type = REPORT_DONE };

	if (try_sandbox(dir, &err) < 0 && (err.kind != GG_STEP || err.errnum != ENOENT))
		report_send_error(sock, &err);
	else
		report_send(sock, &done);
	_exit(EXIT_SUCCESS);
}

static int check_in(int dir, struct userns *ns, struct gg_err *err)
{
	int sv[2], pidfd = -1, r;
	struct report report;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = userns_fork(ns, &pidfd, err);
	if (pid == 0)
		run_child(dir, sv[1]);
	gg_close(sv[1]);
	r = pid < 0 ? -1 : report_receive(sv[0], &report, err);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	gg_close(pidfd);
	gg_close(sv[0]);
	if (r > 0)
		return report.type == REPORT_ERROR ? report_fail(&report, err) : 0;
	return r < 0 ? -1 : gg_fail(err, GG_SYSTEM, "the sandbox that was tried died");
}

int sandbox_check(int store_fd, struct gg_err *err)
{
	_cleanup_free_ char *name = gg_temp_name(".check");
	_cleanup_err_ struct gg_err later = GG_ERR_INIT;
	_cleanup_close_ int dir = -1;
	struct userns ns;
	int r = -1;

	if (sandbox_check_kernel(NULL, err) < 0 || userns_detect(&ns, err) < 0)
		return -1;
	if (mkdirat(store_fd, name, 0700) < 0)
		return gg_fail_errno(err, "make a directory in the store");
	dir = gg_openat(store_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (dir >= 0 && fchown(dir, ns.base, ns.base) < 0)
		gg_fail_errno(err, "give a directory of the store to uid %u", ns.base);
	else if (dir >= 0)
		r = check_in(dir, &ns, err);
	if (gg_remove_tree(store_fd, name, &later) < 0)
		gg_log(GG_LOG_WARNING, "%s", later.text);
	return r;
}
