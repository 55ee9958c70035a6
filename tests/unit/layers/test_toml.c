/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/mem.h"

/* In a notation of its own: strings as <…>, tables as {key:value,}, arrays as [value,]. */
static void show(const struct toml_value *v, struct gg_buf *ret)
{
	switch (v->kind) {
	case TOML_STRING:
		gg_buf_printf(ret, "<%s>", v->string);
		return;
	case TOML_INTEGER:
		gg_buf_printf(ret, "%lld", (long long)v->integer);
		return;
	case TOML_BOOLEAN:
		gg_buf_puts(ret, v->boolean ? "yes" : "no");
		return;
	case TOML_ARRAY:
	case TOML_TABLE:
		gg_buf_putc(ret, v->kind == TOML_ARRAY ? '[' : '{');
		for (size_t i = 0; i < v->n; i++) {
			if (v->kind == TOML_TABLE)
				gg_buf_printf(ret, "%s:", v->keys[i]);
			show(v->v[i], ret);
			gg_buf_putc(ret, ',');
		}
		gg_buf_putc(ret, v->kind == TOML_ARRAY ? ']' : '}');
	}
}

static void test_accepted(void **state)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "", "{}" },
		{ "\xef\xbb\xbf"
		  "a=1",
		  "{a:1,}" },
		{ "# only a comment", "{}" },
		{ "a = 1 # one\r\nb = true\r\n", "{a:1,b:yes,}" },
		{ "a = 0\nb = -0\nc = +7\nd = 1_000\ne = 0xfF\nf = 0o17\ng = 0b101",
		  "{a:0,b:0,c:7,d:1000,e:255,f:15,g:5,}" },
		{ "a = 9223372036854775807\nb = -9223372036854775808",
		  "{a:9223372036854775807,b:-9223372036854775808,}" },
		{ "a = \"x\\ty\\\"\\\\\\u00e9\\U0001F600\"",
		  "{a:<x\ty\"\\\xc3\xa9\xf0\x9f\x98\x80>,}" },
		{ "a = 'c:\\n'", "{a:<c:\\n>,}" },
		{ "a = \"\"\"\nx\ny\"\"\"", "{a:<x\ny>,}" },
		{ "a = \"\"\"x \\\n   y\"\"\"", "{a:<x y>,}" },
		{ "a = \"\"\"\"x\"\"\"\"\"", "{a:<\"x\"\">,}" },
		{ "a = '''\r\nx\\y'''", "{a:<x\\y>,}" },
		{ "a = '''\r\nx\r\ny'''", "{a:<x\ny>,}" },
		{ "a = \"\"\"x\\\r\n\r\n y\"\"\"", "{a:<xy>,}" },
		{ "a = ''''x'''''", "{a:<'x''>,}" },
		{ "a = \"\"\nb = ''", "{a:<>,b:<>,}" },
		{ "a = []\nb = [ 1, 2, ]\nc = [\n 'x', # x\n 'y'\n]\nd = [[1],[]]",
		  "{a:[],b:[1,2,],c:[<x>,<y>,],d:[[1,],[],],}" },
		{ "a = {}\nb = { c = 1, d.e = 'x' }", "{a:{},b:{c:1,d:{e:<x>,},},}" },
		{ "a.b.c = 1\na.b.d = 2\n\"a\".'e f' = 3", "{a:{b:{c:1,d:2,},e f:3,},}" },
		{ "a . b = 1", "{a:{b:1,},}" },
		{ "1 = 2\n-_ = 3\n\"\" = 4", "{1:2,-_:3,:4,}" },
		{ "[a]\nx = 1\n[a.b]\ny = 2\n[c]", "{a:{x:1,b:{y:2,},},c:{},}" },
		{ "[a.b]\n[a]\nx = 1", "{a:{b:{},x:1,},}" },
		{ "[ a . \"b.c\" ] # x\nx = 1", "{a:{b.c:{x:1,},},}" },
		{ "[[a]]\nx = 1\n[[a.b]]\ny = 1\n[[a.b]]\n[[a]]\n[a.c]\nz = 1",
		  "{a:[{x:1,b:[{y:1,},{},],},{c:{z:1,},},],}" },
		{ "[a]\nb.c = 1\n[a.b.d]\ne = 1", "{a:{b:{c:1,d:{e:1,},},},}" },
		{ "a = [ { b = 1 }, { b = 2 } ]", "{a:[{b:1,},{b:2,},],}" },
		{ "a = \"#\" # x", "{a:<#>,}" },
		{ "a = [ # x\n]", "{a:[],}" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_toml_ struct toml t = TOML_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_buf_ struct gg_buf shown = { 0 };

		if (toml_parse("f", rows[i].text, strlen(rows[i].text), &t, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.text);
		show(t.root, &shown);
		assert_string_equal(shown.data, rows[i].shown);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "a", "f:1: '=' is missing after 'a'" },
		{ "\n\na =", "f:3: a value is missing" },
		{ "a = 1\na = 2", "f:2: 'a' is given twice" },
		{ "a = 1\n'a' = 2", "f:2: 'a' is given twice" },
		{ "a.b = 1\na = 2", "f:2: 'a' is given twice" },
		{ "a = 1\na.b = 2", "f:2: 'a' is no table" },
		{ "a = {}\na.b = 2", "f:2: 'a' is no table" },
		{ "a = { b.c = 1 }\n[a.b]", "f:2: 'a' is no table" },
		{ "[a]\n[a]", "f:2: 'a' is given twice" },
		{ "a.b = 1\n[a]", "f:2: 'a' is given twice" },
		{ "[a.b.c]\n[a]\nb.c.d = 1", "f:3: 'b' is no table" },
		{ "[[a]]\n[a]", "f:2: 'a' is given twice" },
		{ "[a]\n[[a]]", "f:2: 'a' is no array" },
		{ "a = []\n[[a]]", "f:2: 'a' is no array" },
		{ "a = [{}]\n[a.b]", "f:2: 'a' is no table" },
		{ "[a", "f:1: ']' is missing" },
		{ "[[a]", "f:1: ']' is missing" },
		{ "[]", "f:1: a key is missing" },
		{ "[a] b = 1", "f:1: more on the line" },
		{ "a = 1 b = 2", "f:1: more on the line" },
		{ "a = 'x' 'y'", "f:1: more on the line" },
		{ "= 1", "f:1: a key is missing" },
		{ "a. = 1", "f:1: a key is missing" },
		{ "a b = 1", "f:1: '=' is missing" },
		{ "\"\"\"a\"\"\" = 1", "f:1: a key of several lines" },
		{ "a = \"x", "f:1: a string is not closed" },
		{ "a = 'x\ny'", "f:1: a string is not closed" },
		{ "a = \"\"\"x\n\"\"", "f:2: a string is not closed" },
		{ "a = \"\\x41\"", "f:1: unknown escape" },
		{ "a = \"\\u12\"", "f:1: an escape wants 4" },
		{ "a = \"\\ud800\"", "f:1: an escape names no character" },
		{ "a = \"\\u0000\"", "f:1: an escape names no character" },
		{ "a = \"\\U00110000\"", "f:1: an escape names no character" },
		{ "a = \"\"\"x \\ y\"\"\"", "f:1: a backslash before a blank" },
		{ "a = \"\x01\"", "f:1: a control character" },
		{ "a = 1 # \x01", "f:1: a control character" },
		{ "a = 1 # \x7f", "f:1: a control character" },
		{ "a = \"\"\"\x7f\"\"\"", "f:1: a control character" },
		{ "a = \"\"\"\r \"\"\"", "f:1: a control character" },
		{ "a = \"\"\"\\\r x\"\"\"", "f:1: a backslash before a blank" },
		{ "a = \"\xff\"", "f:1: not UTF-8" },
		{ "\na = \"\xc0\x80\"", "f:2: not UTF-8" },
		{ "a = \"\xed\xa0\x80\"", "f:1: not UTF-8" },
		{ "a = 1.5", "f:1: '1.5' is no string" },
		{ "a = 1979-05-27", "f:1: '1979-05-27' is no string" },
		{ "a = 01", "f:1: '01' is no" },
		{ "a = 1__0", "f:1: '1__0' is no" },
		{ "a = _1", "f:1: '_1' is no" },
		{ "a = 1_", "f:1: '1_' is no" },
		{ "a = 0x", "f:1: '0x' is no" },
		{ "a = +0x1", "f:1: '+0x1' is no" },
		{ "a = 0b2", "f:1: '0b2' is no" },
		{ "a = 9223372036854775808", "f:1: '9223372036854775808' is no" },
		{ "a = True", "f:1: 'True' is no" },
		{ "a = inf", "f:1: 'inf' is no" },
		{ "a = x", "f:1: 'x' is no" },
		{ "a = [1 2]", "f:1: ',' or ']' is missing" },
		{ "a = [,]", "f:1: a value is missing" },
		{ "a = [\n1", "f:2: ',' or ']' is missing" },
		{ "a = { b = 1, }", "f:1: a key is missing" },
		{ "a = { b = 1\n }", "f:1: ',' or '}' is missing" },
		{ "a = { b = 1, b = 2 }", "f:1: 'b' is given twice" },
		{ "a = 1\rb = 2", "f:1: more on the line" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_toml_ struct toml t = TOML_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		if (toml_parse("f", rows[i].text, strlen(rows[i].text), &t, &err) == 0)
			fail_msg("accepted: %s", rows[i].text);
		assert_int_equal(err.kind, GG_USAGE);
		if (!gg_starts(err.text, rows[i].error))
			fail_msg("'%s' is not '%s'", err.text, rows[i].error);
	}
}

