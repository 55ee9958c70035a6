/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/resolve.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layers/base/fd.h"

#define HEX "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"

/* "NAME VERSION" and further fields as Packages has them; stanzas by ';'. */
static void add_suite(struct index *ix, const char *suite, const char *spec)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct deb_slice rest = deb_slice(spec), stanza, name, version, field;
	struct gg_buf text = { 0 };

	while (deb_slice_split(&rest, ';', &stanza)) {
		if (!stanza.len)
			continue;
		assert_true(deb_slice_word(&stanza, &name) && deb_slice_word(&stanza, &version));
		gg_buf_printf(&text,
			      "Package: %.*s\nVersion: %.*s\nArchitecture: amd64\nFilename: "
			      "pool/x\nSize: 1\nSHA256: %s\n",
			      (int)name.len, name.p, (int)version.len, version.p, HEX);
		stanza = deb_slice_trim(stanza);
		while (stanza.p && deb_slice_split(&stanza, '&', &field))
			if (field.len)
				gg_buf_printf(&text, "%.*s\n", (int)field.len, field.p);
		gg_buf_putc(&text, '\n');
	}
	if (index_add(ix, suite, suite, &text, &err) < 0)
		fail_msg("%s", err.text);
}

static struct index *one_suite(const char *spec)
{
	struct index *ix = index_new("amd64");

	add_suite(ix, "s", spec);
	index_ready(ix);
	return ix;
}

/* "a=1 b=2" of the resolution of requests (words), or the error's text and hint. */
static char *answer(const struct index *ix, const char *requests, unsigned flags,
		    struct gg_err *err)
{
	_cleanup_resolution_ struct resolution *r = NULL;
	_cleanup_strv_ struct gg_strv names = { 0 };
	struct deb_slice rest = deb_slice(requests), word;
	struct gg_buf b = { 0 };
	int request = -2;

	while (deb_slice_word(&rest, &word))
		gg_strv_take(&names, deb_slice_dup(word));
	if (resolve(ix, (const char *const *)names.v, names.n, flags, &r, &request, err) < 0) {
		gg_buf_printf(&b, "%d: %s | %s", request, err->text, err->hint ? err->hint : "");
		return gg_buf_steal(&b);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct index_package *p = r->packages[i].package;

		gg_buf_printf(&b, "%s%.*s=%.*s", i ? " " : "", (int)p->name.len, p->name.p,
			      (int)p->version.len, p->version.p);
	}
	return gg_buf_steal(&b);
}

static void expect(const char *spec, const char *requests, const char *words)
{
	_cleanup_index_ struct index *ix = one_suite(spec);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *got = answer(ix, requests, 0, &err);

	assert_string_equal(got, words);
	if (err.kind != GG_OK)
		assert_int_equal(err.kind, GG_RECIPE);
}

static void alternatives_and_provides(void **state)
{
	(void)state;
	expect("aa 1 Depends: bb | cc; cc 1; bb 1", "aa", "aa=1 bb=1");
	expect("aa 1 Depends: bb | cc; cc 1; bb 1", "aa cc", "aa=1 cc=1");
	expect("aa 1 Depends: bb (>= 2) | cc; cc 1; bb 1", "aa", "aa=1 cc=1");
	expect("aa 1 Depends: nothing | cc; cc 1", "aa", "aa=1 cc=1");
	/* the real package before providers, providers by priority, then by name */
	expect("aa 1 Depends: bb; bb 1; cc 1 Provides: bb", "aa", "aa=1 bb=1");
	expect("aa 1 Depends: vv; dd 1 Provides: vv; cc 1 Provides: vv", "aa", "aa=1 cc=1");
	expect("aa 1 Depends: vv; dd 1 Provides: vv&Priority: standard; cc 1 Provides: vv", "aa",
	       "aa=1 dd=1");
	/* a versioned relation needs a versioned Provides */
	expect("aa 1 Depends: vv (>= 2); cc 1 Provides: vv; dd 1 Provides: vv (= 2)", "aa",
	       "aa=1 dd=1");
	expect("aa 1 Depends: bb:any, cc:amd64&Pre-Depends: dd; bb 1; cc 1; dd 1", "aa",
	       "aa=1 bb=1 cc=1 dd=1");
	expect("aa 1 Depends: bb:arm64 | cc; bb 1; cc 1", "aa", "aa=1 cc=1");
	/* a cycle ends */
	expect("aa 1 Depends: bb; bb 1 Depends: aa", "aa", "aa=1 bb=1");
	/* an alternative that would clash is passed over */
	expect("aa 1 Depends: bb | cc; bb 1 Conflicts: dd; cc 1; dd 1", "aa dd", "aa=1 cc=1 dd=1");
	/* only one package provides the request */
	expect("old-t64 1 Provides: old", "old", "old-t64=1");
	/* a package may conflict with what it provides itself */
	expect("aa 1 Provides: mta&Conflicts: mta", "aa", "aa=1");
}

