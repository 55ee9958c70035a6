/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by bundle_make.c and bundle_collect.c: the parts, and where the bytes of each come from.
 */
#pragma once

#include "builder/build.h"
#include "builder/bundle_make.h"
#include "layers/store.h"

struct contents;
struct tree;

/* The files of a tree, wherever the store has them. */
struct bundle_files {
	struct tree *tree;
	int fd;                    /* the tree's directory, else -1 */
	struct contents *contents; /* of a tree without one */
};

/* One of the three; a part whose bytes come last has none. */
struct bundle_from {
	char *text; /* owned */
	bool blob;  /* of the store, by the part's digest */
	int fd;     /* a file, else -1 */
	struct bundle_files *files;
};

struct bundle_making {
	struct session *session;
	struct project *project;
	const struct bundle_options *options;
	struct gg_arena *arena;
	struct build_result build;
	bool *reached; /* nodes */
	struct bundle_info info;
	struct bundle_from *from; /* parallel to info.parts */
	size_t cap_parts, cap_from;
};

/* Sets info, but for the digests of contents. */
int bundle_collect(struct bundle_making *m, struct gg_err *err) GG_MUST_USE;
/* A part at the end; title and name are copied. */
struct bundle_part *bundle_add(struct bundle_making *m, enum bundle_role role, const char *title,
			       const char *name);
void bundle_files_free(struct bundle_files *f);
