/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the ownership layer share. A handler returns what the call shall return, -errno, or one of the
 * values below. Objects of the caller are named by paths of ours, through /proc/PID: one call less than a descriptor.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "layers/base/owners.h"

#define OWNER_PROCEED INT64_MIN    /* the kernel shall do it */
#define OWNER_DONE (INT64_MIN + 1) /* the answer has been sent */

enum { OWNER_PATH = PATH_MAX + 64, OWNER_FD_PATH = 32 };

struct owner_creds {
	uint32_t ruid, euid, suid, fsuid;
	uint32_t rgid, egid, sgid, fsgid;
	uint64_t
		keeper; /* inode of the program that keeps its capabilities (PR_SET_KEEPCAPS), or 0 */
	uint32_t *groups; /* owned by the table */
	size_t n_groups;
};

struct owner_server {
	int listener;
	struct owner_creds *creds; /* 0: those of the command */
	size_t n_creds, cap_creds;
	uint64_t limit;    /* the hard RLIMIT_RTTIME */
	bool changed_root; /* somebody called chroot */
	dev_t dev;         /* of our own program, a file of the host */
	ino_t ino;
	pid_t pid; /* the process of `pidfd`, which stays open for its next request */
	int pidfd;
};

/* One request. */
struct owner_call {
	struct owner_server *s;
	uint64_t id;
	pid_t pid; /* the thread */
	int nr;
	uint64_t args[6];
};

/* An object of the caller's view. `fd` keeps a path of /proc/self/fd alive, else -1. */
struct owner_place {
	char path[OWNER_PATH];
	bool follow; /* a symlink at the path is not the object */
	int fd;
};
void owner_place_done(struct owner_place *p);
#define _cleanup_place_ GG_CLEANUP(owner_place_done)

/* The caller's memory: 0 or -errno. */
int owner_read(const struct owner_call *c, uint64_t from, void *to, size_t len);
int owner_write(const struct owner_call *c, uint64_t to, const void *from, size_t len);
int owner_read_string(const struct owner_call *c, uint64_t from, char ret[PATH_MAX]);
/* Whether the request is still there: what was read of its caller is of no other process. */
bool owner_valid(const struct owner_call *c);

/* Where (dirfd, path in the caller's memory, AT_ flags) lies, to look at it. 0 or -errno. */
int owner_locate(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags,
		 struct owner_place *ret);
int owner_locate_fd(const struct owner_call *c, int fd, struct owner_place *ret);
/* A descriptor of the caller's as one of ours, which is cheaper than a path of /proc; -1 when it cannot be had. */
int owner_get_fd(const struct owner_call *c, int number);
/* The directory of something to be made. */
int owner_locate_parent(const struct owner_call *c, int dirfd, uint64_t path,
			struct owner_place *ret);
/* Whether it is our own program: what leads there, /proc/1/exe or a symlink to /proc/self, was not for us to follow. */
bool owner_is_ours(const struct owner_call *c, const struct stat *st);
/*
 * The same opened, O_PATH, or -errno: what is to be changed. We may follow links of /proc that the caller may not, its
 * pid 1's exe among them, which is a file of the host; here they are ELOOP, but for the caller's own descriptors.
 */
int owner_open(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags);
/* The name to be made in it; -EINVAL when there is none. */
int owner_open_parent(const struct owner_call *c, int dirfd, uint64_t path,
		      char name[NAME_MAX + 1]);
const char *owner_fd_path(int fd, char ret[OWNER_FD_PATH]);
mode_t owner_umask(const struct owner_call *c);

const struct owner_creds *owner_creds_of(const struct owner_call *c);
/* The caller has these from now on. 0 or -errno. */
int64_t owner_become(struct owner_call *c, const struct owner_creds *wanted);
bool owner_in_group(const struct owner_creds *creds, uint32_t gid);

/* The handlers, by family. */
int64_t owner_call_creds(struct owner_call *c);
int64_t owner_call_stat(struct owner_call *c);
int64_t owner_call_change(struct owner_call *c);
int64_t owner_call_make(struct owner_call *c);
int64_t owner_call_other(struct owner_call *c);
int64_t owner_call_exec(struct owner_call *c);
