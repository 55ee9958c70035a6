/* SPDX-License-Identifier: Apache-2.0
 *
 * The image of a finished build: its documents, made once and kept in the store, from which every output is written.
 * One whose every step was hermetic (recipe_step_is_hermetic) says so, by the annotation IMAGE_HERMETIC "true" of its
 * manifest; another says nothing.
 */
#pragma once

#include "builder/build.h"
#include "layers/image_format.h"
#include "layers/oci.h"
#include "layers/reference.h"
#include "layers/transport.h"

struct session;

#define IMAGE_HERMETIC RECIPE_STATEMENTS "hermetic"

struct image {
	struct oci_image oci;           /* borrows the recipe's texts */
	struct transport_image written; /* .root.digest is the image's name */
	/* Owned, like the others: what the two are made of. */
	struct oci_layer *layers;
	struct image_layer *written_layers;
	struct image_blob *blobs;
	struct gg_json *descriptor;
	char *user;
	struct gg_strv annotations;
	struct gg_json *base;  /* the config of the image that it is from */
	struct reference from; /* where its layers can be mounted from, if that is a registry */
};
#define IMAGE_INIT                                                                                 \
	{                                                                                          \
		0                                                                                  \
	}

/* Layer i of the plan, whose node is done. */
int image_layer(const struct recipe *r, const struct build_result *b, size_t i,
		struct oci_layer *ret, struct gg_err *err) GG_MUST_USE;
/* Blobs of an image that was built; ctx is the store. */
int image_open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		    struct gg_err *err) GG_MUST_USE;
/* ret stays where it is: its parts point to each other. Docker's format has the same config and layers, and a manifest of
 * its own; none for layers compressed with zstd, which is GG_USAGE. */
int image_make(struct session *s, const struct recipe *r, const struct build_result *b,
	       enum image_format format, struct image *ret, struct gg_err *err) GG_MUST_USE;
void image_done(struct image *i);
#define _cleanup_image_ GG_CLEANUP(image_done)
