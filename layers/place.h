/* SPDX-License-Identifier: Apache-2.0
 *
 * Placing single objects into a tree on disk and into its manifest at the same time. `t` is sorted and describes what
 * rootfd holds; it stays sorted. Paths are absolute or relative to the root; parents are resolved with chroot
 * semantics through `t` (never by the kernel) and made (0755, 0:0) where they are missing. What was at the path is
 * replaced, never written through: files of the store are hard links. A directory is not replaced by something else.
 * Each call moves the entries behind the new one, so this is for tens of objects, not for thousands.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct tree;

int place_file(int rootfd, struct tree *t, const char *path, uint32_t mode, uint32_t uid,
	       uint32_t gid, const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
int place_symlink(int rootfd, struct tree *t, const char *path, uint32_t uid, uint32_t gid,
		  const char *target, struct gg_err *err) GG_MUST_USE;
/* An existing directory, also one behind a symlink, keeps its content and gets mode and owner. */
int place_dir(int rootfd, struct tree *t, const char *path, uint32_t mode, uint32_t uid,
	      uint32_t gid, struct gg_err *err) GG_MUST_USE;
/* Removes path and all below it; absent is success. */
int place_remove(int rootfd, struct tree *t, const char *path, struct gg_err *err) GG_MUST_USE;
