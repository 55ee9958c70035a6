/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes are a recipe, or have complaints that can be printed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "recipes/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is its own piece, so that one corpus reaches both readers. */
struct whole {
	const char *text;
	size_t len;
};

static const char *piece(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len)
{
	const struct whole *w = ctx;

	(void)name;
	*ret_len = w->len;
	return gg_arena_strndup(arena, w->text, w->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct whole w = { (const char *)data, size };
	struct recipe_options options = { .piece = piece, .ctx = &w };
	struct recipe_errors errors = { 0 };
	_cleanup_buf_ struct gg_buf out = { 0 };
	_cleanup_recipe_ struct recipe *r = NULL;
	int rc = recipe_load("fuzz.recipe", (const char *)data, size, &options, &r, &errors);

	if ((rc < 0) != (errors.n > 0) || (rc < 0) != !r)
		abort();
	recipe_errors_print(&errors, (const char *)data, size, &out);
	recipe_errors_done(&errors);
	return 0;
}
