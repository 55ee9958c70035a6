/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the assembly, for its two files: assemble.c (the delta) and assemble_copy.c (copies into it).
 */
#pragma once

#include "builder/assemble.h"
#include "builder/pathset.h"

enum { MADE_ORIGIN = 0 };

/* A source that was opened once: a stage or input, merged. */
struct source {
	const char *name;
	struct view view;
	unsigned first_origin; /* of its trees in the assembly's origins */
};

struct assembly {
	struct action *action;
	const struct view *below;
	struct tree *out;
	struct source **sources;
	size_t n_sources, cap_sources;
	int *origins;                     /* MADE_ORIGIN first, then the sources' trees */
	const struct gg_digest **digests; /* parallel to origins */
	size_t n_origins, cap_origins;
	struct pathset names; /* of out's entries */
	int made;             /* directory of generated files */
	struct tree *made_tree;
};

/* The stage or input of that name, merged; opened once. */
struct source *assembly_source(struct assembly *s, const char *name, struct gg_err *err);
/* Where a destination really is: parents resolved through the symlinks below. Owned by the caller. */
char *assembly_destination(const struct assembly *s, const char *to);
/* An entry of the delta, or NULL. */
struct tree_entry *assembly_find(const struct assembly *s, const char *path);
/* Fails when something is at the path that must not be replaced. */
int assembly_taken(const struct assembly *s, const char *path, enum tree_type type,
		   struct gg_err *err) GG_MUST_USE;
/* Adds a source's entry under another path. */
struct tree_entry *assembly_add(struct assembly *s, const struct source *src,
				const struct tree_entry *e, const char *to);
