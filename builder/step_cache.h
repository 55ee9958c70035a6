/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches of a step: directories of the store that are bound read-write at the step's paths, and so are no part of what it
 * makes. One is known by the recipe's name, the step's user and the path. It speeds a step up and must not change its
 * result, so nobody waits for one: while another step has it, and always with --locked, a step gets an empty one that
 * ends with it. What a failed step left stays: a cache checks what it holds.
 */
#pragma once

#include <stdint.h>

#include "layers/base/err.h"

struct action;
struct grants;

/* In the scheduler. */
int step_cache_open(struct action *a, struct grants *g, struct gg_err *err) GG_MUST_USE;
/* In the child: adds the mounts. */
int step_cache_mount(struct action *a, struct grants *g, uint32_t uid, uint32_t gid,
		     struct gg_err *err) GG_MUST_USE;
