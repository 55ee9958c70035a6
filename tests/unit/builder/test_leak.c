/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/leak.c: values are found wherever they lie, and only where they are.
 */
#include "builder/leak.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/tree.h"

static char value_bytes[] = "value-of-mine", short_bytes[] = "seven77";
static char value_name[] = "the variable 'TOKEN'", short_name[] = "the variable 'SHORT'";
static const struct leak_value values[] = {
	{ .what = short_name, .bytes = short_bytes, .len = 7 },
	{ .what = value_name, .bytes = value_bytes, .len = 13 },
};

/* A file "dir/file" of `size` bytes with `text` at `at`. */
static int check_at(size_t size, size_t at, const char *text, struct gg_err *err)
{
	char base[] = "/tmp/ggtest-leak-XXXXXX";
	_cleanup_free_ char *bytes = gg_zalloc(size);
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_close_ int root = -1;
	int r;

	assert_non_null(mkdtemp(base));
	root = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, "dir", 0755), 0);
	memcpy(bytes + at, text, strlen(text));
	assert_int_equal(gg_write_file(root, "dir/file", bytes, size, 0644, 0, err), 0);
	tree_add(t, "dir/file", TREE_FILE)->size = size;
	assert_int_equal(tree_complete(t, err), 0);
	r = leak_check(root, t, values, GG_LEN(values), err);
	assert_int_equal(gg_remove_tree(AT_FDCWD, base, &ignored), 0);
	return r;
}

static void found_across_blocks(void **state)
{
	enum { BLOCK = 1 << 20 };

	(void)state;
	for (size_t before = 0; before <= 13; before++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		assert_int_equal(check_at(2 * BLOCK + 100, BLOCK - before, "value-of-mine", &err),
				 -1);
		assert_int_equal(err.kind, GG_STEP);
		assert_string_equal(
			err.text, "the output 'dir/file' holds the value of the variable 'TOKEN'");
	}
}

static void found_at_the_ends(void **state)
{
	_cleanup_err_ struct gg_err first = GG_ERR_INIT, last = GG_ERR_INIT;

	(void)state;
	assert_int_equal(check_at(13, 0, "value-of-mine", &first), -1);
	assert_int_equal(check_at(1 << 20, (1 << 20) - 13, "value-of-mine", &last), -1);
}

static void not_found(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(check_at(100, 50, "value-of-min", &err), 0);
	assert_int_equal(check_at(100, 50, "seven77", &err), 0);
}

static void found_in_names(void **state)
{
	_cleanup_err_ struct gg_err in_path = GG_ERR_INIT, in_target = GG_ERR_INIT;
	_cleanup_tree_ struct tree *a = tree_new(), *b = tree_new();

	(void)state;
	tree_add(a, "dir/of/value-of-mine", TREE_DIR);
	assert_int_equal(leak_check(-1, a, values, GG_LEN(values), &in_path), -1);
	tree_add(b, "link", TREE_SYMLINK)->target = "/to/value-of-mine/x";
	assert_int_equal(leak_check(-1, b, values, GG_LEN(values), &in_target), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_across_blocks),
		cmocka_unit_test(found_at_the_ends),
		cmocka_unit_test(not_found),
		cmocka_unit_test(found_in_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
