/* SPDX-License-Identifier: Apache-2.0
 *
 * The program:
 *      arch is native, else kill            (x86-64: and the number is not x32's, else kill)
 *      a binary tree of "number >= k" over ranges of numbers with the same answer; its leaves return, some after
 *      a look at the lower 32 bits of an argument (the kernel takes no more of an int)
 */
#include "builder/sandbox/filter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>

#include <seccomp.h>

#include "builder/sandbox/filter_names.h"
#include "builder/sandbox/perturb.h"
#include "builder/sandbox/perturb_calls.h"
#include "builder/sandbox/sandbox.h"

enum answer {
	ANSWER_ENOSYS,
	ANSWER_ALLOW,
	ANSWER_EPERM,
	ANSWER_NOTHING, /* success without effect */
	ANSWER_TRACE,
	/* by an argument */
	ANSWER_CLONE,
	ANSWER_IOCTL,
	ANSWER_SOCKET,
	ANSWER_MSYNC,
	ANSWER_PERSONALITY,
	ANSWER_WALL_CLOCK, /* traced when the first one names a wall clock */
	ANSWER_WALL_FUTEX,
	ANSWER_ASK,
	ANSWER_ASK_OPEN, /* only what makes a file */
	ANSWER_ASK_OPENAT,
	ANSWER_ASK_STATX,     /* only what wants to know an owner, or a time that may hold one */
	ANSWER_ASK_UTIMENSAT, /* only what does not follow symlinks */
	ANSWER_ASK_PRCTL,     /* only what keeps capabilities */
};

/* From `first` up to the next range's. */
struct range {
	uint32_t first;
	enum answer answer;
};

struct ranges {
	struct range *v;
	size_t n, cap;
};

enum {
	X32_BIT = 0x40000000,
	PERSONALITY_FLAGS = 0x8 | 0x20000, /* PER_LINUX32 and UNAME26 */
	NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
			 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET,
	TMPFILE = O_TMPFILE & ~O_DIRECTORY,
	NEAR = 80, /* ranges whose tree surely fits into a conditional jump's 255 */
};

static uint32_t return_of(enum answer answer)
{
	switch (answer) {
	case ANSWER_ALLOW:
		return SECCOMP_RET_ALLOW;
	case ANSWER_EPERM:
		return SECCOMP_RET_ERRNO | EPERM;
	case ANSWER_NOTHING:
		return SECCOMP_RET_ERRNO;
	case ANSWER_TRACE:
		return SECCOMP_RET_TRACE;
	case ANSWER_ASK:
		return SECCOMP_RET_USER_NOTIF;
	case ANSWER_ENOSYS:
	case ANSWER_CLONE:
	case ANSWER_IOCTL:
	case ANSWER_SOCKET:
	case ANSWER_MSYNC:
	case ANSWER_PERSONALITY:
	case ANSWER_WALL_CLOCK:
	case ANSWER_WALL_FUTEX:
	case ANSWER_ASK_OPEN:
	case ANSWER_ASK_OPENAT:
	case ANSWER_ASK_STATX:
	case ANSWER_ASK_UTIMENSAT:
	case ANSWER_ASK_PRCTL:
		break;
	}
	return SECCOMP_RET_ERRNO | ENOSYS;
}

/* ---- which number gets which answer ---- */

static void add(struct ranges *calls, int nr, enum answer answer)
{
	/* Negative: a name of another architecture. */
	if (nr < 0)
		return;
	GG_GROW(calls->v, calls->n, calls->cap);
	calls->v[calls->n++] = (struct range){ .first = (uint32_t)nr, .answer = answer };
}

static void add_names(struct ranges *calls, const char *const *names, size_t n, enum answer answer)
{
	for (size_t i = 0; i < n; i++)
		add(calls, seccomp_syscall_resolve_name(names[i]), answer);
}

static void change(struct ranges *calls, int nr, enum answer answer)
{
	for (size_t i = 0; i < calls->n; i++)
		if (nr >= 0 && calls->v[i].first == (uint32_t)nr)
			calls->v[i].answer = answer;
}

