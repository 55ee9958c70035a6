/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/deb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/tree.h"
#include "tests/unit/layers/raw_tar.h"

struct fixture {
	char base[32];
	int root;
	struct gg_err err;
	struct gg_buf deb, control, data;
};

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));

	strcpy(f->base, "/tmp/ggtest-deb-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	f->root = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	raw_dir(&f->control, "./", 0755);
	raw_file(&f->control, "./postinst", 0755, "#!/bin/sh\n");
	raw_file(&f->control, "./control", 0644, "Package: small\n");
	raw_end(&f->control);
	raw_dir(&f->data, "./", 0755);
	raw_file(&f->data, "./usr/bin/small", 0755, "small");
	raw_end(&f->data);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(gg_remove_tree(AT_FDCWD, f->base, &f->err), 0);
	gg_close(f->root);
	gg_buf_done(&f->deb);
	gg_buf_done(&f->control);
	gg_buf_done(&f->data);
	gg_err_done(&f->err);
	free(f);
	return 0;
}

static void member(struct fixture *f, const char *name, const void *bytes, size_t len)
{
	gg_buf_printf(&f->deb, "%-16s%-12d%-6d%-6d%-8o%-10zu`\n", name, 0, 0, 0, 0100644U, len);
	gg_buf_add(&f->deb, bytes, len);
	if (len % 2)
		gg_buf_putc(&f->deb, '\n');
}

static void start(struct fixture *f)
{
	f->deb.len = 0;
	gg_buf_puts(&f->deb, "!<arch>\n");
}

static void good(struct fixture *f)
{
	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	member(f, "control.tar", f->control.data, f->control.len);
	member(f, "data.tar", f->data.data, f->data.len);
}

