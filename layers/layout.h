/* SPDX-License-Identifier: Apache-2.0
 *
 * OCI image layouts (image-spec image-layout.md) as directories. A layout that is not there appears whole, by one
 * rename. One that is there gets the new blobs first and its index.json last; with a reference the other references
 * stay, without one it holds only this image, named "latest". Blobs are copied (never hard-linked), fsynced, 0644. What
 * is named already, with the sizes that it should have, is not written again.
 * Errors: GG_USAGE for a target that is no layout, GG_SYSTEM for the machine; the target is as it was.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/json.h"

struct layout_blob {
	struct gg_digest digest;
	uint64_t size; /* bytes */
};

struct layout_image {
	const struct layout_blob *blobs; /* layers, config, manifest */
	size_t n_blobs;
	/* A readable descriptor, which the callee closes. */
	int (*open)(void *ctx, const struct gg_digest *d, struct gg_err *err);
	void *ctx;
	struct gg_json *descriptor; /* of the manifest, for index.json, with its ref.name; borrowed */
};

/* `keep_others`: a reference was given. */
int layout_write(const char *dir, const struct layout_image *image, bool keep_others, struct gg_err *err) GG_MUST_USE;
