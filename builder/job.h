/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: children of one single-threaded process, watched by one poll loop over pidfds and pipes. A job's function
 * runs in the child; it sends messages (one JSON object a line) while it works and ends with a result object or an
 * error, which is remade in the parent. What the child writes to its output pipe reaches `output`. A child that dies
 * without a result is itself an error. SIGINT, SIGTERM and SIGHUP kill every job at once; they are
 * blocked from jobs_new on, what does not poll asks gg_interrupted, and who has its result by then ends with it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/json.h"

struct userns;
struct job;
struct jobs;

/* What the child gets: where to send messages and the command's output. */
struct job_port {
	int messages;
	int output;
};
/* In a child that decodes what strangers made. */
int job_bound_memory(struct gg_err *err) GG_MUST_USE;
void job_send(const struct job_port *port, const struct gg_json *message);

struct job_spec {
	/* Runs in the child; fills `result`. */
	int (*run)(void *ctx, const struct job_port *port, struct gg_json *result,
		   struct gg_err *err);
	/* Run in the parent. done: `err` has kind GG_OK on success. All may be NULL but done. */
	void (*message)(void *ctx, const struct gg_json *message);
	void (*output)(void *ctx, const char *bytes, size_t len);
	void (*done)(void *ctx, const struct gg_json *result, struct gg_err *err);
	/* Instead of done, when the job was killed: releases ctx. */
	void (*killed)(void *ctx);
	void *ctx;
	/* the one whose positions errors keep on their way out of the child; may be NULL */
	const char *file;
	struct userns *userns; /* the child runs inside it; NULL: as we are */
};

struct jobs *jobs_new(struct gg_err *err) GG_MUST_USE;
/* Kills and reaps what still runs. */
void jobs_free(struct jobs *j);
void jobs_freep(struct jobs **j);
#define _cleanup_jobs_ GG_CLEANUP(jobs_freep)

int jobs_start(struct jobs *j, const struct job_spec *spec, struct gg_err *err) GG_MUST_USE;
/* Starts one job and waits for its end. *ret, which may be NULL, is its result; spec's done and killed are not called. */
int jobs_call(struct jobs *j, const struct job_spec *spec, struct gg_json **ret,
	      struct gg_err *err) GG_MUST_USE;
size_t jobs_running(const struct jobs *j);
/* Ends every job now; `killed` is called instead of `done`. */
void jobs_kill(struct jobs *j);
/* Waits for events for at most timeout_ms and runs the callbacks. -1 when a signal arrived (its error is
 * interrupt.h's) or the loop itself failed. */
int jobs_poll(struct jobs *j, int timeout_ms, struct gg_err *err) GG_MUST_USE;
uint64_t job_now_ns(void); /* CLOCK_MONOTONIC */
