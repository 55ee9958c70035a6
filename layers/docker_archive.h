/* SPDX-License-Identifier: Apache-2.0
 *
 * "docker-archive:FILE[:REF]": what `docker save` writes and `docker load` reads, as a source: manifest.json, a list of
 * {Config, RepoTags, Layers} whose values are names of members. Layers are tar files, plain or compressed; older
 * archives link equal ones to each other. There is no manifest and no blob digest: config and layers are checked by the
 * config's diff_ids. REF is one of RepoTags, of which the registry and path
 * in front and ":latest" may be left out.
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_docker_archive;
