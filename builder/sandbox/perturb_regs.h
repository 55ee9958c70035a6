/* SPDX-License-Identifier: Apache-2.0
 *
 * The registers of a stopped process that hold a system call, by architecture (syscall(2)).
 */
#pragma once

#include <elf.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

enum {
	REGS_NONE = -1
}; /* the number of no call: the kernel skips it and gives what the result register holds */

#if defined(__x86_64__)

#define PERTURB_REGS 1
#define REGS_NR orig_rax
#define REGS_RESULT rax
#define REGS_STACK rsp

static inline unsigned long long *regs_argument(struct user_regs_struct *r, unsigned i)
{
	unsigned long long *const v[] = { &r->rdi, &r->rsi, &r->rdx, &r->r10, &r->r8, &r->r9 };

	return v[i];
}

#elif defined(__aarch64__)

#define PERTURB_REGS 1
#define REGS_NR regs[8]
#define REGS_RESULT regs[0]
#define REGS_STACK sp

static inline unsigned long long *regs_argument(struct user_regs_struct *r, unsigned i)
{
	return &r->regs[i];
}

#else
#define PERTURB_REGS 0
#endif

#if PERTURB_REGS

static inline bool regs_get(pid_t pid, struct user_regs_struct *ret)
{
	struct iovec v = { .iov_base = ret, .iov_len = sizeof(*ret) };

	return ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &v) == 0;
}

static inline bool regs_set(pid_t pid, struct user_regs_struct *r)
{
	struct iovec v = { .iov_base = r, .iov_len = sizeof(*r) };

	return ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &v) == 0;
}

/* Before a call: it is not made, and this is its result. */
static inline bool regs_answer(pid_t pid, struct user_regs_struct *r, long result)
{
	r->REGS_RESULT = (unsigned long long)result;
#if defined(__aarch64__)
	int nr = REGS_NONE;
	struct iovec v = { .iov_base = &nr, .iov_len = sizeof(nr) };

	if (ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &v) < 0)
		return false;
#else
	r->REGS_NR = (unsigned long long)REGS_NONE;
#endif
	return regs_set(pid, r);
}

#endif
