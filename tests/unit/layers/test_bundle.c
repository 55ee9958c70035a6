/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a bundle are a promise: its manifest and the whole archive have golden digests. What was written comes
 * back from one file and from pieces of any size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/bundle.h"
#include "layers/bundle_write.h"

static const char *const texts[] = { "recipe: 1\n", "{}\n", "", "some package", "some package" };
enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

static struct bundle_part parts[N_TEXTS];

static struct bundle_info make_info(void)
{
	static const struct {
		enum bundle_role role;
		const char *title, *name;
	} what[N_TEXTS] = { { BUNDLE_RECIPE, "a.recipe", "a" },
			    { BUNDLE_LOCK, "a.lock", "a" },
			    { BUNDLE_KEYRING, "empty.gpg", "keys/empty.gpg" },
			    { BUNDLE_PACKAGE, "one_1_all.deb", "one" },
			    { BUNDLE_URL, "same", "same" } };

	for (size_t i = 0; i < N_TEXTS; i++) {
		parts[i] = (struct bundle_part){ .role = what[i].role,
						 .title = what[i].title,
						 .name = what[i].name,
						 .size = strlen(texts[i]) };
		gg_digest_of(texts[i], strlen(texts[i]), &parts[i].digest);
	}
	return (struct bundle_info){
		.name = "a", .platform = "linux/amd64", .parts = parts, .n_parts = N_TEXTS
	};
}

static void assert_digest(const void *bytes, size_t len, const char *want)
{
	char text[GG_DIGEST_TEXT];
	struct gg_digest d;

	gg_digest_of(bytes, len, &d);
	assert_string_equal(gg_digest_text(&d, text), want);
}

static char *directory(void)
{
	char *dir = gg_strdup("/tmp/gg-bundle-XXXXXX");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void write_bundle(const char *path, uint64_t split)
{
	_cleanup_bundle_writer_ struct bundle_writer *w = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct bundle_info info = make_info();
	struct gg_digest manifest;

	assert_int_equal(bundle_writer_open(path, &info, split, &w, &err), 0);
	assert_false(bundle_writer_has(w, 3));
	assert_true(bundle_writer_has(w, 4));
	/* In any order. */
	for (size_t i = N_TEXTS - 1; i-- > 0;) {
		_cleanup_close_ int fd = bundle_writer_fd(w, i, &err);

		assert_true(fd >= 0);
		assert_int_equal(gg_write_all(fd, texts[i], strlen(texts[i]), &err), 0);
	}
	assert_int_equal(bundle_writer_end(w, &manifest, &err), 0);
}

static void check_bundle(const char *path)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_bundle_ struct bundle *b = NULL;

	assert_true(bundle_recognise(path));
	assert_int_equal(bundle_open(path, &b, &err), 0);
	assert_int_equal(bundle_verify(b, NULL, NULL, &err), 0);
	assert_int_equal(b->info.n_parts, N_TEXTS);
	for (size_t i = 0; i < N_TEXTS; i++) {
		_cleanup_buf_ struct gg_buf text = { 0 };

		assert_int_equal(bundle_read(&b->info.parts[i], &text, &err), 0);
		assert_int_equal(text.len, strlen(texts[i]));
		assert_string_equal(text.data ? text.data : "", texts[i]);
	}
	assert_ptr_equal(bundle_find(b, BUNDLE_URL, "same"), &b->info.parts[4]);
	assert_null(bundle_find(b, BUNDLE_URL, "other"));
	assert_int_equal(b->info.parts[4].offset, b->info.parts[3].offset);
}

static void test_golden_bytes(void **state)
{
	struct bundle_info info = make_info();
	_cleanup_free_ char *text = bundle_manifest(&info), *dir = directory(),
			    *path = gg_asprintf("%s/a.bundle", dir);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf bytes = { 0 };

	(void)state;
	assert_digest(text, strlen(text),
		      "sha256:5eeccf21f24adbb3004a98ad48850fa4ef45515f3cf958ee0398b9da5ea148dc");
	write_bundle(path, 0);
	assert_int_equal(gg_read_file(AT_FDCWD, path, 1 << 20, &bytes, &err), 0);
	assert_digest(bytes.data, bytes.len,
		      "sha256:41d4862fd200225ccb6dc68bc5c7f3ee73fe6af8f778ebf6a4acc8d0fe731b47");
	check_bundle(path);
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void test_pieces_of_any_size(void **state)
{
	static const uint64_t sizes[] = { 13, 511, 512, 513, 1000, 4096, 1 << 20 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(sizes); i++) {
		_cleanup_free_ char *dir = directory(), *path = gg_asprintf("%s/a.bundle", dir);
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		write_bundle(path, sizes[i]);
		check_bundle(path);
		assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
	}
}

static void test_manifest_is_canonical(void **state)
{
	struct bundle_info info = make_info(), read;
	_cleanup_free_ char *text = bundle_manifest(&info);
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
		_cleanup_free_ char *other = gg_asprintf("%.*s %s", (int)i, text, text + i);
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		/* Within a word a space may make another one; it is a manifest of that then. */
		if (bundle_manifest_parse(other, len + 1, arena, &read, &err) == 0) {
			_cleanup_free_ char *again = bundle_manifest(&read);

			assert_string_equal(again, other);
			continue;
		}
		assert_int_equal(err.kind, GG_INTEGRITY);
	}
}

static void test_what_cannot_be_read_is_not_written(void **state)
{
	_cleanup_free_ char *dir = directory(), *path = gg_asprintf("%s/a.bundle", dir);
	_cleanup_bundle_writer_ struct bundle_writer *w = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, ignored = GG_ERR_INIT;
	struct bundle_info info = make_info();
	struct gg_digest manifest;

	(void)state;
	parts[2].title = "two\nlines";
	assert_int_equal(bundle_writer_open(path, &info, 0, &w, &err), 0);
	assert_int_equal(bundle_writer_end(w, &manifest, &err), -1);
	assert_int_equal(access(path, F_OK), -1);
	bundle_writer_free(gg_steal(&w));
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &ignored), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_pieces_of_any_size),
		cmocka_unit_test(test_manifest_is_canonical),
		cmocka_unit_test(test_what_cannot_be_read_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
