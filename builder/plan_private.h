/* SPDX-License-Identifier: Apache-2.0
 *
 * How a plan is made: plan.c has the frame and the look-ups, plan_text.c the lines of canonical texts, plan_stage.c what
 * stages consist of, plan_base.c what images as their bases do, plan_image.c what is made of them. All of it pure.
 */
#pragma once

#include "builder/plan.h"

struct plan_making {
	const struct plan_input *in;
	const struct lock_platform *platform;
	struct plan *plan;
};

/* Node lists while they grow. */
struct plan_ids {
	size_t *v;
	size_t n, cap;
};
void plan_ids_add(struct plan_ids *l, size_t id);
void plan_ids_add_all(struct plan_ids *deps, const struct plan_ids *more);
void plan_ids_done(struct plan_ids *l);
#define _cleanup_plan_ids_ GG_CLEANUP(plan_ids_done)
const size_t *plan_ids_keep(struct gg_arena *a, const struct plan_ids *l);

struct plan_node *plan_node_at(struct plan_making *m, size_t id);
struct plan_stage *plan_stage_of(struct plan_making *m, const char *name);
/* Adds a node; its key is that of the text, and it has none when something that it reads has none. */
size_t plan_add_node(struct plan_making *m, const struct plan_node *proto, struct gg_buf *text,
		     const struct plan_ids *deps);

/* "name value" lines; NULL values of plan_line_optional give none. */
void plan_text_begin(struct gg_buf *b, enum plan_kind kind, int version);
void plan_line(struct gg_buf *b, const char *name, const char *value);
void plan_line_int(struct gg_buf *b, const char *name, long long value);
void plan_line_digest(struct gg_buf *b, const char *name, const struct gg_digest *d);
void plan_line_list(struct gg_buf *b, const char *name, const struct recipe_list *l);
void plan_line_optional(struct gg_buf *b, const char *name, const char *value);
void plan_line_below(struct plan_making *m, struct gg_buf *text, const struct plan_ids *layers);
void plan_describe_command(struct gg_buf *text, const struct recipe_command *c);
void plan_describe_makes(struct gg_buf *text, const struct recipe_make *k, size_t n);
void plan_describe_copies(struct plan_making *m, struct gg_buf *text, struct plan_ids *deps,
			  const struct recipe_copy *c, size_t n);

/* NULL when the lock does not have it. */
const struct lock_image *plan_find_image(const struct plan_making *m, const char *reference,
					 struct gg_pos pos, struct gg_err *err);
/* Its nodes, once. */
const struct plan_image *plan_add_image(struct plan_making *m, const struct lock_image *lock,
					const char *reference, struct gg_pos pos);
size_t plan_add_image_input(struct plan_making *m, const struct recipe_input *input);
int plan_check_inputs(struct plan_making *m, struct gg_err *err) GG_MUST_USE;
int plan_make_stage(struct plan_making *m, size_t index, struct gg_err *err) GG_MUST_USE;
int plan_make_image(struct plan_making *m, struct gg_err *err) GG_MUST_USE;
