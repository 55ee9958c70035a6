/* SPDX-License-Identifier: Apache-2.0
 *
 * The sandbox's root as a detached mount, made by the caller of sandbox_start: an overlay of the lowers and the
 * upper; the upper itself when there are no lowers; an overlay on a private tmpfs when there is no upper. Layers are
 * named to the kernel as /proc/self/fd/N, so the mount's options, which a step can read, show no path of the host.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

enum { ROOTFS_MAX_LOWERS = 500 }; /* OVL_MAX_STACK */

struct sandbox_spec;

struct overlay {
	int mount; /* detached mount */
	int upper; /* where changes go; owned; -1 when they go nowhere */
};
#define ROOTFS_INIT                                                                                \
	{                                                                                          \
		.mount = -1, .upper = -1                                                           \
	}

int overlay_open(const struct sandbox_spec *spec, struct overlay *ret,
		 struct gg_err *err) GG_MUST_USE;
void overlay_done(struct overlay *r);
#define _cleanup_overlay_ GG_CLEANUP(overlay_done)

/* An overlay, in the way that this kernel knows; the error says what to do. lowers: bottom first. The descriptor of a
 * detached mount. */
int overlay_mount_layers(const int *lowers, size_t n, int upper, int work,
			 struct gg_err *err) GG_MUST_USE;
/* Its two ways, new (6.8: one option a layer) and old kernels (all layers in one page). */
int overlay_mount(const int *lowers, size_t n, int upper, int work, struct gg_err *err) GG_MUST_USE;
int overlay_mount_one_page(const int *lowers, size_t n, int upper, int work,
			   struct gg_err *err) GG_MUST_USE;
