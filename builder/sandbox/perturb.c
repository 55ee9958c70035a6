/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/perturb.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "builder/sandbox/perturb_calls.h"
#include "builder/sandbox/perturb_regs.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

/* How often it is asked whether held children may run, and how long they wait at most. */
static const uint64_t look_ns = 300000, hold_ns = 50000000, never = UINT64_MAX;

enum tracee_state {
	HELD,     /* stopped at its first instruction */
	EXPECTED, /* not stopped yet, and then to be held */
	FREE,     /* not stopped yet, and not to be held */
};

struct tracee {
	pid_t pid;
	enum tracee_state state;
	pid_t parent; /* 0: its event is still to come */
};

struct perturb {
	const struct sandbox_perturb *p;
	struct perturb_calls calls;
	struct tracee *v;
	size_t n, cap;
	uint64_t since, look; /* CLOCK_MONOTONIC ns; never: nothing is held */
};

bool perturb_is_there(void)
{
	return PERTURB_REGS;
}

bool perturb_traces(const struct sandbox_perturb *p)
{
	return p && perturb_is_there() &&
	       (p->clock || p->reversed || p->lifo || p->release || perturb_tells_cpus(p));
}

int perturb_attach(const struct sandbox_perturb *p, pid_t command, struct perturb **ret,
		   struct gg_err *err)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK |
			     PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESECCOMP |
			     PTRACE_O_TRACESYSGOOD;

	if (ptrace(PTRACE_SEIZE, command, NULL, options) < 0) {
		gg_fail_errno(err, "trace the command");
		return gg_hint(err, "sysctl kernel.yama.ptrace_scope must be below 3");
	}
	*ret = gg_zalloc(sizeof(**ret));
	**ret = (struct perturb){ .p = p, .look = never };
	return 0;
}

static void resume(pid_t pid, int signal)
{
	/* ESRCH: it was killed in the meantime. */
	ptrace(PTRACE_CONT, pid, NULL, (long)signal);
}

static struct tracee *find(struct perturb *t, pid_t pid)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].pid == pid)
			return &t->v[i];
	return NULL;
}

static void add(struct perturb *t, pid_t pid, enum tracee_state state, pid_t parent)
{
	GG_GROW(t->v, t->n, t->cap);
	t->v[t->n++] = (struct tracee){ .pid = pid, .state = state, .parent = parent };
}

/* The order stays: it is that of the forks. */
static void drop(struct perturb *t, struct tracee *e)
{
	size_t after = (size_t)(&t->v[--t->n] - e);

	memmove(e, e + 1, after * sizeof(*e));
}

static void hold(struct perturb *t, uint64_t now)
{
	if (t->look != never)
		return;
	t->since = now;
	t->look = now + look_ns;
}

/* A parent that sleeps waits for its children: it will not fork another one before they have run. */
static bool may_fork(pid_t parent)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	char path[32];
	const char *name_end;

	if (parent == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/stat", parent);
	if (gg_read_file(AT_FDCWD, path, 4096, &text, &ignored) < 0)
		return false;
	name_end = strrchr(text.data, ')');
	return name_end && (name_end[2] == 'R' || name_end[2] == 't');
}

uint64_t perturb_release(struct perturb *t, uint64_t now)
{
	bool wait = false;

	if (!t || t->look == never || now < t->look)
		return t ? t->look : never;
	for (size_t i = 0; i < t->n && !wait; i++)
		wait = t->v[i].state == HELD && may_fork(t->v[i].parent);
	if (wait && now < t->since + hold_ns)
		return t->look = now + look_ns;
	for (size_t i = t->n; i-- > 0;)
		if (t->v[i].state == HELD) {
			resume(t->v[i].pid, 0);
			drop(t, &t->v[i]);
		}
	return t->look = never;
}

/* A new process or thread. Its parent's event comes before or after. */
static void first_stop(struct perturb *t, pid_t pid, uint64_t now)
{
	struct tracee *e = find(t, pid);

	if (t->p->lifo && (!e || e->state == EXPECTED)) {
		if (e)
			e->state = HELD;
		else
			add(t, pid, HELD, 0);
		hold(t, now);
		return;
	}
	if (e)
		drop(t, e);
	resume(pid, 0);
}

/* Who waits for its child anyway has no second one to be overtaken by, and threads would only be slower: only what was
 * forked is held. */
static void child_event(struct perturb *t, pid_t parent, bool forked)
{
	unsigned long pid;
	struct tracee *e;

	if (!t->p->lifo || ptrace(PTRACE_GETEVENTMSG, parent, NULL, &pid) < 0)
		return;
	e = find(t, (pid_t)pid);
	if (!e) {
		add(t, (pid_t)pid, forked ? EXPECTED : FREE, parent);
	} else if (forked) {
		e->parent = parent;
	} else if (e->state == HELD) {
		drop(t, e);
		resume((pid_t)pid, 0);
	}
}

static void group_stop(struct perturb *t, pid_t pid, int signal, uint64_t now)
{
	if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		ptrace(PTRACE_LISTEN, pid, NULL, NULL);
	else
		first_stop(t, pid, now);
}

void perturb_stopped(struct perturb *t, pid_t pid, int status, uint64_t now)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	switch (event) {
	case 0:
		if (signal == (SIGTRAP | 0x80)) {
			perturb_call_ends(&t->calls, t->p, pid);
			signal = 0;
		}
		resume(pid, signal);
		return;
	case PTRACE_EVENT_STOP:
		group_stop(t, pid, signal, now);
		return;
	case PTRACE_EVENT_SECCOMP:
		if (perturb_call_begins(&t->calls, t->p, pid))
			ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		else
			resume(pid, 0);
		return;
	case PTRACE_EVENT_EXEC:
		if (t->p->clock)
			perturb_hide_vdso(pid);
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		child_event(t, pid, event == PTRACE_EVENT_FORK);
		break;
	default:
		break;
	}
	resume(pid, 0);
}

static int use_fewer_cpus(unsigned n, struct gg_err *err)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return gg_fail_errno(err, "ask for the processors");
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set) && n == 0)
			CPU_CLR(i, &set);
		else if (CPU_ISSET(i, &set))
			n--;
	}
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return gg_fail_errno(err, "use fewer processors");
	return 0;
}

int perturb_process(const struct sandbox_perturb *p, struct gg_err *err)
{
	if (personality(p ? p->personality : 0) < 0)
		return gg_fail_errno(err, "set the personality");
	if (!p || p->cpus == 0 || perturb_tells_cpus(p))
		return 0;
	return use_fewer_cpus(p->cpus, err);
}
