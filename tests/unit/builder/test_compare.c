/* SPDX-License-Identifier: Apache-2.0
 *
 * What is taken for which cause, with and without knowing the builds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "builder/compare_private.h"

static const struct compare_fact facts_a[] = {
	{ "host-name", "alpha" },
	{ "user-name", "one" },
	{ "build-path", "/src/first" },
	{ "cpu-count", "2" },
	{ "umask", "0022" },
	{ "locale", "C" },
	{ "kernel", "6.1.0-amd64" },
	{ "time-zone", "UTC" },
	{ "process-id", "31" },
	{ "file-system", "ext4" },
	{ "build-path", "/tmp/work-1" },
};
static const struct compare_fact facts_b[] = {
	{ "host-name", "beta" },
	{ "user-name", "two" },
	{ "build-path", "/other/second" },
	{ "cpu-count", "16" },
	{ "umask", "0077" },
	{ "locale", "de_DE.UTF-8" },
	{ "kernel", "6.12.9" },
	{ "time-zone", "CET" },
	{ "process-id", "4711" },
	{ "file-system", "tmpfs" },
	{ "build-path", "/tmp/work-2" },
};

static const struct compare_options known = {
	.a = { 1700000000, 1700000100, facts_a, GG_LEN(facts_a) },
	.b = { 1900000000, 1900000100, facts_b, GG_LEN(facts_b) },
};
static const struct compare_options unknown;

struct found {
	struct comparison ret;
	struct difference d;
};

static void look(struct found *f, const struct compare_options *o, const void *a, size_t len_a,
		 const void *b, size_t len_b)
{
	struct compare c = { .options = o, .ret = &f->ret };
	struct span x = { a, len_a }, y = { b, len_b };

	f->ret = (struct comparison)COMPARISON_INIT;
	f->ret.arena = gg_arena_new();
	f->d = (struct difference){ .kind = DIFFERENCE_BYTES };
	compare_contents(&c, &x, &y, &f->d);
}

static void assert_cause(const struct compare_options *o, const char *a, const char *b,
			 const char *cause)
{
	struct found f;

	look(&f, o, a, strlen(a), b, strlen(b));
	if (!gg_streq(f.d.cause, cause))
		fail_msg("'%s' and '%s': %s (%s), not %s", a, b, f.d.cause, f.d.text, cause);
	comparison_done(&f.ret);
}

static void test_facts(void **state)
{
	static const struct {
		const char *a, *b, *cause;
	} cases[] = {
		{ "on alpha.\n", "on beta.\n", "host-name" },
		{ "by one@x\n", "by two@x\n", "user-name" },
		{ "in /src/first/x.c\n", "in /other/second/x.c\n", "build-path" },
		{ "in /tmp/work-1/x.c\n", "in /tmp/work-2/x.c\n", "build-path" },
		{ "with 2 of them\n", "with 16 of them\n", "cpu-count" },
		{ "2", "16", "cpu-count" },
		{ "0022\n", "0077\n", "umask" },
		{ "C\n", "de_DE.UTF-8\n", "locale" },
		{ "on 6.1.0-amd64!", "on 6.12.9!", "kernel" },
		{ "at noon UTC\n", "at noon CET\n", "time-zone" },
		{ "x.31\n", "x.4711\n", "process-id" },
		{ "on ext4\n", "on tmpfs\n", "file-system" },
		/* A fact of one side alone says nothing. */
		{ "on alpha\n", "on gamma\n", "unknown" },
		{ "on beta\n", "on alpha\n", "unknown" },
		/* A short one inside of something longer is none. */
		{ "a23b\n", "a163b\n", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++)
		assert_cause(&known, cases[i].a, cases[i].b, cases[i].cause);
	assert_cause(&unknown, "on alpha.\n", "on beta.\n", "unknown");
}

