/* SPDX-License-Identifier: Apache-2.0
 *
 * "rootfs:DIR" and "tar:FILE": the root file system that an image's layers make (flatten.h), as a directory or as one tar
 * archive (tar.h). Both are written alone, and neither keeps config or manifest.
 *
 * DIR does not exist or is empty, and appears whole, by one rename. It belongs to whom the layers say, devices are
 * devices: only root can do that, root of a user namespace for the ids in it. FILE is not compressed and the same bytes
 * whoever writes it. Both need room for the file system beside the place.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_rootfs, transport_tar;
