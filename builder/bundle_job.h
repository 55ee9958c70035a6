/* SPDX-License-Identifier: Apache-2.0
 *
 * One piece of work on a bundle in a child, shown while it runs and waited for. Its messages {"done", "total"} are the
 * bytes of its line in the view.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/json.h"

struct job_port;
struct session;
struct userns;

struct bundle_job {
	const char *name;
	int (*run)(void *ctx, const struct job_port *port, struct gg_json *result,
		   struct gg_err *err);
	void *ctx;
	struct userns *userns; /* NULL: as we are */
	/* bundle_job_start's own */
	struct session *session;
	struct gg_json *result;
	struct gg_err err;
	uint64_t started;
	bool ended;
};

/* The job stays where it is until it has ended; if it is not waited for, the session's jobs are killed before it goes. */
int bundle_job_start(struct session *s, struct bundle_job *job, struct gg_err *err) GG_MUST_USE;
int bundle_job_wait(struct session *s, struct bundle_job *job, struct gg_err *err) GG_MUST_USE;
void bundle_job_done(struct bundle_job *job);
