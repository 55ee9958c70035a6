/* SPDX-License-Identifier: Apache-2.0
 *
 * fork with clone flags and a pidfd: clone3, or clone where a container's filter hides clone3. The caller is
 * single-threaded; nothing of the C library's fork handlers runs.
 */
#pragma once

#include <sched.h>
#include <stdint.h>
#include <sys/types.h>

/* Of every sandbox; the network comes in two kinds. */
#define SANDBOX_NAMESPACES                                                                         \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* 0 in the child; in the parent the pid, and *ret_pidfd with CLOEXEC. -1 with errno. */
pid_t spawn_clone(uint64_t namespaces, int *ret_pidfd);
/* fork, with this pid in the caller's namespace, which must be the one it was born in; with any where the kernel gives
 * none away. */
pid_t spawn_as(pid_t pid);
