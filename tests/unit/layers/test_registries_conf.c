/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registries_conf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/reference.h"
#include "layers/registry_settings.h"

struct fixture {
	char *dir, *conf;
};

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));

	f->dir = gg_strdup("/tmp/ggbuild-registries.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->conf = gg_asprintf("%s/registries.conf", f->dir);
	unsetenv("CONTAINERS_REGISTRIES_CONF");
	setenv("HOME", f->dir, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	assert_int_equal(gg_remove_tree(AT_FDCWD, f->dir, &err), 0);
	free(f->dir);
	free(f->conf);
	free(f);
	return 0;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *path = gg_asprintf("%s/%s", f->dir, name);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(gg_mkdirs(AT_FDCWD, path, 0755, &err), 0);
	*slash = '/';
	assert_int_equal(
		gg_write_file(AT_FDCWD, path, text, strlen(text), 0644, GG_COMMIT_REPLACE, &err),
		0);
}

/* Each place as "[m][i][d|t][!]HOST/PATH", "m" for a mirror, "i" insecure, "d", "t" for digests or tags only, "!" for one that
 * nobody named; or the error. */
static char *places(const char *name, const struct registry_settings *s, bool push)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_registry_places_ struct registry_places p = REGISTRY_PLACES_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_buf text = { 0 };

	assert_int_equal(reference_parse(name, &r, &err), 0);
	if (registry_places_find(&r, s, push, &p, &err) < 0) {
		assert_int_equal(err.kind, GG_USAGE);
		return gg_strdup(err.text);
	}
	for (size_t i = 0; i < p.n; i++)
		gg_buf_printf(&text, "%s%s%s%s%s%s/%s", i ? " " : "", p.v[i].mirror ? "m " : "",
			      p.v[i].insecure ? "i " : "",
			      p.v[i].digest_only ? "d "
			      : p.v[i].tag_only  ? "t "
						 : "",
			      p.v[i].named || p.v[i].mirror ? "" : "! ", p.v[i].host, p.v[i].path);
	return gg_buf_steal(&text);
}

static void expect(const char *name, const struct registry_settings *s, const char *want)
{
	_cleanup_free_ char *got = places(name, s, false);

	assert_string_equal(got, want);
}

static void expect_error(const struct registry_settings *s, const char *want)
{
	_cleanup_free_ char *got = places("r.example/app", s, false);

	if (!strstr(got, want))
		fail_msg("'%s' is not '%s'", got, want);
}

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_none(void **state)
{
	struct registry_settings s = { .registries_conf = "/dev/null" };

	(void)state;
	expect("ubuntu:24.04", &s, "index.docker.io/library/ubuntu");
	expect("docker.io/a/b", &s, "index.docker.io/a/b");
	expect("localhost:5000/x", &s, "localhost:5000/x");
	expect("[::1]:5000/x", &s, "[::1]:5000/x");
	s.tls_verify = REGISTRY_TLS_LAX;
	expect("localhost:5000/x", &s, "i localhost:5000/x");
	setenv("CONTAINERS_REGISTRIES_CONF", "/dev/null", 1);
	expect("ubuntu", NULL, "index.docker.io/library/ubuntu");
}

static void test_entries(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = f->conf };
	_cleanup_free_ char *pushed = NULL;

	put(f, "registries.conf",
	    "[[registry]]\n"
	    "prefix = \"docker.io\"\n"
	    "[[registry.mirror]]\n"
	    "location = \"cache.example:5000/hub/\"\n"
	    "insecure = true\n"
	    "pull-from-mirror = \"tag-only\"\n"
	    "[[registry.mirror]]\n"
	    "location = \"second.example\"\n"
	    "[[registry]]\n"
	    "location = \"r.example\"\n"
	    "insecure = true\n"
	    "[[registry]]\n"
	    "prefix = \"r.example/moved\"\n"
	    "location = \"new.example/place\"\n"
	    "mirror-by-digest-only = true\n"
	    "mirror = [ { location = \"near.example\" } ]\n"
	    "[[registry]]\n"
	    "prefix = \"r.example/moved/not\"\n"
	    "[[registry]]\n"
	    "prefix = \"*.wild.example\"\n"
	    "insecure = true\n"
	    "[[registry]]\n"
	    "prefix = \"deep.wild.example\"\n"
	    "location = \"there.example\"\n"
	    "[[registry]]\n"
	    "prefix = \"bad.example/ns\"\n"
	    "blocked = true\n"
	    "[[registry]]\n"
	    "prefix = \"back.example\"\n"
	    "location = \"docker.io\"\n"
	    "[unknown]\n"
	    "x = 1\n");
	expect("ubuntu", &s,
	       "m i t cache.example:5000/hub/library/ubuntu m second.example/library/ubuntu "
	       "index.docker.io/library/ubuntu");
	expect("r.example/app", &s, "i r.example/app");
	expect("r.example.org/app", &s, "r.example.org/app");
	expect("r.example:443/app", &s, "r.example:443/app");
	expect("r.example/moved/app@sha256:" HEX, &s, "m d near.example/app new.example/place/app");
	expect("r.example/movedx/app", &s, "i r.example/movedx/app");
	expect("r.example/moved/not/app", &s, "r.example/moved/not/app");
	expect("a.wild.example/x", &s, "i a.wild.example/x");
	expect("a.b.wild.example/x", &s, "i a.b.wild.example/x");
	expect("wild.example/x", &s, "wild.example/x");
	expect("xwild.example/x", &s, "xwild.example/x");
	expect("a.wild.example.org/x", &s, "a.wild.example.org/x");
	expect("deep.wild.example/x", &s, "there.example/x");
	expect("back.example/ubuntu", &s, "index.docker.io/library/ubuntu");
	expect("bad.example/other", &s, "bad.example/other");
	pushed = places("docker.io/a/b", &s, true);
	assert_string_equal(pushed, "index.docker.io/a/b");
	free(pushed);
	pushed = places("bad.example/ns/x", &s, true);
	assert_non_null(strstr(pushed, "registry 'bad.example/ns' is blocked by "));
}

