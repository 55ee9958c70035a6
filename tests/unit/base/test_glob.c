/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "layers/base/mem.h"

static const struct {
	const char *pattern, *path;
	bool match;
} cases[] = {
	{ "", "", true },
	{ "a", "a", true },
	{ "a", "ab", false },
	{ "a", "b/a", false },
	{ "*", "abc", true },
	{ "*", "", true },
	{ "*", "a/b", false },
	{ "*.so", "x.so", true },
	{ "*.so", ".so", true },
	{ "*.so", "d/x.so", false },
	{ "a*c*e", "abcde", true },
	{ "a*c*e", "abcdf", false },
	{ "/usr/*/x", "/usr/lib/x", true },
	{ "/usr/*/x", "/usr/lib/y/x", false },
	{ "?", "a", true },
	{ "?", "", false },
	{ "?", "/", false },
	{ "?", "\xc3\xa4", true }, /* one character of two bytes */
	{ "??", "\xc3\xa4", false },
	{ "?b",
	  "\xe2\x82\xac"
	  "b",
	  true },
	{ "[a-c]", "b", true },
	{ "[a-c]", "d", false },
	{ "[!a-c]", "d", true },
	{ "[^a-c]", "b", false },
	{ "[]x]", "]", true },
	{ "[!]x]", "]", false },
	{ "[a-]", "-", true },
	{ "[-a]", "-", true },
	{ "[\\]]", "]", true },
	{ "[!a]", "/", false },
	{ "a[.-0]b", "a/b", false },
	{ "[", "[", true },
	{ "[a", "[a", true },
	{ "x[", "x", false },
	{ "**", "a", true },
	{ "**", "a/b/c", true },
	{ "**/x", "x", true },
	{ "**/x", "a/x", true },
	{ "**/x", "a/b/x", true },
	{ "**/x", "ax", false },
	{ "**/x", "a/xx", false },
	{ "a/**", "a/b", true },
	{ "a/**", "a/b/c", true },
	{ "a/**", "a", false },
	{ "a/**", "a/", false },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "a/x/yb", false },
	{ "a/**/*.c", "a/x.c", true },
	{ "a/**/*.c", "a/x/y/z.c", true },
	{ "/**/x", "/x", true },
	{ "/**/x", "/a/b/x", true },
	{ "a**b", "axxb", true },
	{ "a**b", "ax/xb", false },
	{ "a**/b", "ax/b", true },
	{ "a**/b", "a/x/b", false },
	{ "***", "a/b", false },
	{ "**/**/x", "x", true },
	{ "**/**/x", "a/b/c/x", true },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "\\[a]", "[a]", true },
	{ "a\\", "a\\", true },
	{ "{a,b}", "a", true },
	{ "{a,b}", "b", true },
	{ "{a,b}", "c", false },
	{ "{a,b}", "{a,b}", false },
	{ "x{,y}z", "xz", true },
	{ "x{,y}z", "xyz", true },
	{ "{a}", "a", true },
	{ "{}", "", true },
	{ "{a,{b,c}d}e", "cde", true },
	{ "{a,{b,c}d}e", "ae", true },
	{ "{a,{b,c}d}e", "ade", false },
	{ "{a", "{a", true },
	{ "a}", "a}", true },
	{ "{a,{b}", "{a,b", true },
	{ "{a\\,b,c}", "a,b", true },
	{ "{[,],x}", ",", true },
	{ "{[},],x}", "x", true },
	{ "{*/,}x", "d/x", true },
	{ "{*/,}x", "x", true },
	{ "toolchains/*/lib/rustlib/{components,multirust-*}",
	  "toolchains/1.95.0/lib/rustlib/components", true },
	{ "toolchains/*/lib/rustlib/{components,multirust-*}",
	  "toolchains/1.95.0/lib/rustlib/multirust-config.toml", true },
	{ "toolchains/*/lib/rustlib/{components,multirust-*}",
	  "toolchains/1/lib/rustlib/manifest-cargo", false },
	{ ".*", ".hidden", true },
	{ "*", ".hidden", true },
	{ "./a", "a", false },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		if (glob_match(cases[i].pattern, cases[i].path) != cases[i].match)
			fail_msg("'%s' against '%s': not %d", cases[i].pattern, cases[i].path,
				 cases[i].match);
	}
}

static void test_prefix(void **state)
{
	(void)state;
	assert_true(glob_match_prefix("downloads", "downloads"));
	assert_true(glob_match_prefix("downloads", "downloads/a/b"));
	assert_false(glob_match_prefix("downloads", "downloads2/a"));
	assert_true(glob_match_prefix("t/*/lib", "t/x/lib/rustlib/y"));
	assert_false(glob_match_prefix("t/*/lib", "t/x"));
	assert_true(glob_match_prefix("/etc", "/etc/passwd"));
	assert_false(glob_match_prefix("", "/etc"));
	assert_true(glob_match_prefix("**/.git", "a/b/.git/config"));
}

static void test_literal(void **state)
{
	(void)state;
	assert_true(glob_is_literal("/out/bin/ggen"));
	assert_true(glob_is_literal("a]b}"));
	assert_false(glob_is_literal("a*"));
	assert_false(glob_is_literal("a?"));
	assert_false(glob_is_literal("[a]"));
	assert_false(glob_is_literal("{a}"));
	assert_false(glob_is_literal("a\\b"));
}

/* What a backtracking matcher needs years for. */
static void test_time(void **state)
{
	_cleanup_buf_ struct gg_buf pattern = { 0 }, path = { 0 };
	struct timespec from, to;

	(void)state;
	for (int i = 0; i < 100; i++)
		gg_buf_puts(&pattern, "**/{*a*,*a*a}");
	for (int i = 0; i < 2000; i++)
		gg_buf_puts(&path, "aa/");
	gg_buf_puts(&pattern, "b");
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_false(glob_match(pattern.data, path.data));
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 20);
}

/* Nesting beyond what is supported is taken literally instead of exhausting the stack. */
static void test_depth(void **state)
{
	_cleanup_buf_ struct gg_buf pattern = { 0 };

	(void)state;
	for (int i = 0; i < 5000; i++)
		gg_buf_putc(&pattern, '{');
	for (int i = 0; i < 5000; i++)
		gg_buf_putc(&pattern, '}');
	assert_false(glob_match(pattern.data, "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),   cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_literal), cmocka_unit_test(test_time),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
