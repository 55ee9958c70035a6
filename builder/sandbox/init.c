/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/init.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/command.h"
#include "builder/sandbox/explain.h"
#include "builder/sandbox/owner.h"
#include "builder/sandbox/perturb.h"
#include "builder/sandbox/report.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/spawn.h"
#include "layers/base/fd.h"

enum { FD_SOCK = 3, FD_WORKDIR = 4, FD_FIRST_FREE = 5 };
enum { COMMAND_PID = 300 }; /* for sandbox_perturb.pids */

static const uint64_t grace_ns = UINT64_C(10) * 1000000000;
static const uint64_t forever = UINT64_MAX;

/* What pid 1 does while the command runs. */
struct watch {
	sigset_t set;
	struct perturb *tracer;     /* or NULL */
	struct owner_server *owner; /* or NULL */
	int signals;                /* signalfd; -1 without owner */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int bring_up_loopback(struct gg_err *err)
{
	_cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	/* A kernel without IPv4 has no loopback to bring up. */
	if (sock < 0)
		return errno == EAFNOSUPPORT ? 0 : gg_fail_errno(err, "open a socket");
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		return gg_fail_errno(err, "bring up the loopback device");
	return 0;
}

static int set_names(const struct sandbox_spec *spec, struct gg_err *err)
{
	const char *host = spec->hostname ? spec->hostname : "ggbuild", *domain = "(none)";

	if (sethostname(host, strlen(host)) < 0) {
		gg_fail_errno(err, "set the host name '%s'", host);
		explain_filtered(err);
		return -1;
	}
	if (setdomainname(domain, strlen(domain)) < 0)
		return gg_fail_errno(err, "set the domain name");
	return 0;
}

/* 0 /dev/null, 1 and 2 the command's output, 3 reports, 4 the working directory; nothing else survives. */
static int arrange_descriptors(struct init_plan *plan, int workdir, struct gg_err *err)
{
	int from[] = { -1, plan->spec->stdout_fd, plan->spec->stderr_fd, plan->sock, workdir };

	from[0] = gg_openat(AT_FDCWD, "/dev/null", O_RDONLY, 0, err);
	if (from[0] < 0)
		return -1;
	/* Out of the way first: a source may sit on another's target. */
	for (size_t i = 0; i < GG_LEN(from); i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 64);
		if (from[i] < 0)
			return gg_fail_errno(err, "duplicate a descriptor");
	}
	for (int i = 0; i < (int)GG_LEN(from); i++)
		if (dup3(from[i], i, i >= FD_SOCK ? O_CLOEXEC : 0) < 0)
			return gg_fail_errno(err, "arrange descriptors");
	plan->sock = FD_SOCK;
	if (close_range(FD_FIRST_FREE, ~0u, 0) < 0)
		return gg_fail_errno(err, "close_range");
	return 0;
}

/* proc_pid_stat(5): fields 48 and 49 */
enum { STAT_ARG_START = 48, STAT_FIRST_AFTER_NAME = 3, STAT_MAX = 4096 };

/*
 * What started us is in our memory, with paths of the host in it, and /proc/1/cmdline would show it to the step. A last
 * byte that is no NUL makes the kernel end the text at the first NUL, whatever the length was.
 */
static int hide_command_line(struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	uintptr_t start = 0, end = 0;
	char *p;

	if (gg_read_file(AT_FDCWD, "/proc/self/stat", STAT_MAX, &text, err) < 0)
		return -1;
	p = strrchr(text.data, ')');
	for (int field = STAT_FIRST_AFTER_NAME; p && field <= STAT_ARG_START; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, "%" SCNuPTR " %" SCNuPTR, &start, &end) != 2 || end < start)
		return gg_fail(err, GG_SYSTEM,
			       "'/proc/self/stat' does not say where arguments are");
	memset((void *)start, 0, end - start);
	if (end - start > sizeof("init")) {
		memcpy((void *)start, "init", sizeof("init"));
		*(char *)(end - 1) = 1;
	}
	return 0;
}

