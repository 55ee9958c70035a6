/* SPDX-License-Identifier: Apache-2.0
 *
 * Packing: a sorted list of entries becomes one layer blob. The pipeline is read → tar → (hash, compress in parallel
 * blocks) → hash → write; diffID (image-spec config.md) and blob digest come out of the same pass. Memory is bounded
 * by blocks in flight, whatever the size of the layer. Threads live only inside pack_layer.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct tree_entry;

enum pack_compression { PACK_GZIP, PACK_ZSTD, PACK_NONE };

struct pack_item {
	const struct tree_entry *
		entry; /* path, type, mode, ids, xattrs as they appear in the layer; a whiteout becomes
					 * an empty file ".wh.NAME", an opaque directory gets ".wh..wh..opq" */
	int rootfd; /* where the content of a file with no `bytes` is; its size is checked while reading */
	const char *source; /* path below rootfd, resolved without following any symlink */
	const void *bytes;  /* content given inline (entry->size bytes), or NULL */
};

struct pack_options {
	enum pack_compression compression;
	int level;        /* 0: this format version's default */
	int64_t mtime;    /* seconds, for every entry */
	unsigned threads; /* compressors; 0: one a CPU. The bytes do not depend on it */
};

struct pack_result {
	struct gg_digest digest, diff_id;
	uint64_t size, diff_size; /* bytes, compressed and not */
};

/* Items must be in tree order with every parent present; writes to outfd from its position. */
int pack_layer(const struct pack_item *items, size_t n, const struct pack_options *options,
	       int outfd, struct pack_result *ret, struct gg_err *err) GG_MUST_USE;
const char *pack_media_type(enum pack_compression c);
