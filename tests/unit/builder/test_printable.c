/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/printable.c: foreign bytes to lines.
 */
#include "builder/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void collect(void *ctx, const char *text, size_t len)
{
	struct gg_buf *all = ctx;

	gg_buf_add(all, text, len);
	gg_buf_puts(all, "|");
}

/* The lines of `bytes`, each with a '|' behind it, must be the same whatever pieces they come in. */
static void check(const char *bytes, size_t len, const char *want)
{
	for (size_t piece = 1; piece <= len; piece++) {
		_cleanup_buf_ struct gg_buf all = { 0 };
		struct printable s = { 0 };

		for (size_t at = 0; at < len; at += piece)
			printable_feed(&s, bytes + at, at + piece < len ? piece : len - at, collect,
				       &all);
		printable_end(&s, collect, &all);
		printable_done(&s);
		assert_string_equal(all.data ? all.data : "", want);
	}
}
#define CHECK(bytes, want) check(bytes, sizeof(bytes) - 1, want)

static void plain_lines(void **state)
{
	(void)state;
	CHECK("one\ntwo\r\n\nthree", "one|two||three|");
	CHECK("a\tb\n12345678\tc\n", "a       b|12345678        c|");
}

static void carriage_returns(void **state)
{
	(void)state;
	CHECK(" 10%\r 20%\r100%\ndone\n", "100%|done|");
	CHECK("over\r\r\nnext", "over|next|");
	CHECK("old\r\xc3\xa9\n", "\xc3\xa9|");
}

static void escapes(void **state)
{
	(void)state;
	CHECK("\x1b[1;31mred\x1b[0m\n", "red|");
	CHECK("\x1b]0;title\x07text\n", "text|");
	CHECK("\x1b]8;;url\x1b\\link\x1b]8;;\x1b\\\n", "link|");
	CHECK("\x1bPdcs\x1b\\a\n", "a|");
	CHECK("\x1b(Bb\x1b"
	      "7c\n",
	      "bc|");
	/* Nobody ends it: the line is lost, the next is not. */
	CHECK("\x1b]0;open\nnext\n", "|next|");
	CHECK("\x1b[12\nnext\n", "|next|");
}

static void controls(void **state)
{
	(void)state;
	CHECK("a\0b\x07"
	      "c\x08"
	      "d\x7f"
	      "e\n",
	      "abcde|");
	CHECK("a\xc2\x9b"
	      "31mb\n",
	      "a31mb|"); /* C1 CSI as a character */
	CHECK("a\xe2\x80\xae"
	      "b\xe2\x81\xa6"
	      "c\xef\xbb\xbf\n",
	      "abc|"); /* overrides, BOM */
}

static void broken_utf8(void **state)
{
	(void)state;
	CHECK("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|");
	CHECK("a\x80"
	      "b\xff"
	      "c\n",
	      "a\xef\xbf\xbd"
	      "b\xef\xbf\xbd"
	      "c|");
	CHECK("\xe2\x82x\n", "\xef\xbf\xbdx|");
	CHECK("\xe2\xc3\xa9\n", "\xef\xbf\xbd\xc3\xa9|");
	CHECK("\xc0\x80\n", "\xef\xbf\xbd\xef\xbf\xbd|"); /* overlong */
	CHECK("\xed\xa0\x80\n", "\xef\xbf\xbd|");         /* surrogate */
	CHECK("\xf4\x90\x80\x80\n", "\xef\xbf\xbd|");     /* beyond Unicode */
}

static void long_lines(void **state)
{
	_cleanup_free_ char *bytes = gg_alloc(PRINTABLE_MAX * 3);
	_cleanup_buf_ struct gg_buf all = { 0 };
	struct printable s = { 0 };

	(void)state;
	memset(bytes, 'x', PRINTABLE_MAX * 3);
	printable_feed(&s, bytes, PRINTABLE_MAX * 3, collect, &all);
	assert_true(s.line.len <= PRINTABLE_MAX);
	printable_end(&s, collect, &all);
	printable_done(&s);
	assert_int_equal(all.len, PRINTABLE_MAX * 3 + 3);
}

static void clipping(void **state)
{
	(void)state;
	assert_int_equal(printable_clip("hello", 5, 10), 5);
	assert_int_equal(printable_clip("hello", 5, 3), 3);
	assert_int_equal(printable_clip("hello", 5, 0), 0);
	assert_int_equal(printable_clip("\xc3\xa9\xc3\xa9", 4, 1), 2);
	assert_int_equal(printable_clip("\xe6\x97\xa5\xe6\x9c\xac", 6, 3),
			 3);                                     /* wide: two columns each */
	assert_int_equal(printable_clip("e\xcc\x81x", 4, 1), 3); /* combining: none */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_lines), cmocka_unit_test(carriage_returns),
		cmocka_unit_test(escapes),     cmocka_unit_test(controls),
		cmocka_unit_test(broken_utf8), cmocka_unit_test(long_lines),
		cmocka_unit_test(clipping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
