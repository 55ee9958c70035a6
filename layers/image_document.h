/* SPDX-License-Identifier: Apache-2.0
 *
 * What an image's documents say, checked: descriptors, indexes, manifests, configs (image-spec v1.1 descriptor.md,
 * image-index.md, manifest.md, config.md; Docker's schema 2 equivalents). Pure. A document's kind is decided by its own
 * fields, and what could be read as two kinds is an error. Errors are GG_INTEGRITY, GG_USAGE for a platform or
 * reference that is not there.
 */
#pragma once

#include "layers/image_source.h"

enum image_document_kind { IMAGE_DOCUMENT_INDEX, IMAGE_DOCUMENT_MANIFEST };

int image_document_too_large(uint64_t size, struct gg_err *err);
/* Strict, sha256 only; text may be NULL: not a string. */
int image_document_digest(const char *text, struct gg_digest *ret, struct gg_err *err) GG_MUST_USE;
/* A descriptor: media type (borrowed from it), digest, size. */
int image_document_blob(const struct gg_json *descriptor, struct image_blob *ret,
			struct gg_err *err) GG_MUST_USE;
/* That it is an index or a manifest, well-formed, and of the type that its descriptor says. */
int image_document_check(const struct image_document *doc, enum image_document_kind *ret,
			 struct gg_err *err) GG_MUST_USE;
/* A manifest's or an index's, which registries keep apart from blobs; type may be NULL. */
bool image_document_is_manifest_type(const char *type);
/* A static text for a manifest's media type. */
const char *image_document_manifest_type(const struct image_document *doc);
int image_document_check_config_type(const char *type, struct gg_err *err) GG_MUST_USE;
int image_document_check_layer_type(const char *type, struct gg_err *err) GG_MUST_USE;
/* rootfs.diff_ids of a config, borrowed. */
int image_document_diff_ids(const struct gg_json *config, const struct gg_json **ret,
			    struct gg_err *err) GG_MUST_USE;

/* "os/arch[/variant]" of a descriptor's platform, or of a config; owned by the caller. NULL: it says none. */
char *image_document_platform(const struct gg_json *p);

/* The entries of an index.json ("manifests") that a reference names, all of them with NULL where only one image is
 * there; the array is the caller's. */
int image_document_find(const struct gg_json *index, const char *ref, struct gg_json **ret,
			struct gg_err *err) GG_MUST_USE;
/* The one descriptor, else the one for a platform "os/arch[/variant]"; attestations are passed over. */
int image_document_choose(const struct gg_json *descriptors, const char *platform,
			  const struct gg_json **ret, struct gg_err *err) GG_MUST_USE;
