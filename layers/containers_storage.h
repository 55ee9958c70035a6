/* SPDX-License-Identifier: Apache-2.0
 *
 * "containers-storage:REF": an image in the storage of podman, buildah and CRI-O, which only their own library may write:
 * the user's skopeo does it, started without a shell, by way of an oci-archive below TMPDIR. Documents stay byte for byte on
 * the way in; the storage keeps no compressed layers, so that what is read has another manifest.
 * REF is written as in a registry; without a domain "localhost/" is meant, where podman keeps what nobody published.
 * Errors: GG_SYSTEM for a program that is missing or that fails, with the last line that it said.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_containers_storage;