static void versions(void **state)
{
	_cleanup_index_ struct index *ix = index_new("amd64");
	static const char *const cases[][2] = {
		{ "aa", "aa=2" },
		{ "aa=1", "aa=1" },
		{ "aa=1 bb", "aa=1 bb=1" },
		{ "cc", "cc=1+b1" },
		{ "aa=3", "0: package 'aa' has no version '3' in s, s-updates | available: 2 "
			  "(s-updates), 1 (s)" },
		{ "dd aa=1",
		  "0: package 'dd' 1 depends on 'aa (>= 2)', which no suite has (requested: dd) | "
		  "available: aa 2 (s-updates), 1 (s)" },
	};

	(void)state;
	add_suite(ix, "s", "aa 1; bb 1 Depends: aa; cc 1; cc 1+b1; dd 1 Depends: aa (>= 2)");
	add_suite(ix, "s-updates", "aa 2; cc 1+b1");
	index_ready(ix);
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_free_ char *got = answer(ix, cases[i][0], 0, &err);

		assert_string_equal(got, cases[i][1]);
	}
}

static void errors(void **state)
{
	(void)state;
	expect("clang 1; cmake 1; bash 1", "bash clnag",
	       "1: no package 'clnag' in s | did you mean: clang");
	expect("clang 1", "zzzzzzzz", "0: no package 'zzzzzzzz' in s | ");
	expect("aa 1", "a_/b", "0: 'a_/b' is no package: NAME or NAME=VERSION is meant | ");
	expect("aa 1", "aa:arm64",
	       "0: package 'aa:arm64': only packages for 'amd64' can be chosen | ");
	expect("gawk 1 Provides: awk; mawk 1 Provides: awk", "awk",
	       "0: package 'awk' is virtual in s | name one of the packages that provide it: gawk, "
	       "mawk");
	expect("aa 1 Depends: bb; bb 1 Depends: cc (>= 2), dd; cc 1; dd 1", "dd aa",
	       "1: package 'bb' 1 depends on 'cc (>= 2)', which no suite has (requested: aa -> bb) "
	       "| "
	       "available: cc 1 (s)");
	expect("aa 1 Depends: zz", "aa",
	       "0: package 'aa' 1 depends on 'zz', which no suite has (requested: aa) | "
	       "add the suite or the component that has it (`suites:`, `components:`)");
	expect("aa 1 Depends: bb; bb 2 Conflicts: cc (<< 3); cc 1", "aa cc",
	       "0: package 'bb' 2 conflicts with 'cc (<< 3)', and that is 'cc' 1 (requested: aa -> "
	       "bb; requested: cc) | "
	       "leave one of the two out, or name another package that provides what is needed");
	expect("aa 1 Breaks: vv; bb 1 Provides: vv", "aa bb",
	       "0: package 'aa' 1 breaks 'vv', and that is 'bb' 1 (requested: aa; requested: bb) | "
	       "leave one of the two out, or name another package that provides what is needed");
}

static void essential(void **state)
{
	_cleanup_index_ struct index *ix =
		one_suite("base 1 Essential: yes&Depends: libx; libx 1; aa 1; old 1 Essential: no");
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *with = answer(ix, "aa", RESOLVE_ESSENTIAL, &err);
	_cleanup_free_ char *without = answer(ix, "aa", 0, &err);
	_cleanup_free_ char *nothing = answer(ix, "", RESOLVE_ESSENTIAL, &err);

	(void)state;
	assert_string_equal(with, "aa=1 base=1 libx=1");
	assert_string_equal(without, "aa=1");
	assert_string_equal(nothing, "base=1 libx=1");
}

