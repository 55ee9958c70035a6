/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/progress.c and its views, against golden output, with a clock that the test turns.
 */
#include "builder/progress.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"

static const uint64_t MS = 1000000, SECOND = 1000000000;

struct fixture {
	struct progress *p;
	int fd;
	uint64_t now;
	struct gg_buf seen;
};

static void begin(struct fixture *f, enum progress_mode mode, unsigned width, unsigned height,
		  bool colour)
{
	*f = (struct fixture){ .fd = memfd_create("progress", MFD_CLOEXEC), .now = 100 * SECOND };
	assert_true(f->fd >= 0);
	f->p = progress_new(&(struct progress_options){ .mode = mode,
							.fd = f->fd,
							.now = f->now,
							.width = width,
							.height = height,
							.colour = colour });
}

/* What was written since the last call. */
static const char *fresh(struct fixture *f)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	f->seen.len = 0;
	assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
	assert_int_equal(gg_read_fd(f->fd, 4 << 20, &f->seen, &err), 0);
	assert_int_equal(ftruncate(f->fd, 0), 0);
	assert_int_equal(lseek(f->fd, 0, SEEK_SET), 0);
	return f->seen.len ? f->seen.data : "";
}

static void pass(struct fixture *f, uint64_t ns)
{
	f->now += ns;
	progress_tick(f->p, f->now);
}

static void end(struct fixture *f)
{
	progress_free(f->p);
	gg_buf_done(&f->seen);
	close(f->fd);
}

static void output(struct fixture *f, uint64_t id, const char *text)
{
	progress_job_output(f->p, id, text, strlen(text));
}

static void plain_one_job(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_PLAIN, 0, 0, true);
	progress_job_start(f.p, 1, "builder/1");
	progress_job_end(f.p, 1, PROGRESS_CACHED, 0);
	assert_string_equal(fresh(&f), "[builder/1] cached\n");
	progress_job_start(f.p, 2, "builder/2");
	assert_string_equal(fresh(&f), "");
	output(&f, 2, "hello\n\npart");
	pass(&f, 2500 * MS);
	progress_job_end(f.p, 2, PROGRESS_DONE, 2500 * MS);
	assert_string_equal(
		fresh(&f), "[builder/2] started\n[builder/2] hello\n[builder/2]\n[builder/2] part\n"
			   "[builder/2] done in 2.5s\n");
	progress_job_start(f.p, 3, "x");
	progress_job_end(f.p, 3, PROGRESS_FAILED, 7 * MS);
	progress_note(f.p, "two\nlines");
	assert_string_equal(fresh(&f), "[x] failed after 7ms\ntwo\nlines\n");
	end(&f);
}

static void plain_takes_turns(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_PLAIN, 0, 0, false);
	progress_job_start(f.p, 1, "a");
	progress_job_start(f.p, 2, "b");
	output(&f, 1, "a1\n");
	output(&f, 2, "b1\n");
	output(&f, 1, "a2\n");
	assert_string_equal(fresh(&f), "[a] started\n[a] a1\n[a] a2\n");
	assert_int_equal(progress_timeout(f.p), 1001);
	pass(&f, 400 * MS);
	output(&f, 2, "b2\n");
	pass(&f, 500 * MS);
	assert_string_equal(fresh(&f), "");
	pass(&f, 101 * MS); /* a has been silent for a second */
	assert_string_equal(fresh(&f), "[b] started\n[b] b1\n[b] b2\n");
	output(&f, 1, "a3\n");
	output(&f, 2, "b3\n");
	assert_string_equal(fresh(&f), "[b] b3\n");
	progress_job_end(f.p, 2, PROGRESS_DONE, SECOND);
	assert_string_equal(fresh(&f), "[b] done in 1.0s\n[a] a3\n");
	output(&f, 1, "a4");
	progress_finish(f.p);
	assert_string_equal(fresh(&f), "[a] a4\n");
	end(&f);
}

static void plain_bounds_what_waits(void **state)
{
	_cleanup_buf_ struct gg_buf line = { 0 };
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_PLAIN, 0, 0, false);
	progress_job_start(f.p, 1, "a");
	progress_job_start(f.p, 2, "b");
	output(&f, 1, "a1\n");
	fresh(&f);
	for (int i = 0; i < 1000; i++)
		gg_buf_putc(&line, 'x');
	gg_buf_putc(&line, '\n');
	for (int i = 0; i < 1000; i++)
		output(&f, 2, line.data);
	assert_string_equal(fresh(&f), "");
	for (int i = 0; i < 50; i++)
		output(&f, 2, line.data);
	assert_true(strlen(fresh(&f)) > 1 << 20);
	end(&f);
}

