/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables in a recipe's values. `${NAME}` is the value of a variable in scope (an argument of the recipe, or a
 * parameter inside a piece), `$$` is a dollar, and a dollar before anything but a letter, '_' or '{' is itself. So
 * `$NAME`, which looks like a variable and is none, is a fault and no silent text.
 *
 * Shell text is never expanded; it reads variables from its environment, and vars_mentioned says which it reads:
 * those whose NAME follows a '$' or '${' (or '${#', '${!') and ends at a word's end.
 *
 * Results live in the arena. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "recipes/recipe.h"

struct vars_var {
	const char *name;
	const char *value;
	struct gg_pos pos; /* of the value */
};

/* A scope. */
struct vars {
	const struct vars_var *v; /* sorted by name */
	size_t n;
	const char *what;  /* "argument", "parameter" */
	const char *where; /* the key under which they are declared: "args", "params" */
};

enum vars_problem {
	VARS_OK,
	VARS_UNDEFINED,
	VARS_UNCLOSED, /* "${" without "}" */
	VARS_BAD_NAME, /* "${" and "}" with something that is no name between them */
	VARS_BARE,     /* "$NAME" */
	VARS_TOO_LONG, /* the budget is spent */
};

struct vars_fault {
	enum vars_problem problem;
	size_t offset;    /* of the '$' in the text */
	const char *name; /* what stands there; NULL when UNCLOSED or TOO_LONG */
};

bool vars_is_name(const char *s); /* [A-Za-z_][A-Za-z0-9_]* */
void vars_sort(struct vars_var *v, size_t n);
const struct vars_var *vars_find(const struct vars *vars, const char *name);
/* The variable that is the whole of the text, "${NAME}", or NULL. */
const struct vars_var *vars_whole(struct gg_arena *arena, const struct vars *vars,
				  const char *text);

/* The expanded text, or NULL and the first fault. `path`, when not NULL, is the value of ${PATH}. `budget` is
 * how many bytes expansions may still make; it bounds what a few short lines can grow to. */
const char *vars_expand(struct gg_arena *arena, const struct vars *vars, const char *path,
			const char *text, size_t *budget, struct vars_fault *ret_fault);

/* "NAME=value" of the variables that the command's text reads, sorted by name. */
struct recipe_list vars_mentioned(struct gg_arena *arena, const struct vars *vars,
				  const struct recipe_command *command);
