/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by bundle*.c and by nobody else.
 */
#pragma once

#include <sys/types.h>

#include "layers/bundle.h"

struct archive_stream;
struct tree;

#define BUNDLE_SPLIT_PREFIX "{\"ggbuild-split\":"
#define BUNDLE_EMPTY_CONFIG "{}"
enum { BUNDLE_MAX_INDEX = 64 << 10, BUNDLE_MAX_SPLIT = 1 << 20, BUNDLE_MAX_SEGMENTS = 999 };

/* One file, or one in pieces. */
struct bundle_segment {
	char *name; /* of the piece; NULL: the file itself */
	int fd;
	uint64_t start, size;
	struct gg_digest digest; /* of a piece */
};
struct bundle_file {
	struct bundle_segment *v;
	size_t n;
	uint64_t size;
};
int bundle_file_open(const char *path, struct bundle_file **ret, struct gg_err *err) GG_MUST_USE;
void bundle_file_free(struct bundle_file *f);
/* As pread(2), but short only at the end. */
ssize_t bundle_file_read(const struct bundle_file *f, void *bytes, size_t len, uint64_t offset);
/* The same; fewer bytes are an error. */
int bundle_file_get(const struct bundle_file *f, void *bytes, size_t len, uint64_t offset,
		    struct gg_err *err) GG_MUST_USE;
/* The pieces against their digests. */
int bundle_file_verify(const struct bundle_file *f, struct gg_err *err) GG_MUST_USE;

int bundle_index_parse(const char *text, size_t len, struct gg_digest *ret, uint64_t *ret_size,
		       struct gg_err *err) GG_MUST_USE;
/* The header bytes of a member, of nothing else but these. */
int bundle_member(const char *path, bool directory, unsigned mode, uint64_t size,
		  struct gg_buf *ret, struct gg_err *err) GG_MUST_USE;
char *bundle_blob_path(const struct gg_digest *d);
/* Whether a stream is the archive of the tree's content. */
int bundle_content_check(const struct tree *t, struct archive_stream *stream,
			 struct gg_err *err) GG_MUST_USE;
/* Calls it a name that people find again: "part 'TITLE' (ROLE)". */
int bundle_blame(const struct bundle_part *p, struct gg_err *err);
/* The error for a part that is wrong. */
int bundle_bad_part(const struct bundle_part *p, const char *why, struct gg_err *err);
/* What is described and not there yet is taken from what `from` has. */
void bundle_fill_in(struct bundle *b, const struct bundle_info *from);
/* Whether only zeros are where there is nothing. */
int bundle_zeros(const struct bundle_file *f, uint64_t at, size_t len,
		 struct gg_err *err) GG_MUST_USE;
/* The part's bytes, verified; what `each` gave is worth nothing before the end. */
int bundle_each(const struct bundle_part *p,
		int (*each)(void *ctx, const void *bytes, size_t len, struct gg_err *err),
		void *ctx, struct gg_err *err) GG_MUST_USE;
int bundle_check_digest(const void *bytes, size_t len, const struct gg_digest *want,
			struct gg_err *err) GG_MUST_USE;
/* Whether the parts list the program of the entry BUNDLE_PROGRAM, which has that size; UINT64_MAX: there is none. */
int bundle_check_program(const struct bundle *b, uint64_t size, struct gg_err *err) GG_MUST_USE;
/* bundle_file_read for an archive_source. */
ssize_t bundle_read_source(void *ctx, void *bytes, size_t len, uint64_t offset);
/* An archive that another tool wrote: sets own and the parts' places, as reading one of ours does. */
int bundle_read_foreign(struct bundle *b, struct gg_err *err) GG_MUST_USE;
