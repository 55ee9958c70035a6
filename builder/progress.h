/* SPDX-License-Identifier: Apache-2.0
 *
 * What a build shows while it runs. Single-threaded: the scheduler calls it out of its poll loop. It writes to one
 * descriptor (stderr) and nowhere else, never blocks on anything but that write, and drops what cannot be written: a
 * closed terminal does not stop a build. It reads no clock; the caller passes times as CLOCK_MONOTONIC ns with
 * progress_tick, and every event happens at the last time passed. Step output is foreign: control bytes other than
 * newline and tab are taken out, a carriage return begins the line anew, invalid UTF-8 becomes U+FFFD.
 *
 * PROGRESS_PLAIN prints lines as they are, each behind its job: "[builder/3] text". Jobs that run at once take turns: one
 *   has the floor, the others' lines are held back until it has ended or has been silent for 1 s (or 1 MiB is held).
 * PROGRESS_TTY keeps one line for each running job and the last 6 lines of its output below it, redrawn at most 10 times
 *   a second, clipped to the terminal's width; ended jobs leave one line above; progress_finish erases the rest.
 * PROGRESS_JSON prints one object a line: {"event":…, "ms": whole ms since progress_new, …}, keys sorted:
 *   start  id name
 *   output id text (one line without its newline)
 *   bytes  id done total (total 0: unknown)         at most 10 a second and job
 *   end    id ns status ("cached", "done", "failed")
 *   note   text
 *   Warnings and the error that ends the program are main.c's and stay text: lines that never begin with '{'.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

enum progress_mode { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };
enum progress_status { PROGRESS_CACHED, PROGRESS_DONE, PROGRESS_FAILED };

/* The modes' words in enum order, NULL-terminated: the table for --progress. */
extern const char *const progress_mode_names[];

struct progress_options {
	enum progress_mode mode;
	int fd;       /* borrowed */
	uint64_t now; /* ns; times are relative to it */
	bool colour;  /* allow colours (the caller has looked at NO_COLOR) */
	unsigned
		width; /* columns; 0: asked of the terminal at each redraw, 80 if it does not know */
	unsigned height; /* rows; 0: likewise, 24 */
};

/* What PROGRESS_AUTO means here: TTY if fd is a terminal that moves its cursor and `ci` (value of CI) is not set, else
 * PLAIN. The environment's values are the caller's to read; each may be NULL. */
enum progress_mode progress_resolve(enum progress_mode mode, int fd, const char *term,
				    const char *ci);

struct progress;
struct progress *progress_new(const struct progress_options *options);
void progress_free(struct progress *p); /* finishes first; accepts NULL */
void progress_freep(struct progress **p);
#define _cleanup_progress_ GG_CLEANUP(progress_freep)

/* Jobs are named by the caller's id, unique while they run. `name` is copied: "builder/toolchain". Calls for an id that does
 * not run are ignored. Cached work is one call of progress_job_start and one of progress_job_end. */
void progress_job_start(struct progress *p, uint64_t id, const char *name);
void progress_job_output(struct progress *p, uint64_t id, const char *bytes, size_t len);
void progress_job_bytes(struct progress *p, uint64_t id, uint64_t done,
			uint64_t total); /* total 0: unknown */
/* ns: what the work took, when it was done (a cached job may give 0). */
void progress_job_end(struct progress *p, uint64_t id, enum progress_status status, uint64_t ns);
/* A line of its own, above everything; may hold several lines. */
void progress_note(struct progress *p, const char *text);
/* How much there is to do, for "3/12" in the view; 0: not known. */
void progress_total(struct progress *p, unsigned jobs);
/* Passes the time and redraws when it is time to. */
void progress_tick(struct progress *p, uint64_t now);
/* When progress_tick should be called next, as a timeout in ms for poll(2); -1: no need. */
int progress_timeout(const struct progress *p);
/* Takes the view down: unfinished lines are printed, the live part erased. May be called before something else prints
 * to the terminal; the view comes back with the next event. */
void progress_finish(struct progress *p);
