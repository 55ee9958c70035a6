/* SPDX-License-Identifier: Apache-2.0
 *
 * Assembly: declared copies and made objects become a delta tree over what is below it. Nothing is diffed: what is
 * not declared is not in the delta, apart from parent directories, which keep the metadata that they have below.
 *
 * A copy's path is resolved in its source with chroot semantics; a symlink itself is copied as it is. A directory's
 * content lands at `to`; a file lands at `to`, or inside it when `to` ends in '/' or several paths match. The
 * destination's parents are resolved through the symlinks of what is below. Errors are GG_RECIPE with the copy's
 * position: a source that is missing (nearest path), a socket or device, a destination that is taken.
 */
#pragma once

#include "builder/view.h"
#include "recipes/recipe.h"

struct action;
struct gg_json;

struct assembly;
/* `below` must outlive the assembly. */
struct assembly *assembly_new(struct action *a, const struct view *below);
void assembly_free(struct assembly *s);
void assembly_freep(struct assembly **s);
#define _cleanup_assembly_ GG_CLEANUP(assembly_freep)

/* What a copy names as `from`: its nodes must have been loaded in prepare. */
int assembly_copy(struct assembly *s, const struct recipe_copy *c, struct gg_err *err) GG_MUST_USE;
int assembly_make(struct assembly *s, const struct recipe_make *m, struct gg_err *err) GG_MUST_USE;
/* A file with this content, replacing what is below at that path. */
int assembly_file(struct assembly *s, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		  const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
/* Writes the delta into directory `dir` of the action's private directory and names it in the result; when nothing mounts
 * it and every content is in some tree of the store already, no directory is made (contents.h). */
int assembly_give(struct assembly *s, const char *dir, struct gg_json *result,
		  struct gg_err *err) GG_MUST_USE;

/* For prepare: loads every tree that the copies read. */
int assembly_prepare(struct action *a, const struct recipe_copy *copies, size_t n,
		     struct gg_err *err) GG_MUST_USE;

/* Without leading slashes; "." for the root. */
const char *assembly_relative(const char *path);