static void plain_downloads(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_PLAIN, 0, 0, false);
	progress_job_start(f.p, 1, "packages");
	for (int i = 1; i <= 6; i++) {
		pass(&f, SECOND);
		progress_job_bytes(f.p, 1, (uint64_t)i * 1250000, 132000000);
	}
	assert_string_equal(
		fresh(&f),
		"[packages] started\n[packages] 6.2 of 132.0 MB, 1.2 MB/s, 1m41s left\n");
	end(&f);
}

static void json_events(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_JSON, 0, 0, false);
	progress_job_start(f.p, 7, "a \"b\"");
	pass(&f, 1234 * MS);
	output(&f, 7, "x\x1b[1my\n");
	progress_job_bytes(f.p, 7, 10, 0);
	progress_job_bytes(f.p, 7, 20, 0); /* too soon */
	progress_job_end(f.p, 7, PROGRESS_FAILED, 1234000001);
	progress_note(f.p, "done");
	assert_string_equal(
		fresh(&f),
		"{\"event\":\"start\",\"id\":7,\"ms\":0,\"name\":\"a \\\"b\\\"\"}\n"
		"{\"event\":\"output\",\"id\":7,\"ms\":1234,\"text\":\"xy\"}\n"
		"{\"done\":10,\"event\":\"bytes\",\"id\":7,\"ms\":1234,\"total\":0}\n"
		"{\"event\":\"end\",\"id\":7,\"ms\":1234,\"ns\":1234000001,\"status\":\"failed\"}\n"
		"{\"event\":\"note\",\"ms\":1234,\"text\":\"done\"}\n");
	assert_int_equal(progress_timeout(f.p), -1);
	end(&f);
}

static void tty_draws_and_erases(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_TTY, 30, 24, false);
	progress_total(f.p, 3);
	progress_job_start(f.p, 1, "builder/1");
	output(&f, 1, "a line that is longer than the terminal is wide\n");
	assert_string_equal(fresh(&f), "");
	progress_tick(f.p, f.now);
	assert_string_equal(fresh(&f),
			    "[0/3] 0ms\n  builder/1  0ms\n    | a line that is longer t\n");
	output(&f, 1, "2\n");
	pass(&f, 50 * MS); /* too soon to redraw */
	assert_string_equal(fresh(&f), "");
	assert_int_equal(progress_timeout(f.p), 51);
	pass(&f, 50 * MS);
	assert_string_equal(
		fresh(&f),
		"\x1b[3A\r\x1b[J[0/3] 100ms\n  builder/1  100ms\n    | a line that is longer t\n"
		"    | 2\n");
	assert_int_equal(progress_timeout(f.p), 1001);
	progress_job_end(f.p, 1, PROGRESS_DONE, 90 * MS);
	progress_note(f.p, "note");
	pass(&f, 100 * MS);
	assert_string_equal(fresh(&f), "\x1b[4A\r\x1b[J  done    builder/1  90ms\nnote\n");
	assert_int_equal(progress_timeout(f.p), -1);
	end(&f);
}

static void tty_keeps_six_lines(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_TTY, 80, 24, false);
	progress_job_start(f.p, 1, "j");
	for (int i = 0; i < 9; i++) {
		char text[] = { (char)('0' + i), '\n', '\0' };

		output(&f, 1, text);
	}
	progress_tick(f.p, f.now);
	assert_string_equal(
		fresh(&f),
		"[0] 0ms\n  j  0ms\n    | 3\n    | 4\n    | 5\n    | 6\n    | 7\n    | 8\n");
	progress_finish(f.p);
	assert_string_equal(fresh(&f), "\x1b[8A\r\x1b[J");
	pass(&f, 200 * MS); /* it comes back */
	assert_true(gg_starts(fresh(&f), "[0] 200ms\n  j  200ms\n"));
	end(&f);
}

static void tty_shows_an_unfinished_line(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_TTY, 30, 24, false);
	progress_job_start(f.p, 1, "a-stage/with-a-step-of-a-long-name");
	output(&f, 1, "1\n2\n3\n4\n5\n6\n10%\r50%");
	progress_tick(f.p, f.now);
	assert_string_equal(fresh(&f), "[0] 0ms\n  a-stage/with-a-step-o…  0ms\n    | 2\n    | 3\n "
				       "   | 4\n    | 5\n    | 6\n"
				       "    | 50%\n");
	end(&f);
}

