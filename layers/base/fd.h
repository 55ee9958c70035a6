/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors. Everything is relative to a directory descriptor; every open has O_CLOEXEC; absent is -1.
 * Below a root that somebody else wrote, paths are resolved by the kernel inside that root (openat2
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, Linux 5.6), never as strings. Files appear whole or not at all.
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "layers/base/err.h"

/* Keeps errno; accepts -1. */
void gg_close(int fd);
void gg_closep(int *fd);
#define _cleanup_close_ GG_CLEANUP(gg_closep)
#define gg_steal_fd(p)                                                                             \
	({                                                                                         \
		int _fd = *(p);                                                                    \
		*(p) = -1;                                                                         \
		_fd;                                                                               \
	})

/* openat with O_CLOEXEC, retried on EINTR. */
int gg_openat(int dirfd, const char *name, int flags, mode_t mode, struct gg_err *err) GG_MUST_USE;
/* openat2(2) with its RESOLVE_ bits and O_CLOEXEC, retried while the kernel asks for it. -1 with errno. */
int gg_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve);
/* Opens `path` with chroot semantics below rootfd: "/", ".." and symlinks stay inside. */
int gg_openat_in(int rootfd, const char *path, int flags, mode_t mode,
		 struct gg_err *err) GG_MUST_USE;
/* The same, but returns -1 with errno and no error object, for callers to whom absence is an answer. */
int gg_try_openat_in(int rootfd, const char *path, int flags, mode_t mode);

/* These stop at an interrupt that waits (interrupt.h). */
int gg_write_all(int fd, const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
/* Reads up to len bytes; fewer only at end of file. Returns the count or -1. */
ssize_t gg_read_full(int fd, void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
/* Copies `size` bytes from one descriptor's position to the other's, in the kernel where it can. A source that ends before
 * is GG_INTEGRITY. Stops at an interrupt. */
int gg_copy_bytes(int from, int to, uint64_t size, struct gg_err *err) GG_MUST_USE;
/* The same from an offset: the position of `from` is neither used nor changed. */
int gg_copy_range(int from, uint64_t offset, int to, uint64_t size, struct gg_err *err) GG_MUST_USE;
/* The whole file, at most `max` bytes (more is an error), appended to ret. */
int gg_read_fd(int fd, size_t max, struct gg_buf *ret, struct gg_err *err) GG_MUST_USE;
int gg_read_file(int dirfd, const char *name, size_t max, struct gg_buf *ret,
		 struct gg_err *err) GG_MUST_USE;

/* The first `max` bytes of what must be a regular file: a directory, fifo or device is an error, and never waited for. */
int gg_read_regular(int dirfd, const char *name, size_t max, struct gg_buf *ret,
		    struct gg_err *err) GG_MUST_USE;

/* mkdir -p below dirfd with the given mode; existing directories are kept as they are. */
int gg_mkdirs(int dirfd, const char *path, mode_t mode, struct gg_err *err) GG_MUST_USE;
/* Removes name and everything below it by descriptors, never through a symlink, at any depth with a few dozen of them;
 * absent is success. */
int gg_remove_tree(int dirfd, const char *name, struct gg_err *err) GG_MUST_USE;

enum gg_commit_flags {
	GG_COMMIT_REPLACE =
		1 << 0, /* take the place of an existing name; otherwise EEXIST is success */
};
/* A file that is not there until it is committed: opened as a hidden temporary name beside the target. */
struct gg_newfile {
	int dirfd; /* borrowed */
	int fd;
	char *temp; /* name of the temporary in dirfd; NULL when committed or abandoned */
};
#define GG_NEWFILE_INIT                                                                            \
	{                                                                                          \
		.dirfd = -1, .fd = -1                                                              \
	}
int gg_newfile_open(struct gg_newfile *f, int dirfd, mode_t mode, struct gg_err *err) GG_MUST_USE;
/* write, fsync, rename without replacement (or with), fsync of the directory. */
int gg_newfile_commit(struct gg_newfile *f, const char *name, unsigned flags,
		      struct gg_err *err) GG_MUST_USE;
/* Unlinks what was not committed. */
void gg_newfile_done(struct gg_newfile *f);
#define _cleanup_newfile_ GG_CLEANUP(gg_newfile_done)
/* The whole dance for small files. */
int gg_write_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode,
		  unsigned flags, struct gg_err *err) GG_MUST_USE;
int gg_fsync_dir(int dirfd, struct gg_err *err) GG_MUST_USE;
/* "x-<16 random hex digits>" for temporary names; owned by the caller. */
char *gg_temp_name(const char *prefix);
