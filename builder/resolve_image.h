/* SPDX-License-Identifier: Apache-2.0
 *
 * An image that a recipe names becomes an entry of the lock: what its tag means now. Its manifest and config are in the
 * store afterwards, and the layers of one whose place has no digests for them (docker-archive). One job, waited for.
 */
#pragma once

#include "layers/base/err.h"
#include "recipes/recipe_error.h"

struct lock;
struct lock_platform;
struct session;

int resolve_image(struct session *s, const char *reference, struct gg_pos pos, struct lock *lock,
		  struct lock_platform *platform, struct gg_err *err) GG_MUST_USE;
