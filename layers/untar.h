/* SPDX-License-Identifier: Apache-2.0
 *
 * The strict tar reader: v7, ustar (POSIX.1-1988), pax (POSIX.1-2001) and GNU long names. One reading of every byte
 * or an error, so that no other reader sees more entries than this one: checksums, one size for data and skipping,
 * well-formed extension headers at most once an entry, the end marker present and only zeros after it. Memory is
 * bounded by one entry's extensions. Layers may lack the end marker (untar_open_end).
 * Sparse files, multi-volume archives and unknown types are errors. Pure but for the stream it reads from.
 * Errors: GG_INTEGRITY, with the name of the entry where it is known.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/tree.h"

struct archive_stream;

enum {
	UNTAR_MAX_EXTENSION = 1 << 20, /* bytes of a pax header or a GNU long name */
	UNTAR_MAX_XATTR_NAME = 255,
	UNTAR_MAX_XATTR_VALUE = 64 * 1024,
};

struct untar_entry {
	const char *name; /* as it is written; not empty */
	const char *link; /* types '1' and '2', not empty; else NULL */
	char type; /* '0' file, '1' hard link, '2' symlink, '3' '4' devices, '5' directory, '6' fifo */
	uint32_t mode, uid, gid, major, minor;
	uint64_t size; /* 0 but for '0' */
	int64_t mtime; /* seconds since 1970; INT64_MIN: what is written is no time */
	uint32_t mtime_ns;
	const char *uname, *gname; /* of the header; mostly empty */
	uint64_t
		headers; /* untar_sum_headers: a sum of all bytes of its headers, for comparing; else 0 */
	const struct tree_xattr *xattrs; /* sorted, unfiltered */
	size_t n_xattrs;
};

struct untar;
/* A stream of more than `max` bytes is an error. `hash` may be NULL; both are borrowed. */
struct untar *untar_new(struct archive_stream *stream, uint64_t max, struct gg_hash *hash);
void untar_sum_headers(struct untar *u);
/* For a stream whose digest says that nothing is missing: it may end where an entry does, as umoci's insert writes
 * layers and every engine reads them. */
void untar_open_end(struct untar *u);
void untar_free(struct untar *u);
void untar_freep(struct untar **u);
#define _cleanup_untar_ GG_CLEANUP(untar_freep)

/* The next entry, borrowed until the next call; *ret NULL at the end, when the whole stream has been read. Content that
 * was not read is skipped. */
int untar_next(struct untar *u, const struct untar_entry **ret, struct gg_err *err) GG_MUST_USE;
/* The next piece of the entry's content, borrowed; *ret_len is 0 at its end. */
int untar_data(struct untar *u, const void **ret_bytes, size_t *ret_len,
	       struct gg_err *err) GG_MUST_USE;
uint64_t untar_bytes(const struct untar *u); /* of the stream, so far */
/* After untar_next: where in the stream the entry's content begins. */
uint64_t untar_offset(const struct untar *u);
