/* SPDX-License-Identifier: Apache-2.0
 *
 * "docker-daemon:REF": an image in a container engine that runs (docker_engine.h says where; transport_settings'
 * docker_host first). REF is a reference as in reference.h; in Docker's short form as in its full one.
 *
 * As a target: a docker-archive (docker_archive_write.h), made while it goes over. What the engine has is left out of it:
 * the layers at the bottom that are also at the bottom of one of its images. Where it refuses that (podman's engine,
 * which is not even asked; Docker's with containerd's image store; an image that has gone meanwhile) it gets the whole.
 * An image that had the name keeps its own digest only. As a source: what the engine exports, in a file without a name
 * below TMPDIR, then as docker_archive.h. Errors: GG_REMOTE with the engine's words, GG_USAGE for an image that it does
 * not have.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_docker_daemon;
