/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack of trees seen as one, as an overlay mount would show it, without mounting: the merged manifest, and
 * contents by the descriptors of the trees that hold them. For the child of an action; no writing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/tree.h"

struct action;

struct view {
	struct tree *merged; /* origin indexes fds */
	int *fds; /* borrowed descriptors: n directories, bottom first, -1 for a tree that has none; then
				their contents' */
	const struct gg_digest **digests; /* parallel to fds */
	size_t n, n_fds;
	int flat; /* owned; -1 unless view_flatten made one */
};
#define VIEW_INIT                                                                                  \
	{                                                                                          \
		.flat = -1                                                                         \
	}
void view_done(struct view *v);
#define _cleanup_view_ GG_CLEANUP(view_done)

/* The nodes' trees must have been loaded in prepare. */
int view_make(const struct action *a, const size_t *nodes, size_t n, struct view *ret,
	      struct gg_err *err) GG_MUST_USE;
/* A stack that is too deep for an overlay mount becomes one directory of hard links among the action's private files. */
int view_flatten(struct view *v, struct action *a, struct gg_err *err) GG_MUST_USE;
/* The content of a file entry of v->merged. */
int view_open(const struct view *v, const struct tree_entry *e, struct gg_err *err) GG_MUST_USE;
/* A file by path, symlinks followed inside; *ret_found false when there is none. */
int view_read(const struct view *v, const char *path, size_t max, struct gg_buf *ret,
	      bool *ret_found, struct gg_err *err) GG_MUST_USE;

/* Names of the view's /etc/passwd and /etc/group, read with our own bounded parser. */
struct owner {
	uint32_t uid, gid;
	char *home; /* owned; NULL for a bare id that passwd does not know */
};
/* "name", "name:group", "1000", "1000:1000"; a name's group defaults to its primary one. GG_RECIPE when unknown. */
int view_owner(const struct view *v, const char *owner, struct owner *ret,
	       struct gg_err *err) GG_MUST_USE;
