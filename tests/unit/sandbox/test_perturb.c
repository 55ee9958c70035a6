/* SPDX-License-Identifier: Apache-2.0
 *
 * What perturb.h promises: a command sees what struct sandbox_perturb says, and works as ever.
 */
#include <sched.h>
#include <sys/personality.h>
#include <time.h>

#include "builder/sandbox/perturb.h"
#include "tests/unit/sandbox/sandbox_fixture.h"

enum { AHEAD = 400 * 86400, SLACK = 60 };

static long long field(const struct box *b, const char *name)
{
	_cleanup_free_ char *key = gg_asprintf("\n%s ", name);
	_cleanup_free_ char *text = gg_asprintf("\n%s", b->text);
	const char *at = strstr(text, key);

	CHECK(at);
	return strtoll(at + strlen(key), NULL, 0);
}

static bool is_now(long long seconds, long long ahead)
{
	long long now = (long long)time(NULL) + ahead;

	return seconds >= now - SLACK && seconds <= now + SLACK;
}

static long long cpus_here(void)
{
	cpu_set_t set;

	CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
	return CPU_COUNT(&set);
}

JOB(nothing)
{
	static const struct sandbox_perturb nothing = { 0 };
	struct box *b = box_new(f, "nothing");

	b->spec.perturb = &nothing;
	CHECK(box_run(b, "ambient", NULL) == 0);
	CHECK(is_now(field(b, "real"), 0) && field(b, "vdso") != 0 && field(b, "pid") == 2);
	CHECK(field(b, "cpus") == cpus_here() && field(b, "personality") == 0);
}

static void check_clock(struct fixture *f, const char *name, long long ahead)
{
	static const char *const clocks[] = { "real", "day", "time", "coarse" };
	struct sandbox_perturb p = { .clock = ahead };
	struct box *b = box_new(f, name);
	struct timespec t;

	b->spec.perturb = &p;
	CHECK(box_run(b, "ambient", NULL) == 0);
	for (size_t i = 0; i < GG_LEN(clocks); i++)
		CHECK(is_now(field(b, clocks[i]), ahead));
	clock_gettime(CLOCK_MONOTONIC, &t);
	CHECK(field(b, "monotonic") <= t.tv_sec && field(b, "monotonic") >= t.tv_sec - SLACK);
}

JOB(clock)
{
	check_clock(f, "ahead", AHEAD);
	check_clock(f, "behind", -AHEAD);
}

/* Also for a user that pid 1 is not, and whose memory is its own. */
JOB(clock_of_a_user)
{
	struct sandbox_perturb p = { .clock = AHEAD };
	struct box *b = box_new(f, "user");

	b->spec.perturb = &p;
	b->spec.uid = b->spec.gid = 1000;
	CHECK(box_run(b, "ambient", NULL) == 0);
	CHECK(is_now(field(b, "real"), AHEAD));
}

JOB(deadlines)
{
	struct sandbox_perturb p = { .clock = AHEAD };
	struct box *b = box_new(f, "deadlines");

	b->spec.perturb = &p;
	CHECK(box_run(b, "deadlines", NULL) == 0);
	CHECK_TEXT(b->text, "condition 1 sleep 1\n");
	p.clock = -AHEAD;
	CHECK(box_run(b, "deadlines", NULL) == 0);
	CHECK_TEXT(b->text, "condition 1 sleep 1\n");
}

/* The lines of one listing, backwards. */
static char *backwards(const char *text)
{
	_cleanup_buf_ struct gg_buf out = { 0 };
	const char *end = text + strlen(text);

	while (end > text) {
		const char *start = end - 1;

		while (start > text && start[-1] != '\n')
			start--;
		gg_buf_add(&out, start, (size_t)(end - start));
		end = start;
	}
	return gg_buf_steal(&out);
}

