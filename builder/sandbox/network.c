/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/nsfs.h>

#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/network_probe.h"
#include "builder/sandbox/report.h"
#include "builder/sandbox/spawn.h"
#include "layers/base/fd.h"

/* The helper's end of things: standard descriptors and the namespace, which its arguments name. */
enum { FD_NETNS = 3, FD_HIGH = 64, HELPER_ARGS = 24, OUTPUT_MAX = 1 << 16 };
#define NETNS "/proc/self/fd/3"

struct helper {
	const char *argv[HELPER_ARGS];
};

static const struct helper helpers[] = {
	{ { "pasta", "--config-net", "--quiet", "--foreground", "--no-map-gw", "-t", "none", "-u",
	    "none", "-T", "none", "-U", "none", "--dns-forward", NETWORK_NAMESERVER,
	    "--no-netns-quit", "--netns", NETNS } },
	{ { "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
	    "--enable-sandbox", "--enable-seccomp", "--netns-type=path", NETNS, "tap0" } },
};

/* A namespace that nobody is in, only its descriptor: a child that shares our descriptors makes it and puts it in place
 * of the one that is there. */
static int new_namespace(struct gg_err *err)
{
	_cleanup_close_ int slot = gg_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
	int pidfd = -1, status = 0;
	pid_t pid;

	if (slot < 0)
		return -1;
	pid = spawn_clone(CLONE_NEWNET | CLONE_FILES, &pidfd);
	if (pid == 0) {
		int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		bool good = fd >= 0 && dup3(fd, slot, O_CLOEXEC) == slot;

		close(fd);
		_exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	if (pid < 0)
		return gg_fail_errno(err, "create a network namespace");
	gg_close(pidfd);
	waitpid(pid, &status, 0);
	if (status != 0 || ioctl(slot, NS_GET_NSTYPE) != CLONE_NEWNET)
		return gg_fail(err, GG_SYSTEM, "open the new network namespace");
	return gg_steal_fd(&slot);
}

static _Noreturn void exec_helper(const struct helper *h, int netns, int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int from[] = { null, output, output, netns };

	/* Not the terminal's: its interrupt is for the builder, who ends us. */
	setsid();
	signal(SIGPIPE, SIG_DFL);
	for (size_t i = 0; i < GG_LEN(from); i++)
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FD_HIGH);
	for (int i = 0; i < (int)GG_LEN(from); i++)
		dup2(from[i], i);
	close_range(FD_NETNS + 1, ~0u, 0);
	execvp(h->argv[0], (char *const *)h->argv);
	dprintf(STDERR_FILENO, "%s\n", errno == ENOENT ? NETWORK_ABSENT : strerror(errno));
	_exit(127);
}

static int put_tun(int tun_mount, struct gg_err *err)
{
	_cleanup_close_ int target = gg_openat(AT_FDCWD, "/dev/net/tun", O_PATH, 0, err);

	return target < 0 ? -1 : mountapi_attach(tun_mount, target, "/dev/net/tun", err);
}

/* Pid 1 of the helper's namespace: what kills it kills the helper, which may have changed its ids and so lost every
 * wish to die with its parent. */