static void bad_indexes(void **state)
{
	static const struct {
		const char *field, *value, *words;
	} cases[] = {
		{ "Package", "a", "Package" },
		{ "Version", "x", "Version" },
		{ "Architecture", "i386", "Architecture" },
		{ "Filename", "pool/../x", "Filename" },
		{ "Filename", "/x", "Filename" },
		{ "Filename", "a?b", "Filename" },
		{ "Size", "-1", "Size" },
		{ "SHA256", "12", "SHA256" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		static const char *const names[] = { "Package",  "Version", "Architecture",
						     "Filename", "Size",    "SHA256" };
		static const char *const good[] = { "aa", "1", "all", "pool/x", "1", HEX };
		_cleanup_index_ struct index *ix = index_new("amd64");
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		struct gg_buf text = { 0 };

		for (size_t k = 0; k < GG_LEN(names); k++)
			gg_buf_printf(&text, "%s: %s\n", names[k],
				      gg_streq(names[k], cases[i].field) ? cases[i].value
									 : good[k]);
		assert_int_equal(index_add(ix, "s", "P", &text, &err), -1);
		assert_int_equal(err.kind, GG_INTEGRITY);
		assert_non_null(strstr(err.text, cases[i].words));
	}
}

/* Real suites, trimmed: the answers that apt gave for the whole ones. */
static void check_set(const struct index *ix, const char *path)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 }, got = { 0 };
	_cleanup_free_ char *requests = NULL, *list = NULL;
	const char *end;

	assert_int_equal(gg_read_file(AT_FDCWD, path, 1 << 20, &text, &err), 0);
	end = strchr(text.data, '\n');
	requests = gg_strndup(text.data + 2, (size_t)(end - text.data - 2));
	list = answer(ix, requests, RESOLVE_ESSENTIAL, &err);
	for (char *p = list; *p; p++) {
		if (*p == '=')
			*p = ' ';
		else if (*p == ' ')
			*p = '\n';
	}
	gg_buf_printf(&got, "%s\n", list);
	/* The request's line is not compared; apt's list is sorted as ours. */
	assert_string_equal(got.data, end + 1);
}

static void check_suite(const char *suite, unsigned expected)
{
	static const char *const pockets[] = { "", "-updates", "-security" };
	_cleanup_index_ struct index *ix = index_new("amd64");
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *dir = gg_asprintf(TESTS_DIR "/debian/suites/%s", suite);
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	for (size_t i = 0; i < GG_LEN(pockets); i++) {
		_cleanup_free_ char *path = gg_asprintf("%s/%s%s.Packages", dir, suite, pockets[i]);
		struct gg_buf text = { 0 };

		assert_int_equal(gg_read_file(AT_FDCWD, path, 1 << 26, &text, &err), 0);
		assert_int_equal(index_add(ix, suite, path, &text, &err), 0);
	}
	index_ready(ix);
	d = opendir(dir);
	assert_non_null(d);
	while ((e = readdir(d))) {
		_cleanup_free_ char *path = gg_asprintf("%s/%s", dir, e->d_name);

		if (!gg_ends(e->d_name, ".set"))
			continue;
		check_set(ix, path);
		n++;
	}
	closedir(d);
	assert_int_equal(n, expected);
}

static void answers_of_apt(void **state)
{
	(void)state;
	check_suite("trixie", 9);
	check_suite("bookworm", 5);
}

static void inflates(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, big = GG_ERR_INIT;
	_cleanup_close_ int fd =
		gg_openat(AT_FDCWD, TESTS_DIR "/debian/suites/hello.xz", O_RDONLY, 0, &err);
	_cleanup_buf_ struct gg_buf text = { 0 }, more = { 0 };

	(void)state;
	assert_int_equal(index_inflate("P", fd, 100, &text, &err), 0);
	assert_string_equal(text.data, "hello\n");
	assert_int_equal(index_inflate("P", fd, 5, &more, &big), -1);
	assert_int_equal(big.kind, GG_INTEGRITY);
}

/* What a suite without packages publishes: a stream of nothing, which is not a damaged one. */
static void inflates_nothing(void **state)
{
	static const char empty[] = "\xfd\x37\x7a\x58\x5a\0\0\x04\xe6\xd6\xb4\x46\0\0\0\0"
				    "\x1c\xdf\x44\x21\x1f\xb6\xf3\x7d\x01\0\0\0\0\x04\x59\x5a";

	(void)state;
	for (size_t len = sizeof(empty) - 1; len >= 6; len--) {
		bool whole = len == sizeof(empty) - 1;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_close_ int fd = memfd_create("packages", MFD_CLOEXEC);
		_cleanup_buf_ struct gg_buf text = { 0 };

		assert_int_equal(write(fd, empty, len), len);
		assert_int_equal(index_inflate("P", fd, 100, &text, &err), whole ? 0 : -1);
		assert_int_equal(text.len, 0);
		assert_int_equal(err.kind, whole ? GG_OK : GG_INTEGRITY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alternatives_and_provides),
		cmocka_unit_test(versions),
		cmocka_unit_test(errors),
		cmocka_unit_test(essential),
		cmocka_unit_test(bad_indexes),
		cmocka_unit_test(answers_of_apt),
		cmocka_unit_test(inflates),
		cmocka_unit_test(inflates_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
