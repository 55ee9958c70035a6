/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/progress_view.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static const uint64_t MS = 1000000, SECOND = 1000000000;

const char *const progress_mode_names[] = { "auto", "tty", "plain", "json", "none", NULL };

static const struct progress_view view_none = { 0 };

enum progress_mode progress_resolve(enum progress_mode mode, int fd, const char *term,
				    const char *ci)
{
	if (mode != PROGRESS_AUTO)
		return mode;
	if (!isatty(fd) || !term || !*term || gg_streq(term, "dumb") || (ci && *ci))
		return PROGRESS_PLAIN;
	return PROGRESS_TTY;
}

static const struct progress_view *view_of(enum progress_mode mode)
{
	switch (mode) {
	case PROGRESS_TTY:
		return &progress_view_tty;
	case PROGRESS_JSON:
		return &progress_view_json;
	case PROGRESS_NONE:
		return &view_none;
	case PROGRESS_AUTO:
	case PROGRESS_PLAIN:
		break;
	}
	return &progress_view_plain;
}

struct progress *progress_new(const struct progress_options *options)
{
	struct progress *p = gg_zalloc(sizeof(*p));

	p->options = *options;
	p->view = view_of(options->mode);
	p->now = p->started = options->now;
	return p;
}

static void job_free(struct progress_job *j)
{
	free(j->name);
	printable_done(&j->text);
	gg_strv_done(&j->tail);
	gg_buf_done(&j->held);
	free(j);
}

void progress_free(struct progress *p)
{
	if (!p)
		return;
	progress_finish(p);
	for (size_t i = 0; i < p->n_jobs; i++)
		job_free(p->jobs[i]);
	free(p->jobs);
	gg_buf_done(&p->out);
	gg_buf_done(&p->above);
	free(p);
}

void progress_freep(struct progress **p)
{
	progress_free(*p);
}

