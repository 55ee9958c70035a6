/* SPDX-License-Identifier: Apache-2.0
 *
 * The progress view on a terminal: a live part at the bottom that is erased and drawn again, and above it lines that
 * stay. Cursor movements are relative (ECMA-48 CUU, ED), so nothing has to be known about the screen but its size.
 *
 *	  done     runtime/packages  4.1s
 *	[3/12] 1m05s
 *	  builder/toolchain  12.3s  45.2 of 132.0 MB, 12.1 MB/s, 8s left
 *	    | info: installing component rustc
 */
#include "builder/progress_view.h"

#include <string.h>
#include <sys/ioctl.h>

static const uint64_t REDRAW = 100000000, SECOND = 1000000000;

static const char BOLD[] = "\x1b[1m", DIM[] = "\x1b[2m", RED[] = "\x1b[31m", GREEN[] = "\x1b[32m",
		  PLAIN[] = "\x1b[0m";

enum { NAME_MIN = 8 }; /* columns */

struct screen {
	unsigned width, height;
};

static struct screen screen_size(const struct progress *p)
{
	struct screen s = { p->options.width, p->options.height };
	struct winsize w = { 0 };

	if (!s.width || !s.height)
		(void)ioctl(p->options.fd, TIOCGWINSZ, &w);
	if (!s.width)
		s.width = w.ws_col ? w.ws_col : 80;
	if (!s.height)
		s.height = w.ws_row ? w.ws_row : 24;
	return s;
}

/* A line of the live part, clipped to one column less than there is: some terminals wrap at the last one. */
static void live_line(struct progress *p, const struct screen *s, const char *colour,
		      const char *text, size_t len)
{
	bool coloured = p->options.colour && *colour;

	if (coloured)
		gg_buf_puts(&p->out, colour);
	gg_buf_add(&p->out, text, printable_clip(text, len, s->width - 1));
	if (coloured)
		gg_buf_puts(&p->out, PLAIN);
	gg_buf_putc(&p->out, '\n');
	p->live++;
}

static void tail_line(struct progress *p, const struct screen *s, const char *text, size_t len)
{
	_cleanup_buf_ struct gg_buf line = { 0 };

	gg_buf_puts(&line, "    | ");
	gg_buf_add(&line, text, len);
	live_line(p, s, DIM, line.data, line.len);
}

/* The name gives way to the time and the bytes where the terminal is narrow. */
static void head_line(struct progress *p, const struct screen *s, const struct progress_job *j)
{
	_cleanup_buf_ struct gg_buf line = { 0 }, numbers = { 0 };
	size_t len = strlen(j->name), shown = len;

	gg_buf_puts(&numbers, "  ");
	progress_put_time(&numbers, (p->now - j->started) / REDRAW * REDRAW);
	if (j->counts_bytes) {
		gg_buf_puts(&numbers, "  ");
		progress_put_bytes(&numbers, j);
	}
	if (s->width > numbers.len + NAME_MIN + 3)
		shown = printable_clip(j->name, len, s->width - 3 - (unsigned)numbers.len);
	if (shown < len)
		shown = printable_clip(j->name, len, s->width - 4 - (unsigned)numbers.len);
	gg_buf_printf(&line, "  %.*s%s%s", (int)shown, j->name, shown < len ? "…" : "",
		      numbers.data);
	live_line(p, s, BOLD, line.data, line.len);
}

/* An unfinished line is the last one: many programs show how far they are in one that they write over and over. */
static void draw_job(struct progress *p, const struct screen *s, const struct progress_job *j,
		     unsigned tail)
{
	size_t whole = tail && j->text.line.len ? tail - 1 : tail;

	head_line(p, s, j);
	for (size_t i = j->tail.n > whole ? j->tail.n - whole : 0; i < j->tail.n; i++)
		tail_line(p, s, j->tail.v[i], strlen(j->tail.v[i]));
	if (whole < tail)
		tail_line(p, s, j->text.line.data, j->text.line.len);
}

