/* SPDX-License-Identifier: Apache-2.0
 *
 * A build out of a bundle: what it needs from outside comes from there into the store, and only what the store lacks.
 * Blobs are brought in before anything runs; trees (local inputs, fetches) are made by action_bundle instead of by what
 * made them first. What the bundle does not have is named before anything runs, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct bundle;
struct bundle_part;
struct plan_node;
struct project;
struct project_options;
struct recipe_from;
struct recipe_input;
struct recipe_stage;
struct session;

/* Reads every byte of the session's bundle, in a job. */
int bundle_check(struct session *s, struct gg_err *err) GG_MUST_USE;
/* Its recipe and lock. Arguments and allowances are those that it was made with. `ret` borrows from the bundle. */
int bundle_project(const struct bundle *b, struct project *ret, struct gg_err *err) GG_MUST_USE;

/* What a plan has to know of what lies beside a recipe. GG_INTEGRITY when the bundle does not have it. */
/* The input's tree; zero when the bundle does not have it, because nothing that it was made for needs it. */
struct gg_digest bundle_local(const struct bundle *b, const struct recipe_input *in);
int bundle_rootfs(const struct bundle *b, const struct recipe_stage *stage, struct gg_digest *ret,
		  struct gg_err *err) GG_MUST_USE;
int bundle_keyring(const struct bundle *b, const struct recipe_from *from, struct gg_digest *ret,
		   struct gg_err *err) GG_MUST_USE;

/* Whether the node's tree comes out of a bundle: a local input or a fetch. */
bool bundle_has_tree(const struct plan_node *n);
/* The content's part, NULL when the bundle has none. */
const struct bundle_part *bundle_tree_of(const struct bundle *b, const struct plan_node *n);

struct bundle_wants {
	const struct bundle_part **v; /* blobs to import */
	size_t n, cap;
	struct gg_strv missing; /* "package curl" */
};
void bundle_wants_done(struct bundle_wants *w);
void bundle_want(const struct session *s, struct bundle_wants *w, const struct plan_node *n);
/* Nothing when nothing is wanted. */
int bundle_import(struct session *s, struct bundle_wants *w, struct gg_err *err) GG_MUST_USE;
