/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/version.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Ascending; what stands in one row is equal. */
static const char *const order[][4] = {
	{ "0~~" },
	{ "0~~a" },
	{ "0~" },
	{ "0", "0-0", "0:0", "00" },
	{ "0-1~" },
	{ "0-1" },
	{ "0-1+b1" },
	{ "0-1.1" },
	{ "0a" },
	{ "0+" },
	{ "1.0~" },
	{ "1.0~beta1~svc" },
	{ "1.0~beta1" },
	{ "1.0", "01.00", "1.0-0", "1.0-" },
	{ "1.0-1" },
	{ "1.0-1+deb12u1" },
	{ "1.0-1.1" },
	{ "1.0-10" },
	{ "1.0a-1" },
	{ "1.0+dfsg-1" },
	{ "1.0.1-1" },
	{ "1.2.3" },
	{ "1.2.10" },
	{ "2.41-12+deb13u5" },
	{ "2.41-12+deb13u10" },
	{ "20240203" },
	{ "99999999999999999999998" },
	{ "99999999999999999999999" },
	{ "1:0.5" },
	{ "1:19.1.7-3" },
	{ "1:19.1.7-3+b1" },
	{ "2:0" },
};

static void versions_are_ordered(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(order); i++)
		for (size_t j = 0; j < GG_LEN(order); j++)
			for (size_t a = 0; a < 4 && order[i][a]; a++)
				for (size_t b = 0; b < 4 && order[j][b]; b++) {
					int n = version_compare(deb_slice(order[i][a]),
								deb_slice(order[j][b]));

					if ((n > 0) - (n < 0) != (i > j) - (i < j))
						fail_msg("'%s' against '%s': %d", order[i][a],
							 order[j][b], n);
				}
}

static int dpkg_says(const char *a, const char *op, const char *b)
{
	const char *argv[] = { "dpkg", "--compare-versions", a, op, b, NULL };
	char *const environment[] = { NULL };
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, "dpkg", NULL, NULL, (char **)argv, environment))
		return -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Neighbours in the table, as dpkg itself sees them. */
static void dpkg_agrees(void **state)
{
	(void)state;
	if (dpkg_says("1", "lt", "2") < 0)
		skip();
	for (size_t i = 1; i < GG_LEN(order); i++)
		if (dpkg_says(order[i - 1][0], "lt", order[i][0]) != 1)
			fail_msg("dpkg does not think '%s' is before '%s'", order[i - 1][0],
				 order[i][0]);
	for (size_t i = 0; i < GG_LEN(order); i++)
		for (size_t a = 1; a < 4 && order[i][a]; a++)
			if (version_valid(deb_slice(order[i][a])) &&
			    dpkg_says(order[i][0], "eq", order[i][a]) != 1)
				fail_msg("dpkg does not think '%s' is '%s'", order[i][0],
					 order[i][a]);
}

static void validity(void **state)
{
	static const char *const good[] = { "1", "0:1-1", "1.2~a+b-c-1", "1:2:3-4", "1-2-3" };
	static const char *const bad[] = { "",   "a",   ":1",  "x:1", "1-", "-1",
					   "1:", "1 2", "1_2", "1/2", "1-$" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(good); i++)
		if (!version_valid(deb_slice(good[i])))
			fail_msg("'%s' should be valid", good[i]);
	for (size_t i = 0; i < GG_LEN(bad); i++)
		if (version_valid(deb_slice(bad[i])))
			fail_msg("'%s' should not be valid", bad[i]);
}

static void relations(void **state)
{
	static const struct {
		const char *op;
		bool less, equal, greater;
	} ops[] = { { "<<", true, false, false }, { "<=", true, true, false },
		    { "=", false, true, false },  { ">=", false, true, true },
		    { ">>", false, false, true }, { "<", true, true, false },
		    { ">", false, true, true } };
	enum version_op op;

	(void)state;
	for (size_t i = 0; i < GG_LEN(ops); i++) {
		assert_true(version_op_parse(deb_slice(ops[i].op), &op));
		assert_int_equal(version_satisfies(deb_slice("1"), op, deb_slice("2")),
				 ops[i].less);
		assert_int_equal(version_satisfies(deb_slice("2"), op, deb_slice("2")),
				 ops[i].equal);
		assert_int_equal(version_satisfies(deb_slice("3"), op, deb_slice("2")),
				 ops[i].greater);
	}
	assert_false(version_op_parse(deb_slice("=="), &op));
	assert_false(version_op_parse(deb_slice(""), &op));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_ordered),
		cmocka_unit_test(dpkg_agrees),
		cmocka_unit_test(validity),
		cmocka_unit_test(relations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
