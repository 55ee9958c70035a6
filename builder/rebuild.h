/* SPDX-License-Identifier: Apache-2.0
 *
 * Builds as a process of their own: this program again, on another store, under other conditions (variation.h). What
 * it prints on standard error goes where ours does.
 */
#pragma once

#include "builder/variation.h"
#include "layers/base/digest.h"
#include "layers/base/err.h"

struct common_options;
struct session;
struct step_options;

struct rebuild {
	const char *verb;    /* "build", "fetch" */
	const char *recipe;  /* absolute */
	const char *store;   /* absolute */
	const char *layout;  /* absolute: the directory that becomes an OCI layout, NULL: none */
	const char *scratch; /* absolute: an existing directory for what the conditions need */
	const struct common_options *common; /* what the user said, but for the store */
	const struct step_options *steps;
	const struct conditions *conditions;
	bool again; /* the store is a copy of the inputs: no network, no change of the lock, no tests, no cache */
	bool quiet; /* no progress */
};

/* The digest that it prints; ret may be NULL. An error is of the rebuild's kind, its text was told already. */
int rebuild_run(struct session *s, const struct rebuild *r, struct gg_digest *ret,
		struct gg_err *err) GG_MUST_USE;