static char *names_of(struct box *b, const char **ret_rest)
{
	char *rest = strrchr(b->text, '\n');

	*rest = '\0';
	rest = strrchr(b->text, '\n') + 1;
	*ret_rest = rest;
	return gg_strndup(b->text, (size_t)(rest - b->text));
}

JOB(directories)
{
	struct sandbox_perturb p = { .reversed = true };
	struct box *b = box_new(f, "names");
	_cleanup_free_ char *plain = NULL, *reversed = NULL, *back = NULL;
	const char *rest;

	for (int i = 0; i < 26; i++) {
		char c = (char)('a' + i);

		put_file(b->upper, (char[]){ c, c, c, '\0' }, "");
	}
	CHECK(box_run(b, "names", "/", NULL) == 0);
	plain = names_of(b, &rest);
	b->spec.perturb = &p;
	CHECK(box_run(b, "names", "/", NULL) == 0);
	reversed = names_of(b, &rest);
	back = backwards(reversed);
	CHECK_TEXT(back, plain);
	/* 26 files, bin, etc, tmp, dev, proc, sys, "." and "..": all but the three before the mark. */
	CHECK_TEXT(rest, "31 of 34 again");
}

JOB(processors)
{
	struct sandbox_perturb p = { .cpus = (unsigned)cpus_here() + 3 };
	struct box *b = box_new(f, "cpus");

	b->spec.perturb = &p;
	CHECK(box_run(b, "ambient", NULL) == 0 && field(b, "cpus") == p.cpus);
	p.cpus = 1;
	CHECK(box_run(b, "ambient", NULL) == 0 && field(b, "cpus") == 1);
}

JOB(kernel)
{
	struct sandbox_perturb p = { .release = "9.8.7-other",
				     .personality = ADDR_NO_RANDOMIZE,
				     .pids = true };
	struct box *b = box_new(f, "kernel");

	b->spec.perturb = &p;
	CHECK(box_run(b, "ambient", NULL) == 0);
	CHECK_CONTAINS(b->text, "release 9.8.7-other\n");
	CHECK_CONTAINS(b->text, "personality 40000\n");
	CHECK(field(b, "pid") != 2);
}

JOB(order_of_children)
{
	struct sandbox_perturb p = { .lifo = true };
	struct box *b = box_new(f, "children");

	b->spec.perturb = &p;
	CHECK(box_run(b, "children", "6", NULL) == 0);
	/* Which of them is the first to write is up to the scheduler, but the first one is the last to start. */
	CHECK(b->text[0] != 'a' && strlen(b->text) == 7);
}

JOB(threads_and_signals)
{
	struct sandbox_perturb p = { .clock = AHEAD, .reversed = true, .lifo = true, .pids = true };
	struct box *b = box_new(f, "busy");

	b->spec.perturb = &p;
	CHECK(box_run(b, "busy", NULL) == 0);
	CHECK_TEXT(b->text, "11 good, 5 handled\n");
	CHECK(box_run(b, "exit", "42", NULL) == 42);
	CHECK(box_run(b, "signal", "11", NULL) == 128 + 11);
	CHECK(box_run(b, "orphans", "50", NULL) == 0);
	CHECK_TEXT(b->text, "0 left\n");
	b->spec.timeout = UINT64_C(200) * 1000000;
	CHECK(box_run(b, "sleep", "60", NULL) == 128 + SIGTERM && b->result.timed_out);
}

/* The whole escape suite's promise that matters here: a step is not freer because it is traced. */
JOB(no_privileges)
{
	struct sandbox_perturb p = { .clock = AHEAD, .reversed = true };
	struct box *plain = box_new(f, "plain"), *traced = box_new(f, "traced");

	traced->spec.perturb = &p;
	CHECK(box_run(plain, "ids", NULL) == box_run(traced, "ids", NULL));
	CHECK_TEXT(traced->text, plain->text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_clock_of_a_user),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_directories),
		cmocka_unit_test(test_processors),
		cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_order_of_children),
		cmocka_unit_test(test_threads_and_signals),
		cmocka_unit_test(test_no_privileges),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
