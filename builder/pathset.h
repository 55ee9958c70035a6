/* SPDX-License-Identifier: Apache-2.0
 *
 * A set of paths with a number each, for finding what a growing tree already has. Paths are borrowed.
 */
#pragma once

#include <stddef.h>

struct pathset {
	struct pathset_slot {
		const char *path; /* NULL: free */
		size_t value;
	} * slots;
	size_t n, cap; /* cap is a power of two */
};
void pathset_done(struct pathset *s);
/* SIZE_MAX when absent. */
size_t pathset_get(const struct pathset *s, const char *path);
void pathset_put(struct pathset *s, const char *path, size_t value);
