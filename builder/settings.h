/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's configuration file: $XDG_CONFIG_HOME/ggbuild/config.yaml, else ~/.config/ggbuild/config.yaml. What it says
 * is where things come from on this machine; nothing of it reaches a key or the lock. The order, first wins: the command
 * line, the recipe (its `mirror:`), this file, the host's own configuration.
 */
#pragma once

#include "recipes/config.h"
#include "recipes/policy.h"

/* *ret stays NULL when there is no such file. A file with mistakes is GG_USAGE, all of them in the text. */
int settings_read(struct config **ret, struct gg_err *err) GG_MUST_USE;
/* `path` must outlive the policy. */
int settings_read_policy(const char *path, struct policy **ret, struct gg_err *err) GG_MUST_USE;
