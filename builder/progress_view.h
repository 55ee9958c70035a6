/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the progress view: the state that progress.c keeps and the back-ends that show it, one struct of functions
 * each. Only progress*.c and nobody else includes this. Back-ends append to `out`; progress.c writes it.
 */
#pragma once

#include "builder/printable.h"
#include "builder/progress.h"

enum { PROGRESS_TAIL = 6 };

struct progress_job {
	uint64_t id;
	char *name;
	uint64_t started;
	struct printable text;
	struct gg_strv tail; /* the last lines, oldest first; at most PROGRESS_TAIL */
	struct gg_buf held;  /* plain: lines that wait for the floor */
	uint64_t last_line;  /* when the last line came */
	bool announced;      /* plain: its start was printed */
	bool counts_bytes;   /* progress_job_bytes was called */
	uint64_t done, total;
	uint64_t sample_time, sample_done; /* where the current second's rate is measured from */
	uint64_t rate;                     /* bytes/s */
	uint64_t last_bytes;               /* when bytes were last shown */
};

struct progress {
	struct progress_options options;
	const struct progress_view *view;
	uint64_t now, started;
	struct progress_job **jobs; /* running, in the order of their start */
	size_t n_jobs, cap_jobs;
	unsigned total, ended;
	struct gg_buf out;
	bool dead; /* a write has failed: nobody is reading */
	/* plain */
	struct progress_job *floor; /* whose lines are printed as they come */
	/* tty */
	struct gg_buf above; /* lines that will stay, to be printed at the next redraw */
	unsigned live;       /* lines of the view on the screen */
	uint64_t drawn;      /* when */
	bool dirty;
};

/* NULL: shows nothing for it. */
struct progress_view {
	void (*start)(struct progress *p, struct progress_job *j);
	void (*line)(struct progress *p, struct progress_job *j, const char *text, size_t len);
	void (*bytes)(struct progress *p, struct progress_job *j);
	void (*end)(struct progress *p, struct progress_job *j, enum progress_status status,
		    uint64_t ns);
	void (*note)(struct progress *p, const char *text, size_t len); /* one line */
	void (*tick)(struct progress *p);
	int (*timeout)(const struct progress *p);
	void (*finish)(struct progress *p);
};

extern const struct progress_view progress_view_plain, progress_view_json, progress_view_tty;

/* "850ms", "12.3s", "4m05s", "1h02m" */
void progress_put_time(struct gg_buf *b, uint64_t ns);
/* "45.2 of 132.0 MB, 12.1 MB/s, 8s left" */
void progress_put_bytes(struct gg_buf *b, const struct progress_job *j);
