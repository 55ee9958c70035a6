/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine can do for builds: the sandbox's abilities (sandbox/ability.h) and those of the store, the programs
 * and libraries that are called, and the mirrors. Everything is tried; no connection is made; nothing is left, and a
 * store that does not exist is not made.
 */
#pragma once

#include <stdbool.h>

#include "builder/sandbox/ability.h"

struct config;

struct doctor_check {
	const char *section;
	const struct ability *ability;
	struct ability_found found;
};

struct doctor {
	struct userns ns;
	struct doctor_check *v; /* owned, in the order in which they are shown */
	size_t n, cap;
};
void doctor_done(struct doctor *d);
#define _cleanup_doctor_ GG_CLEANUP(doctor_done)

/* userns: enum userns_choice; the process may be in that namespace afterwards. config: the user's, or NULL. */
void doctor_examine(const char *store, unsigned userns, const struct config *config,
		    struct doctor *ret);

/* The first thing without which nothing can be built; NULL: builds of some kind work. */
const struct doctor_check *doctor_obstacle(const struct doctor *d);
const char *doctor_mode(const struct doctor *d); /* "root", "subuid", "single-uid", "none" */
/* What does not work in this mode and for what is missing; phrases, each once. */
void doctor_limits(const struct doctor *d, struct gg_strv *ret);
