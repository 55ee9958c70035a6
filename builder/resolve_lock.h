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

#define RESOLVE_LOCKED_HINT                                                                        \
	"run `ggbuild lock` and commit the lock file; --locked forbids changing it"

struct resolve_options {
	const char *platform;
	bool all; /* forget what the platform has and resolve everything anew: drops what the recipe as it stands, with
		   * these arguments, does not use */
	/* also what a build can do without: what an old lock does not know of the compressor */
	bool complete;
	/* stages and images of inputs to resolve anew, fetches, which are the caller's, and COMPRESSOR_WORD; may be NULL */
	const struct gg_strv *names;
};

/* Adds what is missing; *ret_changed tells whether anything did. GG_LOCK under --locked when something is missing or
 * was made for another version of our formats. GG_USAGE for a name of nothing that the lock pins. */
int resolve_lock(struct session *s, const struct recipe *r, struct lock *lock,
		 const struct resolve_options *options, bool *ret_changed,
		 struct gg_err *err) GG_MUST_USE;
/* That it was asked for by name, or everything was. */
bool resolve_wants(const struct resolve_options *o, const char *name);
