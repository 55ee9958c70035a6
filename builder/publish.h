/* SPDX-License-Identifier: Apache-2.0
 *
 * Publishing: the outputs of a build. Places that are files are written here, one after the other; places that speak
 * (transport.remote) are written by a job each, all at once, but for those in the same registry: there one goes first, and
 * the others name or mount what it brought. A registry's job begins before layers are packed: it looks whether it is let
 * in, and gets each layer when it is done, so that one goes up while others are made. Documents and tag come at the end,
 * when the image is whole and tested; a build that fails kills the jobs, and nothing is tagged.
 *
 * An error of a registry that does not let us in ends the build. Later errors are told at once, the build goes on, and so
 * do the other outputs; the first error is the result.
 */
#pragma once

#include <stddef.h>

#include "builder/build.h"
#include "layers/transport.h"

struct image;
struct session;

/* The targets are borrowed, and so are their settings. */
struct publish *publish_new(struct session *s, const struct transport_target *targets, size_t n);
/* Accepts NULL. What is still under way is killed, with every other job of the session. */
void publish_free(struct publish *p);
void publish_freep(struct publish **p);
#define _cleanup_publish_ GG_CLEANUP(publish_freep)

/* Before anything is looked for: layers that were packed once, whose blobs the store has no more, and that each output is
 * a registry that has, are not made again. */
int publish_spare(struct publish *p, const struct build_result *b, struct gg_err *err) GG_MUST_USE;
/* Before the execution runs: starts what layers are given to, if there are layers to be packed. */
int publish_begin(struct publish *p, const struct recipe *r, const struct build_result *b,
		  struct gg_err *err) GG_MUST_USE;
/* All outputs; returns when they are complete. */
int publish_image(struct publish *p, const struct image *image, struct gg_err *err) GG_MUST_USE;