static void trace(struct ranges *calls, const struct sandbox_perturb *p)
{
	if (!perturb_traces(p))
		return;
	if (p->reversed)
		change(calls, SCMP_SYS(getdents64), ANSWER_TRACE);
	if (p->release)
		change(calls, SCMP_SYS(uname), ANSWER_TRACE);
	if (perturb_tells_cpus(p))
		change(calls, SCMP_SYS(sched_getaffinity), ANSWER_TRACE);
	if (!p->clock)
		return;
	change(calls, SCMP_SYS(time), ANSWER_TRACE);
	change(calls, SCMP_SYS(gettimeofday), ANSWER_TRACE);
	change(calls, SCMP_SYS(clock_gettime), ANSWER_WALL_CLOCK);
	change(calls, SCMP_SYS(clock_nanosleep), ANSWER_WALL_CLOCK);
	change(calls, SCMP_SYS(futex), ANSWER_WALL_FUTEX);
}

static void ask(unsigned flags, struct ranges *calls)
{
	for (size_t i = 0; i < GG_LEN(filter_asked); i++)
		change(calls, seccomp_syscall_resolve_name(filter_asked[i]), ANSWER_ASK);
	for (size_t i = 0; i < GG_LEN(filter_absent_when_asked); i++)
		change(calls, filter_absent_when_asked[i], ANSWER_ENOSYS);
	change(calls, SCMP_SYS(open), ANSWER_ASK_OPEN);
	change(calls, SCMP_SYS(openat), ANSWER_ASK_OPENAT);
	change(calls, SCMP_SYS(statx), ANSWER_ASK_STATX);
	change(calls, SCMP_SYS(utimensat), ANSWER_ASK_UTIMENSAT);
	change(calls, SCMP_SYS(prctl), ANSWER_ASK_PRCTL);
	if (flags & FILTER_SETUID) {
		change(calls, SCMP_SYS(execve), ANSWER_ASK);
		change(calls, SCMP_SYS(execveat), ANSWER_ASK);
	}
}

