/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/failure_report.c: what the launcher reads.
 */
#include "builder/failure_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "recipes/recipe.h"

static void a_fetch_of_a_piece(void **state)
{
	char path[] = "/tmp/ggbuild-report-XXXXXX";
	int fd = mkstemp(path);
	const char *const args[] = { "RUST=1.95.0" };
	const char *const env[] = { "TEXT=two\nlines", "TOOLCHAIN=1.95.0" };
	struct recipe_step step = {
		.kind = RECIPE_STEP_FETCH,
		.name = "builder/toolchain",
		.fetch = "toolchain",
		.piece = "rustup@1",
		.args = { args, 1 },
		.env = { env, 2 },
	};
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd,
			       "older and longer than what follows, by far and for sure, really, "
			       "it is longer",
			       76),
			 76);
	close(fd);
	failure_report(path, GG_REMOTE, &step);
	assert_int_equal(gg_read_file(AT_FDCWD, path, 4096, &text, &err), 0);
	assert_string_equal(
		text.data,
		"kind 7\nstep toolchain\npiece rustup@1\nenv RUST=1.95.0\nenv TOOLCHAIN=1.95.0\n");
	text.len = 0;
	failure_report(path, GG_LOCK, NULL);
	assert_int_equal(gg_read_file(AT_FDCWD, path, 4096, &text, &err), 0);
	assert_string_equal(text.data, "kind 4\n");
	unlink(path);
}

static void nobody_asked(void **state)
{
	(void)state;
	failure_report(NULL, GG_REMOTE, NULL);
	failure_report("", GG_REMOTE, NULL);
	/* Cannot be written: the build's own error must not be lost over it. */
	failure_report("/proc/1/no/such", GG_REMOTE, NULL);
	assert_int_not_equal(access("/proc/1/no/such", F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fetch_of_a_piece),
		cmocka_unit_test(nobody_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
