/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct gg_digest digest_of(const char *text)
{
	struct gg_digest d;

	gg_digest_of(text, strlen(text), &d);
	return d;
}

static void words(struct gg_strv *list, const char *text)
{
	_cleanup_free_ char *copy = gg_strdup(text);
	char *save = NULL;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		gg_strv_add(list, w);
}

static void put_distro(struct lock *l, const char *platform, const char *request,
		       const char *version)
{
	_cleanup_strv_ struct gg_strv suites = { 0 }, components = { 0 }, wanted = { 0 };
	_cleanup_free_ char *key = NULL;
	struct lock_release releases[] = {
		{ "trixie", 1763716544, digest_of("InRelease") },
		{ "trixie-security", 1763716545, digest_of("InRelease of security") },
	};
	struct lock_package packages[] = {
		{ "curl", version, "amd64", "pool/main/c/curl/curl.deb", "trixie", 1,
		  digest_of(version) },
		{ "bash", "5.2.37-2+b5", "amd64", "pool/main/b/bash/bash.deb", "trixie-security", 2,
		  digest_of("bash") },
	};
	struct lock_distro d = { .distro = "debian",
				 .essential = 1,
				 .releases = releases,
				 .n_releases = 2,
				 .packages = packages,
				 .n_packages = 2 };

	words(&suites, "trixie trixie-updates trixie-security");
	words(&components, "main");
	words(&wanted, request);
	key = lock_distro_key("debian", &suites, &components, &wanted, 1);
	d.key = key;
	d.suites = suites;
	d.components = components;
	d.request = wanted;
	lock_put_distro(l, lock_platform(l, platform), &d);
}

static struct lock *sample(void)
{
	struct lock *l = lock_new();

	l->formats = (struct lock_formats){ .tar = 1, .tree = 4, .gzip = { .format = 2 } };
	l->formats.zstd = (struct lock_compressor){ .format = 3,
						    .library = "zstd 1.5.4",
						    .level = 5,
						    .block = 1 << 22,
						    .golden = digest_of("golden") };
	l->epoch = 1763716544;
	put_distro(l, "linux/amd64", "curl bash", "8.14.1-2");
	lock_put_fetch(
		l, lock_platform(l, "linux/amd64"),
		&(struct lock_fetch){ digest_of("definition"), "toolchain", digest_of("tree") });
	lock_put_url(l, &(struct lock_url){ digest_of("url"), 77 });
	lock_put_piece(l, &(struct lock_piece){ "rustup@1", digest_of("piece") });
	return l;
}

static void put_image(struct lock *l, const char *reference, const char *manifest)
{
	_cleanup_free_ char *key = lock_image_key(reference);
	struct lock_image_layer layers[] = {
		{ { "application/vnd.oci.image.layer.v1.tar+gzip", digest_of("layer 1"), 10 },
		  digest_of("tar 1") },
		{ { "application/vnd.oci.image.layer.v1.tar+gzip", digest_of("layer 2"), 20 },
		  digest_of("tar 2") },
	};
	struct lock_image i = { .key = key,
				.name = "library/base:1",
				.config = { "config+json", digest_of("config"), 4 },
				.created = 1763716544,
				.layers = layers,
				.n_layers = 2 };

	if (manifest) {
		i.index = digest_of("index");
		i.manifest = (struct lock_blob){ "manifest+json", digest_of(manifest), 3 };
	}
	lock_put_image(l, lock_platform(l, "linux/amd64"), &i);
}

/* ---- canonical text ---- */

static void test_golden(void **state)
{
	_cleanup_lock_ struct lock *l = sample();
	_cleanup_free_ char *text = lock_text(l);
	struct gg_digest d = digest_of(text);
	char hex[GG_DIGEST_HEX];

	(void)state;
	assert_non_null(
		strstr(text, "\"epoch\": 1763716544,\n  \"formats\": {\n    \"gzip\": 2,\n"));
	assert_true(strstr(text, "\"name\": \"bash\"") < strstr(text, "\"name\": \"curl\""));
	assert_true(gg_ends(text, "\n}\n"));
	/* a change here changes every lock that was ever written */
	assert_string_equal(gg_digest_hex(&d, hex),
			    "98d2e5b96f8cc038ae8c9667316cfd87710d83f856070d3421f35e99a1bc3e64");
}

