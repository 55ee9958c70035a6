/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fetch gave against what the lock pins. A pin is a tree digest; its manifest is kept in the store as a blob of
 * that digest, so that a later fetch with other content can be told apart from it even when the tree itself is gone.
 */
#pragma once

#include "layers/base/err.h"

struct action;
struct tree;

/* In the child: leaves the output's manifest for pin_take. */
int pin_give(struct action *a, const struct tree *content, struct gg_err *err) GG_MUST_USE;
/* In the scheduler: sets record.pin. GG_INTEGRITY when the lock pins something else, with the first differences. */
int pin_take(struct action *a, struct gg_err *err) GG_MUST_USE;
/* The content in its place, `output` below the root; parents are 0755 root whatever they are below. */
int pin_place(const struct tree *content, const char *output, struct tree **ret,
	      struct gg_err *err) GG_MUST_USE;
