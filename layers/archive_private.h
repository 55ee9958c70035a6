/* SPDX-License-Identifier: Apache-2.0
 *
 * Libarchive's functions behind a table: archive_dlopen.c loads the library, archive_linked.c is for a program that holds it.
 * And the thread that decodes ahead.
 */
#pragma once

#include <archive.h>

#include "layers/archive.h"

/* What is used of libarchive, by its own prototypes. */
#define ARCHIVE_FUNCTIONS(X)                                                                       \
	X(archive_read_new)                                                                        \
	X(archive_read_free)                                                                       \
	X(archive_read_support_format_raw)                                                         \
	X(archive_read_append_filter)                                                              \
	X(archive_read_set_read_callback)                                                          \
	X(archive_read_set_callback_data)                                                          \
	X(archive_read_open1)                                                                      \
	X(archive_read_next_header)                                                                \
	X(archive_read_data_block)                                                                 \
	X(archive_filter_bytes)                                                                    \
	X(archive_filter_count)                                                                    \
	X(archive_errno)                                                                           \
	X(archive_error_string)

struct archive_library {
#define ARCHIVE_MEMBER(name) __typeof__(name) *name;
	ARCHIVE_FUNCTIONS(ARCHIVE_MEMBER)
#undef ARCHIVE_MEMBER
};

int archive_library_find(struct archive_library *ret, struct gg_err *err) GG_MUST_USE;

struct archive_ahead;
/* archive_next without the thread. */
int archive_decode(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
		   struct gg_err *err) GG_MUST_USE;
int archive_ahead_start(struct archive_stream *s, struct gg_hash *hash, struct archive_ahead **ret,
			struct gg_err *err) GG_MUST_USE;
int archive_ahead_next(struct archive_ahead *a, const void **ret_bytes, size_t *ret_len,
		       struct gg_err *err) GG_MUST_USE;
/* Ends the thread; accepts NULL. */
void archive_ahead_free(struct archive_ahead *a);