/* Somebody else may have made the terminal non-blocking: wait for it, but not for ever. */
static void flush(struct progress *p)
{
	size_t at = 0;

	while (at < p->out.len && !p->dead) {
		ssize_t n = write(p->options.fd, p->out.data + at, p->out.len - at);

		if (n >= 0) {
			at += (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd fd = { .fd = p->options.fd, .events = POLLOUT };

			p->dead = poll(&fd, 1, 1000) == 0;
		} else if (errno != EINTR) {
			p->dead = true;
		}
	}
	p->out.len = 0;
}

static size_t find(const struct progress *p, uint64_t id)
{
	size_t i = 0;

	while (i < p->n_jobs && p->jobs[i]->id != id)
		i++;
	return i;
}

void progress_job_start(struct progress *p, uint64_t id, const char *name)
{
	struct progress_job *j = gg_zalloc(sizeof(*j));

	j->id = id;
	j->name = gg_strdup(name);
	j->started = j->last_line = j->sample_time = p->now;
	GG_GROW(p->jobs, p->n_jobs, p->cap_jobs);
	p->jobs[p->n_jobs++] = j;
	if (p->view->start)
		p->view->start(p, j);
	flush(p);
}

struct line_ctx {
	struct progress *p;
	struct progress_job *j;
};

static void job_line(void *ctx, const char *text, size_t len)
{
	struct progress *p = ((struct line_ctx *)ctx)->p;
	struct progress_job *j = ((struct line_ctx *)ctx)->j;

	j->last_line = p->now;
	if (p->view->line)
		p->view->line(p, j, text, len);
}

void progress_job_output(struct progress *p, uint64_t id, const char *bytes, size_t len)
{
	size_t i = find(p, id);

	if (i == p->n_jobs)
		return;
	printable_feed(&p->jobs[i]->text, bytes, len, job_line,
		       &(struct line_ctx){ p, p->jobs[i] });
	flush(p);
}

void progress_job_bytes(struct progress *p, uint64_t id, uint64_t done, uint64_t total)
{
	size_t i = find(p, id);
	struct progress_job *j;
	uint64_t elapsed;

	if (i == p->n_jobs)
		return;
	j = p->jobs[i];
	/* What was there before is no speed. */
	if (!j->counts_bytes) {
		j->sample_time = p->now;
		j->sample_done = done;
	}
	elapsed = p->now - j->sample_time;
	j->counts_bytes = true;
	j->done = done;
	j->total = total;
	if (elapsed >= SECOND || j->rate == 0) {
		/* In double: bytes times ns would overflow at 18 GB. */
		if (elapsed > 0 && done > j->sample_done)
			j->rate =
				(uint64_t)((double)(done - j->sample_done) * 1e9 / (double)elapsed);
		if (elapsed >= SECOND) {
			j->sample_time = p->now;
			j->sample_done = done;
		}
	}
	if (p->view->bytes)
		p->view->bytes(p, j);
	flush(p);
}

void progress_job_end(struct progress *p, uint64_t id, enum progress_status status, uint64_t ns)
{
	size_t i = find(p, id);
	struct progress_job *j;

	if (i == p->n_jobs)
		return;
	j = p->jobs[i];
	printable_end(&j->text, job_line, &(struct line_ctx){ p, j });
	memmove(p->jobs + i, p->jobs + i + 1, (p->n_jobs - i - 1) * sizeof(*p->jobs));
	p->n_jobs--;
	p->ended++;
	if (p->view->end)
		p->view->end(p, j, status, ns);
	job_free(j);
	flush(p);
}

static void note_line(void *ctx, const char *text, size_t len)
{
	struct progress *p = ctx;

	if (p->view->note)
		p->view->note(p, text, len);
}

void progress_note(struct progress *p, const char *text)
{
	struct printable lines = { 0 };

	printable_feed(&lines, text, strlen(text), note_line, p);
	printable_end(&lines, note_line, p);
	printable_done(&lines);
	flush(p);
}

void progress_total(struct progress *p, unsigned jobs)
{
	p->total = jobs;
}

void progress_tick(struct progress *p, uint64_t now)
{
	p->now = now;
	if (p->view->tick)
		p->view->tick(p);
	flush(p);
}

int progress_timeout(const struct progress *p)
{
	return p->view->timeout && !p->dead ? p->view->timeout(p) : -1;
}

void progress_finish(struct progress *p)
{
	if (p->view->finish)
		p->view->finish(p);
	flush(p);
}

static void put_whole_time(struct gg_buf *b, uint64_t s)
{
	if (s < 60)
		gg_buf_printf(b, "%" PRIu64 "s", s);
	else if (s < 3600)
		gg_buf_printf(b, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		gg_buf_printf(b, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
}

void progress_put_time(struct gg_buf *b, uint64_t ns)
{
	uint64_t s = ns / SECOND;

	if (ns < SECOND)
		gg_buf_printf(b, "%" PRIu64 "ms", ns / MS);
	else if (s < 60)
		gg_buf_printf(b, "%" PRIu64 ".%" PRIu64 "s", s, ns % SECOND / (100 * MS));
	else
		put_whole_time(b, s);
}

static void put_megabytes(struct gg_buf *b, uint64_t bytes)
{
	gg_buf_printf(b, "%" PRIu64 ".%" PRIu64, bytes / 1000000, bytes % 1000000 / 100000);
}

/* Whole seconds, rounded up: the last ones are the longest. */
static void put_left(struct gg_buf *b, const struct progress_job *j)
{
	uint64_t bytes = j->total > j->done ? j->total - j->done : 0;

	if (bytes == 0)
		return;
	gg_buf_puts(b, ", ");
	put_whole_time(b, bytes / j->rate + (bytes % j->rate != 0));
	gg_buf_puts(b, " left");
}

void progress_put_bytes(struct gg_buf *b, const struct progress_job *j)
{
	put_megabytes(b, j->done);
	if (j->total) {
		gg_buf_puts(b, " of ");
		put_megabytes(b, j->total);
	}
	gg_buf_puts(b, " MB");
	if (j->rate && j->done != j->total) {
		gg_buf_puts(b, ", ");
		put_megabytes(b, j->rate);
		gg_buf_puts(b, " MB/s");
		put_left(b, j);
	}
}
