/* SPDX-License-Identifier: Apache-2.0
 *
 * What namespaces cannot vary, for rebuilds that verify: pid 1 of the sandbox traces the command (ptrace(2), PTRACE_SEIZE)
 * and changes what the kernel tells it, as struct sandbox_perturb says. Only the calls that the seccomp filter sends
 * here stop a process; everything else runs at full speed. At every exec the vDSO is taken out of the auxiliary vector
 * (getauxval(3)), so that clocks are asked by system calls.
 *
 *   clock       clock_gettime of the wall clocks, gettimeofday, time; deadlines on them (futex with CLOCK_REALTIME,
 *               clock_nanosleep with TIMER_ABSTIME) are moved back. Not: times of files, timerfd_settime, timer_settime
 *               and mq_timed* with absolute wall times, PI futexes, RDTSC.
 *   reversed    the entries of every getdents64 are in reverse order; their offsets stay in order.
 *   cpus        more than there are: what sched_getaffinity tells. Fewer: the command gets fewer. Not: /proc/cpuinfo.
 *   release     what uname tells. Not: /proc/version, /proc/sys/kernel/osrelease.
 *   lifo        of children forked in a row, the last one runs first. Not: vfork, posix_spawn, threads.
 *
 * A step cannot trace anything itself: the filter refuses ptrace in any case.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"

struct sandbox_perturb;
struct perturb;

/* Whether this machine's architecture is known here; without it, what needs a tracer is not varied. */
bool perturb_is_there(void);
bool perturb_traces(const struct sandbox_perturb *p); /* p may be NULL */

/* In pid 1, with CAP_SYS_PTRACE: from then on `command`, which must be dumpable, and all its descendants stop. */
int perturb_attach(const struct sandbox_perturb *p, pid_t command, struct perturb **ret,
		   struct gg_err *err) GG_MUST_USE;
/* A status of waitpid that says WIFSTOPPED: does what is to be done, and lets the process go on. */
void perturb_stopped(struct perturb *t, pid_t pid, int status, uint64_t now);
/* Lets go what was held back long enough. Returns when to call it again, CLOCK_MONOTONIC ns; UINT64_MAX: never. NULL
 * holds nothing. */
uint64_t perturb_release(struct perturb *t, uint64_t now);

/* In the command's process, before its privileges are dropped: personality and processors. */
int perturb_process(const struct sandbox_perturb *p, struct gg_err *err) GG_MUST_USE;
