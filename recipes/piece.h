/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces: fragments of recipes with parameters, so that a new ecosystem needs no C. A step
 *
 *   - use: cargo-crate@1
 *     name: cli                       # optional; the piece's named steps are then cli.NAME
 *     with: { crate: ripgrep, version: "14.1.1" }
 *
 * stands for the steps of recipes/pieces/cargo-crate@1.yaml:
 *
 *   piece: cargo-crate                # must agree with the file's name, as must the version
 *   version: 1
 *   doc: Fetches a crate and its lock's closure.
 *   params:
 *     crate:   { doc: the crate's name }        # required, since it has no default
 *     version: { doc: its version }
 *     into:    { doc: where to, default: /crates }
 *   steps:                            # the grammar of a stage's steps, except 'use'
 *     - fetch: "${crate}"
 *       output: "${into}"
 *       run: |                        # shell text is never expanded: parameters that it names as $crate or
 *         get "$crate" "$version"     # ${crate} reach it as environment variables, in recipe_step.args
 *   env:                              # holds for the steps after the piece, to the end of the stage
 *     CRATES: "${into}"
 *
 * Inside a piece ${NAME} is a parameter and nothing else: the recipe's arguments are given with `with`. A default
 * may not use variables. Parameters are named like variables. A piece cannot use pieces. Secrets, inputs and
 * stages that its steps name are the recipe's; a piece takes their names as parameters.
 *
 * Expanded steps carry the piece's name and the sha256 of its text, and the position of the use line. Errors in the
 * piece's text are reported in "pieces/NAME@VERSION.yaml".
 */
#pragma once

#include "layers/base/digest.h"
#include "recipes/recipe_error.h"
#include "recipes/recipe_read.h"
#include "recipes/yaml.h"

struct piece_param {
	const char *name;
	const char *doc;
	const char *preset; /* the default, or NULL: required */
	struct gg_pos pos;
};

struct piece {
	struct piece *next;
	const char *name; /* "rustup@1" */
	const char *doc;
	struct recipe_source source;
	struct gg_digest digest;
	bool broken;                      /* its errors have been reported */
	const struct piece_param *params; /* sorted by name */
	size_t n_params;
	const struct yaml_node *steps; /* a list */
	const struct yaml_node *env;   /* a map, or NULL */
};

/* Reads one piece on its own, as `use` would, and with every parameter set to its default or to "x", which is
 * also the name of an input, a stage and a secret: for tests of pieces. -1 when errors were added. */
int piece_check(const char *name, const char *text, size_t len,
		struct recipe_errors *errors) GG_MUST_USE;

/* Appends the steps of the `use` step `node` to the stage. */
void piece_use(struct check *c, const struct yaml_node *node, struct read_stage *stage);
