/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by extract*.c: the state of one extraction, and the part that turns names into nodes and descriptors.
 */
#pragma once

#include "layers/draft.h"
#include "layers/extract.h"
#include "layers/untar.h"

struct glob;

struct extract {
	struct extract_options o;
	struct extract_stats stats;
	int destfd; /* borrowed */
	struct draft *draft;
	uint64_t name_bytes; /* of all paths that were added */
	struct untar *untar; /* borrowed */
	struct gg_hash *content;
	struct glob **exclude;
	size_t n_exclude;
	/* The directory that is open, and the one that a name led to last. */
	struct draft_node *open_node, *last_node;
	int open_fd;
	struct gg_buf last_name, path, rest;
	unsigned links;
};

/* The name's components joined by '/', without "." and empty ones, `strip` taken off; "" is the root. *ret_skip when
 * there are fewer components than are stripped. ".." and overlong components are errors. */
int extract_clean(const struct extract *x, const char *name, struct gg_buf *ret, bool *ret_skip,
		  struct gg_err *err) GG_MUST_USE;
/* The node of directory `path` (clean, len bytes), symlinks followed with chroot semantics. With `make`, what is
 * missing becomes directories; without, *ret is NULL when something is missing or no directory. */
int extract_enter(struct extract *x, const char *path, size_t len, bool make,
		  struct draft_node **ret, struct gg_err *err) GG_MUST_USE;
/* Whether one more node below `dir` is within the limits: of entries, of a path's length and of all their lengths. */
int extract_admit(struct extract *x, const struct draft_node *dir, size_t name_len,
		  struct gg_err *err) GG_MUST_USE;
/* The directory on disk, borrowed until the next call; one that is only below is made. */
int extract_open(struct extract *x, struct draft_node *dir, struct gg_err *err) GG_MUST_USE;
/* Where it is only below: makes a directory, copies a file up. */
int extract_bring(struct extract *x, struct draft_node *node, struct gg_err *err) GG_MUST_USE;
int extract_copy_up(struct extract *x, struct draft_node *file, struct gg_err *err) GG_MUST_USE;
static inline bool extract_is_gone(const struct draft_node *n)
{
	return n->inode->entry.type == TREE_WHITEOUT;
}
/* Removes the node and all below it from the disk and the draft. */
int extract_remove(struct extract *x, struct draft_node *node, struct gg_err *err) GG_MUST_USE;
/* The same for what lower layers have at and below the node; what this layer brought stays. In a delta that becomes a
 * whiteout, or an opaque directory. */
int extract_remove_lower(struct extract *x, struct draft_node *node, bool itself,
			 struct gg_err *err) GG_MUST_USE;
