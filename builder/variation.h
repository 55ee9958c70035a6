/* SPDX-License-Identifier: Apache-2.0
 *
 * What a rebuild that verifies can do otherwise than the build did. A variation is one struct in one table: it changes the
 * conditions, or says why it cannot on this machine. Reads the machine (processors, names, environment), changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "builder/sandbox/sandbox.h"
#include "layers/base/mem.h"

/* What one rebuild runs under. */
struct conditions {
	struct sandbox_perturb perturb;
	struct gg_strv env;   /* over the caller's */
	const char *hostname; /* NULL: as it is */
	unsigned umask;       /* 0: as it is */
	unsigned jobs;        /* 0: as it is */
	bool elsewhere;       /* the recipe by another path, from another working directory */
	bool home;            /* HOME, TMPDIR and the user's directories are others, and empty */
	bool filesystem;      /* the store is on another file system */
};
#define CONDITIONS_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
void conditions_done(struct conditions *c);
#define _cleanup_conditions_ GG_CLEANUP(conditions_done)

/* What the machine is like, for those that have to be otherwise. */
struct surroundings {
	unsigned cpus;
	unsigned jobs; /* actions at once, as the build had them */
	char hostname[65];
	char release[65];
	bool root;              /* the host name can be changed */
	const char *filesystem; /* where another store can be, NULL: nowhere; borrowed */
	const char *why_no_filesystem;
};
void surroundings_look(struct surroundings *ret);

struct variation {
	const char *name;  /* "clock" */
	const char *title; /* "wall clocks 400 days ahead" */
	bool alone; /* only where each is tried by itself: it costs time, or is the other way around */
	/* False with *ret_why when this machine cannot. */
	bool (*apply)(const struct surroundings *s, struct conditions *c, const char **ret_why);
};
extern const struct variation variations[];
extern const size_t n_variations;

/* To the rebuild: the value of PERTURB_VARIABLE, owned by the caller; "" when nothing is perturbed. */
#define PERTURB_VARIABLE "GGBUILD_PERTURB"
char *perturb_text(const struct sandbox_perturb *p);
/* And back. ret->release points into `text`'s copy *ret_text, which the caller owns. GG_USAGE for other words. */
int perturb_parse(const char *text, struct sandbox_perturb *ret, char **ret_text,
		  struct gg_err *err) GG_MUST_USE;
