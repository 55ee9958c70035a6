/* SPDX-License-Identifier: Apache-2.0
 *
 * "oci:DIR[:REF]": image layouts (image-spec image-layout.md) as directories. A layout that is not there appears whole,
 * by one rename. Into a layout that is there, or an empty directory, the blobs go first and index.json comes last, by
 * one rename; until then the layout is what it was, and what an error interrupts is taken away again.
 *
 * With a reference, that reference is replaced in its place or added at the end and the others stay, with everything
 * that they are made of; blobs that only the replaced image had stay too (another index may list them). Without one
 * the layout holds this image alone, called "latest": after index.json, every other blob is removed.
 *
 * Blobs are copied (never hard-linked), fsynced, 0644. A blob that is there with the size that it should have is not
 * written again. Writers of one layout take turns by flock on its directory; temporary files of writers that died go.
 * DIR may be a symlink to a directory; blobs and blobs/sha256 may not be symlinks.
 * Errors: GG_USAGE for a place that is no layout, GG_INTEGRITY for a layout that is damaged.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_oci;
