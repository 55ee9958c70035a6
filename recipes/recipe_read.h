/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a recipe, each a reader of one node (recipes/check.h). Internal to recipes/.
 */
#pragma once

#include "recipes/check.h"

/* A stage while its steps are read. */
struct read_stage {
	const char *name;
	struct recipe_step *v; /* malloc'd while it grows */
	size_t n, cap;
	struct recipe_list env; /* in force for the next step */
	const char *prefix;     /* put before the names of a piece's steps, or NULL */
};

void read_stages(struct check *c, const struct yaml_node *node, void *recipe);
void read_inputs(struct check *c, const struct yaml_node *node, void *recipe);
void read_secrets(struct check *c, const struct yaml_node *node, void *recipe);
void read_image(struct check *c, const struct yaml_node *node, void *recipe);
void read_tests(struct check *c, const struct yaml_node *node, void *recipe);

void read_from(struct check *c, const struct yaml_node *node, void *from);
/* A reference to an image, with its transport (const char *). */
void read_reference(struct check *c, const struct yaml_node *node, void *out);
void read_health(struct check *c, const struct yaml_node *node, void *health);
/* A list of steps into the stage; `use` steps go through piece_use. */
void read_steps(struct check *c, const struct yaml_node *node, struct read_stage *stage);
/* A list of copies or makes, or one of them. */
size_t read_copies(struct check *c, const struct yaml_node *node, const struct recipe_copy **ret);
size_t read_makes(struct check *c, const struct yaml_node *node, const struct recipe_make **ret);
/* The name of a stage (or input), which must exist; NULL after a complaint. */
const char *read_stage_name(struct check *c, const struct yaml_node *node);

/* The names under `stages` and `inputs`, before anything refers to them. */
void read_names(struct check *c, const struct yaml_node *root);
/* Cycles are errors; otherwise every stage follows what it is from and copies from. */
void graph_sort(struct check *c);
/* The same place twice in one layer. */
void read_twins(struct check *c, const struct recipe_layer *layer);