static void draw_live(struct progress *p)
{
	struct screen s = screen_size(p);
	_cleanup_buf_ struct gg_buf line = { 0 };
	size_t rows = s.height > 4 ? s.height - 3
				   : 1; /* without the head, "more" and the cursor's line */
	size_t shown = p->n_jobs < rows ? p->n_jobs : rows;
	unsigned tail;

	if (shown == 0)
		return;
	tail = (unsigned)((rows - shown) / shown);
	gg_buf_putc(&line, '[');
	gg_buf_printf(&line, "%u", p->ended);
	if (p->total)
		gg_buf_printf(&line, "/%u", p->total);
	gg_buf_puts(&line, "] ");
	progress_put_time(&line, (p->now - p->started) / REDRAW * REDRAW);
	live_line(p, &s, "", line.data, line.len);
	for (size_t i = 0; i < shown; i++)
		draw_job(p, &s, p->jobs[i], tail < PROGRESS_TAIL ? tail : PROGRESS_TAIL);
	if (shown < p->n_jobs) {
		line.len = 0;
		gg_buf_printf(&line, "  and %zu more", p->n_jobs - shown);
		live_line(p, &s, DIM, line.data, line.len);
	}
}

/* Takes the live part off the screen and puts out what has to stay. */
static void clear_live(struct progress *p)
{
	if (p->live > 0)
		gg_buf_printf(&p->out, "\x1b[%uA\r\x1b[J", p->live);
	p->live = 0;
	gg_buf_add(&p->out, p->above.data, p->above.len);
	p->above.len = 0;
}

static void tty_start(struct progress *p, struct progress_job *j)
{
	(void)j;
	p->dirty = true;
}

static void tty_line(struct progress *p, struct progress_job *j, const char *text, size_t len)
{
	if (len == 0)
		return;
	if (j->tail.n == PROGRESS_TAIL) {
		free(j->tail.v[0]);
		memmove(j->tail.v, j->tail.v + 1, (PROGRESS_TAIL - 1) * sizeof(*j->tail.v));
		j->tail.n--;
	}
	gg_strv_take(&j->tail, gg_strndup(text, len));
	p->dirty = true;
}

static void tty_bytes(struct progress *p, struct progress_job *j)
{
	(void)j;
	p->dirty = true;
}

static void tty_end(struct progress *p, struct progress_job *j, enum progress_status status,
		    uint64_t ns)
{
	static const char *const words[] = { "cached", "done  ", "FAILED" };
	static const char *const colours[] = { DIM, GREEN, RED };
	bool colour = p->options.colour;

	gg_buf_printf(&p->above, "  %s%s%s  %s", colour ? colours[status] : "", words[status],
		      colour ? PLAIN : "", j->name);
	if (status != PROGRESS_CACHED) {
		gg_buf_puts(&p->above, "  ");
		progress_put_time(&p->above, ns);
	}
	gg_buf_putc(&p->above, '\n');
	p->dirty = true;
}

static void tty_note(struct progress *p, const char *text, size_t len)
{
	gg_buf_add(&p->above, text, len);
	gg_buf_putc(&p->above, '\n');
	p->dirty = true;
}

static void tty_tick(struct progress *p)
{
	bool second = p->n_jobs > 0 && p->now - p->drawn >= SECOND;

	if (!(p->dirty || second) || (p->drawn && p->now - p->drawn < REDRAW))
		return;
	clear_live(p);
	draw_live(p);
	p->drawn = p->now;
	p->dirty = false;
}

static int tty_timeout(const struct progress *p)
{
	uint64_t every = p->dirty ? REDRAW : SECOND;
	uint64_t since = p->now - p->drawn;

	if (!p->dirty && p->n_jobs == 0)
		return -1;
	return !p->drawn || since >= every ? 0 : (int)((every - since) / 1000000 + 1);
}

static void tty_finish(struct progress *p)
{
	clear_live(p);
	p->dirty = p->n_jobs > 0;
}

const struct progress_view progress_view_tty = {
	.start = tty_start,
	.line = tty_line,
	.bytes = tty_bytes,
	.end = tty_end,
	.note = tty_note,
	.tick = tty_tick,
	.timeout = tty_timeout,
	.finish = tty_finish,
};