static void test_blocked(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = f->conf };

	put(f, "registries.conf", "\n[[registry]]\nlocation = 'r.example'\nblocked = true\n");
	expect_error(&s, "registry 'r.example' is blocked by /tmp/ggbuild-registries.");
	expect_error(&s, "registries.conf:2");
}

static void test_tls(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = f->conf };

	put(f, "registries.conf", "[[registry]]\nlocation = 'r.example'\ninsecure = true\n");
	expect("r.example/x", &s, "i r.example/x");
	s.tls_verify = REGISTRY_TLS_CHECKED;
	expect("r.example/x", &s, "r.example/x");
}

static void test_short_names(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = f->conf };
	_cleanup_free_ char *pushed = NULL;

	put(f, "registries.conf",
	    "[aliases]\n\"app\" = \"r.example/ns/app\"\n'ns/tool' = 'r.example/tool'\n'gone' = ''\n"
	    "[[registry]]\nprefix = 'r.example/ns'\nlocation = 'm.example'\n");
	expect("app", &s, "m.example/app");
	expect("ns/tool:1", &s, "r.example/tool");
	expect("other", &s, "index.docker.io/library/other");
	expect("gone", &s, "index.docker.io/library/gone");
	expect("docker.io/app", &s, "index.docker.io/library/app");
	pushed = places("app", &s, true);
	assert_string_equal(pushed, "index.docker.io/library/app");
	put(f, "registries.conf",
	    "unqualified-search-registries = ['one.example', 'docker.io']\n"
	    "[aliases]\n'app' = 'r.example/app'\n");
	expect("app", &s, "r.example/app");
	expect("other", &s, "! one.example/other ! index.docker.io/library/other");
	expect("ns/other", &s, "! one.example/ns/other ! index.docker.io/ns/other");
	expect("docker.io/other", &s, "index.docker.io/library/other");
	put(f, "registries.conf",
	    "unqualified-search-registries = ['one.example', 'two.example']\n"
	    "short-name-mode = 'enforcing'\n");
	_cleanup_free_ char *enforced = places("other", &s, false);
	assert_non_null(strstr(enforced, "'other' may be in 2 registries"));
}

/* The user's own file replaces the system's; the directory beside it adds, in order. */
static void test_files(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { 0 };

	put(f, ".config/containers/registries.conf",
	    "[[registry]]\nlocation = 'r.example'\n[aliases]\na = 'r.example/one'\n"
	    "b = 'r.example/b'\n");
	expect("r.example/x", &s, "r.example/x");
	expect("a", &s, "r.example/one");
	put(f, ".config/containers/registries.conf.d/10.conf",
	    "[[registry]]\nlocation = 'r.example'\ninsecure = true\n"
	    "[aliases]\na = 'r.example/two'\nb = ''\n");
	put(f, ".config/containers/registries.conf.d/20.conf",
	    "[aliases]\na = 'r.example/three'\n");
	put(f, ".config/containers/registries.conf.d/30.other", "not TOML");
	expect("r.example/x", &s, "i r.example/x");
	expect("a", &s, "i r.example/three");
	expect("b", &s, "index.docker.io/library/b");
	put(f, "registries.conf", "[aliases]\na = 'n.example/named'\n");
	setenv("CONTAINERS_REGISTRIES_CONF", f->conf, 1);
	expect("a", &s, "n.example/named");
	expect("r.example/x", &s, "r.example/x");
	s.registries_conf = "/dev/null";
	expect("a", &s, "index.docker.io/library/a");
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "[registries.search]\nregistries = ['a']", ":1: version 1 of registries.conf" },
		{ "\n[registries.insecure]\n", ":2: version 1 of registries.conf" },
		{ "[[registry]]\n", ":1: a registry needs a prefix or a location" },
		{ "[registry]\nlocation = 'a'", ":1: 'registry' must be an array" },
		{ "registry = [1]", ":1: a registry must be a table" },
		{ "[[registry]]\nlocation = 1", ":2: 'location' must be a string" },
		{ "[[registry]]\nlocation = 'https://a'", ":2: 'location' is no HOST" },
		{ "[[registry]]\nlocation = 'a/B'", ":2: 'location' is no HOST" },
		{ "[[registry]]\nlocation = '*.a'", ":1: a registry's location names no host" },
		{ "[[registry]]\nlocation = 'a'\ninsecure = 'x'",
		  ":3: 'insecure' must be true or false" },
		{ "[[registry]]\nlocation = 'a'\nmirror = 1", ":3: 'mirror' must be an array" },
		{ "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\n",
		  ":3: a mirror needs a location" },
		{ "[[registry]]\nlocation = 'a'\n[[registry.mirror]]\nlocation = 'b'\n"
		  "pull-from-mirror = 'x'",
		  ":5: 'pull-from-mirror' must be" },
		{ "[[registry]]\nlocation = 'a'\nmirror-by-digest-only = true\n"
		  "[[registry.mirror]]\nlocation = 'b'\npull-from-mirror = 'tag-only'",
		  ":6: 'pull-from-mirror' beside" },
		{ "[aliases]\na = 1", ":2: 'a' must be a string" },
		{ "[aliases]\na = 'host'", ":2: alias 'a' must name HOST/PATH" },
		{ "[aliases]\n'A' = 'h/a'", ":2: 'A' is no short name" },
		{ "unqualified-search-registries = 'a'", ":1: 'unqualified-search-registries' must"
							 " be an array" },
		{ "unqualified-search-registries = ['a/b']",
		  ":1: 'unqualified-search-registries' must list" },
		{ "short-name-mode = 'x'", ":1: 'short-name-mode' must be" },
		{ "x", ":1: '=' is missing" },
	};
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = f->conf };

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		put(f, "registries.conf", rows[i].text);
		expect_error(&s, rows[i].error);
		expect_error(&s, f->conf);
	}
	s.registries_conf = "/nonexistent";
	expect_error(&s, "there is no file '/nonexistent'");
}

