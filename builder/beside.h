/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening what a recipe names beside itself: local inputs, archives, keyrings. The checker lets a path leave the recipe's
 * directory only where --allow path=… grants it as it is written; no other may get out by a symlink either.
 */
#pragma once

#include "layers/base/err.h"

struct session;

/* GG_RECIPE, without a position: "WHAT 'PATH': …". */
int beside_open(const struct session *s, const char *what, const char *path, int flags,
		struct gg_err *err) GG_MUST_USE;
