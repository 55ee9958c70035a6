/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEEP = 3000, FEW_DESCRIPTORS = 64 };

static int setup(void **state)
{
	char *base = gg_strdup("/tmp/ggtest-fd-XXXXXX");

	assert_non_null(mkdtemp(base));
	*state = base;
	return 0;
}

static int teardown(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char *base = *state;

	assert_int_equal(gg_remove_tree(AT_FDCWD, base, &err), 0);
	free(base);
	return 0;
}

/* Directories below each other, a file in every one; the last is closed to its owner. */
static void make_deep(int base, const char *name)
{
	int at = dup(base);

	for (int i = 0; i < DEEP; i++) {
		int next, file;

		assert_int_equal(mkdirat(at, name, 0700), 0);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		file = openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(next >= 0 && file >= 0);
		close(file);
		close(at);
		at = next;
	}
	assert_int_equal(fchmod(at, 0), 0);
	close(at);
}

/* What a hostile archive leaves behind must go, whatever the limit of descriptors is. */
static void test_remove_deep(void **state)
{
	_cleanup_close_ int base = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct rlimit old, few;

	make_deep(base, "deep");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){ .rlim_cur = FEW_DESCRIPTORS, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	if (gg_remove_tree(base, "deep", &err) < 0)
		fail_msg("%.300s", err.text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(faccessat(base, "deep", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* A symlink is removed, and what it leads to stays. */
static void test_remove_follows_nothing(void **state)
{
	_cleanup_close_ int base = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	assert_int_equal(mkdirat(base, "victim", 0700), 0);
	assert_int_equal(gg_write_file(base, "victim/canary", "alive", 5, 0600, 0, &err), 0);
	assert_int_equal(mkdirat(base, "top", 0700), 0);
	assert_int_equal(symlinkat("../victim", base, "top/link"), 0);
	assert_int_equal(symlinkat("victim", base, "link"), 0);
	assert_int_equal(gg_remove_tree(base, "top", &err), 0);
	assert_int_equal(gg_remove_tree(base, "link", &err), 0);
	assert_int_equal(gg_remove_tree(base, "absent", &err), 0);
	assert_int_equal(faccessat(base, "top", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(base, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(base, "victim/canary", F_OK, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_remove_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove_follows_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
