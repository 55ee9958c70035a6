/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sandbox sees of file systems, made by its pid 1 in its own mount namespace: the root, fresh /proc, /dev,
 * /dev/pts, /dev/shm, an empty /sys, the spec's mounts; then the host's tree is let go. /sys is empty on purpose: what
 * a machine looks like must not reach an output.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct sandbox_spec;

/* A mount of the spec, its source already a detached mount of the caller's; -1: bytes. */
struct mounts_source {
	int mount;
	bool is_dir;
	const struct sandbox_mount *spec;
};

/* root: the detached mount of the root. sources are in the order in which they are attached. On success the process
 * is in the new root and *ret_root is its directory. */
int mounts_enter(const struct sandbox_spec *spec, int root, const struct mounts_source *sources,
		 size_t n, struct gg_err *err) GG_MUST_USE;
/* A detached mount of /proc for the caller's pid namespace. */
int mounts_new_proc(struct gg_err *err) GG_MUST_USE;
