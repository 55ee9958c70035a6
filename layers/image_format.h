/* SPDX-License-Identifier: Apache-2.0
 *
 * The two families of media types that an image's documents have (image-spec v1.1 media-types.md; Docker's image manifest
 * version 2, schema 2), and manifests of one as manifests of the other: nothing but media types changes. Pure.
 * Errors: GG_USAGE for a layer that the other has no type for.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct gg_json;

enum image_format { IMAGE_FORMAT_OCI, IMAGE_FORMAT_DOCKER };

/* The type in that family of what `type` is in either; NULL for a type that is in neither or has no counterpart. */
const char *image_format_type(enum image_format f, const char *type);
/* *ret is a manifest in that family, a reference to `manifest` itself where it is one. */
int image_format_manifest(enum image_format f, const struct gg_json *manifest, struct gg_json **ret,
			  struct gg_err *err) GG_MUST_USE;