static void test_round_trip(void **state)
{
	_cleanup_lock_ struct lock *l = sample(), *back = NULL;
	_cleanup_free_ char *text = lock_text(l), *again = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct lock_platform *p;
	struct gg_digest d = digest_of("definition");

	(void)state;
	assert_int_equal(lock_parse("x.lock", text, strlen(text), &back, &err), 0);
	again = lock_text(back);
	assert_string_equal(text, again);
	p = lock_platform(back, "linux/amd64");
	assert_int_equal(p->n_distros, 1);
	assert_ptr_equal(lock_find_distro(p, p->distros[0].key), &p->distros[0]);
	assert_null(lock_find_distro(p, "0000000000000000"));
	assert_string_equal(lock_find_fetch(p, &d)->name, "toolchain");
	assert_int_equal(p->distros[0].packages[1].size, 1);
	assert_int_equal(back->urls[0].size, 77);
	assert_int_equal(back->formats.tree, 4);
	assert_int_equal(back->formats.gzip.format, 2);
	assert_true(gg_digest_is_zero(&back->formats.gzip.golden));
	assert_int_equal(back->formats.zstd.level, 5);
	assert_int_equal(back->formats.zstd.block, 1 << 22);
	assert_string_equal(back->formats.zstd.library, "zstd 1.5.4");
}

