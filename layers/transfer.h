/* SPDX-License-Identifier: Apache-2.0
 *
 * From a source to a target: an image that was opened (image_source.h) as one that can be written (transport.h), alone
 * or, where the source is `whole`, as the index with every platform that it lists, nested ones included. Documents stay
 * byte for byte and so does the digest, unless
 *   - the place has no manifest (docker-archive): one is made, and what is not compressed stays so;
 *   - a layout lists several images under one name: an index of them is made;
 *   - another format is asked for: the same blobs under the other media types (Docker's image manifest version 2, schema 2
 *     and manifest list, or image-spec v1.1). Docker's has none for zstd. Artifacts in an index stay as they are.
 * Errors: GG_INTEGRITY for documents, also for an index of more than TRANSFER_MAX_MANIFESTS and for layers that lie
 * elsewhere ("foreign"); GG_USAGE for what the format cannot hold.
 */
#pragma once

#include <stddef.h>

#include "layers/transport.h"

enum { TRANSFER_MAX_MANIFESTS = 1000, TRANSFER_MAX_BLOBS = 20000 };

enum transfer_format { TRANSFER_AS_IT_IS, TRANSFER_OCI, TRANSFER_DOCKER };

struct transfer_document;

struct transfer {
	struct transport_image image;
	const char *why; /* the root's digest is not the source's; NULL: it is */
	/* Private. */
	const struct image_source *source;
	enum transfer_format format;
	struct transfer_document *documents;
	size_t n_documents, cap_documents;
	struct image_blob *blobs, *manifests;
	size_t n_blobs, cap_blobs, n_manifests, cap_manifests;
	struct image_layer *layers;
	struct gg_json *descriptor;
	struct gg_json *kept; /* an array of what media types are borrowed from */
};
#define TRANSFER_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

/* The source is borrowed and ret stays where it is. */
int transfer_make(const struct image_source *s, enum transfer_format format, struct transfer *ret,
		  struct gg_err *err) GG_MUST_USE;
void transfer_done(struct transfer *t);
#define _cleanup_transfer_ GG_CLEANUP(transfer_done)
