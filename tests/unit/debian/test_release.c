/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/release.h"

#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/base/fd.h"

#define FIXTURES TESTS_DIR "/debian/release/"

enum { JANUARY_1 = 1704067200, JANUARY_8 = 1704672000 };

/* Verifies fixture `file` with keyring `key` ("a.gpg b.asc"); the signed text, or NULL and the error. */
static char *verify(const char *file, const char *key, struct gg_err *err)
{
	_cleanup_release_keys_ struct release_keys keys = { 0 };
	_cleanup_buf_ struct gg_buf bytes = { 0 }, text = { 0 };
	struct deb_slice rest = deb_slice(key), word;

	assert_int_equal(gg_read_file(AT_FDCWD, file, 1 << 20, &bytes, err), 0);
	while (deb_slice_word(&rest, &word))
		gg_strv_addf(&keys.files, FIXTURES "%.*s", (int)word.len, word.p);
	if (release_verify("F", "debian", bytes.data, bytes.len, &keys, &text, err) < 0)
		return NULL;
	return gg_buf_steal(&text);
}

static struct release *parse(void)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *text = verify(FIXTURES "one.InRelease", "one.gpg", &err);
	struct release *r = NULL;

	if (!text)
		fail_msg("%s", err.text);
	assert_int_equal(release_parse("F", text, strlen(text), &r, &err), 0);
	return r;
}

