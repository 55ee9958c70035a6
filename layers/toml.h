/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML 1.0, as much of it as registries.conf(5) needs: our own, since no C library for it is packaged, and strict, since what
 * is read decides where images come from. Tables, arrays of tables, dotted and quoted keys, inline tables, arrays, all four
 * kinds of strings, integers, booleans, comments. Dates and floats are errors, as are keys that are given twice. At most 1 MiB,
 * 32 levels, 10000 keys a table. Pure. Errors are GG_USAGE and begin with "FILE:LINE: ".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

enum toml_kind { TOML_STRING, TOML_INTEGER, TOML_BOOLEAN, TOML_ARRAY, TOML_TABLE };

struct toml_value {
	enum toml_kind kind;
	unsigned line; /* where it begins, from 1 */
	unsigned how;  /* the parser's own */
	const char *string;
	int64_t integer;
	bool boolean;
	/* Of arrays and tables; keys only of tables, in the order of the file. */
	const char **keys;
	struct toml_value **v;
	size_t n, cap;
};

struct toml {
	const char *file; /* borrowed */
	struct gg_arena *arena;
	struct toml_value *root;
};
#define TOML_INIT                                                                                  \
	{                                                                                          \
		0                                                                                  \
	}
int toml_parse(const char *file, const char *text, size_t len, struct toml *ret,
	       struct gg_err *err) GG_MUST_USE;
void toml_done(struct toml *t);
#define _cleanup_toml_ GG_CLEANUP(toml_done)

/* A table's value, or NULL. */
const struct toml_value *toml_get(const struct toml_value *table, const char *key);
/* "FILE:LINE: …" */
int toml_fail(const struct toml *t, const struct toml_value *at, struct gg_err *err,
	      const char *fmt, ...) GG_PRINTF(4, 5);