static uint32_t seed;
static uint32_t any(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Whatever is put in, in whatever order and however often, comes back the same. */
static void test_property(void **state)
{
	(void)state;
	for (seed = 1; seed < 200; seed += 7) {
		_cleanup_lock_ struct lock *l = lock_new(), *back = NULL;
		_cleanup_free_ char *text = NULL, *again = NULL;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		uint32_t first = seed;

		l->epoch = any(2) ? -1 : (int64_t)any(1u << 23);
		for (uint32_t i = any(20); i > 0; i--) {
			const char *platform = any(2) ? "linux/amd64" : "linux/arm64/v8";
			char a[32], b[32];

			snprintf(a, sizeof(a), "p%u r%u", any(3), any(3) + 3);
			snprintf(b, sizeof(b), "%u", any(4));
			put_distro(l, platform, a, b);
			lock_put_fetch(l, lock_platform(l, platform),
				       &(struct lock_fetch){ digest_of(a), "f", digest_of(b) });
			lock_put_url(l, &(struct lock_url){ digest_of(b), any(9) });
			snprintf(a, sizeof(a), "piece%u@%u", any(3), any(3));
			lock_put_piece(l, &(struct lock_piece){ a, digest_of(b) });
		}
		text = lock_text(l);
		if (lock_parse("x.lock", text, strlen(text), &back, &err) < 0)
			fail_msg("seed %u: %s", first, err.text);
		again = lock_text(back);
		assert_string_equal(text, again);
		seed = first;
	}
}

/* ---- what is refused ---- */

/* The sample with one text replaced, and the error that must follow. */
static const struct {
	const char *from, *to, *error;
} bad[] = {
	{ "\"lock\": 1", "\"lock\": 2",
	  "$.lock: version 2 of the lock is not known to this ggbuild" },
	{ "\"lock\": 1", "\"lock\": \"1\"", "$.lock: not an integer" },
	{ "\"lock\": 1", "\"lock\": 1, \"host\": 1", "$.host: unknown key" },
	{ "\"lock\": 1", "\"lock\": 1, \"lock\": 1", "$: JSON, line " },
	{ "\"gzip\": 2", "\"gzip\": -2", "$.formats.gzip: -2 is not between 0 and 2147483647" },
	{ "\"gzip\": 2,", "", "$.formats: 'gzip' is missing" },
	{ "\"gzip\": 2", "\"gzip\": 2.5", "$.formats.gzip: not an integer" },
	{ "\"format\": 3", "\"format\": -3", "$.formats.zstd.format: -3 is not between 0 and" },
	{ "\"level\": 5,", "", "$.formats.zstd: 'level' is missing" },
	{ "zstd 1.5.4", "zstd\\t1", "$.formats.zstd.library: 'zstd\t1' holds a character" },
	{ "\"level\": 5", "\"level\": \"5\"", "$.formats.zstd.level: not an integer" },
	{ "\"level\": 5", "\"level\": 5, \"x\": 1", "$.formats.zstd.x: unknown key" },
	{ "\"golden\": \"sha256:", "\"golden\": \"sha1:", ".zstd.golden: not \"sha256:\" and 64" },
	{ "\"epoch\": 1763716544", "\"epoch\": -1", "$.epoch: -1 is not between" },
	{ "linux/amd64", "Linux amd64",
	  "$.platforms[\"Linux amd64\"]: not a platform like 'linux/amd64'" },
	{ "linux/amd64", "linux", "$.platforms.linux: not a platform" },
	{ "\"essential\": true", "\"essential\": 1", ".essential: neither true nor false" },
	{ "\"essential\": true", "\"essential\": false", ": the key of this request is '" },
	{ "\"request\": [\n            \"bash\",", "\"request\": [\n            \"zsh\",",
	  ".request[1]: 'curl' is out of order" },
	{ "\"request\": [\n            \"bash\",", "\"request\": [\n            \"curl\",",
	  ".request[1]: 'curl' is there twice" },
	{ "\"name\": \"bash\"", "\"name\": \"zsh\"",
	  ".packages[1]: package 'curl' is out of order" },
	{ "\"name\": \"bash\"", "\"name\": \"curl\"",
	  ".packages[1]: package 'curl' is there twice" },
	{ "\"name\": \"bash\"", "\"name\": \"\"", ".packages[0].name: empty or too long" },
	{ "\"name\": \"bash\"", "\"name\": \"ba sh\"",
	  ".packages[0].name: 'ba sh' holds a character" },
	{ "\"name\": \"bash\"", "\"name\": 5", ".packages[0].name: not a string" },
	{ "\"suite\": \"trixie\"", "\"suite\": \"sid\"", "suite 'sid' is not one of the entry's" },
	{ "pool/main/b/bash/bash.deb", "pool/../bash.deb",
	  ".packages[0].path: 'pool/../bash.deb' is not a clean" },
	{ "pool/main/b/bash/bash.deb", "/pool/bash.deb",
	  ".path: '/pool/bash.deb' is not a clean path" },
	{ "pool/main/b/bash/bash.deb", "http://h/bash.deb",
	  ".path: 'http://h/bash.deb' is not a clean" },
	{ "pool/main/b/bash/bash.deb", "pool/", ".path: 'pool/' is not a clean" },
	{ "\"size\": 2,", "\"size\": -2,", ".packages[0].size: -2 is not between" },
	{ "\"tree\": \"sha256:", "\"tree\": \"sha512:", ".tree: not \"sha256:\" and 64" },
	{ "\"tree\": \"sha256:", "\"tree\": \"sha256:A", ".tree: not \"sha256:\" and 64" },
	{ "\"rustup@1\"", "\"rustup\"", "$.pieces.rustup: not a piece's name like 'rustup@1'" },
	{ "\"size\": 77", "\"size\": 77, \"url\": \"u\"", ".url: unknown key" },
	{ "\"name\": \"library/base:1\"", "\"name\": \"b a\"", ".name: 'b a' holds a character" },
	{ "\"size\": 10", "\"size\": -10", ".layers[0].size: -10 is not between" },
	{ "\"size\": 4", "\"size\": \"4\"", ".config.size: not an integer" },
	{ "\"index\": \"sha256:", "\"index\": \"sha512:", ".index: not \"sha256:\" and 64" },
	{ "\"diff-id\"", "\"diffid\"", ".layers[0]: 'diff-id' is missing" },
	{ "\"manifest\": {", "\"manifests\": {", ".manifests: unknown key" },
	{ "\"created\": 1763716544", "\"created\": -1", ".created: -1 is not between" },
	{ "\"images\": {\n        \"", "\"images\": {\n        \"X",
	  ": the key is not 16 lower-case hexadecimal digits" },
	{ "\"urls\": {", "\"urls\": [], \"x\": {", "$.x: unknown key" },
	{ "\"epoch\": 1763716544,\n", "\"epoch\":1763716544,\n", "not in its canonical form" },
	{ "{\n  \"epoch\": 1763716544,\n", "{\n", "" }, /* an epoch may be absent */
	{ "\n}\n", "\n}", "not in its canonical form" },
	{ "\n}\n", "\n}\n\n", "not in its canonical form" },
	{ "\n}\n", "\n}\n{}", "$: JSON, line " },
	{ "{\n  \"epoch\"", "[\n  \"epoch\"", "$: JSON, line " },
};

static void test_bad(void **state)
{
	_cleanup_lock_ struct lock *l = sample();
	_cleanup_free_ char *text = NULL;

	(void)state;
	put_image(l, "docker://base:1", "manifest");
	text = lock_text(l);
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_lock_ struct lock *back = NULL;
		_cleanup_buf_ struct gg_buf changed = { 0 };
		char *at = strstr(text, bad[i].from);

		if (!at)
			fail_msg("case %zu does not apply: %s", i, bad[i].from);
		gg_buf_add(&changed, text, (size_t)(at - text));
		gg_buf_puts(&changed, bad[i].to);
		gg_buf_puts(&changed, at + strlen(bad[i].from));
		if (!*bad[i].error) {
			assert_int_equal(
				lock_parse("x.lock", changed.data, changed.len, &back, &err), 0);
			assert_int_equal(back->epoch, -1);
			continue;
		}
		assert_int_equal(lock_parse("x.lock", changed.data, changed.len, &back, &err), -1);
		assert_int_equal(err.kind, GG_LOCK);
		assert_string_equal(err.pos.file, "x.lock");
		assert_non_null(err.hint);
		if (!strstr(err.text, bad[i].error))
			fail_msg("case %zu: '%s' is not in '%s'", i, bad[i].error, err.text);
	}
}

