/* SPDX-License-Identifier: Apache-2.0
 *
 * Local inputs: a directory beside the recipe, identified by its content. Modes are 0644 or 0755, owners 0:0, times and
 * attributes none, names of one inode are files of their own; sockets are left out. `.containerignore`, else
 * `.dockerignore`, and the recipe's `ignore` leave files out. A directory is looked at once an invocation, and a file is
 * read when the stat cache does not know it. A checkout is never bound into a step, it is copied into the store: of an
 * input that was there before, what changed. When something mounts the tree, the rest is hard links into the tree of the
 * last time; else it stays there, and what is new becomes a small tree beside it (contents.h).
 */
#pragma once

#include "layers/base/err.h"
#include "recipes/recipe.h"

struct action;
struct contents;
struct gg_json;
struct local_trees;
struct session;
struct tree;

/* The input's directory. GG_RECIPE when it is missing or no directory. */
int local_open(struct session *s, const struct recipe_input *in, struct gg_err *err) GG_MUST_USE;
/* Its manifest, as it was when the session first asked; borrowed. */
int local_manifest(struct session *s, const struct recipe_input *in, const struct tree **ret,
		   struct gg_err *err) GG_MUST_USE;
void local_trees_free(struct local_trees *t);

/* An import, ready to run in another process. */
struct local_import {
	int fd;                  /* the input's directory */
	const struct tree *tree; /* what it held; borrowed */
	/* of the last import: what had changed, if anything, and the whole tree last; or NULL */
	struct contents *previous;
	uint32_t owner; /* of what is made: host id of the store's id 0 */
};
int local_import_open(struct session *s, const struct recipe_input *in, struct local_import **ret,
		      struct gg_err *err) GG_MUST_USE;
void local_import_free(void *import);
/* In the child: makes the action's tree, as the caller and outside of the store's user namespace: a checkout's files may
 * be nobody else's to read. GG_INTEGRITY for a file that is no longer what the manifest says. */
int local_import_run(struct action *a, const struct local_import *i, struct gg_json *result,
		     struct gg_err *err) GG_MUST_USE;
/* For the next import. */
int local_import_remember(struct session *s, const struct local_import *i,
			  const struct gg_json *record, struct gg_err *err) GG_MUST_USE;
