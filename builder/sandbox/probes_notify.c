/* SPDX-License-Identifier: Apache-2.0
 *
 * A filter whose listener answers: seccomp_unotify(2).
 */
#include "builder/sandbox/probes.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/spawn.h"
#include "layers/base/fd.h"

enum { ANSWER = 4711, WAIT_MS = 2000 };

/* Asks about getppid(2) from now on; the descriptor on which the question arrives. */
static int listen_to_self(void)
{
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	static const struct sock_fprog program = { .len = GG_LEN(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

/* Shares our descriptors, so that telling the number is giving the listener. */
static _Noreturn void ask(int sock)
{
	int listener = listen_to_self(), words[2] = { listener, listener < 0 ? errno : 0 };

	if (send(sock, words, sizeof(words), MSG_NOSIGNAL) != sizeof(words) || listener < 0)
		_exit(EXIT_FAILURE);
	_exit(syscall(SYS_getppid) == ANSWER ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int answer(int listener, struct gg_err *err)
{
	struct seccomp_notif question = { 0 };
	struct seccomp_notif_resp reply = { .val = ANSWER };
	struct pollfd wait = { .fd = listener, .events = POLLIN };

	if (poll(&wait, 1, WAIT_MS) <= 0)
		return gg_fail(err, GG_SYSTEM, "the listener of a filter hears nothing");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
		return gg_fail_errno(err, "hear what a filter asks");
	reply.id = question.id;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply) < 0)
		return gg_fail_errno(err, "answer what a filter asks");
	return 0;
}

static int hear(int sock, struct gg_err *err)
{
	int words[2] = { -1, EPIPE };

	if (recv(sock, words, sizeof(words), 0) != sizeof(words))
		return gg_fail(err, GG_SYSTEM, "the process that asks died");
	errno = words[1];
	if (words[0] < 0)
		return gg_fail_errno(err, "make a filter with a listener");
	return answer(words[0], err);
}

static int try_listener(struct gg_err *err)
{
	int sv[2], pidfd = -1, status = -1, r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	pid = spawn_clone(CLONE_FILES, &pidfd);
	if (pid == 0)
		ask(sv[1]);
	if (pid < 0)
		return gg_fail_errno(err, "fork");
	r = hear(sv[0], err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && status != 0)
		return gg_fail(err, GG_SYSTEM, "the listener's answer did not arrive");
	return r;
}

PROBE(notification)
{
	if (p->ns->kind != USERNS_SINGLE) {
		gg_buf_puts(seen, "only builds with a single id need one");
		return ABILITY_UNUSED;
	}
	if (try_listener(err) < 0) {
		explain_filtered(err);
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, "keeps the owners that a single id cannot have");
	return ABILITY_OK;
}
