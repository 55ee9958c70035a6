/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout.h"

#include <sys/resource.h>

#include "tests/unit/layers/output_fixture.h"

static char *blob_path(const char *dir, const struct image_blob *b)
{
	char hex[GG_DIGEST_HEX];

	return gg_asprintf("%s/blobs/sha256/%s", dir, gg_digest_hex(&b->digest, hex));
}

static char *descriptor(const struct fixture_image *f, const char *ref)
{
	char text[GG_DIGEST_TEXT];

	return gg_asprintf(
		"{\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"},\"digest\":\"%s\","
		"\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
		"\"platform\":{\"architecture\":\"amd64\",\"os\":\"linux\"},\"size\":%zu}",
		ref, gg_digest_text(&f->blobs[3].digest, text), (size_t)f->blobs[3].size);
}

static char *index_of(const char *manifests)
{
	return gg_asprintf(
		"{\"manifests\":[%s],\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
		"\"schemaVersion\":2}",
		manifests);
}

static void assert_blobs(const char *dir, const struct fixture_image *f)
{
	for (size_t i = 0; i < BLOBS; i++) {
		_cleanup_free_ char *path = blob_path(dir, &f->blobs[i]);
		struct stat st;

		assert_file(path, f->text[i]);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0644);
		assert_int_equal(st.st_nlink, 1);
	}
}

static unsigned count_blobs(const char *dir)
{
	_cleanup_free_ char *path = gg_asprintf("%s/blobs/sha256", dir), *text = listing(path);
	unsigned lines = 0;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	return lines - 1;
}

/* The layout holds this image alone, whole, and nothing else is there. */
static void assert_alone(const char *dir, const struct fixture_image *f)
{
	_cleanup_free_ char *index_path = gg_asprintf("%s/index.json", dir),
			    *layout = gg_asprintf("%s/oci-layout", dir);
	_cleanup_free_ char *manifest = descriptor(f, "latest"), *index = index_of(manifest),
			    *all = listing(dir);

	assert_file(layout, "{\"imageLayoutVersion\":\"1.0.0\"}");
	assert_file(index_path, index);
	assert_blobs(dir, f);
	assert_int_equal(count_blobs(dir), BLOBS);
	assert_null(strstr(all, "ggtmp"));
}

