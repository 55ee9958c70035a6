/* SPDX-License-Identifier: Apache-2.0
 *
 * What a build has against its policy (recipes/policy.h): all violations at once, by the recipe's lines, each with the
 * policy's. What recipe and lock tell is asked before anything is resolved or runs; what takes the image's trees, before
 * an output appears.
 */
#pragma once

#include "builder/build.h"
#include "recipes/policy.h"

struct policy_report {
	const struct policy *policy;
	struct recipe_errors errors;
	const struct recipe *recipe;
};

/* `rule` is where the policy says what is violated, `key` what it calls that. */
void policy_violate(struct policy_report *r, struct gg_pos at, struct gg_pos rule, const char *key,
		    const char *fmt, ...) GG_PRINTF(5, 6);
/* GG_GATE with all of them, or 0; empties it. */
int policy_report_end(struct policy_report *r, struct gg_err *err) GG_MUST_USE;

/* Recipe, command line and, as far as it goes, the lock; with its plan, when it is complete. */
int policy_check(struct session *s, struct project *p, const struct build_options *o,
		 const struct plan *plan, struct gg_err *err) GG_MUST_USE;
/* The image of a build that is done. */
int policy_check_image(struct session *s, const struct project *p, const struct build_result *b,
		       struct gg_err *err) GG_MUST_USE;
/* Its part about licences: those of the packages that the image is from, whose results `x` has. */
int policy_check_licenses(struct session *s, const struct plan *plan, const struct execution *x,
			  struct policy_report *r, struct gg_err *err) GG_MUST_USE;
