/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading an image into an engine without what the engine has (docker_daemon.h). One thread more while it runs.
 */
#pragma once

#include "layers/base/err.h"

struct docker_engine;
struct registry_settings;
struct transport_image;

/* name: "docker.io/library/x:1". settings, for their progress, may be NULL. */
int docker_load(struct docker_engine *e, const struct transport_image *image, const char *name,
		const struct registry_settings *settings, struct gg_err *err) GG_MUST_USE;
