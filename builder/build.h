/* SPDX-License-Identifier: Apache-2.0
 *
 * A build: lock, plan, execution, again while fetches are being pinned.
 */
#pragma once

#include "builder/execute.h"
#include "builder/project.h"

struct session;

struct build_options {
	const char *target;   /* only this stage, NULL: the image and its tests */
	const char *platform; /* "linux/amd64" */
	bool relock;
};

struct build_result {
	struct plan *plan;
	struct execution *execution;
};
#define BUILD_RESULT_INIT { 0 }
void build_result_done(struct build_result *r);
#define _cleanup_build_result_ GG_CLEANUP(build_result_done)

/* On success every goal has its record, and the lock beside the recipe has every pin. */
int build_run(struct session *s, struct project *p, const struct build_options *o, struct build_result *ret,
	      struct gg_err *err) GG_MUST_USE;
/* The plan alone: pure but for reading local inputs. */
int build_plan(struct session *s, struct project *p, const char *platform, struct plan **ret, struct gg_err *err)
	GG_MUST_USE;
