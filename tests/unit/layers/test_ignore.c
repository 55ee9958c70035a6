/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/ignore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/mem.h"
#include "layers/ignore_tree.h"
#include "layers/tree.h"

static const struct {
	const char *text, *path;
	bool excluded;
} cases[] = {
	/* anchored, literal */
	{ "", "a", false },
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "x/a", false },
	{ "a", "a/b/c", true }, /* below a directory that matches */
	{ "a", "ab", false },
	{ "a/b", "a", false },
	{ "a/b", "a/b", true },
	{ "/a", "a", true },
	{ "a/", "a", true }, /* a file too */
	{ "a/", "a/b", true },
	{ "./a", "a", true },
	{ "a//b", "a/b", true },
	{ "a/./b", "a/b", true },
	{ "a/../b", "b", true },
	{ "../a", "a", false },
	{ ".", "a", false },
	{ "/", "a", false },
	/* lines */
	{ "# a\na", "a", true },
	{ "#a", "#a", false },
	{ " #a", "#a", true }, /* only in column one is it a comment */
	{ "\\#a", "#a", true },
	{ "  a  \n", "a", true },
	{ "\ta\t", "a", true },
	{ "a\r\nb\r\n", "a", true },
	{ "a\r\nb\r\n", "b", true },
	{ "\xef\xbb\xbf"
	  "a",
	  "a", true },
	{ "\n\n\na", "a", true },
	{ "a b", "a b", true },
	/* one component */
	{ "*", "a", true },
	{ "*", "a/b", true },
	{ "*", ".git", true },
	{ "*/*", "a", false },
	{ "*/*", "a/b", true },
	{ "*.md", "README.md", true },
	{ "*.md", "doc/README.md", false },
	{ "*/temp*", "a/temporary.txt", true },
	{ "*/temp*", "a/temp", true },
	{ "*/temp*", "temp", false },
	{ "*/*/temp*", "a/b/temporary", true },
	{ "temp?", "tempa", true },
	{ "temp?", "temp", false },
	{ "temp?", "temp/", false },
	{ "te\xc3\xa4?", "te\xc3\xa4\xc3\xb6", true },
	{ "a?b", "a/b", false },
	{ "a*", "a/b", true }, /* by its parent */
	/* any number of components */
	{ "**", "a", true },
	{ "**", "a/b", true },
	{ "**/*.go", "a.go", true },
	{ "**/*.go", "x/y/a.go", true },
	{ "**/*.go", "a.goo", false },
	{ "**/a", "a", true },
	{ "**/a", "x/y/a", true },
	{ "**/a", "xa", false },
	{ "**/a", "x/a/b", true },
	{ "a/**", "a/b", true },
	{ "a/**", "a/b/c", true },
	{ "a/**", "a", false },
	{ "a/**/b", "a/b", true },
	{ "a/**/b", "a/x/y/b", true },
	{ "a/**/b", "a/xb", false },
	{ "a/**/*.txt", "a/x/y.txt", true },
	{ "**/**/a", "x/a", true },
	{ "**a", "xa", true }, /* literal behind a leading "**": an ending */
	{ "x**", "xyz/a", true },
	{ "**a*", "b/ab", true },
	{ "**a*", "xab", false }, /* but not so when more follows */
	/* sets and escapes */
	{ "[a-c]", "b", true },
	{ "[a-c]", "d", false },
	{ "[^a-c]", "d", true },
	{ "[^a-c]", "b", false },
	{ "[!a]", "!", true }, /* '!' does not negate */
	{ "[!a]", "b", false },
	{ "[\\]]", "]", true },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "a\\?", "a?", true },
	{ "a.b", "axb", false },
	{ "a+(b)", "a+(b)", true },
	{ "{a,b}", "a", false }, /* braces are letters */
	{ "{a,b}", "{a,b}", true },
	{ "a$", "a$", true },
	/* exceptions: the last match wins */
	{ "*\n!a", "a", false },
	{ "*\n!a", "b", true },
	{ "!a\n*", "a", true },
	{ "*.md\n!README.md", "README.md", false },
	{ "*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true },
	{ "*.md\n!README*.md\nREADME-secret.md", "README-x.md", false },
	{ "*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false },
	{ "a\n!a/b", "a/b", false },
	{ "a\n!a/b", "a/c", true },
	{ "a\n!a/b", "a/b/c", false },
	{ "a\n!a/b\na/b/c", "a/b/c/d", true },
	{ "a/**\n!a/b/**", "a/b/c", false },
	{ "**\n!src/**/*.c", "src/x/y.c", false },
	{ "**\n!src/**/*.c", "src/x/y.h", true },
	{ "*\n! a", "a", false },
	{ "*\n!/a", "a", false },
	{ "*\n!a/", "a", false },
	{ "\\!a", "!a", true },
	{ "*\n!a\n\n# end\n", "a", false },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_ignore_ struct ignore *ig =
			ignore_parse("f", cases[i].text, strlen(cases[i].text), &err);

		if (!ig)
			fail_msg("'%s': %s", cases[i].text, err.text);
		if (ignore_excludes(ig, cases[i].path) != cases[i].excluded)
			fail_msg("'%s' against '%s': not %d", cases[i].text, cases[i].path,
				 cases[i].excluded);
	}
}