static void good_signatures(void **state)
{
	static const char *const cases[][2] = {
		{ "one.InRelease", "one.gpg" },          { "one.InRelease", "one.asc" },
		{ "both.InRelease", "one.gpg" },         { "both.InRelease", "two.asc" },
		{ "both.InRelease", "old.gpg one.asc" }, { "one.InRelease", "two.asc one.gpg" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_free_ char *file = gg_asprintf(FIXTURES "%s", cases[i][0]);
		_cleanup_free_ char *text = verify(file, cases[i][1], &err);

		if (!text)
			fail_msg("%s with %s: %s", cases[i][0], cases[i][1], err.text);
		assert_true(gg_starts(text, "Origin: Fixture\n"));
		assert_null(strstr(text, "PGP"));
	}
}

static void bad_signatures(void **state)
{
	static const struct {
		const char *file, *key, *text, *hint;
	} cases[] = {
		{ "one.InRelease", "two.asc",
		  "no public key for its signatures:", "debian-archive-keyring" },
		{ "changed.InRelease", "one.gpg", "verify 'F': bad signature of key",
		  "another mirror" },
		{ "old.InRelease", "old.gpg",
		  "signed with an expired key:", "debian-archive-keyring" },
		{ "gone.InRelease", "revoked.gpg",
		  "signed with a revoked key:", "debian-archive-keyring" },
		{ "one.asc", "one.gpg", "verify 'F': it is no signed text", "page of its own" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_free_ char *file = gg_asprintf(FIXTURES "%s", cases[i].file);

		assert_null(verify(file, cases[i].key, &err));
		assert_int_equal(err.kind, GG_INTEGRITY);
		if (!strstr(err.text, cases[i].text) || !strstr(err.hint, cases[i].hint))
			fail_msg("%s: %s / %s", cases[i].file, err.text, err.hint);
	}
}

/* Text around the signed one, a cut, a second message: none of it may reach the parser. */
static void frames(void **state)
{
	_cleanup_release_keys_ struct release_keys keys = { 0 };
	_cleanup_buf_ struct gg_buf good = { 0 };
	_cleanup_err_ struct gg_err outer = GG_ERR_INIT;

	(void)state;
	gg_strv_add(&keys.files, FIXTURES "one.gpg");
	assert_int_equal(gg_read_file(AT_FDCWD, FIXTURES "one.InRelease", 1 << 20, &good, &outer),
			 0);
	for (int kind = 0; kind < 5; kind++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_buf_ struct gg_buf b = { 0 }, text = { 0 };

		if (kind == 0)
			gg_buf_puts(&b, "Origin: Other\n");
		gg_buf_add(&b, good.data, kind == 1 ? good.len / 2 : kind == 4 ? 0 : good.len);
		if (kind == 2)
			gg_buf_puts(&b, "Origin: Other\n");
		if (kind == 3)
			gg_buf_add(&b, good.data, good.len);
		assert_int_equal(release_verify("F", "debian", b.data ? b.data : "", b.len, &keys,
						&text, &err),
				 -1);
		assert_int_equal(err.kind, GG_INTEGRITY);
		assert_int_equal(text.len, 0);
	}
}

static void missing_keyring(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, none = GG_ERR_INIT;

	(void)state;
	assert_null(verify(FIXTURES "one.InRelease", "absent.gpg", &err));
	assert_non_null(strstr(err.text, "absent.gpg"));
	assert_non_null(strstr(err.hint, "install the package debian-archive-keyring"));
	assert_null(verify(FIXTURES "one.InRelease", "", &none));
	assert_int_equal(none.kind, GG_USAGE);
}

static void inline_keys(void **state)
{
	_cleanup_release_keys_ struct release_keys keys = { 0 };
	_cleanup_buf_ struct gg_buf armour = { 0 }, bytes = { 0 }, text = { 0 }, binary = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(gg_read_file(AT_FDCWD, FIXTURES "one.asc", 1 << 20, &armour, &err), 0);
	assert_int_equal(gg_read_file(AT_FDCWD, FIXTURES "one.InRelease", 1 << 20, &bytes, &err),
			 0);
	gg_strv_add(&keys.texts, armour.data);
	assert_int_equal(release_verify("F", "debian", bytes.data, bytes.len, &keys, &text, &err),
			 0);
	/* Every change of a base64 character is seen by the checksum. */
	for (size_t i = 40; i + 40 < armour.len; i += 13) {
		_cleanup_err_ struct gg_err bad = GG_ERR_INIT;
		char old = armour.data[i];

		if (old == '\n' || old == '=')
			continue;
		armour.data[i] = old == 'A' ? 'B' : 'A';
		binary.len = 0;
		assert_int_equal(release_dearmor("k", armour.data, armour.len, &binary, &bad), -1);
		assert_int_equal(bad.kind, GG_INTEGRITY);
		armour.data[i] = old;
	}
}

static void fields(void **state)
{
	_cleanup_release_ struct release *r = parse();
	_cleanup_free_ char *path = NULL, *other = NULL;
	const struct release_file *f;

	(void)state;
	assert_string_equal(r->suite, "stable");
	assert_string_equal(r->codename, "fixture");
	assert_int_equal(r->date, JANUARY_1);
	assert_int_equal(r->valid_until, JANUARY_8);
	assert_true(r->by_hash);
	assert_false(r->all_is_separate);
	assert_true(gg_strv_has(&r->architectures, "arm64"));
	assert_int_equal(r->n_files, 5);
	f = release_packages(r, "main", "amd64", &path);
	assert_string_equal(f->path, "main/binary-amd64/Packages.xz");
	assert_int_equal(f->size, 6);
	assert_true(gg_starts(path, "main/binary-amd64/by-hash/SHA256/5891b5b5"));
	assert_string_equal(release_packages(r, "main", "arm64", &other)->path,
			    "main/binary-arm64/Packages.gz");
	assert_null(release_packages(r, "main", "riscv64", &other));
	assert_null(release_find(r, "main"));
}

static void dates(void **state)
{
	_cleanup_release_ struct release *r = parse();
	_cleanup_err_ struct gg_err future = GG_ERR_INIT, old = GG_ERR_INIT, wrong = GG_ERR_INIT,
				    ok = GG_ERR_INIT;

	(void)state;
	assert_int_equal(release_check(r, "F", "stable", JANUARY_1, 0, &ok), 0);
	assert_int_equal(release_check(r, "F", "fixture", JANUARY_8, 0, &ok), 0);
	assert_int_equal(release_check(r, "F", "fixture", JANUARY_8 + 1, 0, &old), -1);
	assert_int_equal(old.kind, GG_INTEGRITY);
	assert_string_equal(old.text, "check 'F': it expired: valid until 2024-01-08 00:00:00 UTC, "
				      "and it is 2024-01-08 00:00:01 UTC here");
	assert_int_equal(
		release_check(r, "F", "fixture", JANUARY_8 + 1, RELEASE_IGNORE_EXPIRY, &ok), 0);
	assert_int_equal(release_check(r, "F", "fixture", JANUARY_1 - 301, 0, &future), -1);
	assert_string_equal(future.text,
			    "check 'F': it is from the future: dated 2024-01-01 00:00:00 UTC, "
			    "and it is 2023-12-31 23:54:59 UTC here");
	assert_int_equal(release_check(r, "F", "other", JANUARY_1, 0, &wrong), -1);
	assert_int_equal(release_date(deb_slice("Sat, 15 Nov 2025 10:02:44 UTC")), 1763200964);
	assert_int_equal(release_date(deb_slice("Sat, 15 Nov 2025 10:02:44 CET")), -1);
	assert_int_equal(release_date(deb_slice("15 Nov 2025 10:02:44 UTC")), -1);
	assert_int_equal(release_date(deb_slice("Sat, 32 Nov 2025 10:02:44 UTC")), -1);
	assert_int_equal(release_date(deb_slice("")), -1);
}

#define HEX "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

static void lies(void **state)
{
	static const char *const files[] = {
		" " HEX " 6 ../x\n", " " HEX " 6 /x\n",
		" " HEX " 6 a//b\n", " " HEX " x a\n",
		" " HEX " 6\n",      " 58 6 a\n",
		" " HEX " 6 a b\n",  " " HEX " 6 a\n " HEX " 7 a\n",
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(files); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_free_ char *text = gg_asprintf(
			"Suite: s\nDate: Mon, 01 Jan 2024 00:00:00 UTC\nSHA256:\n%s", files[i]);
		struct release *r = NULL;

		assert_int_equal(release_parse("F", text, strlen(text), &r, &err), -1);
		assert_int_equal(err.kind, GG_INTEGRITY);
	}
}

static void gpgv_is_missing(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *path = gg_strdup(getenv("PATH"));

	(void)state;
	setenv("PATH", FIXTURES, 1);
	assert_null(verify(FIXTURES "one.InRelease", "one.gpg", &err));
	setenv("PATH", path, 1);
	assert_int_equal(err.kind, GG_SYSTEM);
	assert_string_equal(err.hint, "install the package gpgv");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_signatures), cmocka_unit_test(bad_signatures),
		cmocka_unit_test(frames),          cmocka_unit_test(missing_keyring),
		cmocka_unit_test(inline_keys),     cmocka_unit_test(fields),
		cmocka_unit_test(dates),           cmocka_unit_test(lies),
		cmocka_unit_test(gpgv_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
