/* SPDX-License-Identifier: Apache-2.0
 *
 * Places to mount on. What is missing in the root is made there before the sandbox starts, remembered by place,
 * device and inode in the upper directory, and removed from it afterwards if it is still that inode and empty. Never
 * by a path that a step could have changed: each parent is resolved without symlinks below the upper's descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "layers/base/err.h"

struct stub {
	char *parent; /* path in the upper directory; owned */
	char *name;   /* owned */
	bool is_dir;
	dev_t dev;
	ino_t ino;
};

struct stubs {
	struct stub *v;
	size_t n, cap;
};
void stubs_done(struct stubs *s);

/* Ensures that `path` exists in the root (mount descriptor), following symlinks inside it, as a directory or as
 * something else. Missing parents are made 0755. upper may be -1: nothing is remembered then. */
int stubs_ensure(struct stubs *s, int root, int upper, const char *path, bool is_dir,
		 struct gg_err *err) GG_MUST_USE;
/* Top-level directories on which the kernel's file systems go: a symlink in their place is an error. */
int stubs_ensure_top(struct stubs *s, int root, int upper, const char *name,
		     struct gg_err *err) GG_MUST_USE;
/* Removes, deepest first, what is still ours. */
void stubs_remove(struct stubs *s, int upper);