static const struct {
	const char *text, *dir;
	bool prunes;
} prunes[] = {
	{ "a", "a", true },
	{ "a", "b", false },
	{ "a", "a/b", true },
	{ "a\n!a/b", "a", false },
	{ "a\n!a/b", "a/c", true },
	{ "a\n!ab/c", "a", true },
	{ "a\n!b/c", "a", true },
	{ "*\n!*.md", "node_modules", true },
	{ "*\n!*/x", "node_modules", false },
	{ "*\n!*/x", "node_modules/y", true },
	{ "*\n!**/x", "node_modules/y", false },
	{ "*\n!src/**", "src", false },
	{ "*\n!src/**", "doc", true },
	{ "*\n!src/*.c", "src", false },
	{ "*\n!src/*.c", "src/x", true },
	{ "*\n!src[x/]y", "src", false },
	{ "*\n!a\nb", "a", false },
	{ "**\n!a/b/c/d", "a/b", false },
};

static void test_prunes(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(prunes); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_ignore_ struct ignore *ig =
			ignore_parse("f", prunes[i].text, strlen(prunes[i].text), &err);

		assert_non_null(ig);
		if (ignore_prunes(ig, prunes[i].dir) != prunes[i].prunes)
			fail_msg("'%s' against '%s': not %d", prunes[i].text, prunes[i].dir,
				 prunes[i].prunes);
	}
}

/* Nothing that is included may lie below what is pruned: every rule file of two lines from a small alphabet. */
static void test_prunes_nothing_included(void **state)
{
	static const char *const patterns[] = { "*",   "a",     "a/*",   "**/b", "a/**",
						"?/b", "[^b]b", "a/b/c", "**b",  "b" };
	static const char *const paths[] = { "a",   "b",     "a/b",   "a/a",   "b/a",
					     "b/b", "a/b/c", "a/b/b", "b/b/a", "a/a/a" };

	(void)state;
	for (size_t n = 0; n < GG_LEN(patterns) * GG_LEN(patterns); n++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_ignore_ struct ignore *ig = ignore_parse(NULL, "", 0, &err);
		_cleanup_free_ char *exception = gg_asprintf("!%s", patterns[n % GG_LEN(patterns)]);

		assert_int_equal(ignore_add(ig, patterns[n / GG_LEN(patterns)], &err), 0);
		assert_int_equal(ignore_add(ig, exception, &err), 0);
		for (size_t i = 0; i < GG_LEN(paths) * GG_LEN(paths); i++) {
			const char *dir = paths[i / GG_LEN(paths)],
				   *path = paths[i % GG_LEN(paths)];
			size_t len = strlen(dir);

			if (strncmp(path, dir, len) == 0 && path[len] == '/' &&
			    ignore_prunes(ig, dir) && !ignore_excludes(ig, path))
				fail_msg("'%s', '%s': '%s' pruned, '%s' not excluded",
					 patterns[n / GG_LEN(patterns)], exception, dir, path);
		}
	}
}

