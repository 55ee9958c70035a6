/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by libraries.c (whose needs are followed) and libraries_search.c (where the loader looks).
 */
#pragma once

#include <stdbool.h>

#include "layers/elf.h"
#include "layers/libraries.h"

/* Entries passed on the way to a file. */
struct libraries_trail {
	const struct tree_entry **v; /* owned: the symlinks in order */
	size_t n, cap;
};

/* Where `path` leads with chroot semantics, as tree_resolve does, but telling the symlinks crossed (trail may be
 * NULL). NULL when it leads nowhere or to no regular file. */
const struct tree_entry *libraries_walk(const struct tree *t, const char *path,
					struct libraries_trail *trail);

/* A directory to look in: in the searched tree, and where its files will be in the image. */
struct libraries_dir {
	char *from, *to; /* owned */
	bool moves; /* only ld.so.conf names it, so what is found goes to a built-in directory */
};
struct libraries_dirs {
	struct libraries_dir *v;
	size_t n, cap;
};
void libraries_dirs_done(struct libraries_dirs *d);

/* Adds the directories of an RPATH or RUNPATH, its $ORIGIN, $LIB and $PLATFORM expanded. from and to are the paths
 * of the object that holds it. */
void libraries_add_runpath(struct libraries_dirs *dirs, const char *runpath, const char *from,
			   const char *to, const struct elf *e);
/* The built-in directories for objects like e. */
void libraries_add_builtin(struct libraries_dirs *dirs, const struct elf *e, bool musl);
/* The directories that /etc/ld.so.conf of the tree names, in its order, appended to ret. */
int libraries_read_conf(const struct libraries_tree *t, struct gg_strv *ret,
			struct gg_err *err) GG_MUST_USE;
