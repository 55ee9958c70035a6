/* SPDX-License-Identifier: Apache-2.0
 *
 * Linking: a tree becomes a directory on disk, made of hard links to the contents that other directories of the same
 * store hold. `origins[entry->origin]` is the root of the source; the content is at the entry's path there. Sources
 * are immutable; a file whose owner or mode in `t` differs from its source is copied, so is one that the file system
 * will not link (EMLINK, EXDEV). Directories and symlinks are made anew with the metadata of `t` and TREE_MTIME.
 * Whiteouts and opaque directories are written in overlayfs's userxattr format; devices as empty files (mknod needs
 * the host's root; the manifest is the authority). destfd must be an empty directory. Symlinks are never followed.
 */
#pragma once

#include "layers/base/err.h"

struct tree;

enum link_flags {
	/* Hash what was copied; GG_INTEGRITY "changed while it was copied" when it is not what `t` says. */
	LINK_VERIFY = 1 << 0,
	LINK_OTHERS =
		1
		<< 1, /* only what is of origin 0 is copied, the rest is linked as link_tree does */
	LINK_RECORDED = 1 << 2, /* OWNERS_RECORDED, here and in the sources that are linked */
};
/* Of the flags LINK_RECORDED alone. */
int link_tree(const struct tree *t, const int *origins, int destfd, unsigned flags,
	      struct gg_err *err) GG_MUST_USE;
/* The same with copies (reflinks where there are any), for sources that are not ours or must not be shared. Modes,
 * owners and xattrs come from `t`. */
int link_tree_copy(const struct tree *t, const int *origins, int destfd, unsigned flags,
		   struct gg_err *err) GG_MUST_USE;
