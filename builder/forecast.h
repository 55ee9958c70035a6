/* SPDX-License-Identifier: Apache-2.0
 *
 * What a build of a plan would do, without doing it: reads the store, makes nothing, opens no connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct plan;
struct store;

struct forecast_node {
	bool cached;   /* its result is in the store */
	bool needed;   /* a goal, or read by something that would run */
	bool download; /* it would run, and its blob is not in the store */
	size_t waits_for; /* the first fetch without a pin that it is behind or is itself, else SIZE_MAX */
};

struct forecast {
	struct forecast_node *nodes; /* parallel to the plan's */
	size_t n_downloads;
	uint64_t download_bytes; /* of those whose size is known */
	size_t n_unknown;        /* downloads of unknown size */
};
/* store NULL: nothing is there. */
int forecast_make(struct store *store, const struct plan *p, const size_t *goals, size_t n,
		  struct forecast *ret, struct gg_err *err) GG_MUST_USE;
void forecast_done(struct forecast *f);
#define _cleanup_forecast_ GG_CLEANUP(forecast_done)

static inline bool forecast_runs(const struct forecast_node *n)
{
	return n->needed && !n->cached;
}