static void test_fresh(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *names = NULL;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	struct stat st;

	make_image(&a, "a");
	assert_written(f, &a, "oci:out");
	assert_alone("out", &a);
	assert_int_equal(a.calls, BLOBS);
	assert_int_equal(stat("out", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	names = listing(". -maxdepth 1 -mindepth 1");
	assert_string_equal(names, "./out d 755 3 \n");
	/* Again: no blob is read, and no directory or file is touched. */
	a.calls = 0;
	assert_int_equal(system("find out -printf '%p %i %T@ %C@\\n' | sort >before"), 0);
	assert_written(f, &a, "oci:./out//");
	assert_int_equal(system("find out -printf '%p %i %T@ %C@\\n' | sort | cmp - before"), 0);
	assert_int_equal(a.calls, 0);
	assert_alone("out", &a);
}

static void test_an_empty_directory_keeps_its_mode(void **state)
{
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	struct stat before, after;

	make_image(&a, "a");
	assert_int_equal(mkdir("out", 0700), 0);
	assert_int_equal(stat("out", &before), 0);
	assert_written(*state, &a, "oci:out");
	assert_alone("out", &a);
	assert_int_equal(stat("out", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(after.st_mode & 07777, 0700);
}

static void test_without_reference_the_others_go(void **state)
{
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_fixture_image_ struct fixture_image b = { 0 };

	make_image(&a, "a");
	make_image(&b, "b");
	assert_written(*state, &a, "oci:out:v1");
	assert_int_equal(mkdir("out/blobs/sha512", 0755), 0);
	put_file("out/blobs/sha512/00", "other");
	put_file("out/blobs/sha256/.ggtmp-0123456789abcdef", "left behind");
	put_file("out/.ggtmp-0123456789abcdef", "left behind");
	assert_written(*state, &b, "oci:out");
	assert_alone("out", &b);
	assert_int_equal(access("out/blobs/sha512", F_OK), -1);
}

static void test_with_reference_the_others_stay(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_fixture_image_ struct fixture_image b = { 0 };
	_cleanup_fixture_image_ struct fixture_image c = { 0 };
	_cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *all = NULL, *first = NULL;

	make_image(&a, "a");
	make_image(&b, "b");
	make_image(&c, "c");
	assert_written(f, &a, "oci:out:v1");
	assert_written(f, &b, "oci:out:v2");
	one = descriptor(&a, "v1");
	two = descriptor(&b, "v2");
	three = gg_asprintf("%s,%s", one, two);
	first = index_of(three);
	assert_file("out/index.json", first);
	/* Somebody else's entry, with fields that we do not know, and a blob that nobody lists. */
	put_file("out/blobs/sha256/of-somebody", "else");
	all = gg_asprintf("{\"annotations\":{\"a\":\"b\"},\"manifests\":[%s,{\"digest\":\"sha512:"
			  "00\",\"extra\":[1],"
			  "\"mediaType\":\"x/y\",\"size\":3},%s],\"schemaVersion\":2}",
			  one, two);
	put_file("out/index.json", all);
	assert_written(f, &c, "oci:out:v1");
	free(gg_steal(&one));
	one = descriptor(&c, "v1");
	free(gg_steal(&all));
	all = gg_asprintf("{\"annotations\":{\"a\":\"b\"},\"manifests\":[%s,{\"digest\":\"sha512:"
			  "00\",\"extra\":[1],"
			  "\"mediaType\":\"x/y\",\"size\":3},%s],\"mediaType\":"
			  "\"application/vnd.oci.image.index.v1+json\",\"schemaVersion\":2}",
			  one, two);
	assert_file("out/index.json", all);
	assert_blobs("out", &a);
	assert_blobs("out", &b);
	assert_blobs("out", &c);
	assert_file("out/blobs/sha256/of-somebody", "else");
}

static void test_a_wrong_blob_is_written_again(void **state)
{
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_free_ char *path = NULL;

	make_image(&a, "a");
	assert_written(*state, &a, "oci:out");
	path = blob_path("out", &a.blobs[1]);
	put_file(path, "short");
	assert_written(*state, &a, "oci:out");
	assert_alone("out", &a);
}

/* At each blob, by an error and by SIGKILL: absent or as it was, and the next run makes it whole. */
static void test_interrupted(void **state)
{
	static const char *const outputs[] = { "oci:fresh", "oci:empty", "oci:old", "oci:old:v1" };
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image old = { 0 };
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&old, "old");
	make_image(&a, "a");
	for (size_t i = 0; i < GG_LEN(outputs); i++)
		for (int call = 1; call <= (i < 2 ? BLOBS : BLOBS - 1); call++) {
			_cleanup_free_ char *before = NULL, *after = NULL;
			struct fixture_image bad = a;

			assert_int_equal(system("rm -rf * .[!.]*; mkdir empty"), 0);
			assert_written(f, &old, "oci:old");
			before = listing(".");
			bad.image.ctx = &bad;
			bad.calls = 0;
			bad.fail_at = call;
			assert_int_equal(output(f, &bad, outputs[i]), -1);
			assert_int_equal(f->err.kind, GG_SYSTEM);
			after = listing(".");
			assert_string_equal(before, after);

			kill_at(f, &bad, call, outputs[i]);
			assert_int_equal(access("fresh", F_OK), -1);
			assert_int_equal(access("empty/index.json", F_OK), -1);
			assert_blobs("old", &old);
			if (i < 3) {
				a.image.ctx = &a;
				assert_written(f, &a, outputs[i]);
				assert_alone(outputs[i] + strlen("oci:"), &a);
			}
			free(gg_steal(&after));
			after = listing(". -maxdepth 1");
			assert_null(strstr(after, "ggtmp"));
		}
}

/* Writes that go beyond the process's limit fail as on a full disk. */
static void test_a_write_fails(void **state)
{
	static const char *const outputs[] = { "oci:fresh", "oci:empty", "oci:old", "oci:old:v1" };
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image old = { 0 };
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_free_ char *before = NULL, *after = NULL;

	make_image(&old, "old");
	make_image(&a, "a");
	for (size_t i = 0; i < BLOBS; i++)
		a.stored[i] = fixture_bytes(&a, i);
	assert_int_equal(mkdir("empty", 0755), 0);
	assert_written(f, &old, "oci:old");
	before = listing(".");
	for (size_t i = 0; i < GG_LEN(outputs); i++)
		for (rlim_t limit = 0; limit < 200; limit += 12) {
			pid_t pid = fork();
			int status;

			assert_true(pid >= 0);
			if (pid == 0) {
				signal(SIGXFSZ, SIG_IGN);
				setrlimit(RLIMIT_FSIZE, &(struct rlimit){ limit, limit });
				_exit(output(f, &a, outputs[i]) < 0 && f->err.kind == GG_SYSTEM
					      ? 0
					      : 1);
			}
			assert_int_equal(waitpid(pid, &status, 0), pid);
			assert_int_equal(status, 0);
			after = listing(".");
			assert_string_equal(before, after);
			free(gg_steal(&after));
		}
}

static void assert_refused(struct fixture *f, const char *text, enum gg_kind kind, const char *why)
{
	_cleanup_free_ char *before = listing("."), *after = NULL;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&a, "a");
	assert_int_equal(output(f, &a, text), -1);
	assert_int_equal(f->err.kind, kind);
	if (!strstr(f->err.text, why))
		fail_msg("'%s' is not in: %s", why, f->err.text);
	after = listing(".");
	assert_string_equal(before, after);
}

static void test_what_is_no_layout_is_refused(void **state)
{
	struct fixture *f = *state;

	put_file("file", "x");
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(mkdir("full", 0755), 0);
	put_file("full/file", "x");
	assert_refused(f, "oci:file", GG_USAGE, "'file' exists and is not an OCI layout");
	assert_refused(f, "oci:dangling", GG_USAGE, "'dangling' exists and is not an OCI layout");
	assert_refused(f, "oci:full", GG_USAGE, "'full' exists and is not an OCI layout");
	put_file("full/oci-layout", "{}");
	assert_refused(f, "oci:full", GG_USAGE, "version ''");
	put_file("full/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	put_file("full/index.json", "[]");
	assert_refused(f, "oci:full", GG_INTEGRITY, "lists no manifests");
	put_file("full/index.json", "{\"manifests\":[],\"manifests\":[]}");
	assert_refused(f, "oci:full", GG_INTEGRITY, "duplicate");
	assert_refused(f, "oci:no/out", GG_SYSTEM, "open 'no'");
	assert_refused(f, "oci:file/out", GG_SYSTEM, "Not a directory");
}

static void test_symlinks(void **state)
{
	struct fixture *f = *state;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	_cleanup_fixture_image_ struct fixture_image b = { 0 };
	struct stat st;

	make_image(&a, "a");
	make_image(&b, "b");
	/* The user's own symlink to a layout is followed, and stays. */
	assert_written(f, &a, "oci:real");
	assert_int_equal(symlink("real", "link"), 0);
	assert_written(f, &b, "oci:link");
	assert_alone("real", &b);
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	/* Inside a layout none is. */
	assert_int_equal(mkdir("elsewhere", 0755), 0);
	assert_int_equal(mkdir("elsewhere/sha256", 0755), 0);
	assert_int_equal(mkdir("bad", 0755), 0);
	put_file("bad/oci-layout", OCI_LAYOUT_TEXT);
	assert_int_equal(symlink("../elsewhere", "bad/blobs"), 0);
	assert_refused(f, "oci:bad", GG_SYSTEM, "open 'blobs'");
	assert_int_equal(unlink("bad/blobs"), 0);
	assert_int_equal(mkdir("bad/blobs", 0755), 0);
	assert_int_equal(symlink("../../elsewhere/sha256", "bad/blobs/sha256"), 0);
	assert_refused(f, "oci:bad", GG_SYSTEM, "open 'sha256'");
	assert_int_equal(unlink("bad/blobs/sha256"), 0);
	put_file("elsewhere/index.json", "{\"manifests\":[]}");
	assert_int_equal(symlink("../elsewhere/index.json", "bad/index.json"), 0);
	assert_refused(f, "oci:bad", GG_SYSTEM, "open 'index.json'");
	assert_int_equal(unlink("bad/index.json"), 0);
	assert_int_equal(unlink("bad/oci-layout"), 0);
	assert_int_equal(symlink("../real/oci-layout", "bad/oci-layout"), 0);
	assert_refused(f, "oci:bad", GG_SYSTEM, "open 'oci-layout'");
}

/* A blob's name that is a symlink is replaced, not followed. */
static void test_a_blob_that_is_a_symlink(void **state)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fixture_image_ struct fixture_image a = { 0 };

	make_image(&a, "a");
	assert_written(*state, &a, "oci:out");
	put_file("victim", "untouched");
	path = blob_path("out", &a.blobs[0]);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("../../../victim", path), 0);
	assert_written(*state, &a, "oci:out");
	assert_alone("out", &a);
	assert_file("victim", "untouched");
}

/* As a user to whom the directories do not belong. */
static void test_read_only(void **state)
{
	static const char *const outputs[] = { "oci:new", "oci:old", "oci:empty", "oci:old:v1",
					       "oci-archive:new" };
	struct fixture *f = *state;
	_cleanup_free_ char *before = NULL, *after = NULL;
	_cleanup_fixture_image_ struct fixture_image old = { 0 };
	_cleanup_fixture_image_ struct fixture_image a = { 0 };
	pid_t pid;
	int status;

	make_image(&old, "old");
	make_image(&a, "a");
	assert_written(f, &old, "oci:old");
	assert_int_equal(mkdir("empty", 0755), 0);
	assert_int_equal(system("chmod -R a-w ."), 0);
	before = listing(".");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (getuid() == 0 && setresuid(65534, 65534, 65534) < 0)
			_exit(2);
		for (size_t i = 0; i < GG_LEN(outputs); i++)
			if (output(f, &a, outputs[i]) == 0 || f->err.kind != GG_SYSTEM ||
			    f->err.errnum != EACCES)
				_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	after = listing(".");
	assert_string_equal(before, after);
	assert_int_equal(system("chmod -R u+w ."), 0);
}

/* Writers with references of their own, from nothing: every one of them is there in the end. */
static void test_writers_take_turns(void **state)
{
	enum { WRITERS = 8 };
	struct fixture *f = *state;
	pid_t pids[WRITERS];
	_cleanup_free_ char *names = NULL;

	for (int i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0) {
			_cleanup_free_ char *name = gg_asprintf("v%d", i),
					    *text = gg_asprintf("oci:out:%s", name);
			_cleanup_fixture_image_ struct fixture_image a = { 0 };

			make_image(&a, name);
			_exit(output(f, &a, text) == 0 ? 0 : 1);
		}
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < WRITERS; i++) {
		_cleanup_free_ char *name = gg_asprintf("v%d", i), *command = NULL;
		_cleanup_fixture_image_ struct fixture_image a = { 0 };

		make_image(&a, name);
		assert_blobs("out", &a);
		command = gg_asprintf("grep -q '\"%s\"' out/index.json", name);
		assert_int_equal(system(command), 0);
	}
	assert_int_equal(count_blobs("out"), 1 + WRITERS * (BLOBS - 1));
	names = listing(".");
	assert_null(strstr(names, "ggtmp"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fresh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_empty_directory_keeps_its_mode, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_without_reference_the_others_go, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_with_reference_the_others_stay, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_blob_is_written_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_write_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_no_layout_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_symlinks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_blob_that_is_a_symlink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writers_take_turns, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