/* ---- keys, differences, pruning ---- */

static void test_key(void **state)
{
	_cleanup_strv_ struct gg_strv suites = { 0 }, main_only = { 0 }, ab = { 0 }, ba = { 0 },
				      joined = { 0 };
	_cleanup_free_ char *one = NULL, *two = NULL, *three = NULL, *four = NULL;

	(void)state;
	words(&suites, "trixie");
	words(&main_only, "main");
	words(&ab, "a b");
	words(&ba, "b a");
	gg_strv_add(&joined, "a b");
	one = lock_distro_key("debian", &suites, &main_only, &ab, 1);
	two = lock_distro_key("debian", &suites, &main_only, &ba, 1);
	three = lock_distro_key("debian", &suites, &main_only, &ab, 0);
	four = lock_distro_key("debian", &suites, &main_only, &joined, 1);
	assert_int_equal(strlen(one), 16);
	assert_string_equal(one, two);
	assert_string_not_equal(one, three);
	assert_string_not_equal(one, four);
}

static void expect_diff(const struct lock *a, const struct lock *b, const char *expected)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	lock_diff(a, b, &text);
	assert_string_equal(text.data ? text.data : "", expected);
}

static void test_diff(void **state)
{
	_cleanup_lock_ struct lock *a = sample(), *b = sample();

	(void)state;
	expect_diff(a, b, "");
	put_distro(b, "linux/amd64", "curl bash", "8.14.1-3");
	b->epoch += 60;
	b->formats.tar = 9;
	expect_diff(a, b,
		    "epoch 2025-11-21T09:15:44Z -> 2025-11-21T09:16:44Z\n"
		    "format tar 1 -> 9\n"
		    "package curl 8.14.1-2 -> 8.14.1-3\n");
}

