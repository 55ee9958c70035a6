/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs of images into the store: one job an image, each blob checked against the digest and size that the lock has. Where
 * they come from is the recipe's reference; of a registry what its tag means today does not matter.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct plan_image;
struct plan_node;
struct session;

struct pull_blob {
	const struct plan_node *node;
	size_t id; /* the caller's */
};

/* Of one image. */
struct pull {
	const struct plan_image *image;
	struct pull_blob *v;
	size_t n, cap;
};

struct pulls {
	struct pull *v;
	size_t n, cap;
};
void pulls_done(struct pulls *p);
#define _cleanup_pulls_ GG_CLEANUP(pulls_done)
void pulls_add(struct pulls *p, const struct plan_node *n, size_t id);

/* The error when one of them needs a network, which --offline forbids; 0: none does. */
int pulls_refuse(const struct pulls *p, struct gg_err *err) GG_MUST_USE;
/* Starts a job; `arrived` is called with the id of each that is in the store, `ended` once. The pull must live until then
 * and not grow. */
int pull_start(struct session *s, const struct pull *p, const char *platform,
	       void (*arrived)(void *ctx, size_t id), void (*ended)(void *ctx, struct gg_err *err),
	       void *ctx, struct gg_err *err) GG_MUST_USE;
/* All of them, waited for. */
int pulls_all(struct session *s, const struct pulls *p, const char *platform,
	      struct gg_err *err) GG_MUST_USE;