/* ---- certificates ---- */

static int certificates(const char *host, const struct registry_settings *s, char **ret_ca,
			char **ret_client, struct gg_err *err)
{
	_cleanup_free_ char *name = gg_asprintf("%s/app", host);
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_registry_places_ struct registry_places p = REGISTRY_PLACES_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	*ret_ca = *ret_client = NULL;
	assert_int_equal(reference_parse(name, &r, err), 0);
	if (registry_places_find(&r, s, false, &p, err) < 0)
		return -1;
	if (p.v[0].ca_file) {
		assert_int_equal(gg_read_file(AT_FDCWD, p.v[0].ca_file, 4096, &text, err), 0);
		*ret_ca = gg_buf_steal(&text);
	}
	if (p.v[0].cert_file)
		*ret_client = gg_asprintf("%s %s", p.v[0].cert_file, p.v[0].key_file);
	return 0;
}

static void test_certificates(void **state)
{
	const struct fixture *f = *state;
	struct registry_settings s = { .registries_conf = "/dev/null" };
	_cleanup_free_ char *ca = NULL, *client = NULL, *named = NULL, *want = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, key = GG_ERR_INIT, two = GG_ERR_INIT,
				    none = GG_ERR_INIT;

	put(f, ".config/containers/certs.d/r.example:5000/a.crt", "A");
	put(f, ".config/containers/certs.d/r.example:5000/b.crt", "B");
	put(f, ".config/containers/certs.d/r.example:5000/me.cert", "C");
	put(f, ".config/containers/certs.d/r.example:5000/me.key", "K");
	put(f, "named/one.crt", "N");
	assert_int_equal(certificates("r.example:5000", &s, &ca, &client, &err), 0);
	assert_string_equal(ca, "A\nB\n");
	want = gg_asprintf("%s/.config/containers/certs.d/r.example:5000/me.cert "
			   "%s/.config/containers/certs.d/r.example:5000/me.key",
			   f->dir, f->dir);
	assert_string_equal(client, want);
	free(ca);
	free(client);
	assert_int_equal(certificates("r.example", &s, &ca, &client, &err), 0);
	assert_null(ca);
	assert_null(client);
	named = gg_asprintf("%s/named", f->dir);
	s.cert_dir = named;
	assert_int_equal(certificates("r.example", &s, &ca, &client, &err), 0);
	assert_string_equal(ca, "N");
	free(ca);
	put(f, "named/x.cert", "C");
	assert_int_equal(certificates("r.example", &s, &ca, &client, &key), -1);
	assert_int_equal(key.kind, GG_USAGE);
	assert_non_null(strstr(key.text, "x.key' is not"));
	put(f, "named/x.key", "K");
	put(f, "named/y.cert", "C");
	put(f, "named/y.key", "K");
	assert_int_equal(certificates("r.example", &s, &ca, &client, &two), -1);
	assert_non_null(strstr(two.text, "more than one client"));
	s.cert_dir = "/nonexistent";
	assert_int_equal(certificates("r.example", &s, &ca, &client, &none), -1);
	assert_int_equal(none.kind, GG_USAGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_none),     CASE(test_entries),      CASE(test_blocked),
		CASE(test_tls),      CASE(test_short_names),  CASE(test_files),
		CASE(test_mistakes), CASE(test_certificates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
