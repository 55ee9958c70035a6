/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared libraries that programs of a tree need, found as the dynamic loader finds them (ld.so(8)) but inside the
 * tree, without executing anything: PT_INTERP, DT_NEEDED, DT_RPATH (inherited unless there is DT_RUNPATH), DT_RUNPATH
 * (own needs only), $ORIGIN, $LIB and $PLATFORM, the tree's /etc/ld.so.conf with its includes, the loader's built-in
 * directories. Candidates of another class or machine are passed over. Hardware capability directories are never
 * looked at: the builder's processor must not decide. Libraries loaded by name at run time cannot be seen.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"
#include "layers/tree.h"

/* A tree and how to open the content of its files. open returns a readable descriptor that the callee closes. */
struct libraries_tree {
	const struct tree *tree; /* sorted; outlives what is made from it */
	int (*open)(void *ctx, const struct tree_entry *file, struct gg_err *err);
	void *ctx;
	const char *stage; /* its name, for errors */
};

/* One file that is being copied: where it is in the tree and where it will be in the image, both absolute. The
 * difference matters to $ORIGIN. Files that are no dynamic ELF objects are fine and need nothing. */
struct libraries_object {
	const char *path, *to;
};

/* What to copy besides: files and every symlink that the loader crosses on the way (/lib -> usr/lib, SONAME links).
 * `to` is where it belongs, absolute; it is the entry's own path unless an object moved relative to its $ORIGIN or
 * the library lies in a directory that only ld.so.conf names (an image has no cache: it goes to a built-in one). */
struct libraries_copy {
	const char *to;
	const struct tree_entry *entry; /* of the tree searched */
};
struct libraries {
	struct gg_arena *arena;
	struct libraries_copy *v; /* sorted by `to` bytewise, each once */
	size_t n, cap;
};
void libraries_done(struct libraries *l);
#define _cleanup_libraries_ GG_CLEANUP(libraries_done)

/* The closure of `objects`. With a base (may be NULL: none), a library that the base already has where the loader
 * looks is left out, and so is what only that one needs; its symbol versions must suffice for those that are copied,
 * and nothing of the base is ever overwritten. A missing library, a missing symbol version and a clash with the base
 * are GG_RECIPE errors that show the chain of need. Does not contain the objects themselves. */
int libraries_find(const struct libraries_tree *from, const struct libraries_object *objects,
		   size_t n, const struct libraries_tree *base, struct libraries *ret,
		   struct gg_err *err) GG_MUST_USE;