static int set_up(struct init_plan *plan, struct gg_err *err)
{
	const struct sandbox_spec *spec = plan->spec;
	char go;
	int workdir;

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return gg_fail_errno(err, "prctl");
	/* End of file, at once or behind the word to go: the caller died before the death signal was set. */
	if (recv(plan->sock, &go, 1, 0) != 1 ||
	    recv(plan->sock, &go, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		_exit(EXIT_FAILURE);
	umask(0);
	if (hide_command_line(err) < 0)
		return -1;
	if (!(spec->flags & SANDBOX_NETWORK) && bring_up_loopback(err) < 0)
		return -1;
	if (set_names(spec, err) < 0 ||
	    mounts_enter(spec, plan->root, plan->sources, plan->n_sources, err) < 0)
		return -1;
	umask(022);
	workdir = command_open_workdir(spec, err);
	if (workdir < 0)
		return -1;
	return arrange_descriptors(plan, workdir, err);
}

static int wait_for_tracer(int ready, struct gg_err *err)
{
	char c;

	if (read(ready, &c, 1) != 1)
		_exit(127);
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return gg_fail_errno(err, "prctl");
	return 0;
}

static int attach(const struct sandbox_perturb *p, pid_t command, int ready, struct perturb **ret,
		  struct gg_err *err)
{
	if (perturb_attach(p, command, ret, err) < 0)
		return -1;
	return gg_write_all(ready, "", 1, err);
}

static pid_t fork_command(const struct init_plan *plan, int sock, struct perturb **ret_tracer,
			  struct gg_err *err)
{
	const struct sandbox_perturb *p = plan->spec->perturb;
	bool traced = perturb_traces(p);
	_cleanup_close_ int here = -1, there = -1;
	int ends[2];
	pid_t pid;

	if (traced && pipe2(ends, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "pipe");
	if (traced) {
		there = ends[0];
		here = ends[1];
	}
	/* What is to be traced must be born dumpable. Nothing foreign runs yet that could make use of it. */
	if (traced && prctl(PR_SET_DUMPABLE, 1) < 0)
		return gg_fail_errno(err, "prctl");
	pid = p && p->pids ? spawn_as(COMMAND_PID) : fork();
	if (pid < 0)
		return gg_fail_errno(err, "fork");
	if (pid == 0) {
		gg_close(gg_steal_fd(&here));
		if (!traced || wait_for_tracer(there, err) == 0)
			command_exec(plan->spec, FD_WORKDIR, plan->filter, sock, err);
		report_send_error(FD_SOCK, err);
		_exit(127);
	}
	if (!traced)
		return pid;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return gg_fail_errno(err, "prctl");
	return attach(p, pid, here, ret_tracer, err) < 0 ? -1 : pid;
}

static pid_t start_command(const struct init_plan *plan, struct watch *w, struct gg_err *err)
{
	_cleanup_close_ int here = -1;
	int sv[2];
	pid_t pid;

	if (!(plan->spec->flags & SANDBOX_OWNERSHIP))
		return fork_command(plan, -1, &w->tracer, err);
	if (owner_server_new(plan->spec, &w->owner, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	here = sv[0];
	pid = fork_command(plan, sv[1], &w->tracer, err);
	close(sv[1]);
	if (pid >= 0 && owner_take_listener(w->owner, here, err) < 0)
		return -1;
	w->signals = signalfd(-1, &w->set, SFD_CLOEXEC);
	return w->signals < 0 ? gg_fail_errno(err, "signalfd") : pid;
}

/* Pid 1 keeps CAP_KILL, for processes of other users, and nothing that could be written to or read; what it answers
 * for the kernel, it does with what a step has. */
static int shrink(const struct watch *w, struct gg_err *err)
{
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	close(FD_WORKDIR);
	if (w->owner)
		return caps_set(caps_owner(), err);
	return caps_set(w->tracer ? caps_tracer() : caps_init(), err);
}

/* Waits for a blocked signal until the deadline; 0 when that has passed. */
static int next_signal_only(const sigset_t *set, uint64_t deadline)
{
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;
	struct timespec t = { .tv_sec = (time_t)(left / 1000000000),
			      .tv_nsec = (long)(left % 1000000000) };
	int sig;

	do
		sig = sigtimedwait(set, NULL, deadline == forever ? NULL : &t);
	while (sig < 0 && errno == EINTR);
	return sig < 0 ? 0 : sig;
}

static int poll_ms(uint64_t deadline)
{
	uint64_t now = now_ns(), left = deadline > now ? deadline - now : 0;

	if (deadline == forever)
		return -1;
	/* Rounded up, so that the last millisecond is not waited for in circles. */
	return left / 1000000 < INT_MAX ? (int)((left + 999999) / 1000000) : INT_MAX;
}

/* The same, answering requests meanwhile. The descriptor says when there is a signal to wait for. */
static int next_signal_serving(const struct watch *w, uint64_t deadline)
{
	static const struct timespec at_once;

	for (;;) {
		struct pollfd fds[] = { { .fd = w->signals, .events = POLLIN },
					{ .fd = owner_listener(w->owner), .events = POLLIN } };
		int n = poll(fds, GG_LEN(fds), poll_ms(deadline)), sig = -1;

		if (n == 0)
			return 0;
		if (n > 0 && fds[1].revents)
			owner_serve(w->owner, fds[1].revents);
		if (n > 0 && fds[0].revents)
			sig = sigtimedwait(&w->set, NULL, &at_once);
		if (sig > 0)
			return sig;
		if (deadline != forever && now_ns() >= deadline)
			return 0;
	}
}

static int next_signal(const struct watch *w, uint64_t deadline)
{
	return w->owner ? next_signal_serving(w, deadline) : next_signal_only(&w->set, deadline);
}

/* Reaps what has ended; true when the command is among it. */
static bool reap(pid_t command, struct perturb *tracer, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			perturb_stopped(tracer, pid, status, now_ns());
		} else if (pid == command) {
			*ret_status = status;
			ended = true;
		}
	}
	return ended;
}

/* Until the command has ended: by itself, by the time limit (SIGTERM, then SIGKILL), or because the caller sends
 * SIGTERM. */
static int supervise(pid_t command, const struct watch *w, uint64_t timeout, bool *ret_timed_out)
{
	uint64_t deadline = timeout ? now_ns() + timeout : forever;
	bool terminating = false;
	int status = 0;

	while (!reap(command, w->tracer, &status)) {
		uint64_t held = perturb_release(w->tracer, now_ns());
		int sig = next_signal(w, held < deadline ? held : deadline);

		if (sig == SIGCHLD || (sig == 0 && held < deadline))
			continue;
		if (sig == 0 && terminating) {
			kill(-1, SIGKILL);
			deadline = forever;
		} else if (!terminating) {
			*ret_timed_out = sig == 0;
			terminating = true;
			kill(-1, SIGTERM);
			deadline = now_ns() + grace_ns;
		}
	}
	return status;
}

static void end_everything(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

static uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static int run(struct init_plan *plan, struct gg_err *err)
{
	struct report ready = { .type = REPORT_READY }, done = { .type = REPORT_DONE };
	uint64_t keep = (plan->spec->flags & SANDBOX_NO_CAPABILITIES) ? 0 : caps_default();
	struct watch w = { .signals = -1 };
	struct rusage usage;
	uint64_t start;
	pid_t command;
	int status;

	if (set_up(plan, err) < 0 || caps_bound(keep, err) < 0)
		return -1;
	sigemptyset(&w.set);
	sigaddset(&w.set, SIGCHLD);
	sigaddset(&w.set, SIGTERM);
	sigprocmask(SIG_SETMASK, &w.set, NULL);
	signal(SIGCHLD, SIG_DFL);
	report_send(FD_SOCK, &ready);
	start = now_ns();
	command = start_command(plan, &w, err);
	if (command < 0 || shrink(&w, err) < 0)
		return -1;
	status = supervise(command, &w, plan->spec->timeout, &done.result.timed_out);
	end_everything();
	getrusage(RUSAGE_CHILDREN, &usage);
	done.result.wall_ns = now_ns() - start;
	done.result.exited = WIFEXITED(status);
	done.result.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	done.result.user_ns = timeval_ns(usage.ru_utime);
	done.result.sys_ns = timeval_ns(usage.ru_stime);
	done.result.max_rss = (uint64_t)usage.ru_maxrss * 1024;
	report_send(FD_SOCK, &done);
	return 0;
}

void init_run(struct init_plan *plan)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (run(plan, &err) == 0)
		_exit(EXIT_SUCCESS);
	gg_context(&err, "set up the sandbox");
	report_send_error(plan->sock, &err);
	_exit(EXIT_FAILURE);
}
