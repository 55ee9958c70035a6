/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store knows of a plan: the result of a node, and, for the explanation of the next build, which key each
 * name ("RECIPE:NODE") had in the last one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "builder/plan.h"
#include "layers/base/json.h"

struct recipe;
struct store;

/* The record's tree is a directory of the store, not only a manifest with its contents elsewhere (contents.h). */
bool results_has_directory(struct store *s, const struct gg_json *record);
/* The node's record when everything that it names is still there; *ret NULL otherwise, and for a node without key. */
int results_find(struct store *s, const struct plan_node *n, struct gg_json **ret,
		 struct gg_err *err) GG_MUST_USE;

/* A fetch has two texts: that of its key, which is the pin, and its definition, which the pin belongs to. */
enum results_text { RESULTS_KEY, RESULTS_DEFINITION };

/* Remembers the node under its name. */
int results_remember(struct store *s, const struct recipe *r, const struct plan_node *n,
		     struct gg_err *err) GG_MUST_USE;
/* Whether the last build had these goals with these keys: asked before a build, as running remembers. */
int results_are_last(struct store *s, const struct recipe *r, const struct plan *p,
		     const size_t *goals, size_t n, bool *ret, struct gg_err *err) GG_MUST_USE;
/* Remembers all that the goals need. */
int results_remember_all(struct store *s, const struct recipe *r, const struct plan *p,
			 const size_t *goals, size_t n, struct gg_err *err) GG_MUST_USE;
/* What the name had in the last build; store_action_text has the text while the store keeps it. */
int results_recall(struct store *s, const struct recipe *r, const struct plan_node *n,
		   enum results_text what, struct gg_digest *ret, bool *ret_found,
		   struct gg_err *err) GG_MUST_USE;
