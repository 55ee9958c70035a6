/* SPDX-License-Identifier: Apache-2.0
 *
 * The difference of two lists of texts: a longest common subsequence. Pure. Past TEXT_DIFF_MAX pairs of what is left
 * between equal ends everything counts as different.
 */
#pragma once

#include <stddef.h>

enum { TEXT_DIFF_MAX = 4 << 20 };

struct text_item {
	const char *bytes;
	size_t len;
};

enum text_side { TEXT_SAME, TEXT_OLD, TEXT_NEW };

/* `emit` gets each item once, in order: index counts in the old list for TEXT_OLD, else in the new one. */
void text_diff(const struct text_item *old, size_t n_old, const struct text_item *fresh,
	       size_t n_fresh, void (*emit)(void *ctx, enum text_side side, size_t index),
	       void *ctx);
