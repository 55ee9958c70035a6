/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress view as plain lines (logs, CI) and as JSON (programs).
 */
#include "builder/progress_view.h"

#include "layers/base/json.h"

static const uint64_t SILENCE = 1000000000, BYTES_EVERY = 5000000000;
static const uint64_t JSON_BYTES_EVERY = 100000000;
enum { HELD_MAX = 1 << 20 };

/* ---- plain ---- */

static void add_line(struct gg_buf *b, const struct progress_job *j, const char *text, size_t len)
{
	gg_buf_printf(b, "[%s]%s", j->name, len > 0 ? " " : "");
	gg_buf_add(b, text, len);
	gg_buf_putc(b, '\n');
}

static void release(struct progress *p, struct progress_job *j)
{
	gg_buf_add(&p->out, j->held.data, j->held.len);
	j->held.len = 0;
}

/* The next to speak is who has waited longest: jobs are in the order of their start. */
static void pass_floor(struct progress *p)
{
	p->floor = NULL;
	for (size_t i = 0; i < p->n_jobs && !p->floor; i++)
		if (p->jobs[i]->held.len > 0)
			p->floor = p->jobs[i];
	if (p->floor)
		release(p, p->floor);
}

static void speak(struct progress *p, struct progress_job *j, const char *text, size_t len)
{
	if (!p->floor)
		p->floor = j;
	add_line(p->floor == j ? &p->out : &j->held, j, text, len);
	if (j->held.len > HELD_MAX)
		release(p, j);
}

/* Late, so that cached work is one line. */
static void announce(struct progress *p, struct progress_job *j)
{
	if (j->announced)
		return;
	j->announced = true;
	speak(p, j, "started", 7);
}

static void plain_line(struct progress *p, struct progress_job *j, const char *text, size_t len)
{
	announce(p, j);
	speak(p, j, text, len);
}

static void plain_bytes(struct progress *p, struct progress_job *j)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (p->now - (j->last_bytes ? j->last_bytes : j->started) < BYTES_EVERY)
		return;
	j->last_bytes = p->now;
	progress_put_bytes(&text, j);
	plain_line(p, j, text.data, text.len);
}

static void plain_end(struct progress *p, struct progress_job *j, enum progress_status status,
		      uint64_t ns)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	switch (status) {
	case PROGRESS_CACHED:
		gg_buf_puts(&text, "cached");
		break;
	case PROGRESS_DONE:
		gg_buf_puts(&text, "done in ");
		progress_put_time(&text, ns);
		break;
	case PROGRESS_FAILED:
		gg_buf_puts(&text, "failed after ");
		progress_put_time(&text, ns);
		break;
	}
	/* Its last words come now, whoever has the floor: it cannot wait for it any more. */
	release(p, j);
	add_line(&p->out, j, text.data, text.len);
	if (p->floor == j)
		pass_floor(p);
}

static void plain_note(struct progress *p, const char *text, size_t len)
{
	gg_buf_add(&p->out, text, len);
	gg_buf_putc(&p->out, '\n');
}

static void plain_tick(struct progress *p)
{
	for (size_t i = 0; i < p->n_jobs; i++)
		if (p->now > p->jobs[i]->started)
			announce(p, p->jobs[i]);
	if (p->floor && p->now - p->floor->last_line >= SILENCE)
		pass_floor(p);
}

static int plain_timeout(const struct progress *p)
{
	uint64_t silent;

	for (size_t i = 0; i < p->n_jobs; i++) {
		if (!p->jobs[i]->announced)
			return 10;
		if (p->jobs[i]->held.len > 0 && p->floor) {
			silent = p->now - p->floor->last_line;
			return silent >= SILENCE ? 0 : (int)((SILENCE - silent) / 1000000 + 1);
		}
	}
	return -1;
}

static void plain_part(void *ctx, const char *text, size_t len)
{
	struct progress_job *j = ctx;

	add_line(&j->held, j, text, len);
}

static void plain_finish(struct progress *p)
{
	for (size_t i = 0; i < p->n_jobs; i++) {
		printable_end(&p->jobs[i]->text, plain_part, p->jobs[i]);
		release(p, p->jobs[i]);
	}
	p->floor = NULL;
}

const struct progress_view progress_view_plain = {
	.line = plain_line,
	.bytes = plain_bytes,
	.end = plain_end,
	.note = plain_note,
	.tick = plain_tick,
	.timeout = plain_timeout,
	.finish = plain_finish,
};

/* ---- JSON ---- */

static struct gg_json *event(const struct progress *p, const char *name,
			     const struct progress_job *j)
{
	struct gg_json *e = gg_json_object();

	gg_json_set_str(e, "event", name);
	gg_json_set_int(e, "ms", (int64_t)((p->now - p->started) / 1000000));
	if (j)
		gg_json_set_int(e, "id", (int64_t)j->id);
	return e;
}

/* Prints and drops it. */
static void emit(struct progress *p, struct gg_json *e)
{
	_cleanup_free_ char *text = gg_json_compact(e);

	gg_buf_puts(&p->out, text);
	gg_buf_putc(&p->out, '\n');
	gg_json_unref(e);
}

static void set_text(struct gg_json *e, const char *text, size_t len)
{
	_cleanup_free_ char *copy = gg_strndup(text, len);

	gg_json_set_str(e, "text", copy);
}

static void json_start(struct progress *p, struct progress_job *j)
{
	struct gg_json *e = event(p, "start", j);

	gg_json_set_str(e, "name", j->name);
	emit(p, e);
}

static void json_line(struct progress *p, struct progress_job *j, const char *text, size_t len)
{
	struct gg_json *e = event(p, "output", j);

	set_text(e, text, len);
	emit(p, e);
}

static void json_bytes(struct progress *p, struct progress_job *j)
{
	struct gg_json *e;

	if (j->last_bytes && p->now - j->last_bytes < JSON_BYTES_EVERY && j->done != j->total)
		return;
	j->last_bytes = p->now;
	e = event(p, "bytes", j);
	gg_json_set_int(e, "done", (int64_t)j->done);
	gg_json_set_int(e, "total", (int64_t)j->total);
	emit(p, e);
}

static void json_end(struct progress *p, struct progress_job *j, enum progress_status status,
		     uint64_t ns)
{
	static const char *const words[] = { "cached", "done", "failed" };
	struct gg_json *e = event(p, "end", j);

	gg_json_set_str(e, "status", words[status]);
	gg_json_set_int(e, "ns", (int64_t)ns);
	emit(p, e);
}

static void json_note(struct progress *p, const char *text, size_t len)
{
	struct gg_json *e = event(p, "note", NULL);

	set_text(e, text, len);
	emit(p, e);
}

const struct progress_view progress_view_json = {
	.start = json_start,
	.line = json_line,
	.bytes = json_bytes,
	.end = json_end,
	.note = json_note,
};