static void tty_fits_the_height(void **state)
{
	struct fixture f;
	const char *text;
	unsigned lines = 0;

	(void)state;
	begin(&f, PROGRESS_TTY, 80, 10, false);
	for (uint64_t id = 1; id <= 12; id++) {
		progress_job_start(f.p, id, "j");
		output(&f, id, "text\n");
	}
	progress_tick(f.p, f.now);
	text = fresh(&f);
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 9); /* the cursor stands in the tenth */
	assert_non_null(strstr(text, "  and 5 more\n"));
	end(&f);
}

static void tty_shows_rates_and_colours(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_TTY, 80, 24, true);
	progress_job_start(f.p, 1, "get");
	/* What another run brought is no speed. */
	progress_job_bytes(f.p, 1, 120000000, 132000000);
	pass(&f, 500 * MS);
	progress_job_bytes(f.p, 1, 121000001, 132000000);
	pass(&f, 500 * MS);
	assert_string_equal(fresh(&f),
			    "[0] 500ms\n\x1b[1m  get  500ms  120.0 of 132.0 "
			    "MB\x1b[0m\n\x1b[2A\r\x1b[J[0] 1.0s\n"
			    "\x1b[1m  get  1.0s  121.0 of 132.0 MB, 2.0 MB/s, 6s left\x1b[0m\n");
	progress_job_end(f.p, 1, PROGRESS_CACHED, 0);
	progress_job_start(f.p, 2, "x");
	progress_job_end(f.p, 2, PROGRESS_FAILED, 65 * SECOND);
	progress_finish(f.p);
	assert_string_equal(
		fresh(&f),
		"\x1b[2A\r\x1b[J  \x1b[2mcached\x1b[0m  get\n  \x1b[31mFAILED\x1b[0m  x  1m05s\n");
	end(&f);
}

static void nothing_at_all(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, PROGRESS_NONE, 0, 0, false);
	progress_job_start(f.p, 1, "j");
	output(&f, 1, "text\n");
	progress_note(f.p, "note");
	progress_job_end(f.p, 1, PROGRESS_FAILED, 1);
	progress_job_end(f.p, 99, PROGRESS_DONE, 1); /* runs not: ignored */
	pass(&f, SECOND);
	progress_finish(f.p);
	assert_string_equal(fresh(&f), "");
	end(&f);
}

static void a_closed_reader_is_no_error(void **state)
{
	int fds[2];
	struct progress *p;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	p = progress_new(
		&(struct progress_options){ .mode = PROGRESS_PLAIN, .fd = fds[1], .now = 1 });
	progress_note(p, "read");
	close(fds[0]);
	progress_note(p, "lost");
	progress_note(p, "lost");
	assert_int_equal(progress_timeout(p), -1);
	progress_free(p);
	close(fds[1]);
}

static void which_mode(void **state)
{
	int fd = memfd_create("progress", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(progress_resolve(PROGRESS_AUTO, fd, "xterm", NULL), PROGRESS_PLAIN);
	assert_int_equal(progress_resolve(PROGRESS_TTY, fd, NULL, "true"), PROGRESS_TTY);
	assert_int_equal(progress_resolve(PROGRESS_JSON, fd, "xterm", NULL), PROGRESS_JSON);
	close(fd);
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return; /* no /dev/pts here */
	assert_int_equal(progress_resolve(PROGRESS_AUTO, fd, "xterm", NULL), PROGRESS_TTY);
	assert_int_equal(progress_resolve(PROGRESS_AUTO, fd, "xterm", "true"), PROGRESS_PLAIN);
	assert_int_equal(progress_resolve(PROGRESS_AUTO, fd, "dumb", NULL), PROGRESS_PLAIN);
	assert_int_equal(progress_resolve(PROGRESS_AUTO, fd, NULL, NULL), PROGRESS_PLAIN);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_one_job),
		cmocka_unit_test(plain_takes_turns),
		cmocka_unit_test(plain_bounds_what_waits),
		cmocka_unit_test(plain_downloads),
		cmocka_unit_test(json_events),
		cmocka_unit_test(tty_draws_and_erases),
		cmocka_unit_test(tty_keeps_six_lines),
		cmocka_unit_test(tty_shows_an_unfinished_line),
		cmocka_unit_test(tty_fits_the_height),
		cmocka_unit_test(tty_shows_rates_and_colours),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(a_closed_reader_is_no_error),
		cmocka_unit_test(which_mode),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
