/* SPDX-License-Identifier: Apache-2.0
 *
 * Path globs: patterns that must match a whole path. Pure; bytes, but '?' takes a whole UTF-8 character.
 *
 *   *        any run of bytes without '/'
 *   ?        one character but '/'
 *   [a-z]    one byte of a set, never '/'; [!a] and [^a] one byte outside it; ']' may come first
 *   **       as a whole component: any number of components ("**" + "/x" matches "x", "a/x", "a/b/x");
 *            last in the pattern: everything below ("a/" + "**" matches "a/b", not "a"). Elsewhere the same as '*'
 *   {a,b}    one of the alternatives, which may be empty and may nest
 *   \x       the byte x itself
 *
 * A '[' or '{' that is never closed, and a '\' at the end, stand for themselves. A leading '.' is nothing special.
 * Paths are compared as they are written: neither side is cleaned. Time is proportional to the product of both
 * lengths for every pattern.
 */
#pragma once

#include <stdbool.h>

/* A compiled pattern, for one pattern and many paths. */
struct glob;
struct glob *glob_compile(const char *pattern);
void glob_free(struct glob *g);
bool glob_test(const struct glob *g, const char *path);

bool glob_match(const char *pattern, const char *path);
/* The pattern matches the path or one of its parent directories: how an exclude is meant. */
bool glob_match_prefix(const char *pattern, const char *path);
/* Nothing in it is special, so it names exactly one path. */
bool glob_is_literal(const char *pattern);
