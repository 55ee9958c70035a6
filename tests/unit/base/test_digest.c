/* SPDX-License-Identifier: Apache-2.0
 *
 * U17: what is not exactly a digest is none, before anything is opened by it.
 */
#include "layers/base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX_63 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
#define HEX HEX_63 "5"

static void test_parse(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char text[GG_DIGEST_TEXT];
	struct gg_digest d, empty;

	(void)state;
	assert_int_equal(gg_digest_parse("sha256:" HEX, &d, &err), 0);
	gg_digest_of("", 0, &empty);
	assert_true(gg_digest_eq(&d, &empty));
	assert_string_equal(gg_digest_text(&d, text), "sha256:" HEX);
}

static void test_u17_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"sha256",
		"sha256:",
		HEX,
		"sha256:../../../../etc/passwd",
		"sha256:" HEX_63,
		"sha256:" HEX "5",
		"sha256:" HEX_63 "F",
		"sha256:" HEX_63 "g",
		"sha256:" HEX_63 "/",
		"sha256:" HEX_63 " ",
		"sha256:" HEX_63 "\n",
		"sha256:" HEX "\n",
		"sha256:" HEX_63 "%2f",
		"sha256: " HEX,
		" sha256:" HEX,
		"SHA256:" HEX,
		"sha256-" HEX,
		"sha256:sha256:" HEX,
		"md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha512:" HEX HEX,
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		struct gg_digest d;

		if (gg_digest_parse(bad[i], &d, &err) == 0)
			fail_msg("'%s' was taken for a digest", bad[i]);
		assert_int_equal(err.kind, GG_INTEGRITY);
		assert_string_equal(err.hint,
				    "a digest is 'sha256:' and 64 lower-case hexadecimal digits");
	}
}

/* The text ends where its first NUL is, and nothing behind that is read. */
static void test_u17_short(void **state)
{
	struct gg_digest d;

	(void)state;
	for (size_t len = 0; len < strlen(HEX); len++) {
		_cleanup_free_ char *text = gg_strndup(HEX, len);

		assert_int_equal(gg_digest_from_hex(text, &d), -1);
	}
	assert_int_equal(gg_digest_from_hex(HEX, &d), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_u17_refused),
		cmocka_unit_test(test_u17_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
