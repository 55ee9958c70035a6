/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolving: what a recipe names becomes what the lock pins, but for fetches, which have to run. Reads the clock (is
 * an InRelease of today?), the network, and the user's mirrors; none of them reach the lock.
 */
#pragma once

#include <stdbool.h>

#include "recipes/lock.h"
#include "recipes/recipe.h"

struct session;

struct resolve_options {
	const char *platform;
	bool all;		     /* resolve everything anew (--relock, lock --update) */
	const struct gg_strv *names; /* stages, inputs, fetches to resolve anew; may be NULL */
};

/* Adds what is missing; *ret_changed tells whether anything did. GG_LOCK under --locked when something is missing. */
int resolve_lock(struct session *s, const struct recipe *r, struct lock *lock, const struct resolve_options *options,
		 bool *ret_changed, struct gg_err *err) GG_MUST_USE;
