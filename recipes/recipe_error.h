/* SPDX-License-Identifier: Apache-2.0
 *
 * Collecting a recipe's complaints (struct recipe_errors, recipes/recipe.h). Text that comes from a recipe is
 * made harmless for terminals on its way in: control characters become '?'. After RECIPE_MAX_ERRORS the rest
 * is counted as one last complaint. Pure.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "recipes/recipe.h"

enum { RECIPE_MAX_ERRORS = 100 };

/* A text that positions point into. */
struct recipe_source {
	const char *file;
	const char *text;
	size_t len;
	bool piece; /* not the recipe itself: errors keep copies of the file's name and of the line */
};

void recipe_errors_add(struct recipe_errors *e, const struct recipe_source *source,
		       struct gg_pos pos, const char *fmt, ...) GG_PRINTF(4, 5);
void recipe_errors_vadd(struct recipe_errors *e, const struct recipe_source *source,
			struct gg_pos pos, const char *fmt, va_list ap) GG_PRINTF(4, 0);
/* The remedy of the complaint that was added last; a second one is ignored. */
void recipe_errors_hint(struct recipe_errors *e, const char *fmt, ...) GG_PRINTF(2, 3);
void recipe_errors_vhint(struct recipe_errors *e, const char *fmt, va_list ap) GG_PRINTF(2, 0);
/* The line `number` (from 1) of the source, without its end; false when there is none. */
bool recipe_errors_line(const char *source, size_t len, unsigned number, const char **ret,
			size_t *ret_len);
bool recipe_errors_full(const struct recipe_errors *e);
/* By position, the recipe before its pieces; what is said twice is kept once. */
void recipe_errors_sort(struct recipe_errors *e);
