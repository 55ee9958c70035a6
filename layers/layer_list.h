/* SPDX-License-Identifier: Apache-2.0
 *
 * What a layer's tar holds, entry by entry in its order, with the digest of each content: for comparing, not for
 * unpacking. One entry is what one header says; later ones do not replace earlier ones, and whiteouts are files.
 * Memory is that of the metadata (at most TREE_MAX_ENTRIES); content streams through. Two layers are read at once, each
 * on a thread that is gone when the call returns. The stream is checked to its end (image_source.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/tree.h"

struct image_source;

struct layer_entry {
	const char *path; /* without "./" and trailing '/'; the root is "." */
	const char *link; /* hard links and symlinks; NULL */
	const char *uname, *gname;
	char type; /* as untar.h has it */
	uint32_t mode, uid, gid, major, minor;
	uint64_t size;
	int64_t mtime;
	uint32_t mtime_ns;
	struct gg_digest content; /* type '0' */
	uint64_t headers;         /* a sum of all bytes of its headers */
	const struct tree_xattr *xattrs;
	size_t n_xattrs;
	size_t place; /* in the tar, from 0 */
};

struct layer_list {
	struct gg_arena *arena;
	struct layer_entry *v; /* by path (bytes), those of one path by place */
	size_t n, cap;
};
void layer_list_done(struct layer_list *l);
#define _cleanup_layer_list_ GG_CLEANUP(layer_list_done)

struct layer_ref {
	const struct image_source *source;
	size_t layer;
};

/* One, on the caller's thread. */
int layer_list_read(const struct layer_ref *ref, struct layer_list *ret,
		    struct gg_err *err) GG_MUST_USE;
/* Both at once; ret[i] is of refs[i]. */
int layer_list_pair(const struct layer_ref refs[2], struct layer_list ret[2],
		    struct gg_err *err) GG_MUST_USE;

/* The contents of some entries, for a second look. */
struct layer_content {
	size_t place;          /* of the entry */
	uint64_t offset, size; /* in the file */
};
struct layer_wanted {
	struct layer_content *v; /* by place; offset is filled */
	size_t n;
	int fd; /* of spool.h; filled */
};
/* Both at once, each stream up to the last one that is wanted. */
int layer_contents_pair(const struct layer_ref refs[2], struct layer_wanted wanted[2],
			struct gg_err *err) GG_MUST_USE;
