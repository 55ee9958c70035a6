/* SPDX-License-Identifier: Apache-2.0
 *
 * A lone id: the caller's user namespace holds 0 and no other (userns.h, SINGLE), and a spec wants another user. Then
 * the command's process enters one more namespace in which the one id is called what the spec says. What it is called
 * is all that changes: to the kernel it is the same user, so files of the root's are its own, and a set-uid program
 * stays what who starts it is. Supplementary groups cannot be had.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct sandbox_spec;

/* Whether the calling process's user namespace holds one id. */
bool lone_id(void);
/* Whether it does, and the spec's user is another. */
bool lone_needed(const struct sandbox_spec *spec);
/* The calling process becomes the spec's user, with all capabilities over itself; its bounding set is full again. */
int lone_enter(const struct sandbox_spec *spec, struct gg_err *err) GG_MUST_USE;
