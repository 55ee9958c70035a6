/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks for values that must not get into what a step gives: secrets, and in a fetch's output what the user passed by
 * --fetch-env. File contents, names and symlink targets are searched for the bytes as they are; what a program encoded
 * or compressed is not found. Values shorter than LEAK_MIN are not looked for: they would be found everywhere.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

struct tree;

enum { LEAK_MIN = 8 };

struct leak_value {
	char *what; /* "variable 'NPM_TOKEN'"; owned, as are the bytes */
	char *bytes;
	size_t len;
};

/* GG_STEP with the first file in tree order that holds a value, and which; the remedy is the caller's to say. The tree's content is at rootfd. */
int leak_check(int rootfd, const struct tree *t, const struct leak_value *values, size_t n,
	       struct gg_err *err) GG_MUST_USE;