/* A NUL, depth, and sizes. */
static void test_limits(void **state)
{
	_cleanup_buf_ struct gg_buf deep = { 0 }, dotted = { 0 }, keys = { 0 }, big = { 0 };
	const struct gg_buf *texts[] = { &deep, &dotted, &keys, &big };

	(void)state;
	gg_buf_puts(&deep, "a = ");
	for (unsigned i = 0; i < 100000; i++)
		gg_buf_putc(&deep, '[');
	for (unsigned i = 0; i < 100; i++)
		gg_buf_puts(&dotted, "a.");
	gg_buf_puts(&dotted, "a = 1");
	for (unsigned i = 0; i < 10001; i++)
		gg_buf_printf(&keys, "k%u = 1\n", i);
	for (unsigned i = 0; i < 1 << 20; i++)
		gg_buf_putc(&big, '\n');
	gg_buf_putc(&big, '\n');
	for (size_t i = 0; i < GG_LEN(texts); i++) {
		_cleanup_toml_ struct toml t = TOML_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		assert_int_equal(toml_parse("f", texts[i]->data, texts[i]->len, &t, &err), -1);
	}
	{
		_cleanup_toml_ struct toml t = TOML_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		assert_int_equal(toml_parse("f", "a = '\0'", 7, &t, &err), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
