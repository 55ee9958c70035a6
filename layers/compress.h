/* SPDX-License-Identifier: Apache-2.0
 *
 * Block compressors: one stream of bytes in, one compressed stream out, on several threads. The bytes depend on the
 * input, the kind, the level and COMPRESS_FORMAT (with the versions of the linked libraries), never on the number of
 * threads, their timing, or how the input was cut into calls. Memory is bounded by the blocks in flight.
 *
 *   gzip  The input is cut into blocks of COMPRESS_GZIP_BLOCK bytes; each is one RFC 1952 member (libdeflate, level 5
 *         unless told), as libdeflate writes it but for the OS byte, which is 255 (unknown); MTIME is 0, no name.
 *         Readers must go on after a member's end, as RFC 1952 2.2 says and eStargz layers need. Tried with a layer
 *         of 8 members: gzip, pigz, busybox, libarchive, Go's compress/gzip, Python's gzip, Node, Java, and so skopeo,
 *         podman, umoci and Docker read all of it. Single-member interfaces stop after the first block without an
 *         error: zlib's inflate, Perl's gunzip without MultiStream, Rust's flate2 GzDecoder (MultiGzDecoder is
 *         right). One member would need an encoder that can end a block without ending the stream: libdeflate
 *         cannot, and zlib, which can, takes three times as long.
 *   zstd  Blocks of COMPRESS_ZSTD_BLOCK bytes, each one RFC 8878 frame with its content size and no checksum. Level 3
 *         unless told. Readers must go on after a frame's end, as section 3.1 says and zstd:chunked layers need.
 *   none  The bytes themselves.
 * An empty input is one empty member or frame.
 *
 * Threads start in compress_new and are gone after compress_free; they block every signal. The sink runs on the
 * caller's thread only, in order. After an error only compress_free may follow.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

enum { COMPRESS_FORMAT = 1, COMPRESS_GZIP_BLOCK = 1 << 20, COMPRESS_ZSTD_BLOCK = 4 << 20 };

enum compress_kind { COMPRESS_GZIP, COMPRESS_ZSTD, COMPRESS_NONE };

/* What the bytes come from: "libdeflate 1.14"; NULL for none. */
const char *compress_library(enum compress_kind kind);
/* The level that is meant by 0; 0 for none. */
int compress_default_level(enum compress_kind kind);
/* Bytes of input in a member or frame. */
size_t compress_block_size(enum compress_kind kind);

typedef int compress_sink(void *ctx, const void *bytes, size_t len, struct gg_err *err);

struct compress_options {
	enum compress_kind kind;
	int level;        /* 0: the default named above; gzip 1..12, zstd 1..19 */
	unsigned threads; /* 0: one a CPU that this process may use; at most 16 are started */
	compress_sink *sink;
	void *ctx;
};

struct compress;
int compress_new(const struct compress_options *options, struct compress **ret,
		 struct gg_err *err) GG_MUST_USE;
/* Room for input, to be filled in place and then handed in with compress_fill; never empty. */
void *compress_room(struct compress *c, size_t *ret_len);
/* Takes the first `len` bytes of the room. */
int compress_fill(struct compress *c, size_t len, struct gg_err *err) GG_MUST_USE;
/* The same by copying. */
int compress_add(struct compress *c, const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
/* Writes what is left and the stream's end. */
int compress_end(struct compress *c, struct gg_err *err) GG_MUST_USE;
/* Joins the threads, also in the middle of the work; accepts NULL. */
void compress_free(struct compress *c);
void compress_freep(struct compress **c);
#define _cleanup_compress_ GG_CLEANUP(compress_freep)
