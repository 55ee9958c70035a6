/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* RFC 4648 §10. */
static void test_vectors(void **state)
{
	static const char *const rows[][2] = {
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xff\xfe\xfb", "//77" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_buf_ struct gg_buf text = { 0 }, bytes = { 0 };

		gg_base64_encode(rows[i][0], strlen(rows[i][0]), &text);
		assert_string_equal(text.data, rows[i][1]);
		assert_int_equal(gg_base64_decode(text.data, text.len, &bytes), 0);
		assert_string_equal(bytes.data, rows[i][0]);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "Z", "Zh==", "Zm9v!", "Zm 9v", "Zm9vY", "Zg==Zg==" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_buf_ struct gg_buf bytes = { 0 };

		assert_int_equal(gg_base64_decode(rows[i], strlen(rows[i]), &bytes), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
