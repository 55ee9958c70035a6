/* SPDX-License-Identifier: Apache-2.0
 *
 * Text in columns for people: each as wide as its widest cell, two spaces between, none at the end of a line.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/mem.h"

struct table {
	size_t columns;
	unsigned right;       /* bit i: column i is aligned to the right */
	struct gg_strv cells; /* row by row */
};

void table_add(struct table *t, const char *cell);
void table_take(struct table *t, char *cell);
void table_print(const struct table *t, struct gg_buf *ret);
void table_done(struct table *t);
#define _cleanup_table_ GG_CLEANUP(table_done)

/* "812 B", "48.1 MB" (powers of 1000) */
void table_put_size(struct gg_buf *b, uint64_t bytes);
char *table_size(uint64_t bytes); /* the same, owned by the caller */
