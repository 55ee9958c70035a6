/* SPDX-License-Identifier: Apache-2.0
 *
 * Scanning: a directory on disk becomes a tree. Walks by descriptors and never follows a symlink, so depth and path
 * length have no bound but memory. Contents are hashed by two threads, joined before return. Runs in the store's user
 * namespace, where ids, capabilities and whiteouts read naturally.
 *
 * Kept: user.* xattrs (not user.overlay.*) and security.capability, written as VFS_CAP_REVISION_2. Dropped: every
 * other xattr, POSIX ACLs included (they have no place in the manifest). Sockets are skipped. A file with several
 * names becomes hard links of the first in tree order. Other file systems mounted below are not entered.
 * The result is sorted, with the root as ".".
 * Errors: GG_SYSTEM with the path; a file whose size or times changed while it was read says so.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"
#include "layers/base/owners.h"

struct gg_digest;
struct gg_strv;
struct stat;
struct tree;

/* Every file of the store has these seconds as atime and mtime: 1980-01-01, the oldest time that zip can hold. */
#define TREE_MTIME 315532800

enum scan_flags {
	/* The upper directory of an overlay with `userxattr`: a 0/0 character device is a whiteout, user.overlay.opaque=y
	 * an opaque directory. Directories that the kernel copied up only for their children stay, they are part of the
	 * delta. Redirects and metacopies are errors. */
	SCAN_OVERLAY = 1 << 0,
	SCAN_MODES = 1 << 1,  /* directories and executables 0755, other files 0644 */
	SCAN_OWNERS = 1 << 2, /* 0:0 */
	SCAN_NO_XATTRS = 1 << 3,
	/* The disk is made to agree: TREE_MTIME everywhere, modes and owners as recorded, dropped xattrs, excluded paths
	 * and sockets removed. */
	SCAN_WRITE = 1 << 4,
	SCAN_NO_HARDLINKS = 1 << 5, /* each name of an inode is a file of its own */
};

/* What the caller remembers of contents, so that files need not be read again. Called by the scan's own thread. Not
 * with SCAN_WRITE and only with SCAN_NO_XATTRS. */
struct scan_memory {
	bool (*known)(void *ctx, const struct stat *st, struct gg_digest *ret);
	/* A file that was read, `st` from before that. After everything was read. */
	void (*learned)(void *ctx, const struct stat *st, const struct gg_digest *content);
	void *ctx;
};

struct scan_options {
	unsigned flags;
	/* glob_match() patterns; a match leaves out everything below. May be NULL */
	const struct gg_strv *exclude;
	/* More to leave out, in the caller's own words; may be NULL. path is relative to the root. */
	bool (*skip)(void *ctx, const char *path, bool is_dir);
	void *ctx;
	const struct scan_memory *memory; /* may be NULL */
	enum owners_kept owners;
};

/* dirfd is borrowed and may be any directory descriptor that is open for reading. */
int scan_tree(int dirfd, const struct scan_options *o, struct tree **ret,
	      struct gg_err *err) GG_MUST_USE;
