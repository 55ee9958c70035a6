/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML as recipes may use it: the one door to libyaml, and only to its event parser. Text in, a tree of
 * scalars, lists and maps out, each with its line and column (from 1, columns counted in characters).
 * JSON is accepted, because it is YAML.
 *
 * Not YAML to us, each an error with its position: aliases, anchors, tags, merge keys, directives, several
 * documents, keys that are no scalars, the same key twice, NUL characters, more than RECIPE_MAX_BYTES,
 * RECIPE_MAX_DEPTH or YAML_MAX_NODES. Depth is counted while events arrive, since libyaml's time is
 * quadratic in it. Where it can, the parser notes the error and goes on; such a node is a YAML_BAD.
 *
 * Everything lives in the arena. Pure: no files, no clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "recipes/recipe_error.h"

enum { YAML_MAX_NODES = 1 << 16 };

enum yaml_kind {
	YAML_BAD, /* an error has been noted; say nothing more about it */
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_node {
	enum yaml_kind kind;
	struct gg_pos pos;
	struct gg_pos end; /* behind the last character */
	/* SCALAR */
	const char *text; /* NUL-terminated, holds no NUL */
	size_t len;
	bool plain; /* without quotes, and no block: so 5, true and null are what they seem */
	/* LIST and MAP: values, and for a map its keys, in the order of the file */
	struct yaml_node *const *keys;
	struct yaml_node *const *values;
	size_t n;
};

/* The document's root, or NULL when nothing could be read; either way errors may have been added. */
const struct yaml_node *yaml_parse(struct gg_arena *arena, const struct recipe_source *source,
				   struct recipe_errors *errors);

/* The value of `key`, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* The place of the text's byte `offset` in the file where that can be told, else the node's own. */
struct gg_pos yaml_pos_at(const struct yaml_node *scalar, const struct recipe_source *source,
			  size_t offset);
/* Nothing, null or ~, without quotes. */
bool yaml_is_null(const struct yaml_node *node);
/* What it is, for messages: "a list", "the text 'x'", "the number 5", "nothing". */
const char *yaml_describe(struct gg_arena *arena, const struct yaml_node *node);
