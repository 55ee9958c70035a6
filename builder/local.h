/* SPDX-License-Identifier: Apache-2.0
 *
 * Local inputs: a directory beside the recipe, identified by its content. Modes are 0644 or 0755, owners 0:0, times
 * none. `.containerignore`, else `.dockerignore`, and the recipe's `ignore` leave files out. Contents are hashed once:
 * a cache in the store remembers (device, inode, size, mtime, ctime) → sha256, with the racy rule: what changed in the
 * second of the last look is hashed again. A checkout is never bound into a step, it is copied into the store.
 */
#pragma once

#include "layers/base/err.h"
#include "recipes/recipe.h"

struct session;
struct tree;

/* The input's directory. GG_RECIPE when it is missing or no directory. */
int local_open(struct session *s, const struct recipe_input *in, struct gg_err *err) GG_MUST_USE;
int local_manifest(struct session *s, const struct recipe_input *in, struct tree **ret, struct gg_err *err) GG_MUST_USE;
/* Copies what the manifest lists; a file that has changed since is an error. */
int local_copy(int fromfd, const struct tree *t, int destfd, struct gg_err *err) GG_MUST_USE;
