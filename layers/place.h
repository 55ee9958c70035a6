/* SPDX-License-Identifier: Apache-2.0
 *
 * Placing single objects into a tree on disk and into its manifest at the same time. `tree` is sorted and describes what
 * rootfd holds; it stays sorted. Paths are absolute or relative to the root; parents are resolved with chroot
 * semantics through `tree` (never by the kernel) and made (0755, 0:0) where they are missing. What was at the path is
 * replaced, never written through: files of the store are hard links. A directory is not replaced by something else.
 * Each call moves the entries behind the new one, so this is for tens of objects, not for thousands.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/owners.h"

struct tree;

struct placing {
	int rootfd;
	struct tree *tree;
	enum owners_kept owners;
};

int place_file(const struct placing *in, const char *path, uint32_t mode, uint32_t uid,
	       uint32_t gid, const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
int place_symlink(const struct placing *in, const char *path, uint32_t uid, uint32_t gid,
		  const char *target, struct gg_err *err) GG_MUST_USE;
/* An existing directory, also one behind a symlink, keeps its content and gets mode and owner. */
int place_dir(const struct placing *in, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
	      struct gg_err *err) GG_MUST_USE;
/* Removes path and all below it; absent is success. */
int place_remove(const struct placing *in, const char *path, struct gg_err *err) GG_MUST_USE;
