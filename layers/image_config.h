/* SPDX-License-Identifier: Apache-2.0
 *
 * What an image's config says of containers made from it (image-spec v1.1 config.md; Healthcheck, Shell and the like as
 * Docker's image spec has them), for who builds on top. Pure. Errors are GG_INTEGRITY and name the field.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct gg_json;
struct gg_strv;

/* That the fields which an image inherits are of the types that the specification gives them. */
int image_config_check(const struct gg_json *config, struct gg_err *err) GG_MUST_USE;

/* Of a checked config; borrowed, NULL where it says nothing. */
const char *image_config_user(const struct gg_json *config);
const char *image_config_workdir(const struct gg_json *config);
/* "NAME=value", laid over what ret has. */
void image_config_env(const struct gg_json *config, struct gg_strv *ret);
/* Seconds since 1970; 0: not said, no time that can be, or before 1970. */
int64_t image_config_created(const struct gg_json *config);
/* The object "config" with what of it is inherited; the caller's. */
struct gg_json *image_config_inherited(const struct gg_json *config);
/* A list with an entry for each of the layers, and for what made none; the config's, where that is such a one. */
struct gg_json *image_config_history(const struct gg_json *config, size_t n_layers);
