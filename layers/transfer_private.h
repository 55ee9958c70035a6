/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by transfer*.c.
 */
#pragma once

#include "layers/image_format.h"
#include "layers/transfer.h"

struct image_document;

/* What was read and checked, or made here: nobody needs to open it again. */
struct transfer_document {
	struct image_blob blob;
	char *bytes; /* owned */
};

/* Keeps a value whose texts are borrowed. */
void transfer_keep(struct transfer *t, const struct gg_json *v);
/* A document that was read. */
void transfer_copy_document(struct transfer *t, const struct image_document *doc);
/* A document that is made here: its blob, with a borrowed media type. */
struct image_blob transfer_make_document(struct transfer *t, const struct gg_json *o,
					 const char *media_type);
/* `old` (may be NULL) for another blob, without a reference; owned by the caller. */
struct gg_json *transfer_describe(const struct gg_json *old, const struct image_blob *b);
enum image_format transfer_wanted(const struct transfer *t);
/* The manifest, converted where that is asked for: the same, or another document. */
int transfer_convert(struct transfer *t, const struct image_blob *b, const struct gg_json *manifest,
		     struct image_blob *ret, struct gg_err *err) GG_MUST_USE;
/* Why a digest is new. */
const char *transfer_other_types(const struct transfer *t);

/* The index that a source holds; the image's blobs and manifests. */
int transfer_take_whole(struct transfer *t, const struct image_document *root,
			const struct gg_json *descriptor, struct gg_err *err) GG_MUST_USE;
/* Several under one name: an index of them. */
int transfer_take_several(struct transfer *t, struct gg_err *err) GG_MUST_USE;
