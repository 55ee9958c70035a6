/* SPDX-License-Identifier: Apache-2.0
 *
 * Ignore files (.containerignore, .dockerignore) with the meaning that the reference implementation gives them:
 * one pattern a line; '#' in column one is a comment; white space around, a byte order mark, a leading '/' and a
 * trailing one do not count; "." and ".." are cleaned away; '!' makes an exception; the last match wins. Patterns
 * are anchored at the context's root: '*' and '?' stop at '/', "**" crosses it, [..] and [^..] are sets, '\' takes
 * the next character literally, braces are nothing special. A pattern that matches a directory takes all that is
 * below it, and one with a trailing '/' matches a file as well. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct ignore;

/* A malformed pattern ("[", "!", a '\' at the end) is a GG_RECIPE error with file and line. `file` is used in
 * positions only and may be NULL; it is not kept. */
struct ignore *ignore_parse(const char *file, const char *text, size_t len,
			    struct gg_err *err) GG_MUST_USE;
/* Appends patterns, as if they were further lines of the file (a recipe's `ignore:`). */
int ignore_add(struct ignore *ig, const char *pattern, struct gg_err *err) GG_MUST_USE;
void ignore_free(struct ignore *ig);
void ignore_freep(struct ignore **ig);
#define _cleanup_ignore_ GG_CLEANUP(ignore_freep)

/* `path` is relative to the context, without "./" or a trailing '/'. Whether it is a directory does not matter. The
 * directories above a file that an exception brings back are not brought back by themselves: the caller adds them. */
bool ignore_excludes(const struct ignore *ig, const char *path);
/* The directory is excluded and no exception can match anything below it, so it need not be read. */
bool ignore_prunes(const struct ignore *ig, const char *dir);