static void test_text_times(void **state)
{
	static const char *const same[][2] = {
		{ "2026-11-25T04:26:47Z", "2026-11-25T04:26:48Z" },
		{ "2026-11-25 04:26", "2026-12-25 04:26" },
		{ "2026/11/25", "2025/11/25" },
		{ "20261125T042647", "20261125T042648" },
		{ "x-20261125.tar", "x-20261126.tar" },
		{ "20261125042647", "20261225042647" },
		{ "Nov 25 2026", "Nov  1 2026" },
		{ "Nov 25 2026", "Dec 25 2026" },
		{ "04:26:47", "23:59:59" },
		{ "Wed, 25 Nov 2026 04:26:47 +0000", "Fri, 27 Nov 2026 04:26:47 +0000" },
		{ "Wed Nov 25 04:26:47 UTC 2026", "Wed Nov 25 04:26:47 CET 2026" },
		{ "25-Nov-2026", "26-Nov-2026" },
		{ "25.11.2026", "26.11.2026" },
	};
	static const char *const none[][2] = {
		{ "99:99:99", "99:99:98" },
		{ "2026-13-25", "2026-14-25" },
		{ "1.2.3", "1.2.4" },
		{ "version 20269999", "version 20269998" },
		{ "1234567890123456789012345", "1234567890123456789012346" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(same); i++)
		assert_cause(&unknown, same[i][0], same[i][1], "timestamp");
	for (size_t i = 0; i < GG_LEN(none); i++)
		assert_cause(&unknown, none[i][0], none[i][1], "unknown");
}

static void put(uint8_t *p, uint64_t n, size_t width, bool big)
{
	for (size_t i = 0; i < width; i++)
		p[big ? width - 1 - i : i] = (uint8_t)(n >> (8 * i));
}

static const char *cause_of_numbers(const struct compare_options *o, uint64_t a, uint64_t b,
				    size_t at, size_t width, bool big)
{
	uint8_t x[32] = "\1\2\3\4\5\6\7", y[32] = "\1\2\3\4\5\6\7";
	static char cause[32];
	struct found f;

	put(x + at, a, width, big);
	put(y + at, b, width, big);
	look(&f, o, x, sizeof(x), y, sizeof(y));
	snprintf(cause, sizeof(cause), "%s", f.d.cause);
	comparison_done(&f.ret);
	return cause;
}

static void test_number_times(void **state)
{
	(void)state;
	for (int big = 0; big < 2; big++) {
		/* In the windows of the builds: wherever it stands, however far apart. */
		for (size_t at = 8; at < 13; at++)
			assert_string_equal(
				cause_of_numbers(&known, 1700000050, 1900000099, at, 4, big),
				"timestamp");
		assert_string_equal(cause_of_numbers(&known, 1700000050000000000,
						     1900000001000000000, 9, 8, big),
				    "timestamp");
		assert_string_equal(
			cause_of_numbers(&known, 1700000050000, 1900000001000, 8, 8, big),
			"timestamp");
		/* Outside of them: something else. */
		assert_string_equal(cause_of_numbers(&known, 1700000050, 1700000051, 8, 4, big),
				    "unknown");
		/* Without windows: aligned, of this age, near each other. */
		assert_string_equal(cause_of_numbers(&unknown, 1700000050, 1700086450, 8, 4, big),
				    "timestamp");
		assert_string_equal(cause_of_numbers(&unknown, 1700000050, 1700086450, 9, 4, big),
				    "unknown");
		assert_string_equal(cause_of_numbers(&unknown, 17, 18, 8, 4, big), "unknown");
		assert_string_equal(cause_of_numbers(&unknown, 1500000000, 1900000000, 8, 4, big),
				    "unknown");
	}
	assert_cause(&known, "at 1700000001.\n", "at 1900000001.\n", "timestamp");
	assert_cause(&known, "at 1700000001.\n", "at 1700000002.\n", "unknown");
	assert_cause(&unknown, "at 1700000001000\n", "at 1700000002000\n", "timestamp");
	assert_cause(&unknown, "id 1111111111\n", "id 2222222222\n", "unknown");
}

static void test_names(void **state)
{
	(void)state;
	assert_cause(&unknown, "/tmp/tmp.aBcDeFgHiJ", "/tmp/tmp.zYxWvUtSrQ", "temporary-name");
	assert_cause(&unknown, "/var/tmp/rpm.aBcDeF/x", "/var/tmp/rpm.zYxWvU/x", "temporary-name");
	assert_cause(&unknown, " ccAbCdEf.o ", " ccZyXwVu.o ", "temporary-name");
	assert_cause(&unknown, "-I/home/one/x", "-I/home/three/x", "build-path");
	assert_cause(&unknown, "DW_AT /a/b/c.c", "DW_AT /a/bb/c.c", "build-path");
	assert_cause(&unknown, "a/b", "a/c", "unknown");
	assert_cause(&unknown, "text/plain", "text/html", "unknown");
}

static void test_random(void **state)
{
	(void)state;
	assert_cause(&unknown, "01234567-89ab-4def-8123-456789abcdef",
		     "fedcba98-7654-4210-9edc-ba9876543210", "random");
	assert_cause(&unknown, "key=00112233aabbccdd", "key=98fe76dc54ba3210", "random");
	assert_cause(&unknown, ".lto.0.1c21efe29bc539c3", ".lto.0.7f806fdefe10d70", "random");
	assert_cause(&unknown, "key=qwertzuiopasdfgh", "key=YXCVBNMLKJHGFDSA", "random");
	/* Numbers that differ a little are none. */
	assert_cause(&unknown, "n=123456789", "n=123456788", "unknown");
}

static void test_order(void **state)
{
	(void)state;
	assert_cause(&unknown, "a\nb\nc\n", "c\na\nb\n", "order");
	assert_cause(&unknown, "a\nb\nc", "c\na\nb\n", "order");
	assert_cause(&unknown, "{\"a\": 1, \"b\": 2}", "{\"b\": 2, \"a\": 1}", "order");
	assert_cause(&unknown, "abcdefgh1234567890xyz", "xyz1234567890abcdefgh", "order");
	assert_cause(&unknown, "12", "21", "unknown");
	assert_cause(&unknown, "a\nb\nc\n", "c\na\nd\n", "unknown");
}

static void test_files(void **state)
{
	static const char *const cases[][2] = { { "run/x.pid", "process-id" },
						{ "etc/hostname", "host-name" },
						{ "var/cache/ldconfig/aux-cache", "file-system" },
						{ "etc/other", "unknown" } };

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		struct comparison ret = { .arena = gg_arena_new() };
		struct compare c = { .options = &unknown, .ret = &ret };
		struct difference d = { .kind = DIFFERENCE_BYTES, .path = cases[i][0] };
		struct span a = { (const uint8_t *)"17\n", 3 }, b = { (const uint8_t *)"4\n", 2 };

		compare_contents(&c, &a, &b, &d);
		assert_string_equal(d.cause, cases[i][1]);
		comparison_done(&ret);
	}
}

/* The first of several differences says where, the one that tells most says why. */
static void test_several(void **state)
{
	struct found f;
	const char *a = "serial 17, of some length; built 2026-11-25\n",
		   *b = "serial 18, of some length; built 2026-11-26\n";

	(void)state;
	look(&f, &unknown, a, strlen(a), b, strlen(b));
	assert_int_equal(f.d.offset, 8);
	assert_string_equal(f.d.cause, "timestamp");
	assert_string_equal(f.d.a, "'serial 17, of some length; built 2026-11-25'");
	assert_non_null(strstr(f.d.text, "2026-11-26"));
	comparison_done(&f.ret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),        cmocka_unit_test(test_text_times),
		cmocka_unit_test(test_number_times), cmocka_unit_test(test_names),
		cmocka_unit_test(test_random),       cmocka_unit_test(test_order),
		cmocka_unit_test(test_several),      cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
