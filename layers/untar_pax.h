/* SPDX-License-Identifier: Apache-2.0
 *
 * A pax extended header (POSIX.1-2001, "pax Extended Header"): records "LENGTH KEY=VALUE\n". Strict: lengths must fit,
 * keys come once, path and linkpath hold no NUL, numbers are decimal and not negative. Keys that say nothing about
 * what is extracted (other times, names of owners, comments) are ignored, and so is an mtime that is no time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gg_arena;
struct tree_xattr;

struct untar_pax {
	struct gg_arena *arena; /* borrowed, owns the strings */
	bool present, sparse;
	const char *path, *linkpath; /* NULL when absent */
	bool has_size, has_uid, has_gid;
	uint64_t size, uid, gid;
	bool has_mtime;
	int64_t mtime; /* seconds; the fraction counts up from there */
	uint32_t mtime_ns;
	struct tree_xattr *xattrs; /* SCHILY.xattr.*, sorted by name */
	size_t n_xattrs;
};

/* NULL, or what is wrong. `text` stays with the caller and is followed by a NUL. */
const char *untar_pax_parse(struct untar_pax *pax, const char *text, size_t len);
