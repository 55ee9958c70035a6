/* SPDX-License-Identifier: Apache-2.0
 *
 * The root file system of an image: its layers, one over the other, in a directory (image-spec layer.md; extract.h says
 * what is refused and what is dropped). Blobs and diffIDs are checked. Times are FLATTEN_TIME, as no layer's time says
 * anything of a file that another one may have changed. Devices are empty files on disk and devices in the tree.
 * Errors: GG_INTEGRITY for layers, GG_SYSTEM for the machine.
 */
#pragma once

#include "layers/base/err.h"
#include "layers/base/owners.h"

struct transport_image;
struct tree;

enum { FLATTEN_TIME = OWNERS_SHOWN_TIME }; /* seconds since the epoch */

/* rootfd is an empty directory, in disorder after an error; spool: where blobs of a network are kept meanwhile, -1: below
 * TMPDIR. */
int flatten(const struct transport_image *image, int rootfd, int spool, enum owners_kept owners,
	    struct tree **ret, struct gg_err *err) GG_MUST_USE;
