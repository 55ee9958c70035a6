/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/filter.h"
#include "builder/sandbox/init.h"
#include "builder/sandbox/lone.h"
#include "builder/sandbox/report.h"
#include "builder/sandbox/overlay.h"
#include "builder/sandbox/sources.h"
#include "builder/sandbox/spawn.h"
#include "builder/sandbox/stubs.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"

struct sandbox {
	pid_t pid; /* 0 once reaped */
	int pidfd;
	int sock;
	int upper; /* -1: nothing to take stubs out of */
	struct stubs stubs;
};

/* Everything that has to exist before the child does. */
struct preparation {
	struct overlay root;
	struct sources sources;
	struct filter filter;
	int sock; /* the child's end */
};

static int check_spec(const struct sandbox_spec *spec, struct gg_err *err)
{
	if (!spec->argv || !spec->argv[0] || !spec->argv[0][0])
		return gg_fail(err, GG_RECIPE, "run a command: it has no name");
	/* (uid_t)-1 means "unchanged" to the kernel. */
	if (spec->uid >= UINT32_MAX || spec->gid >= UINT32_MAX)
		return gg_fail(err, GG_RECIPE, "run '%s': %u:%u is no user", spec->argv[0],
			       spec->uid, spec->gid);
	if (spec->hostname && (strlen(spec->hostname) == 0 || strlen(spec->hostname) > 64))
		return gg_fail(err, GG_RECIPE, "run '%s': the host name must have 1 to 64 bytes",
			       spec->argv[0]);
	return 0;
}

static unsigned filter_flags(const struct sandbox_spec *spec)
{
	if (!(spec->flags & SANDBOX_OWNERSHIP))
		return 0;
	return FILTER_OWNERSHIP | (spec->flags & SANDBOX_SETUID ? FILTER_SETUID : 0);
}

static int prepare(const struct sandbox_spec *spec, struct sandbox *s, struct preparation *p,
		   struct gg_err *err)
{
	static const char *const tops[] = { "dev", "proc", "sys" };

	if (overlay_open(spec, &p->root, err) < 0)
		return -1;
	s->upper = p->root.upper;
	p->root.upper = -1;
	for (size_t i = 0; i < GG_LEN(tops); i++)
		if (stubs_ensure_top(&s->stubs, p->root.mount, s->upper, tops[i], err) < 0)
			return -1;
	if (sources_open(spec, p->root.mount, s->upper, &s->stubs, &p->sources, err) < 0)
		return -1;
	filter_make(filter_flags(spec), spec->perturb, &p->filter);
	return 0;
}

static int spawn(const struct sandbox_spec *spec, struct sandbox *s, struct preparation *p,
		 struct gg_err *err)
{
	uint64_t namespaces = SANDBOX_NAMESPACES;
	int sv[2];

	if (!(spec->flags & SANDBOX_NETWORK))
		namespaces |= CLONE_NEWNET;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return gg_fail_errno(err, "socketpair");
	s->sock = sv[0];
	p->sock = sv[1];
	s->pid = spawn_clone(namespaces, &s->pidfd);
	if (s->pid < 0) {
		s->pid = 0;
		gg_fail_errno(err, "create the sandbox's namespaces");
		explain_namespaces(err);
		return -1;
	}
	if (s->pid == 0) {
		struct init_plan plan = { .spec = spec,
					  .root = p->root.mount,
					  .sources = p->sources.v,
					  .n_sources = p->sources.n,
					  .filter = &p->filter,
					  .sock = p->sock };

		gg_close(s->sock);
		init_run(&plan);
	}
	if (send(s->sock, "", 1, MSG_NOSIGNAL) != 1)
		return gg_fail_errno(err, "start the sandbox");
	return 0;
}

int sandbox_start(const struct sandbox_spec *spec, struct sandbox **ret, struct gg_err *err)
{
	static const char *const no_environment[] = { NULL };
	struct preparation p = { .root = ROOTFS_INIT, .sock = -1 };
	_cleanup_sandbox_ struct sandbox *s = gg_zalloc(sizeof(*s));
	struct sandbox_spec copy = *spec;
	int r;

	s->pidfd = s->sock = s->upper = -1;
	if (!copy.env)
		copy.env = no_environment;
	if (lone_id())
		copy.flags |= SANDBOX_OWNERSHIP;
	r = check_spec(&copy, err);
	if (r == 0)
		r = prepare(&copy, s, &p, err);
	if (r == 0)
		r = spawn(&copy, s, &p, err);
	overlay_done(&p.root);
	sources_done(&p.sources);
	filter_done(&p.filter);
	gg_close(p.sock);
	if (r == 0)
		*ret = gg_steal(&s);
	return r;
}

int sandbox_pidfd(const struct sandbox *s)
{
	return s->pidfd;
}

/* Everything inside has ended when pid 1 can be reaped: the kernel sees to that. */
static void finish(struct sandbox *s, int *ret_status)
{
	pid_t pid;

	*ret_status = 0;
	do
		pid = waitpid(s->pid, ret_status, 0);
	while (pid < 0 && errno == EINTR);
	s->pid = 0;
	stubs_remove(&s->stubs, s->upper);
}

int sandbox_wait(struct sandbox *s, struct sandbox_result *ret, struct gg_err *err)
{
	bool failed = false, done = false;
	struct report r;
	int status, got;

	if (s->pid == 0)
		return gg_fail(err, GG_INTERNAL, "wait for a sandbox twice");
	while ((got = report_receive(s->sock, &r, err)) > 0) {
		if (r.type == REPORT_ERROR && !failed) {
			failed = true;
			report_fail(&r, err);
		} else if (r.type == REPORT_DONE) {
			done = true;
			*ret = r.result;
		}
	}
	finish(s, &status);
	if (failed || got < 0)
		return -1;
	if (done)
		return 0;
	gg_fail(err, GG_SYSTEM, "the sandbox's first process was killed by signal %d (%s)",
		WTERMSIG(status), strsignal(WTERMSIG(status)));
	return gg_hint(err, "the machine may have run out of memory");
}

void sandbox_free(struct sandbox *s)
{
	int status;

	if (!s)
		return;
	if (s->pid > 0) {
		if (kill(s->pid, SIGKILL) < 0)
			gg_log(GG_LOG_WARNING, "kill the sandbox: %s", strerror(errno));
		finish(s, &status);
	} else {
		/* The start went wrong after mount points had been made. */
		stubs_remove(&s->stubs, s->upper);
	}
	stubs_done(&s->stubs);
	gg_close(s->pidfd);
	gg_close(s->sock);
	gg_close(s->upper);
	free(s);
}

void sandbox_freep(struct sandbox **s)
{
	sandbox_free(*s);
	*s = NULL;
}
