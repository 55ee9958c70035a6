/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression. gzip is inflate.h's; xz, zstd and bzip2 are read by libarchive's filters, never formats (untar.c does those). This
 * is the one door to libarchive, which (unless it is linked) is loaded when the first such stream is opened and not before.
 * Uncompressed input passes through. Every member of a concatenation is decoded; after the last only zero bytes may
 * follow. Memory is bounded by the decoder's window, which an xz stream may declare as up to 4 GiB: who reads strangers'
 * archives does it in a process with RLIMIT_AS, or refuses that kind. Errors: GG_INTEGRITY for damaged streams, GG_SYSTEM for reading.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"

struct archive_stream;
struct gg_hash;

enum archive_kind {
	ARCHIVE_PLAIN,
	ARCHIVE_GZIP,
	ARCHIVE_XZ,
	ARCHIVE_ZSTD,
	ARCHIVE_BZIP2,
};

/* What the first bytes of a stream say that it is; six are enough. */
enum archive_kind archive_kind_of(const void *bytes, size_t len);

/* Where encoded bytes come from when that is no file of its own: like pread(2), errno included. */
struct archive_source {
	ssize_t (*read)(void *ctx, void *bytes, size_t len, uint64_t offset);
	void *ctx;
};

/* Decodes `size` bytes of fd from `offset`, by pread: fd is borrowed and its position unused. UINT64_MAX: to the
 * end of the file. */
int archive_open(int fd, uint64_t offset, uint64_t size, struct archive_stream **ret,
		 struct gg_err *err) GG_MUST_USE;
/* The same, and every byte of the input is added to `hash`, which is borrowed: whole once archive_next was at the end. */
int archive_open_hashed(int fd, uint64_t offset, uint64_t size, struct gg_hash *hash,
			struct archive_stream **ret, struct gg_err *err) GG_MUST_USE;
/* Passes over up to `len` bytes of what is not compressed without reading them; returns how many, else 0. */
uint64_t archive_skip(struct archive_stream *s, uint64_t len);
int archive_open_source(const struct archive_source *source, uint64_t offset, uint64_t size,
			struct archive_stream **ret, struct gg_err *err) GG_MUST_USE;
/* The next decoded block, borrowed until the next call; *ret_len is 0 at the end, when all input has been seen. */
int archive_next(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
		 struct gg_err *err) GG_MUST_USE;
/* From now on a thread decodes ahead of archive_next, up to some blocks, and adds every decoded byte to `hash` (borrowed, may be
 * NULL; the caller's again once archive_next was at the end, or the stream is closed). Before the first archive_next; the source is then read from that
 * thread. */
int archive_read_ahead(struct archive_stream *s, struct gg_hash *hash,
		       struct gg_err *err) GG_MUST_USE;
void archive_close(struct archive_stream *s);
void archive_closep(struct archive_stream **s);
#define _cleanup_archive_ GG_CLEANUP(archive_closep)

/* Loads the library now, so that processes forked later share it. */
int archive_load(struct gg_err *err) GG_MUST_USE;
