/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry's metadata on disk and off it: which xattrs a tree keeps, reading them, and setting owner, mode, xattrs and
 * times in the order that lets setuid and capabilities survive. By descriptor; never through a symlink.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"
#include "layers/base/owners.h"

struct tree;
struct tree_entry;
struct tree_xattr;

/* user.* but user.overlay.* and owners.h's record, and security.capability. */
bool meta_keeps_xattr(const char *name);
/* Keeps what a tree keeps, capabilities as revision 2; `to` has room for n. Returns how many; values are borrowed. */
size_t meta_filter_xattrs(const struct tree_xattr *from, size_t n, struct tree_xattr *to);

enum meta_read_flags {
	META_OVERLAY =
		1 << 0, /* user.overlay.opaque is the entry's; redirect and metacopy are errors */
	META_WRITE = 1 << 1,    /* what is dropped is removed from the disk too */
	META_RECORDED = 1 << 2, /* a recorded owner is the entry's */
};
/* Reads the kept xattrs of fd into e; strings go to t's arena. */
int meta_read_xattrs(int fd, struct tree *t, struct tree_entry *e, unsigned flags,
		     struct gg_err *err) GG_MUST_USE;

/* Owner, mode, xattrs and TREE_MTIME of an open file, directory or fifo, open to its owner. Recorded owners: who may
 * not set capabilities leaves them to the manifest. */
int meta_apply(int fd, const struct tree_entry *e, enum owners_kept owners,
	       struct gg_err *err) GG_MUST_USE;
/* Owner and times of a symlink. */
int meta_apply_link(int dirfd, const char *name, const struct tree_entry *e,
		    enum owners_kept owners, struct gg_err *err) GG_MUST_USE;
int meta_touch(int fd, struct gg_err *err) GG_MUST_USE; /* TREE_MTIME */

/* Makes what is neither file nor directory, with its metadata: symlinks, fifos, whiteouts; devices as empty files. */
int meta_make_special(int dirfd, const char *name, const struct tree_entry *e,
		      enum owners_kept owners, struct gg_err *err) GG_MUST_USE;
