/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/perturb_calls.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <linux/futex.h>

#include "builder/sandbox/perturb_regs.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/mem.h"

bool perturb_tells_cpus(const struct sandbox_perturb *p)
{
	cpu_set_t set;

	return p->cpus && sched_getaffinity(0, sizeof(set), &set) == 0 &&
	       p->cpus > (unsigned)CPU_COUNT(&set);
}

#if PERTURB_REGS

enum {
	PAGE = 4096, /* the smallest: no read that starts in one crosses into a page that is not there */
	RED_ZONE = 512, /* below the stack pointer, more than any ABI lets leaf functions use */
	DIRENTS_MAX = 1 << 20,
	CPU_BYTES = 1024,
};

struct perturb_changed {
	pid_t pid;
	unsigned argument;
	unsigned long long was;
};

struct dirent64_head {
	uint64_t ino, off;
	uint16_t len;
};

static bool read_memory(pid_t pid, unsigned long long at, void *to, size_t len)
{
	struct iovec local = { .iov_base = to, .iov_len = len },
		     remote = { .iov_base = (void *)(uintptr_t)at, .iov_len = len };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

static bool write_memory(pid_t pid, unsigned long long at, const void *from, size_t len)
{
	struct iovec local = { .iov_base = (void *)(uintptr_t)from, .iov_len = len },
		     remote = { .iov_base = (void *)(uintptr_t)at, .iov_len = len };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* Answers instead of the kernel; where the memory cannot be written, the kernel answers, with EFAULT most likely. */
static void answer(pid_t pid, struct user_regs_struct *r, unsigned long long at, const void *bytes,
		   size_t len, long result)
{
	if (at == 0 || write_memory(pid, at, bytes, len))
		regs_answer(pid, r, result);
}

static void tell_clock(const struct sandbox_perturb *p, pid_t pid, struct user_regs_struct *r)
{
	struct timespec t;

	if (clock_gettime((clockid_t)*regs_argument(r, 0), &t) < 0)
		return;
	t.tv_sec += p->clock;
	answer(pid, r, *regs_argument(r, 1), &t, sizeof(t), 0);
}

static void tell_time_of_day(const struct sandbox_perturb *p, pid_t pid, struct user_regs_struct *r)
{
	struct timeval t;

	/* The time zone of the kernel is nobody's; who asks for it alone may have it. */
	if (*regs_argument(r, 0) == 0 || gettimeofday(&t, NULL) < 0)
		return;
	t.tv_sec += p->clock;
	answer(pid, r, *regs_argument(r, 0), &t, sizeof(t), 0);
}

#if defined(SYS_time)
static void tell_time(const struct sandbox_perturb *p, pid_t pid, struct user_regs_struct *r)
{
	time_t t = time(NULL) + p->clock;

	answer(pid, r, *regs_argument(r, 0), &t, sizeof(t), t);
}
#endif

static void tell_release(const struct sandbox_perturb *p, pid_t pid, struct user_regs_struct *r)
{
	struct utsname u;

	if (uname(&u) < 0)
		return;
	/* The version tells the day on which the kernel was made. */
	snprintf(u.release, sizeof(u.release), "%s", p->release);
	snprintf(u.version, sizeof(u.version), "#1 SMP %s", p->release);
	answer(pid, r, *regs_argument(r, 0), &u, sizeof(u), 0);
}

static void tell_cpus(const struct sandbox_perturb *p, pid_t pid, struct user_regs_struct *r)
{
	unsigned char mask[CPU_BYTES] = { 0 };
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	if (size < 0 || *regs_argument(r, 1) < (unsigned long long)size)
		return;
	memset(mask, 0, sizeof(mask));
	for (unsigned i = 0; i < p->cpus && i < (unsigned)size * 8; i++)
		mask[i / 8] |= (unsigned char)(1u << i % 8);
	answer(pid, r, *regs_argument(r, 2), mask, (size_t)size, size);
}

/* A deadline of the process's own time becomes one of ours: in memory of its own below its stack, and with the pointer
 * restored when the call is over. */
static bool move_deadline(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid,
			  struct user_regs_struct *r, unsigned argument)
{
	unsigned long long *pointer = regs_argument(r, argument);
	unsigned long long scratch =
		(r->REGS_STACK - RED_ZONE - sizeof(struct timespec)) & ~UINT64_C(15);
	struct perturb_changed changed = { .pid = pid, .argument = argument, .was = *pointer };
	struct timespec t;

	if (*pointer == 0 || !read_memory(pid, *pointer, &t, sizeof(t)))
		return false;
	t.tv_sec -= p->clock;
	/* Long ago is as good as the oldest time that the kernel takes. */
	if (t.tv_sec < 0)
		t.tv_sec = 0;
	*pointer = scratch;
	if (!write_memory(pid, scratch, &t, sizeof(t)) || !regs_set(pid, r))
		return false;
	GG_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = changed;
	return true;
}

static bool is_deadline(const struct sandbox_perturb *p, struct user_regs_struct *r)
{
	int op = (int)*regs_argument(r, 1) & FUTEX_CMD_MASK;

	return p->clock && (op == FUTEX_WAIT_BITSET || op == FUTEX_WAIT_REQUEUE_PI);
}

bool perturb_call_begins(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid)
{
	struct user_regs_struct r;

	if (!regs_get(pid, &r))
		return false;
	switch ((long)r.REGS_NR) {
	case SYS_getdents64:
		return true;
	case SYS_clock_gettime:
		tell_clock(p, pid, &r);
		break;
	case SYS_gettimeofday:
		tell_time_of_day(p, pid, &r);
		break;
#if defined(SYS_time)
	case SYS_time:
		tell_time(p, pid, &r);
		break;
#endif
	case SYS_uname:
		tell_release(p, pid, &r);
		break;
	case SYS_sched_getaffinity:
		tell_cpus(p, pid, &r);
		break;
	case SYS_futex:
		return is_deadline(p, &r) && move_deadline(c, p, pid, &r, 3);
	case SYS_clock_nanosleep:
		return (*regs_argument(&r, 1) & TIMER_ABSTIME) && move_deadline(c, p, pid, &r, 2);
	default:
		break;
	}
	return false;
}

/* The entries backwards; the one in place k keeps the offset of the k-th, so that whoever seeks, and the kernel's next
 * call, go on where they would have. */
static bool reverse(const unsigned char *from, size_t len, unsigned char *to)
{
	_cleanup_free_ size_t *starts =
		gg_calloc(len / sizeof(struct dirent64_head) + 1, sizeof(*starts));
	struct dirent64_head head, positional;
	size_t n = 0, at = 0, out = 0;

	while (at + offsetof(struct dirent64_head, len) + sizeof(head.len) <= len) {
		memcpy(&head, from + at, offsetof(struct dirent64_head, len) + sizeof(head.len));
		if (head.len == 0 || head.len > len - at)
			return false;
		starts[n++] = at;
		at += head.len;
	}
	for (size_t i = 0; i < n; i++) {
		size_t source = starts[n - 1 - i];

		memcpy(&head, from + source,
		       offsetof(struct dirent64_head, len) + sizeof(head.len));
		memcpy(&positional, from + starts[i], sizeof(uint64_t) * 2);
		memcpy(to + out, from + source, head.len);
		memcpy(to + out + offsetof(struct dirent64_head, off), &positional.off,
		       sizeof(positional.off));
		out += head.len;
	}
	return out == len;
}

static void reverse_entries(pid_t pid, struct user_regs_struct *r)
{
	long long len = (long long)r->REGS_RESULT;
	_cleanup_free_ unsigned char *bytes = NULL;
	unsigned long long at = *regs_argument(r, 1);

	if (len <= 0 || len > DIRENTS_MAX)
		return;
	bytes = gg_alloc((size_t)len * 2);
	if (read_memory(pid, at, bytes, (size_t)len) && reverse(bytes, (size_t)len, bytes + len))
		write_memory(pid, at, bytes + len, (size_t)len);
}

void perturb_call_ends(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid)
{
	struct user_regs_struct r;

	if (!regs_get(pid, &r))
		return;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].pid == pid) {
			*regs_argument(&r, c->v[i].argument) = c->v[i].was;
			c->v[i] = c->v[--c->n];
			regs_set(pid, &r);
			return;
		}
	if (p->reversed && (long)r.REGS_NR == SYS_getdents64)
		reverse_entries(pid, &r);
}

