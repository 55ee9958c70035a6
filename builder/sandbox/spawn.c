/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/spawn.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/sched.h and sched.h disagree on names, so the one struct of clone3 is here; sizes as of Linux 5.5. */
struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size;
};

pid_t spawn_clone(uint64_t namespaces, int *ret_pidfd)
{
	struct clone3_args args = {
		.flags = namespaces | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0 && errno == ENOSYS)
		pid = syscall(SYS_clone, (unsigned long)(args.flags | SIGCHLD), NULL, ret_pidfd,
			      NULL, 0);
	return (pid_t)pid;
}

pid_t spawn_as(pid_t pid)
{
	struct clone3_args args = { .exit_signal = SIGCHLD,
				    .set_tid = (uint64_t)(uintptr_t)&pid,
				    .set_tid_size = 1 };
	long child = syscall(SYS_clone3, &args, sizeof(args));

	return child < 0 ? fork() : (pid_t)child;
}