static _Noreturn void guard(const struct helper *h, int netns, int tun_mount, int output, int sock)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int status = 0;
	pid_t pid;
	char c;

	/* An answer comes from whoever lived when the death signal was set. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    send(sock, "", 1, MSG_NOSIGNAL) != 1 || recv(sock, &c, 1, 0) != 1)
		_exit(EXIT_FAILURE);
	if (tun_mount >= 0 && put_tun(tun_mount, &err) < 0) {
		dprintf(output, "%s\n", err.text);
		_exit(EXIT_FAILURE);
	}
	pid = fork();
	if (pid == 0)
		exec_helper(h, netns, output);
	while (pid > 0 && waitpid(pid, &status, 0) != pid && errno == EINTR)
		;
	_exit(EXIT_FAILURE);
}

static int start_helper(const struct helper *h, int netns, int tun, int output, struct network *ret,
			struct gg_err *err)
{
	_cleanup_close_ int tun_mount = tun >= 0 ? mountapi_clone(tun, "", err) : -1;
	int sv[2];
	char c;

	if ((tun >= 0 && tun_mount < 0) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "start it");
	ret->pid = spawn_clone(CLONE_NEWPID | CLONE_NEWNS, &ret->pidfd);
	if (ret->pid == 0) {
		gg_close(sv[0]);
		guard(h, netns, tun_mount, output, sv[1]);
	}
	gg_close(sv[1]);
	if (ret->pid < 0 || recv(sv[0], &c, 1, 0) != 1 || send(sv[0], "", 1, MSG_NOSIGNAL) != 1)
		gg_fail_errno(err, "start it");
	gg_close(sv[0]);
	return ret->pid < 0 || err->kind != GG_OK ? -1 : 0;
}

/* In a child: who has entered a network of the user namespace's cannot come back to the host's. */
static int try_network(int netns, const struct network *n, unsigned flags, struct gg_err *err)
{
	struct report done = { .type = REPORT_DONE }, r;
	int sv[2], got, pidfd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = spawn_clone(0, &pidfd);
	if (pid == 0) {
		_cleanup_err_ struct gg_err mine = GG_ERR_INIT;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (network_probe(netns, n->pidfd, flags, &mine) < 0)
			report_send_error(sv[1], &mine);
		else
			report_send(sv[1], &done);
		_exit(EXIT_SUCCESS);
	}
	gg_close(sv[1]);
	got = pid < 0 ? gg_fail_errno(err, "fork") : report_receive(sv[0], &r, err);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	gg_close(pidfd);
	gg_close(sv[0]);
	if (got > 0)
		return r.type == REPORT_ERROR ? report_fail(&r, err) : 0;
	return got < 0 ? -1 : gg_fail(err, GG_SYSTEM, "the process that tried it died");
}

/* What a helper that gave up said last, else what we know. */
static void add_reason(struct gg_buf *reasons, const struct helper *h, int output,
		       const struct gg_err *err)
{
	char text[OUTPUT_MAX];
	ssize_t n = pread(output, text, sizeof(text) - 1, 0);
	const char *line;
	char *end;

	text[n > 0 ? n : 0] = '\0';
	for (line = text; (end = strrchr(text, '\n')); *end = '\0') {
		line = end + 1;
		/* slirp4netns warns about options that it was asked for. */
		if (*line && !gg_starts(line, "WARNING:"))
			break;
		line = text;
	}
	gg_buf_printf(reasons, "%s%s: %.200s", reasons->len ? "; " : "", h->argv[0],
		      *line ? line : err->text);
}

static int connect_by(const struct helper *h, int tun, unsigned flags, int output,
		      struct network *ret, struct gg_err *err)
{
	_cleanup_network_ struct network n = NETWORK_INIT;
	_cleanup_close_ int netns = new_namespace(err);

	if (netns < 0 || start_helper(h, netns, tun, output, &n, err) < 0 ||
	    try_network(netns, &n, flags, err) < 0)
		return -1;
	if (setns(netns, CLONE_NEWNET) < 0)
		return gg_fail_errno(err, "enter the network namespace");
	n.helper = h->argv[0];
	*ret = n;
	n = (struct network)NETWORK_INIT;
	return 0;
}

int network_isolate(int tun, unsigned flags, struct network *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf reasons = { 0 };

	*ret = (struct network)NETWORK_INIT;
	for (size_t i = 0; i < GG_LEN(helpers); i++) {
		_cleanup_close_ int output = memfd_create("network", MFD_CLOEXEC);
		_cleanup_err_ struct gg_err this = GG_ERR_INIT;

		if (output < 0)
			return gg_fail_errno(err, "memfd_create");
		if (connect_by(&helpers[i], tun, flags, output, ret, &this) == 0)
			return 0;
		add_reason(&reasons, &helpers[i], output, &this);
	}
	return gg_fail(err, GG_SYSTEM, "%s", reasons.data);
}

void network_done(struct network *n)
{
	if (n->pid > 0) {
		kill(n->pid, SIGKILL);
		waitpid(n->pid, NULL, 0);
	}
	gg_close(n->pidfd);
	*n = (struct network)NETWORK_INIT;
}