static void expect_error(const char *text, const char *message, unsigned line)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	assert_null(ignore_parse(".containerignore", text, strlen(text), &err));
	assert_string_equal(err.text, message);
	assert_int_equal(err.kind, GG_RECIPE);
	assert_string_equal(err.pos.file, ".containerignore");
	assert_int_equal(err.pos.line, line);
}

static void test_errors(void **state)
{
	(void)state;
	expect_error("a\n\n!\n", "ignore pattern '!' makes an exception of nothing", 3);
	expect_error("[", "ignore pattern '[' is malformed", 1);
	expect_error("a\n[a", "ignore pattern '[a' is malformed", 2);
	expect_error("[]a]", "ignore pattern '[]a]' is malformed", 1);
	expect_error("[a-]", "ignore pattern '[a-]' is malformed", 1);
	expect_error("[-a]", "ignore pattern '[-a]' is malformed", 1);
	expect_error("a\\", "ignore pattern 'a\\' is malformed", 1);
	expect_error("!a\\", "ignore pattern '!a\\' is malformed", 1);
}

static void test_time(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf pattern = { 0 }, path = { 0 };
	_cleanup_ignore_ struct ignore *ig = NULL;

	(void)state;
	for (int i = 0; i < 100; i++)
		gg_buf_puts(&pattern, "**/*a*");
	gg_buf_puts(&pattern, "b");
	for (int i = 0; i < 500; i++)
		gg_buf_puts(&path, "aaa/");
	ig = ignore_parse(NULL, pattern.data, pattern.len, &err);
	assert_non_null(ig);
	assert_false(ignore_excludes(ig, path.data));
}

/* A directory stays for what an exception keeps in it; a link whose first name went becomes the first. */
static void test_tree(void **state)
{
	static const char *const lines[] = { "doc", "!doc/*/copyright", "man" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_ignore_ struct ignore *ig = ignore_parse(NULL, "", 0, &err);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_tree_ struct tree *t = NULL;
	char digest[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	     before[2048];

	(void)state;
	snprintf(before, sizeof(before),
		 "ggbuild-tree 1\nd 755 0 0 .\nd 755 0 0 doc\nd 755 0 0 doc/a\nf 644 0 0 "
		 "doc/a/copyright 0 %s\n"
		 "f 644 0 0 doc/a/readme 0 %s\nd 755 0 0 doc/b\nf 644 0 0 doc/b/readme 0 %s\nd 755 "
		 "0 0 man\n"
		 "f 644 0 0 man/one 0 %s\nf 644 0 0 manual 0 %s h:man/one\nf 644 0 0 mine 0 %s "
		 "h:man/one\n",
		 digest, digest, digest, digest, digest, digest);
	assert_int_equal(tree_parse(before, strlen(before), &t, &err), 0);
	for (size_t i = 0; i < GG_LEN(lines); i++)
		assert_int_equal(ignore_add(ig, lines[i], &err), 0);
	ignore_tree(ig, t);
	tree_text(t, &text);
	snprintf(before, sizeof(before),
		 "ggbuild-tree 1\nd 755 0 0 .\nd 755 0 0 doc\nd 755 0 0 doc/a\nf 644 0 0 "
		 "doc/a/copyright 0 %s\n"
		 "f 644 0 0 manual 0 %s\nf 644 0 0 mine 0 %s h:manual\n",
		 digest, digest, digest);
	assert_string_equal(text.data, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_prunes),
		cmocka_unit_test(test_prunes_nothing_included),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