/* Words of the stack, a page at a time: what lies above its end must not be asked for. */
struct words {
	pid_t pid;
	unsigned long long at; /* of the next */
	size_t i, n;
	unsigned long long page[PAGE / sizeof(unsigned long long)];
};

static bool next_word(struct words *w, unsigned long long *ret)
{
	if (w->i == w->n) {
		size_t len = PAGE - w->at % PAGE;

		if (!read_memory(w->pid, w->at, w->page, len))
			return false;
		w->i = 0;
		w->n = len / sizeof(*w->page);
	}
	*ret = w->page[w->i++];
	w->at += sizeof(*w->page);
	return true;
}

static bool skip_to_null(struct words *w)
{
	unsigned long long word;

	while (next_word(w, &word))
		if (word == 0)
			return true;
	return false;
}

/* argc, argv…, NULL, environment…, NULL, pairs of a type and a value up to AT_NULL. */
void perturb_hide_vdso(pid_t pid)
{
	const unsigned long long ignore = AT_IGNORE;
	struct words w = { .pid = pid };
	unsigned long long type, value;
	struct user_regs_struct r;

	if (!regs_get(pid, &r))
		return;
	w.at = r.REGS_STACK;
	if (!next_word(&w, &type) || !skip_to_null(&w) || !skip_to_null(&w))
		return;
	while (next_word(&w, &type) && type != AT_NULL && next_word(&w, &value))
		if (type == AT_SYSINFO_EHDR)
			write_memory(pid, w.at - 2 * sizeof(type), &ignore, sizeof(ignore));
}

#else

bool perturb_call_begins(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid)
{
	(void)c, (void)p, (void)pid;
	return false;
}

void perturb_call_ends(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid)
{
	(void)c, (void)p, (void)pid;
}

void perturb_hide_vdso(pid_t pid)
{
	(void)pid;
}

#endif