/* Opens, reads the control files, extracts. */
static int read_all(struct fixture *f, const void *bytes, size_t len)
{
	_cleanup_close_ int fd = memfd_create("deb", MFD_CLOEXEC), dir = -1;
	_cleanup_deb_ struct deb *d = NULL;
	_cleanup_tree_ struct tree *t = NULL;
	const struct deb_member *members;
	size_t n;

	gg_err_done(&f->err);
	assert_int_equal(gg_write_all(fd, bytes, len, &f->err), 0);
	assert_int_equal(gg_remove_tree(f->root, "out", &f->err), 0);
	assert_int_equal(mkdirat(f->root, "out", 0755), 0);
	dir = openat(f->root, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (deb_open(fd, &d, &f->err) < 0 || deb_control(d, &members, &n, &f->err) < 0)
		return -1;
	return deb_extract(d, dir, NULL, &t, &f->err);
}

static void refuse(struct fixture *f, const char *why)
{
	assert_int_equal(read_all(f, f->deb.data, f->deb.len), -1);
	assert_int_equal(f->err.kind, GG_INTEGRITY);
	if (!strstr(f->err.text, why))
		fail_msg("'%s' has no '%s'", f->err.text, why);
}

static void test_good(void **state)
{
	struct fixture *f = *state;

	good(f);
	if (read_all(f, f->deb.data, f->deb.len) < 0)
		fail_msg("%s", f->err.text);
}

/* What dpkg-deb wrote, in every compression. */
static void test_compressions(void **state)
{
	static const char *const files[] = { "none", "gzip", "xz", "zstd" };
	struct fixture *f = *state;
	struct gg_digest first, digest;

	for (size_t i = 0; i < GG_LEN(files); i++) {
		_cleanup_free_ char *path =
			gg_asprintf(TESTS_DIR "/fuzz/corpus/deb/%s.deb", files[i]);
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC), dir = -1;
		_cleanup_deb_ struct deb *d = NULL;
		_cleanup_tree_ struct tree *t = NULL;
		const struct deb_member *m = NULL;
		size_t n = 0;

		assert_int_equal(mkdirat(f->root, files[i], 0755), 0);
		dir = openat(f->root, files[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (deb_open(fd, &d, &f->err) < 0 || deb_control(d, &m, &n, &f->err) < 0 ||
		    deb_extract(d, dir, NULL, &t, &f->err) < 0)
			fail_msg("%s: %s", path, f->err.text);
		assert_int_equal(n, 3);
		assert_string_equal(m[0].name, "conffiles");
		assert_string_equal(m[0].bytes, "/etc/small.conf\n");
		assert_string_equal(m[1].name, "control");
		assert_string_equal(m[2].name, "postinst");
		assert_int_equal(m[2].mode, 0755);
		assert_int_equal(m[2].len, 17);
		assert_string_equal(tree_find(t, "usr/bin/tiny")->target, "small");
		assert_int_equal(tree_find(t, "usr/bin/small")->mode, 0755);
		tree_digest(t, i ? &digest : &first);
		if (i)
			assert_true(gg_digest_eq(&digest, &first));
	}
}

static void test_order_of_members(void **state)
{
	struct fixture *f = *state;

	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	member(f, "data.tar", f->data.data, f->data.len);
	member(f, "control.tar", f->control.data, f->control.len);
	refuse(f, "member 'data.tar' where control.tar must be");
	start(f);
	member(f, "control.tar", f->control.data, f->control.len);
	refuse(f, "member 'control.tar' where debian-binary must be");
	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	member(f, "_extra", "x", 1);
	refuse(f, "member '_extra' where control.tar must be");
	good(f);
	member(f, "_third", "x", 1);
	refuse(f, "something after its last member");
	good(f);
	gg_buf_putc(&f->deb, '\n');
	refuse(f, "something after its last member");
	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	member(f, "control.tar.bz2", "BZh", 3);
	refuse(f, "where control.tar must be");
	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	member(f, "control.tar.xz", f->control.data, f->control.len);
	refuse(f, "'control.tar.xz' is not what its name says");
	start(f);
	member(f, "debian-binary", "2.1\n", 4);
	refuse(f, "format version 2.0");
	start(f);
	member(f, "//", "long-name\n", 10);
	refuse(f, "where debian-binary must be");
}

static void test_headers(void **state)
{
	static const char *const sizes[] = { "-1        ", "12 3      ", " 4        ",
					     "          ", "0x4       ", "4\t        ",
					     "4294967300" };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(sizes); i++) {
		good(f);
		memcpy(f->deb.data + 8 + 48, sizes[i], 10);
		refuse(f, sizes[i][0] == '4' && sizes[i][1] == '2' ? "ends early"
								   : "malformed header");
	}
	good(f);
	memcpy(f->deb.data + 8 + 48, "9999999999", 10);
	refuse(f, "ends early");
	good(f);
	f->deb.data[8 + 58] = 'x';
	refuse(f, "malformed header");
	good(f);
	f->deb.data[0] = 'x';
	refuse(f, "no ar archive");
	/* Odd sizes are padded by a newline, and by nothing else. */
	start(f);
	member(f, "debian-binary", "2.0\n", 4);
	gg_buf_putc(&f->control, '\0');
	member(f, "control.tar", f->control.data, f->control.len);
	member(f, "data.tar", f->data.data, f->data.len);
	if (read_all(f, f->deb.data, f->deb.len) < 0)
		fail_msg("%s", f->err.text);
	f->deb.data[8 + 60 + 4 + 60 + f->control.len] = ' ';
	refuse(f, "malformed padding");
	/* The last member has its padding, too. */
	good(f);
	f->deb.len = f->deb.len - f->data.len - 60;
	gg_buf_putc(&f->data, '\0');
	member(f, "data.tar", f->data.data, f->data.len);
	if (read_all(f, f->deb.data, f->deb.len) < 0)
		fail_msg("%s", f->err.text);
	f->deb.len--;
	refuse(f, "ends early");
}

static void test_control_files(void **state)
{
	static const char *const names[] = { "./a/b", "../x", "/etc/x", "." };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(names); i++) {
		f->control.len = 0;
		raw_file(&f->control, names[i], 0644, "");
		raw_file(&f->control, "./control", 0644, "");
		raw_end(&f->control);
		good(f);
		assert_int_equal(read_all(f, f->deb.data, f->deb.len), -1);
	}
	f->control.len = 0;
	raw_symlink(&f->control, "control", "/etc/shadow");
	raw_end(&f->control);
	good(f);
	refuse(f, "'control' is not a file of the top level");
	f->control.len = 0;
	raw_file(&f->control, "postinst", 0644, "");
	raw_end(&f->control);
	good(f);
	refuse(f, "has no 'control'");
	f->control.len = 0;
	raw_file(&f->control, "control", 0644, "");
	raw_file(&f->control, "./control", 0644, "");
	raw_end(&f->control);
	good(f);
	refuse(f, "'control' comes twice");
	f->control.len = 0;
	raw_header(&f->control, '0', "control", 0644, 11 << 20, NULL);
	raw_end(&f->control);
	good(f);
	refuse(f, "larger than");
}

/* Every cut of every corpus package is refused: nothing short passes for a whole one. */
static void test_truncated_everywhere(void **state)
{
	static const char *const files[] = { "gzip", "xz", "zstd" };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(files); i++) {
		_cleanup_free_ char *path =
			gg_asprintf(TESTS_DIR "/fuzz/corpus/deb/%s.deb", files[i]);
		_cleanup_buf_ struct gg_buf whole = { 0 };

		assert_int_equal(gg_read_file(AT_FDCWD, path, 1 << 20, &whole, &f->err), 0);
		for (size_t len = 0; len < whole.len; len++) {
			if (read_all(f, whole.data, len) == 0)
				fail_msg("%s: %zu of %zu bytes were accepted", path, len,
					 whole.len);
			assert_int_equal(f->err.kind, GG_INTEGRITY);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_good),    TEST(test_compressions),  TEST(test_order_of_members),
		TEST(test_headers), TEST(test_control_files), TEST(test_truncated_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
