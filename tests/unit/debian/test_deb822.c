/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/deb822.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_slice(struct deb_slice s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.p, text, s.len);
}

static void stanzas_are_read(void **state)
{
	static const char text[] =
		"\n\nPackage: a\nDepends: x,\n y (>= 1)\nOther: z\n\n \npackage:b\nDepends:\n";
	static const char *const names[] = { "Package", "Depends", "Version" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct deb_slice v[3], whole;
	struct deb822 d;

	(void)state;
	deb822_init(&d, "t", text, sizeof(text) - 1, 0);
	assert_int_equal(deb822_stanza(&d, names, 3, v, &whole, &err), 1);
	assert_slice(v[0], "a");
	assert_slice(v[1], "x,\n y (>= 1)");
	assert_null(v[2].p);
	assert_slice(whole, "Package: a\nDepends: x,\n y (>= 1)\nOther: z");
	assert_int_equal(deb822_stanza(&d, names, 3, v, NULL, &err), 1);
	assert_slice(v[0], "b");
	assert_slice(v[1], "");
	assert_non_null(v[1].p);
	assert_int_equal(deb822_stanza(&d, names, 3, v, NULL, &err), 0);
}

static void comments_are_skipped_where_allowed(void **state)
{
	static const char text[] = "# one\nTypes: deb\n# two\nURIs: a\n# in between\n b\n";
	static const char *const names[] = { "Types", "URIs" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct deb_slice v[2];
	struct deb822 d;

	(void)state;
	deb822_init(&d, "t", text, sizeof(text) - 1, DEB822_COMMENTS);
	assert_int_equal(deb822_stanza(&d, names, 2, v, NULL, &err), 1);
	assert_slice(v[0], "deb");
	assert_true(v[1].p[v[1].len - 1] == 'b');
	deb822_init(&d, "t", text, sizeof(text) - 1, 0);
	assert_int_equal(deb822_stanza(&d, names, 2, v, NULL, &err), -1);
}

static void refuse(const char *text, size_t len, const char *words)
{
	static const char *const names[] = { "Package", "Version" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct deb_slice v[2];
	struct deb822 d;

	deb822_init(&d, "t", text, len, 0);
	assert_int_equal(deb822_stanza(&d, names, 2, v, NULL, &err), -1);
	assert_int_equal(err.kind, GG_INTEGRITY);
	assert_string_equal(err.text, words);
}
#define REFUSE(text, words) refuse(text, sizeof(text) - 1, words)

static void malformed_text_is_refused(void **state)
{
	(void)state;
	REFUSE("Package\n", "parse 't' line 1: no ':' after the field name");
	REFUSE("Package: a\nVersion\n", "parse 't' line 2: no ':' after the field name");
	REFUSE(": a\n", "parse 't' line 1: no field name");
	REFUSE("-x: a\n", "parse 't' line 1: no field name");
	REFUSE(" a\n", "parse 't' line 1: a continuation line without a field");
	REFUSE("Pack age: a\n",
	       "parse 't' line 1: a field name with a blank or a control character");
	REFUSE("Package: a\nVersion: 1\nPackage: b\n",
	       "parse 't' line 3: field 'Package' twice in a stanza");
	REFUSE("Package: a\0b\n", "parse 't' line 2: a NUL byte");
	REFUSE("P\xc3\xa4: a\n",
	       "parse 't' line 1: a field name with a blank or a control character");
}

static void slices_come_apart(void **state)
{
	struct deb_slice rest = deb_slice(" a  bc\n d "), s;
	uint64_t n = 0;

	(void)state;
	assert_true(deb_slice_word(&rest, &s));
	assert_slice(s, "a");
	assert_true(deb_slice_word(&rest, &s));
	assert_slice(s, "bc");
	assert_true(deb_slice_word(&rest, &s));
	assert_slice(s, "d");
	assert_false(deb_slice_word(&rest, &s));
	rest = deb_slice("a, ,b");
	assert_true(deb_slice_split(&rest, ',', &s));
	assert_slice(s, "a");
	assert_true(deb_slice_split(&rest, ',', &s));
	assert_slice(s, "");
	assert_true(deb_slice_split(&rest, ',', &s));
	assert_slice(s, "b");
	assert_false(deb_slice_split(&rest, ',', &s));
	assert_true(deb_slice_number(deb_slice("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_false(deb_slice_number(deb_slice("18446744073709551616"), &n));
	assert_false(deb_slice_number(deb_slice(""), &n));
	assert_false(deb_slice_number(deb_slice("-1"), &n));
	assert_false(deb_slice_number(deb_slice("1 "), &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stanzas_are_read),
		cmocka_unit_test(comments_are_skipped_where_allowed),
		cmocka_unit_test(malformed_text_is_refused),
		cmocka_unit_test(slices_come_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
