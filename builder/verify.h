/* SPDX-License-Identifier: Apache-2.0
 *
 * Verification: the reference, which is built as usual or is there already, and rebuilds of it in second stores that hold
 * its inputs and nothing else, each under variations (variation.h). Everything that runs is a process of its own; this one
 * copies, compares and tells. Work lies in a scratch directory, which is removed when the verification is closed, and one
 * that a killed verification left is removed by the next.
 */
#pragma once

#include "builder/build.h"
#include "builder/commands.h"
#include "builder/compare.h"
#include "builder/variation.h"
#include "layers/base/digest.h"
#include "layers/store.h"

struct verify_options {
	const struct common_options *common;
	const struct step_options *steps;
	const char *recipe; /* as given */
	const char *
		against; /* an image that somebody built (image_source.h), instead of a reference of ours; NULL */
	const char *
		scratch; /* a directory; NULL: another file system if the build fits, else the store's */
};

/* One rebuild. */
struct verify_run {
	const bool *vary; /* parallel to variations */
	bool quiet;
	struct gg_digest digest; /* result */
	char *layout;            /* result: where the image is, until verify_drop; owned */
	int64_t from, to;        /* result: when it ran, seconds since 1970 */
};

struct verify {
	struct command_session *c;
	struct verify_options o;
	struct surroundings here;
	char *recipe, *store; /* absolute */
	struct store_tmp tmp;
	char *scratch,
		*other; /* absolute; where rebuilds are, and where on another file system: may be NULL */
	int otherfd; /* locked while `other` is ours */
	bool seeded, other_seeded;
	unsigned runs;
	/* The reference. */
	struct gg_digest digest;
	char *image; /* "oci:" and an absolute path, or what was given */
	int64_t from, to;
	struct plan *plan;
	bool *reached;
};
#define VERIFY_INIT                                                                                \
	{                                                                                          \
		.tmp = STORE_TMP_INIT, .otherfd = -1                                               \
	}

/* Builds the reference, unless the store has it, or opens the image that was given and fetches what is to be built. */
int verify_open(struct command_session *c, const struct verify_options *o, struct verify *ret,
		struct gg_err *err) GG_MUST_USE;
/* GG_GATE when a step fails that did not fail before. */
int verify_rebuild(struct verify *v, struct verify_run *run, struct gg_err *err) GG_MUST_USE;
/* The conditions of these variations. */
void verify_apply(const struct verify *v, const bool *vary, struct conditions *ret);
/* The reference and the rebuild, with what is known of their surroundings. */
int verify_compare(const struct verify *v, const struct verify_run *run, struct comparison *ret,
		   struct gg_err *err) GG_MUST_USE;
/* Removes what the run left. */
void verify_drop(struct verify *v, struct verify_run *run);
void verify_close(struct verify *v);
#define _cleanup_verify_ GG_CLEANUP(verify_close)
