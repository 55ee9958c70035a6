/* SPDX-License-Identifier: Apache-2.0
 *
 * "docker-archive:FILE[:REF]": what `docker save` writes and `docker load` reads.
 *
 * As a source: manifest.json, a list of {Config, RepoTags, Layers} whose values are names of members. Layers are tar
 * files, plain or compressed; older archives link equal ones to each other. There is no manifest and no blob digest:
 * config and layers are checked by the config's diff_ids. REF is one of RepoTags, of which the registry and path in
 * front and ":latest" may be left out.
 * As a target: one image (docker_archive_write.h) in a file that appears by one rename; a regular file is replaced,
 * anything else refused. REF is the name that an engine gives the image, with a tag or with ":latest".
 */
#pragma once

#include "layers/transport.h"

extern const struct transport transport_docker_archive;
