/* SPDX-License-Identifier: Apache-2.0
 *
 * The golden block: input for a compressor that shows which bytes it gives. One block of the compressor's size and a short
 * one behind it, the same everywhere and for ever (GOLDEN_FORMAT), made of stretches short and long of what layers hold:
 * words, tables of counters, characters without a repetition, runs of one byte, copies from near and far with and
 * without changes, and noise. A library version that chooses matches, ends of blocks or lengths of codes another way
 * gives other bytes for it. That was tried beside 285 MB of a system's files at the default levels, and both say the same:
 * libdeflate 1.14 = 1.17, 1.19 = 1.22 = 1.23 = 1.25; zstd 1.4.8, 1.5.4 = 1.5.5 = 1.5.6, 1.5.7.
 */
#pragma once

#include <stddef.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"
#include "layers/compress.h"

enum { GOLDEN_FORMAT = 1, GOLDEN_TAIL = 600 };

/* The first `len` bytes. */
void golden_block(size_t len, struct gg_buf *ret);
/* Of what this program's compressor makes of its golden block; level 0: the default. Takes as long as a block does: some
 * 15 ms for the default levels, seconds for the highest. */
int golden_digest(enum compress_kind kind, int level, struct gg_digest *ret,
		  struct gg_err *err) GG_MUST_USE;
