/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec's mounts before the sandbox starts: targets are checked, sorted so that outer ones come first, given
 * mount points in the root, and each source becomes a detached mount of the caller's mount namespace.
 */
#pragma once

#include <stddef.h>

#include "builder/sandbox/mounts.h"
#include "layers/base/err.h"

struct sandbox_spec;
struct stubs;

struct sources {
	struct mounts_source *v; /* owned, with their descriptors */
	size_t n;
};
int sources_open(const struct sandbox_spec *spec, int root, int upper, struct stubs *stubs,
		 struct sources *ret, struct gg_err *err) GG_MUST_USE;
void sources_done(struct sources *s);
#define _cleanup_sources_ GG_CLEANUP(sources_done)
