/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of a tree on disk, opened by path without following any symlink (the kernel refuses:
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS). Paths may be longer than PATH_MAX. A cache keeps the last few open, since
 * entries come in tree order.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

/* The directory `path` (a tree path: "." is the root) below rootfd, for reading. */
int dirs_open(int rootfd, const char *path, struct gg_err *err) GG_MUST_USE;

/* Open parents by (root, directory). */
struct dirs;
struct dirs *dirs_new(void);
void dirs_free(struct dirs *d);
void dirs_freep(struct dirs **d);
#define _cleanup_dirs_ GG_CLEANUP(dirs_freep)
/* The directory that holds the last component of `path`, which is *ret_name (points into path; "." for the root).
 * Borrowed until the next call but one with another root slot. -1 on failure. */
int dirs_parent(struct dirs *d, int rootfd, const char *path, const char **ret_name,
		struct gg_err *err) GG_MUST_USE;
/* Forgets what is open, after directories were removed or renamed. */
void dirs_flush(struct dirs *d);
