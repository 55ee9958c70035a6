/* SPDX-License-Identifier: Apache-2.0
 *
 * "docker://NAME[:TAG][@DIGEST]": an image in a registry (registry.h), by reference (reference.h).
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_registry;

struct reference;
struct registry;
struct registry_push;
int transport_registry_write(const struct transport_target *t, const struct transport_image *image,
			     struct gg_err *err) GG_MUST_USE;
/* The same with a push whose blobs may have begun to go up. */
int transport_registry_push(struct registry *r, struct registry_push *p, const struct reference *to,
			    const struct transport_image *image, struct gg_err *err) GG_MUST_USE;
