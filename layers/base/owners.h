/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners kept beside inodes that cannot have them: where a store belongs to a user with a single id, every inode is
 * that user's, and an owner other than 0:0 is written down with the inode itself, so that it is renamed, linked and
 * copied up by overlayfs with it, and no record outlives what it is about:
 *
 *   files and directories   the xattr user.ggbuild.owner = "UID:GID", canonical decimal, no NUL
 *   what has no user.* xattrs (symlinks, fifos, sockets)   the modification time, which the store would otherwise set
 *                           to one value: OWNERS_EPOCH seconds and UID * 65536 + GID nanoseconds
 *
 * Ids are 0…65535, what the range of any other store holds. A record is never part of a manifest. Where times
 * are coarser than a nanosecond, writing the second kind is EOVERFLOW.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "layers/base/err.h"

#define OWNERS_XATTR "user.ggbuild.owner"
/* An instant of 1972 that nothing else uses. */
#define OWNERS_EPOCH 87654321

/* What a record in the modification time hides: the store's one time. */
#define OWNERS_SHOWN_TIME 315532800

enum { OWNERS_LIMIT = 65536, OWNERS_TEXT = 12 };

/* Where a tree on disk has its owners. */
enum owners_kept {
	OWNERS_ON_INODES,
	OWNERS_RECORDED, /* every inode is the caller's, who may lack every capability */
	/* The manifest alone has them, and modes, attributes and times: every inode is the caller's, open to the caller. */
	OWNERS_NOWHERE,
};

struct owners_ids {
	uint32_t uid, gid;
};

/* EINVAL came for an id: which ids the calling process's user namespace holds, as a hint. */
int owners_hint(struct gg_err *err);

/* Canonical text only, which "0:0" is not. */
bool owners_parse(const char *text, size_t len, struct owners_ids *ret);
/* The text's length. */
size_t owners_format(struct owners_ids ids, char ret[OWNERS_TEXT]);
struct timespec owners_mark(struct owners_ids ids);
/* False: the time is a time. */
bool owners_marked(const struct timespec *mtime, struct owners_ids *ret);

/* What is recorded with the object at a path (of /proc/self/fd if need be), whose stat is `st`; false: nothing, and
 * the owner is 0:0. */
bool owners_read(const char *path, bool follow, const struct stat *st, struct owners_ids *ret);
/* By descriptor of a file or directory, open for reading. */
bool owners_read_fd(int fd, struct owners_ids *ret);
/* Records an owner with an open file or directory; 0:0 removes the record. -1 with errno. */
int owners_write_fd(int fd, struct owners_ids ids);
/* The same for the object of any type at a path. -1 with errno. */
int owners_write(const char *path, bool follow, const struct stat *st, struct owners_ids ids);
