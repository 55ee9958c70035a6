/* SPDX-License-Identifier: Apache-2.0
 *
 * An image on its way to its outputs. Layers go up to registries while later ones are still being made, each registry in a
 * child of its own that begins with the first layer that was packed; a build that packs none starts none. When the image is
 * whole, every output is written, remote ones in children, all at once; a tag comes last, so a build that fails before leaves
 * none.
 */
#pragma once

#include <stddef.h>

#include "layers/transport.h"

struct publish;
struct session;

/* The targets are borrowed; none of them may move. Nothing is started yet. */
struct publish *publish_new(struct session *s, const struct transport_target *targets, size_t n);
void publish_free(
	struct publish *p); /* accepts NULL; what still runs of the session's jobs is killed */
void publish_freep(struct publish **p);
#define _cleanup_publish_ GG_CLEANUP(publish_freep)
/* A layer that is in the store from now on. p may be NULL. A registry that cannot be reached is told of at the end. */
void publish_layer(struct publish *p, const struct gg_digest *d, uint64_t size);
/* Writes everything; the first error counts, and the other outputs are finished all the same. */
int publish_image(struct publish *p, const struct transport_image *image,
		  struct gg_err *err) GG_MUST_USE;
