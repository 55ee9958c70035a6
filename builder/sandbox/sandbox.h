/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox: one command in its own namespaces on an overlay of trees. `struct sandbox_spec` is plain data built
 * by pure code; the child only applies it.
 *
 * The caller is a process inside the store's user namespace (userns.h) with all capabilities there; ids in the spec
 * are that namespace's. sandbox_start clones a child into new mount, pid, ipc, uts, net and cgroup namespaces. The
 * child becomes a small pid 1 that reaps, starts the command as its child, and reports {phase, errno, text} of a
 * failed set-up on a socket. Nothing of the host is visible but what the spec names.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

enum sandbox_mount_flags {
	SANDBOX_RO = 1 << 0,
	SANDBOX_SECRET =
		1 << 1, /* content is `bytes`: a file on a private tmpfs, 0400 of the step's user */
	SANDBOX_BYTES = 1 << 2, /* the same, 0444 of root */
};

struct sandbox_mount {
	int fd; /* source: an open directory or regular file (bound by descriptor, never by path); -1 for SECRET and BYTES */
	/* absolute in the sandbox; created in the overlay as a stub and removed from the snapshot */
	const char *target;
	unsigned flags;
	const void *bytes;
	size_t len;
};

enum sandbox_flags {
	SANDBOX_NETWORK =
		1
		<< 0, /* the caller's network namespace, but not the abstract sockets that are there */
	SANDBOX_SETUID = 1 << 1, /* no no_new_privs: setuid programs work */
	SANDBOX_READ_ONLY_ROOT = 1 << 2,
	SANDBOX_NO_CAPABILITIES = 1 << 3, /* tests of images: nothing in the bounding set */
	/* The user namespace maps id 0 alone: owners are kept and shown by owner.h. */
	SANDBOX_OWNERSHIP = 1 << 4,
};

/* What a rebuild that verifies sees otherwise than a build does; 0, false and NULL: as it is. perturb.h says how far each
 * reaches. */
struct sandbox_perturb {
	int64_t clock; /* seconds that the wall clocks are ahead */
	bool reversed; /* directories */
	bool lifo;     /* the order in which children of one process start */
	bool pids;     /* the command is not the second process */
	unsigned cpus;
	unsigned long personality;
	const char *release; /* of the kernel */
};

struct sandbox_spec {
	const int *lowers; /* directory descriptors, bottom first; may be empty */
	size_t n_lowers;
	int upper; /* directory descriptor for changes; -1: changes go to memory and vanish */
	int work;  /* empty directory on upper's file system */
	const struct sandbox_mount *mounts;
	size_t n_mounts;
	const char *const
		*argv;          /* argv[0] absolute, or searched in env's PATH inside the sandbox */
	const char *const *env; /* the whole environment */
	const char *workdir;    /* absolute, NULL: "/"; created (0755 root) when absent */
	uint32_t uid, gid;
	const uint32_t *groups; /* supplementary */
	size_t n_groups;
	const char *hostname; /* default "ggbuild" */
	unsigned flags;
	const struct sandbox_perturb *perturb; /* may be NULL */
	uint64_t timeout;                      /* ns, 0: none. SIGTERM, SIGKILL after 10 s */
	int stdout_fd, stderr_fd; /* where the command's output goes; stdin is /dev/null */
};

/* How the command ended. */
struct sandbox_result {
	bool exited; /* else signalled */
	int status;  /* exit status or signal number */
	bool timed_out;
	uint64_t wall_ns, user_ns, sys_ns;
	uint64_t max_rss; /* bytes */
};

struct sandbox;
int sandbox_start(const struct sandbox_spec *spec, struct sandbox **ret,
		  struct gg_err *err) GG_MUST_USE;
int sandbox_pidfd(const struct sandbox *s); /* readable when the sandbox has ended; borrowed */
/* Waits (set-up errors are returned as -1 with phase and remedy); everything inside is dead afterwards. */
int sandbox_wait(struct sandbox *s, struct sandbox_result *ret, struct gg_err *err) GG_MUST_USE;
void sandbox_free(struct sandbox *s); /* kills first if it still runs */
void sandbox_freep(struct sandbox **s);
#define _cleanup_sandbox_ GG_CLEANUP(sandbox_freep)

/* That the kernel is new enough, by its release ("5.11.0-x"; NULL: this machine's). Costs nothing. */
int sandbox_check_kernel(const char *release, struct gg_err *err) GG_MUST_USE;
