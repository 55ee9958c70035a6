/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees: the canonical description of a file tree. A tree's manifest is the authority on names, types, modes,
 * ownership, xattrs and content digests; it holds no times. Its digest (sha256 of the canonical text) is the
 * tree digest. Pure: no descriptors.
 *
 * Canonical text, format version 1: the line "ggbuild-tree 1", then one line an entry in tree order:
 *
 *   d MODE UID GID PATH [o] [x:NAME=HEX]...          directory; "o": hides what lower trees have there
 *   f MODE UID GID PATH SIZE SHA256HEX [h:PATH] ...  file; "h": same inode as PATH, an earlier file of this tree
 *   l MODE UID GID PATH TARGET                       symlink (MODE is 777)
 *   c|b MODE UID GID PATH MAJOR MINOR                device
 *   p MODE UID GID PATH                              fifo
 *   w PATH                                           whiteout: the path is absent in lower trees' merge
 *
 * MODE is octal without leading zeros. PATH, TARGET and xattr NAMEs are percent-encoded: bytes <= 0x20, 0x7f,
 * '%' and, in names, '='. The root is the path "." and comes first; others are relative with no "./".
 * Tree order: preorder, siblings compared bytewise (so '/' sorts below every other byte).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"

enum { TREE_FORMAT = 1, TREE_MAX_ENTRIES = 2000000 };

enum tree_type {
	TREE_DIR = 'd',
	TREE_FILE = 'f',
	TREE_SYMLINK = 'l',
	TREE_CHAR = 'c',
	TREE_BLOCK = 'b',
	TREE_FIFO = 'p',
	TREE_WHITEOUT = 'w',
};

struct tree_xattr {
	const char *name;
	const void *value;
	size_t len;
};

struct tree_entry {
	const char *path; /* relative, without "./" or trailing '/'; the root is "." */
	enum tree_type type;
	uint32_t mode; /* 07777 bits */
	uint32_t uid, gid;
	uint64_t size;            /* files */
	struct gg_digest content; /* files */
	const char *target;       /* symlinks */
	/* files: path of the first name of the inode in the same tree, or NULL */
	const char *hardlink;
	uint32_t major, minor;
	bool opaque;
	const struct tree_xattr *xattrs; /* sorted by name */
	size_t n_xattrs;
	/* Not in the text; where a linked or merged tree's content is: */
	unsigned origin;    /* index of the source tree; else 0 */
	const char *source; /* path in the source tree, NULL: the same as `path` */
};

struct tree {
	struct gg_arena *arena;     /* owns every string of the entries */
	struct tree_entry *entries; /* in tree order after tree_sort */
	size_t n, cap;
};

struct tree *tree_new(void);
void tree_free(struct tree *t);
void tree_freep(struct tree **t);
#define _cleanup_tree_ GG_CLEANUP(tree_freep)

/* A new zeroed entry at the end, its path copied. Pointers to entries die with the next addition. */
struct tree_entry *tree_add(struct tree *t, const char *path, enum tree_type type);
/* A deep copy of an entry (of any tree) under another path; NULL keeps its path. */
struct tree_entry *tree_add_copy(struct tree *t, const struct tree_entry *e, const char *path);
/* Sorts into tree order; a duplicate path is an error (GG_INTEGRITY) that names it. */
int tree_sort(struct tree *t, struct gg_err *err) GG_MUST_USE;
/* Adds missing parent directories (mode 0755, 0:0) and the root, then sorts. */
int tree_complete(struct tree *t, struct gg_err *err) GG_MUST_USE;
/* In a sorted tree; NULL when absent. Symlinks are not followed. */
struct tree_entry *tree_find(const struct tree *t, const char *path);
/* Follows symlinks with chroot semantics, the last component too when follow_last; on success ret_path (owned
 * by t's arena) is where it really is. NULL when absent or after 40 links. */
struct tree_entry *tree_resolve(const struct tree *t, const char *path, bool follow_last,
				const char **ret_path);
int tree_compare_paths(const char *a, const char *b); /* tree order */

void tree_text(const struct tree *t, struct gg_buf *ret);
void tree_digest(const struct tree *t, struct gg_digest *ret);
/* Strict: anything that tree_text would not have written is an error. */
int tree_parse(const char *text, size_t len, struct tree **ret, struct gg_err *err) GG_MUST_USE;

/* What an overlay mount of the trees shows, bottom first: whiteouts applied and gone (or kept, for a delta that
 * is a flattened run of deltas, with TREE_MERGE_KEEP_WHITEOUTS), a directory's metadata from the topmost tree
 * that has it, hard links kept only within one source tree. */
enum tree_merge_flags { TREE_MERGE_KEEP_WHITEOUTS = 1 << 0 };
int tree_merge(const struct tree *const *trees, size_t n, unsigned flags, struct tree **ret,
	       struct gg_err *err) GG_MUST_USE;
/* The entries at and below `path`, re-rooted: `path` becomes ".". The directory must exist. */
int tree_subtree(const struct tree *t, const char *path, struct tree **ret,
		 struct gg_err *err) GG_MUST_USE;
/* After entries were taken out: names whose inode's first name has gone share the first of those that are left. */
void tree_promote_links(struct tree *t);
/* The next path at which two sorted trees differ, in words ("mode 0644 -> 0755"); false when there is none. Places are
 * zero at first; path is borrowed, what owned by the caller. */
struct tree_places {
	size_t a, b;
};
bool tree_next_difference(const struct tree *a, const struct tree *b, struct tree_places *at,
			  const char **ret_path, char **ret_what);
/* The first. */
bool tree_first_difference(const struct tree *a, const struct tree *b, const char **ret_path,
			   char **ret_what);
