/* SPDX-License-Identifier: Apache-2.0
 *
 * Execution: makes the nodes that a plan's goals need and the store does not have. Goals are looked at from the top, so
 * a result that is there spares everything below it. Cannot change the plan. Independent actions run at once; what
 * has to be downloaded is downloaded by one job beside them; an action that another process is running is waited for.
 * A failed action ends the run: nothing of it is committed, everything else that runs is killed.
 */
#pragma once

#include "builder/plan.h"
#include "layers/base/json.h"

struct session;

struct execution;
struct execution *execution_new(struct session *s, const struct recipe *recipe,
				const struct plan *plan);
void execution_free(struct execution *x);
void execution_freep(struct execution **x);
#define _cleanup_execution_ GG_CLEANUP(execution_freep)

/* Before execution_look: the node's record is good enough, what it names need not be in the store. */
void execution_spare(struct execution *x, size_t node);
/* `watch` is called whenever something may have been made; what it says ends the run. */
void execution_watch(struct execution *x, int (*watch)(void *ctx, struct gg_err *err), void *ctx);
/* Looks what there is of the goals, once: execution_run does it, too, and makes these and no others. */
int execution_look(struct execution *x, const size_t *goals, size_t n,
		   struct gg_err *err) GG_MUST_USE;
/* That a layer is to be packed, as far as has been looked. */
bool execution_packs(const struct execution *x);
/* Makes every goal. Kinds of errors: as the actions report them; GG_REMOTE for downloads. */
int execution_run(struct execution *x, const size_t *goals, size_t n,
		  struct gg_err *err) GG_MUST_USE;

/* A finished node's record; borrowed. NULL before. */
const struct gg_json *execution_record(const struct execution *x, size_t node);
/* The record's tree or blob. */
int execution_digest(const struct execution *x, size_t node, const char *field,
		     struct gg_digest *ret, struct gg_err *err) GG_MUST_USE;
/* Unpinned fetches that ran: their pins, to be written to the lock. */
size_t execution_pins(const struct execution *x, struct lock *lock, const char *platform);
/* "3 steps run, 12 cached" for people. */
void execution_counts(const struct execution *x, unsigned *ret_ran, unsigned *ret_cached);