static void test_diff_compressors(void **state)
{
	_cleanup_lock_ struct lock *a = sample(), *b = sample();

	(void)state;
	b->formats.gzip = a->formats.zstd;
	b->formats.zstd.library = "zstd 1.5.7";
	b->formats.zstd.golden = digest_of("other");
	expect_diff(a, b,
		    "compressor gzip zstd 1.5.4 added\n"
		    "compressor zstd sha256:dd56de413795 -> sha256:d9298a10d1b0\n"
		    "compressor zstd zstd 1.5.4 -> zstd 1.5.7\n"
		    "format gzip 2 -> 3\n");
	b->formats.zstd = a->formats.zstd;
	b->formats.zstd.level = 6;
	b->formats.zstd.block = 7;
	b->formats.gzip = (struct lock_compressor){ .format = 2 };
	expect_diff(a, b,
		    "compressor zstd block 4194304 -> 7\n"
		    "compressor zstd level 5 -> 6\n");
	a->formats.zstd = a->formats.gzip;
	expect_diff(b, a,
		    "compressor zstd zstd 1.5.4 removed\n"
		    "format zstd 3 -> 2\n");
}

static void test_diff_pairs(void **state)
{
	_cleanup_lock_ struct lock *a = lock_new(), *b = lock_new();

	(void)state;
	put_distro(a, "linux/amd64", "curl bash", "1");
	put_distro(b, "linux/amd64", "curl git", "1");
	lock_put_fetch(a, lock_platform(a, "linux/amd64"),
		       &(struct lock_fetch){ digest_of("d1"), "toolchain", digest_of("t1") });
	lock_put_fetch(b, lock_platform(b, "linux/amd64"),
		       &(struct lock_fetch){ digest_of("d2"), "toolchain", digest_of("t2") });
	lock_put_fetch(b, lock_platform(b, "linux/amd64"),
		       &(struct lock_fetch){ digest_of("d3"), "crates", digest_of("t3") });
	lock_put_url(b, &(struct lock_url){ digest_of("url"), 5 });
	lock_put_piece(a, &(struct lock_piece){ "x@1", digest_of("1") });
	expect_diff(a, b,
		    "fetch crates added\n"
		    "fetch toolchain redefined\n"
		    "fetch toolchain sha256:628b49d96dcd -> sha256:c44474038d45\n"
		    "piece x@1 removed\n"
		    "request debian trixie +git\n"
		    "request debian trixie -bash\n"
		    "url sha256:28e5ebabd9d8 added\n");
}

static void test_forget(void **state)
{
	_cleanup_lock_ struct lock *l = sample();
	struct lock_platform *p = lock_platform(l, "linux/amd64"), *other;
	struct gg_digest d = digest_of("definition"), old = digest_of("old");

	(void)state;
	lock_put_fetch(l, p, &(struct lock_fetch){ old, "toolchain", digest_of("x") });
	assert_int_equal(p->n_fetches, 2);
	assert_true(lock_drop_fetch(p, &d));
	assert_false(lock_drop_fetch(p, &d));
	assert_int_equal(p->n_fetches, 1);
	assert_true(gg_digest_eq(&p->fetches[0].definition, &old));
	lock_put_fetch(l, lock_platform(l, "linux/arm64"),
		       &(struct lock_fetch){ d, "toolchain", digest_of("x") });
	lock_clear(l, lock_platform(l, "linux/amd64"));
	assert_int_equal(lock_platform(l, "linux/amd64")->n_distros, 0);
	assert_int_equal(lock_platform(l, "linux/amd64")->n_fetches, 0);
	assert_int_equal(l->n_urls + l->n_pieces, 0);
	assert_int_equal(l->epoch, -1);
	other = lock_platform(l, "linux/arm64");
	assert_non_null(lock_find_fetch(other, &d));
}

