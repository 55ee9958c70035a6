/* SPDX-License-Identifier: Apache-2.0
 *
 * A build: lock, plan, execution, again while fetches are being pinned.
 */
#pragma once

#include "builder/execute.h"
#include "builder/project.h"

struct publish;
struct session;

struct build_options {
	/* only this stage, NULL: the image and its tests, or every stage when there is no image */
	const char *target;
	const char *platform;         /* "linux/amd64" */
	bool relock;                  /* resolve everything anew */
	const struct gg_strv *update; /* stages and fetches to resolve anew; may be NULL */
	/* the lock shall have everything: fetches that no goal needs, and what only old locks lack */
	bool complete;
	bool prune; /* the lock shall hold nothing that the recipe, with these arguments, does not use */
	bool dry;                /* the lock changes in memory only */
	bool fetch_only;         /* only what comes from outside: packages, URLs, fetches */
	struct publish *publish; /* outputs that layers go to while others are made; may be NULL */
};

struct build_result {
	struct plan *plan;
	struct execution *execution;
	unsigned pinning_ran; /* actions that ran for the lock's sake, before the execution */
};
#define BUILD_RESULT_INIT                                                                          \
	{                                                                                          \
		0                                                                                  \
	}
void build_result_done(struct build_result *r);
#define _cleanup_build_result_ GG_CLEANUP(build_result_done)

/* Completes the lock: what it lacks is resolved, fetches that it does not pin are run. The file is written as that
 * goes on, unless everything is resolved anew: then once, at the end. ret->plan is the plan of the complete lock.
 * Under --locked GG_LOCK for anything that it lacks. */
int build_lock(struct session *s, struct project *p, const struct build_options *o,
	       struct build_result *ret, struct gg_err *err) GG_MUST_USE;
/* The same, and then the goals. On success every goal has its record, and the lock beside the recipe has every pin. */
int build_run(struct session *s, struct project *p, const struct build_options *o,
	      struct build_result *ret, struct gg_err *err) GG_MUST_USE;

struct build_goals {
	size_t *v; /* nodes */
	size_t n, cap;
};
void build_goals_done(struct build_goals *g);
#define _cleanup_build_goals_ GG_CLEANUP(build_goals_done)
/* What the options ask for, whether it can be named yet or not. GG_USAGE for an unknown target. */
int build_goals(const struct session *s, const struct plan *p, const struct build_options *o,
		struct build_goals *ret, struct gg_err *err) GG_MUST_USE;
/* The plan alone: pure but for reading local inputs. */
int build_plan(struct session *s, struct project *p, const char *platform, struct plan **ret,
	       struct gg_err *err) GG_MUST_USE;
