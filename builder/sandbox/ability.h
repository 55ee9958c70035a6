/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine must be able to do, as tables: each ability is tried by doing it, never concluded from a version, in
 * a process of its own, so that nothing of a trial is left. What is said is what a build would say: a probe calls the
 * function that a step needs, and its error carries that function's remedy (explain.h).
 */
#pragma once

#include "builder/sandbox/userns.h"
#include "layers/base/err.h"

enum ability_state {
	ABILITY_OK,
	ABILITY_MISSING, /* with an error that says why, and what to do */
	ABILITY_UNUSED, /* there or not: builds here do without; or what it depends on is missing */
};

enum ability_flags {
	ABILITY_INSIDE = 1 << 0,   /* tried inside the store's user namespace */
	ABILITY_ON_STORE = 1 << 1, /* needs a directory on the store's file system */
	ABILITY_VITAL = 1 << 2,    /* without it there are no builds of any kind */
};

struct ability_place {
	struct userns *ns; /* NULL: user namespaces are refused */
	int dir; /* a directory of the caller's on the store's file system, -1: none; a probe gets
		    an empty one below it, which belongs to the namespace's root if it is INSIDE */
	const void *ctx; /* of the table's owner */
};

struct ability {
	const char *name;
	unsigned flags;
	const char *
		without; /* what does not work when it is missing; NULL: what needs it is an ability too */
	/* Appends to `seen` what was found and what it is used for: a phrase. */
	enum ability_state (*probe)(const struct ability_place *p, struct gg_buf *seen,
				    struct gg_err *err);
};

struct ability_found {
	enum ability_state state;
	char *text; /* owned; a phrase, or the error */
	char *hint; /* owned; the remedy, or NULL; further lines are commands */
};
void ability_found_done(struct ability_found *f);
#define _cleanup_ability_found_ GG_CLEANUP(ability_found_done)

extern const char ability_untried[]; /* what is said inside of no user namespace */
/* The calling process is single-threaded. */
void ability_try(const struct ability *a, const struct ability_place *p, struct ability_found *ret);

/* What does not work where there is no sandbox. */
#define ABILITY_NO_STEPS                                                                           \
	"run and fetch steps, scripts of packages and tests do not run; roots with "               \
	"`scripts: false`, copies and outputs do"

/* Of the sandbox, in the order in which they are told. The user namespace itself is not among them: place has it. */
extern const struct ability sandbox_abilities[];
extern const size_t n_sandbox_abilities;