static int by_number(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void collect(unsigned flags, const struct sandbox_perturb *perturb, struct ranges *calls)
{
	add_names(calls, filter_allowed, GG_LEN(filter_allowed), ANSWER_ALLOW);
	add_names(calls, filter_denied, GG_LEN(filter_denied), ANSWER_EPERM);
	add_names(calls, filter_without_effect, GG_LEN(filter_without_effect), ANSWER_NOTHING);
	for (size_t i = 0; i < GG_LEN(filter_allowed_new); i++)
		add(calls, filter_allowed_new[i], ANSWER_ALLOW);
	/* clone3 is left out: its flags are in memory, where no filter can look, and ENOSYS makes libc use clone. */
	add(calls, SCMP_SYS(clone), ANSWER_CLONE);
	add(calls, SCMP_SYS(ioctl), ANSWER_IOCTL);
	add(calls, SCMP_SYS(socket), ANSWER_SOCKET);
	add(calls, SCMP_SYS(socketpair), ANSWER_SOCKET);
	add(calls, SCMP_SYS(msync), ANSWER_MSYNC);
	add(calls, SCMP_SYS(personality), ANSWER_PERSONALITY);
	trace(calls, perturb);
	if (flags & FILTER_OWNERSHIP)
		ask(flags, calls);
	qsort(calls->v, calls->n, sizeof(*calls->v), by_number);
}

static void extend(struct ranges *r, uint32_t first, enum answer answer)
{
	if (r->n > 0 && r->v[r->n - 1].answer == answer)
		return;
	GG_GROW(r->v, r->n, r->cap);
	r->v[r->n++] = (struct range){ .first = first, .answer = answer };
}

/* Neighbours with one answer become one range, gaps are ENOSYS. A number may be there twice, by name and as a new one. */
static void merge(const struct ranges *calls, struct ranges *ret)
{
	uint32_t next = 0;

	for (size_t i = 0; i < calls->n; i++) {
		if (i > 0 && calls->v[i].first == calls->v[i - 1].first)
			continue;
		if (calls->v[i].first > next)
			extend(ret, next, ANSWER_ENOSYS);
		extend(ret, calls->v[i].first, calls->v[i].answer);
		next = calls->v[i].first + 1;
	}
	extend(ret, next, ANSWER_ENOSYS);
}

/* ---- the program ---- */

static size_t emit(struct filter *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	GG_GROW(f->v, f->n, f->cap);
	f->v[f->n] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	return f->n++;
}

static void emit_return(struct filter *f, uint32_t value)
{
	emit(f, BPF_RET | BPF_K, value, 0, 0);
}

static void emit_argument(struct filter *f, unsigned index)
{
	size_t offset = offsetof(struct seccomp_data, args) + index * sizeof(uint64_t);

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		offset += sizeof(uint32_t);
	emit(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* If the loaded argument is k (BPF_JEQ) or has one of its bits (BPF_JSET), then the answer. */
static void emit_if(struct filter *f, uint16_t op, uint32_t k, enum answer answer)
{
	emit(f, BPF_JMP | op | BPF_K, k, 0, 1);
	emit_return(f, return_of(answer));
}

/* The kernel loads a module for any family that is named. Three are refused aloud, and the rest, but for what programs
 * use, are not there. */
static void emit_socket(struct filter *f)
{
	static const uint32_t allowed[] = { AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const uint32_t denied[] = { AF_ALG, AF_VSOCK, AF_PACKET };

	emit_argument(f, 0);
	for (size_t i = 0; i < GG_LEN(allowed); i++)
		emit_if(f, BPF_JEQ, allowed[i], ANSWER_ALLOW);
	for (size_t i = 0; i < GG_LEN(denied); i++)
		emit_if(f, BPF_JEQ, denied[i], ANSWER_EPERM);
	emit_return(f, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}

static void emit_leaf(struct filter *f, enum answer answer)
{
	switch (answer) {
	case ANSWER_CLONE:
#if defined(__s390__)
		emit_argument(f, 1);
#else
		emit_argument(f, 0);
#endif
		emit_if(f, BPF_JSET, NEW_NAMESPACES, ANSWER_EPERM);
		break;
	case ANSWER_IOCTL:
		emit_argument(f, 1);
		emit_if(f, BPF_JEQ, TIOCSTI, ANSWER_EPERM);
		emit_if(f, BPF_JEQ, TIOCLINUX, ANSWER_EPERM);
		/* Line disciplines are loaded for whoever names one. */
		emit_if(f, BPF_JEQ, TIOCSETD, ANSWER_EPERM);
		break;
	case ANSWER_SOCKET:
		emit_socket(f);
		return;
	case ANSWER_MSYNC:
		/* Stack unwinders probe addresses with MS_ASYNC, so that one stays what it is. */
		emit_argument(f, 2);
		emit_if(f, BPF_JSET, MS_SYNC, ANSWER_NOTHING);
		break;
	case ANSWER_PERSONALITY:
		emit_argument(f, 0);
		emit_if(f, BPF_JEQ, UINT32_MAX, ANSWER_ALLOW);
		emit_if(f, BPF_JSET, ~(uint32_t)PERSONALITY_FLAGS, ANSWER_EPERM);
		break;
	case ANSWER_WALL_CLOCK:
		emit_argument(f, 0);
		emit_if(f, BPF_JEQ, CLOCK_REALTIME, ANSWER_TRACE);
		emit_if(f, BPF_JEQ, CLOCK_REALTIME_COARSE, ANSWER_TRACE);
		emit_if(f, BPF_JEQ, CLOCK_REALTIME_ALARM, ANSWER_TRACE);
		emit_if(f, BPF_JEQ, CLOCK_TAI, ANSWER_TRACE);
		break;
	case ANSWER_WALL_FUTEX:
		emit_argument(f, 1);
		emit_if(f, BPF_JSET, FUTEX_CLOCK_REALTIME, ANSWER_TRACE);
		break;
	case ANSWER_ASK_OPEN:
		emit_argument(f, 1);
		emit_if(f, BPF_JSET, O_CREAT | TMPFILE, ANSWER_ASK);
		break;
	case ANSWER_ASK_OPENAT:
		emit_argument(f, 2);
		emit_if(f, BPF_JSET, O_CREAT | TMPFILE, ANSWER_ASK);
		break;
	case ANSWER_ASK_STATX:
		emit_argument(f, 3);
		emit_if(f, BPF_JSET, STATX_UID | STATX_GID | STATX_MTIME, ANSWER_ASK);
		break;
	case ANSWER_ASK_UTIMENSAT:
		emit_argument(f, 3);
		emit_if(f, BPF_JSET, AT_SYMLINK_NOFOLLOW, ANSWER_ASK);
		break;
	case ANSWER_ASK_PRCTL:
		emit_argument(f, 0);
		emit_if(f, BPF_JEQ, PR_SET_KEEPCAPS, ANSWER_ASK);
		break;
	case ANSWER_ENOSYS:
	case ANSWER_ALLOW:
	case ANSWER_EPERM:
	case ANSWER_NOTHING:
	case ANSWER_TRACE:
	case ANSWER_ASK:
		emit_return(f, return_of(answer));
		return;
	}
	emit_return(f, return_of(ANSWER_ALLOW));
}

static void emit_tree(struct filter *f, const struct range *v, size_t n)
{
	size_t half = n / 2, jump;
	bool far = half > NEAR;

	if (n == 1) {
		emit_leaf(f, v[0].answer);
		return;
	}
	jump = emit(f, BPF_JMP | BPF_JGE | BPF_K, v[half].first, 0, far ? 1 : 0);
	if (far)
		jump = emit(f, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_tree(f, v, half);
	if (far)
		f->v[jump].k = (uint32_t)(f->n - jump - 1);
	else
		f->v[jump].jt = (uint8_t)(f->n - jump - 1);
	assert(far || f->n - jump - 1 <= UINT8_MAX);
	emit_tree(f, v + half, n - half);
}

void filter_make(unsigned flags, const struct sandbox_perturb *perturb, struct filter *ret)
{
	struct ranges calls = { 0 }, ranges = { 0 };

	*ret = (struct filter){ .flags = flags };
	collect(flags, perturb, &calls);
	merge(&calls, &ranges);
	emit(ret, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
	emit(ret, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
	emit_return(ret, SECCOMP_RET_KILL_PROCESS);
	emit(ret, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
	if (seccomp_arch_native() == SCMP_ARCH_X86_64) {
		emit(ret, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
		emit_return(ret, SECCOMP_RET_KILL_PROCESS);
	}
	emit_tree(ret, ranges.v, ranges.n);
	free(calls.v);
	free(ranges.v);
}

void filter_done(struct filter *f)
{
	free(f->v);
	*f = (struct filter){ 0 };
}

static int fail_load(struct gg_err *err)
{
	gg_fail_errno(err, "load the seccomp filter");
	if (err->errnum == EINVAL || err->errnum == ENOSYS)
		gg_hint(err, "the kernel must be built with CONFIG_SECCOMP_FILTER");
	if (err->errnum == EBUSY)
		gg_hint(err,
			"the container that ggbuild runs in has a seccomp listener, and the kernel "
			"allows one: give the user a range of ids in /etc/subuid and "
			"/etc/subgid, and no listener is needed");
	return -1;
}

int filter_load(const struct filter *f, int *ret_listener, struct gg_err *err)
{
	struct sock_fprog prog = { .len = (unsigned short)f->n, .filter = f->v };
	unsigned long flags = f->flags & FILTER_OWNERSHIP ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	/* Linux 5.19: a caller whose request is being answered is not called away by signals. */
	unsigned long killable = flags ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0;
	long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | killable, &prog);

	if (r < 0 && errno == EINVAL && killable)
		r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	*ret_listener = flags ? (int)r : -1;
	return r < 0 ? fail_load(err) : 0;
}
