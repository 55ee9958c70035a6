/* SPDX-License-Identifier: Apache-2.0
 *
 * "oci-archive:FILE[:REF]": an image layout (image-spec image-layout.md) as one tar file, as engines load it. Its bytes
 * follow from the image and the reference alone: members in the order oci-layout, index.json, blobs/, blobs/sha256/,
 * manifest, config, layers (bottom first, each blob once), so that one who reads from a pipe knows what comes; headers
 * as in tar.h, modes 0644 and 0755, 0:0, mtime 0; not compressed, since layers are. Blobs stream from the store into
 * the file; it appears by one rename, 0644 and fsynced. A regular file is replaced, anything else refused.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_oci_archive;
