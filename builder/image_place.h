/* SPDX-License-Identifier: Apache-2.0
 *
 * Where images come from that a recipe names: a reference with its transport is opened as the recipe means it, paths from
 * its directory and not out of it. In a job's child, as it may speak to a network.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct image_source;
struct session;

struct image_place {
	struct image_source *source;
	int fd; /* of what lies beside the recipe, else -1; the source reads through it */
};
#define IMAGE_PLACE_INIT                                                                           \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void image_place_close(struct image_place *p);
#define _cleanup_image_place_ GG_CLEANUP(image_place_close)

/* manifest: of a registry's images this one, whatever the tag means today; NULL: what the reference says. */
int image_place_open(const struct session *s, const char *reference, const char *platform,
		     const struct gg_digest *manifest, struct image_place *ret,
		     struct gg_err *err) GG_MUST_USE;
/* That opening it opens a connection. */
bool image_place_is_remote(const char *reference);
/* "library/ubuntu:24.04", "base.tar": for people, without a host or a directory. Owned by the caller. */
char *image_place_name(const char *reference);
/* As a policy has it: "docker.io/library/ubuntu:24.04", "oci:base". Owned by the caller. */
char *image_place_rule(const char *reference);
