/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "builder/redact.h"
#include "layers/base/mem.h"

static void collect(void *ctx, const char *bytes, size_t len)
{
	gg_buf_add(ctx, bytes, len);
}

/* Whatever the pieces are, the result is the same. */
static void check(const char *const *values, const char *text, const char *expected)
{
	size_t len = strlen(text);

	for (size_t piece = 1; piece <= len; piece++) {
		struct redact *r = redact_new();
		_cleanup_buf_ struct gg_buf out = { 0 };

		for (size_t i = 0; values[i]; i++)
			redact_add(r, values[i], strlen(values[i]));
		for (size_t at = 0; at < len; at += piece)
			redact_feed(r, text + at, len - at < piece ? len - at : piece, collect,
				    &out);
		redact_end(r, collect, &out);
		assert_int_equal(out.len, strlen(expected));
		assert_string_equal(out.data, expected);
		redact_free(r);
	}
}

static void test_values(void **state)
{
	(void)state;
	check((const char *const[]){ "secret", NULL }, "a secret, secretsecret, secre",
	      "a ***, ******, secre");
	check((const char *const[]){ "aab", NULL }, "aaaab aab aa", "aa*** *** aa");
	check((const char *const[]){ "abc", "abcdef", NULL }, "abcdef abcde abc", "*** ***de ***");
	check((const char *const[]){ "abc", "abcdef", NULL }, "abcde", "***de");
	check((const char *const[]){ "x", NULL }, "xyx", "***y***");
}

static void test_lines(void **state)
{
	(void)state;
	check((const char *const[]){ "first line\nab\nlast one\n", NULL },
	      "> first line\n> ab\n> last one\n", "> ***\n> ab\n> ***\n");
	check((const char *const[]){ "first line\nab\nlast one\n", NULL },
	      "first line\nab\nlast one\n", "***\n");
}

static void test_nothing(void **state)
{
	(void)state;
	check((const char *const[]){ "", "\n", NULL }, "text\n", "text\n");
}

static void test_binary(void **state)
{
	static const char value[] = { 'a', 0, 'b' }, text[] = { 'a', 0, 'a', 0, 'b', 0 };
	struct redact *r = redact_new();
	_cleanup_buf_ struct gg_buf out = { 0 };

	(void)state;
	redact_add(r, value, sizeof(value));
	redact_feed(r, text, sizeof(text), collect, &out);
	redact_end(r, collect, &out);
	assert_int_equal(out.len, 6);
	assert_memory_equal(out.data, "a\0***\0", 6);
	redact_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_binary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