static void test_prune(void **state)
{
	_cleanup_lock_ struct lock *l = sample();
	struct lock_use use GG_CLEANUP(lock_use_done) = { 0 };
	struct lock_platform *p;
	struct gg_digest d = digest_of("definition");
	char hex[GG_DIGEST_HEX];

	(void)state;
	lock_put_fetch(l, lock_platform(l, "linux/arm64"),
		       &(struct lock_fetch){ digest_of("old"), "toolchain", digest_of("x") });
	p = lock_platform(l, "linux/amd64");
	lock_put_fetch(l, p, &(struct lock_fetch){ digest_of("old"), "toolchain", digest_of("x") });
	put_distro(l, "linux/amd64", "other", "1");
	gg_strv_add(&use.fetches, gg_digest_hex(&d, hex));
	gg_strv_add(&use.pieces, "rustup@1");
	gg_strv_add(&use.distros, p->distros[0].key);
	assert_int_equal(p->n_distros, 2);
	assert_true(lock_prune(l, p, &use));
	assert_int_equal(p->n_distros, 1);
	assert_string_equal(p->distros[0].key, use.distros.v[0]);
	assert_int_equal(p->n_fetches, 1);
	assert_true(gg_digest_eq(&p->fetches[0].definition, &d));
	assert_int_equal(l->n_urls, 0);
	assert_int_equal(l->n_pieces, 1);
	assert_true(lock_platform(l, "linux/arm64")->n_fetches > 0);
	assert_false(lock_prune(l, lock_platform(l, "linux/amd64"), &use));
}

static void test_images(void **state)
{
	_cleanup_lock_ struct lock *a = sample(), *b = sample(), *back = NULL;
	struct lock_use use GG_CLEANUP(lock_use_done) = { 0 };
	_cleanup_free_ char *key = lock_image_key("docker://base:1"),
			    *other = lock_image_key("oci:base:1"), *text = NULL, *again = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	const struct lock_image *i;
	struct lock_platform *p;

	(void)state;
	assert_int_equal(strlen(key), 16);
	assert_string_not_equal(key, other);
	put_image(a, "docker://base:1", "manifest");
	put_image(a, "oci:base:1", NULL);
	text = lock_text(a);
	assert_int_equal(lock_parse("x.lock", text, strlen(text), &back, &err), 0);
	again = lock_text(back);
	assert_string_equal(text, again);
	p = lock_platform(back, "linux/amd64");
	i = lock_find_image(p, key);
	assert_int_equal(i->n_layers, 2);
	assert_int_equal(i->layers[1].blob.size, 20);
	assert_int_equal(i->created, 1763716544);
	assert_false(gg_digest_is_zero(&i->index));
	assert_true(gg_digest_is_zero(&lock_find_image(p, other)->manifest.digest));
	expect_diff(b, a, "image library/base:1 added\n");
	expect_diff(a, b, "image library/base:1 removed\n");
	put_image(b, "oci:base:1", NULL);
	put_image(b, "docker://base:1", "another");
	expect_diff(a, b, "image library/base:1 sha256:05b3abf2579a -> sha256:ae448ac86c4e\n");
	gg_strv_add(&use.images, key);
	assert_true(lock_prune(back, p, &use));
	assert_int_equal(p->n_images, 1);
	assert_string_equal(p->images[0].key, key);
	lock_clear(back, p);
	assert_null(lock_find_image(p, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_images),     cmocka_unit_test(test_golden),
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_property),
		cmocka_unit_test(test_bad),        cmocka_unit_test(test_key),
		cmocka_unit_test(test_diff),       cmocka_unit_test(test_diff_compressors),
		cmocka_unit_test(test_diff_pairs), cmocka_unit_test(test_forget),
		cmocka_unit_test(test_prune),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
