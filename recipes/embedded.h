/* SPDX-License-Identifier: Apache-2.0
 *
 * The stock files that travel inside the program, so that it is one file: pieces ("pieces/rustup@1.yaml"), the starter
 * recipe ("starter.recipe") and the schema ("recipe.schema.json"). The definition is generated from recipes/ when
 * ggbuild is built. Constant data; sorted by name, bytewise.
 */
#pragma once

#include <stddef.h>

struct embedded_file {
	const char *name; /* relative to recipes/ */
	const char *data; /* followed by a NUL that len does not count */
	size_t len;
};

extern const struct embedded_file embedded_files[];
extern const size_t n_embedded_files;
