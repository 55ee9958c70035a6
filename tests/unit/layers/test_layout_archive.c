/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout_archive.h"

#include <sys/file.h>

#include "tests/unit/layers/output_fixture.h"

static void file_digest(const char *path, char hex[GG_DIGEST_HEX])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gg_err err = GG_ERR_INIT;
	struct gg_digest d;

	assert_true(fd >= 0);
	assert_int_equal(gg_digest_fd(fd, &d, NULL, &err), 0);
	gg_digest_hex(&d, hex);
}

/* The bytes come from another writer, made from the texts of layout_archive.h and tar.h. */
static void test_bytes(void **state)
{
	struct fixture *f = *state;
	char hex[GG_DIGEST_HEX];
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	struct stat st;
	mode_t mask;

	make_image(&a, "a");
	assert_written(f, &a, "oci-archive:a.tar");
	file_digest("a.tar", hex);
	assert_string_equal(hex,
			    "bb68b8b6751321d852942dd833416442d053c64285ac86a9687c47129293ca56");
	/* Neither umask nor user nor the place is in it. */
	assert_int_equal(mkdir("dir", 0777), 0);
	assert_int_equal(chmod("dir", 0777), 0);
	mask = umask(077);
	if (getuid() == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_written(f, &a, "oci-archive:dir/other:v1");
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	umask(mask);
	file_digest("dir/other", hex);
	assert_string_equal(hex,
			    "2e097eb8ef8e418508f7bb35aba8267b4af7e823b953c7fa130d08609ba316eb");
	assert_int_equal(stat("dir/other", &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_nlink, 1);
}

/* Unpacked it is the directory that "oci:" writes. */
static void test_it_is_the_layout(void **state)
{
	static const char *const readers[] = { "tar -xf", "bsdtar -xf", "busybox tar -xf" };
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&a, "a");
	assert_written(f, &a, "oci-archive:a.tar:v1");
	assert_written(f, &a, "oci:a:v1");
	for (size_t i = 0; i < GG_LEN(readers); i++) {
		_cleanup_free_ char *command = gg_asprintf(
			"mkdir %zu && %s a.tar -C %zu && diff -r %zu a", i, readers[i], i, i);

		assert_int_equal(system(command), 0);
	}
}

/* Two layers of the same content are one blob, and one member. */
static void test_a_blob_comes_once(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&a, "a");
	a.layers[1] = a.layers[0];
	free(a.listed);
	a.listed = transport_image_list(&a.image);
	assert_written(f, &a, "oci-archive:a.tar");
	assert_int_equal(a.calls, BLOBS - 1);
	assert_int_equal(system("test \"$(tar -tf a.tar | wc -l)\" = 7"), 0);
}

static void test_a_file_is_replaced(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	char one[GG_DIGEST_HEX], two[GG_DIGEST_HEX];
	struct stat before, after;

	make_image(&a, "a");
	assert_written(f, &a, "oci-archive:one");
	put_file("two", "something else");
	assert_int_equal(chmod("two", 0400), 0);
	assert_int_equal(link("two", "linked"), 0);
	assert_int_equal(stat("two", &before), 0);
	assert_written(f, &a, "oci-archive:two");
	assert_int_equal(stat("two", &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	file_digest("one", one);
	file_digest("two", two);
	assert_string_equal(one, two);
	assert_file("linked", "something else");
}

static void test_what_is_no_file_is_refused(void **state)
{
	static const char *const outputs[] = { "dir",       "dir/", "link",   "dangling", "fifo",
					       "/dev/null", ".",    "dir/..", "new/" };
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&a, "a");
	assert_int_equal(mkdir("dir", 0755), 0);
	put_file("file", "x");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	before = listing(".");
	for (size_t i = 0; i < GG_LEN(outputs); i++) {
		_cleanup_free_ char *text = gg_asprintf("oci-archive:%s", outputs[i]);

		assert_int_equal(output(f, &a, text), -1);
		assert_int_equal(f->err.kind, gg_streq(outputs[i], "new/") ? GG_SYSTEM : GG_USAGE);
	}
	assert_int_equal(output(f, &a, "oci-archive:no/a.tar"), -1);
	assert_int_equal(f->err.kind, GG_SYSTEM);
	after = listing(".");
	assert_string_equal(before, after);
}

/* At each blob, by an error and by SIGKILL: absent, or as it was; the next run takes away what a dead one left. */
static void test_interrupted(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_fixture_image_ struct fixture_image bad = { 0 };
	char want[GG_DIGEST_HEX], got[GG_DIGEST_HEX];

	make_image(&a, "a");
	assert_written(f, &a, "oci-archive:want");
	file_digest("want", want);
	put_file("old", "old");
	before = listing(".");
	for (int call = 1; call <= BLOBS; call++) {
		make_image(&bad, "a");
		bad.fail_at = call;
		assert_int_equal(output(f, &bad, "oci-archive:new"), -1);
		bad.calls = 0;
		assert_int_equal(output(f, &bad, "oci-archive:old"), -1);
		after = listing(".");
		assert_string_equal(before, after);
		free(gg_steal(&after));
		kill_at(f, &bad, call, "oci-archive:new");
		kill_at(f, &bad, call, "oci-archive:old");
		assert_int_equal(access("new", F_OK), -1);
		assert_file("old", "old");
		assert_int_equal(system("test \"$(ls -d .*ggtmp-* | wc -l)\" = 2"), 0);
		assert_written(f, &a, "oci-archive:new");
		assert_written(f, &a, "oci-archive:old");
		file_digest("new", got);
		assert_string_equal(got, want);
		assert_int_equal(unlink("new"), 0);
		put_file("old", "old");
		after = listing(".");
		assert_string_equal(before, after);
		free(gg_steal(&after));
	}
}

/* A work directory that another run holds is left alone; one that nobody holds goes. */
static void test_the_living_keep_theirs(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	int held;

	make_image(&a, "a");
	assert_int_equal(mkdir(".out.ggtmp-0000000000000000", 0755), 0);
	assert_int_equal(mkdir(".out.ggtmp-1111111111111111", 0755), 0);
	assert_int_equal(mkdir(".other.ggtmp-2222222222222222", 0755), 0);
	held = open(".out.ggtmp-1111111111111111", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(held, LOCK_EX), 0);
	assert_written(f, &a, "oci-archive:out");
	assert_int_equal(access(".out.ggtmp-0000000000000000", F_OK), -1);
	assert_int_equal(access(".out.ggtmp-1111111111111111", F_OK), 0);
	assert_int_equal(access(".other.ggtmp-2222222222222222", F_OK), 0);
	gg_close(held);
	assert_written(f, &a, "oci-archive:out");
	assert_int_equal(access(".out.ggtmp-1111111111111111", F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_is_the_layout, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_blob_comes_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_file_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_file_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_living_keep_theirs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
