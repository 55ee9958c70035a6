/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/auth_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/json.h"
#include "layers/credentials.h"

/* base64 of a:1, b:2, c:3, d:4:5, and of "e:6" with two NULs behind it */
#define A "YTox"
#define B "Yjoy"
#define C "Yzoz"
#define D "ZDo0OjU="
#define E "ZTo2AAA="

static void test_normal(void **state)
{
	static const struct {
		const char *key, *normal;
	} rows[] = {
		{ "docker.io", "docker.io" },
		{ "index.docker.io", "docker.io" },
		{ "https://index.docker.io/v1/", "docker.io" },
		{ "https://index.docker.io/v1", "docker.io" },
		{ "registry-1."
		  "docker.io",
		  "docker.io" },
		{ "docker.io/library/app", "docker.io/library/app" },
		{ "https://reg.example.org", "reg.example.org" },
		{ "https://reg.example.org/", "reg.example.org" },
		{ "http://reg.example.org:5000/v2/", "reg.example.org:5000" },
		{ "reg.example.org/v2", "reg.example.org" },
		{ "reg.example.org/ns/v2", "reg.example.org/ns/v2" },
		{ "REG.Example.org/ns", "reg.example.org/ns" },
		{ "reg.example.org/ns/", "reg.example.org/ns" },
		{ "localhost:5000", "localhost:5000" },
		{ "[::1]:5000/x", "[::1]:5000/x" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_free_ char *normal = auth_key_normal(rows[i].key);

		assert_string_equal(normal, rows[i].normal);
	}
}

static void test_covers(void **state)
{
	(void)state;
	assert_true(auth_key_covers("h", "h/a/b"));
	assert_true(auth_key_covers("h/a", "h/a/b"));
	assert_true(auth_key_covers("h/a", "h/a"));
	assert_false(auth_key_covers("h/a", "h/ab"));
	assert_false(auth_key_covers("h", "h2/a"));
	assert_false(auth_key_covers("h/a/b", "h/a"));
	assert_false(auth_key_covers("", "h/a"));
}

static const char file_text[] =
	"{ \"auths\": {"
	" \"https://index.docker.io/v1/\": { \"auth\": \"" A "\" },"
	" \"reg.example.org\": { \"auth\": \"" B "\", \"email\": \"x\" },"
	" \"reg.example.org/ns\": { \"auth\": \"" C "\" },"
	" \"reg.example.org/ns/app\": { \"auth\": \"" D "\" },"
	" \"old.example.org\": { \"auth\": \"" E "\" },"
	" \"id.example.org\": { \"auth\": \"" A "\", \"identitytoken\": \"refresh\" },"
	" \"tok.example.org\": { \"registrytoken\": \"bearer\" },"
	" \"plain.example.org\": { \"username\": \"u\", \"password\": \"p\" },"
	" \"void.example.org/ns\": {},"
	" \"void.example.org\": { \"auth\": \"" A "\" },"
	" \"help.example.org/own\": { \"auth\": \"" B "\" },"
	" \"both.example.org\": { \"auth\": \"" B "\" }"
	" }, \"credHelpers\": { \"help.example.org\": \"one\", \"https://both.example.org/\": "
	"\"two\" },"
	" \"credsStore\": \"all\", \"psFormat\": 1.5 }";

static void test_find(void **state)
{
	static const struct {
		const char *repository, *user, *password, *identity, *bearer, *helper, *server;
	} rows[] = {
		{ "docker.io/library/ubuntu", "a", "1", NULL, NULL, NULL, NULL },
		{ "reg.example.org/other", "b", "2", NULL, NULL, NULL, NULL },
		{ "reg.example.org/nsx/app", "b", "2", NULL, NULL, NULL, NULL },
		{ "reg.example.org/ns/other/deep", "c", "3", NULL, NULL, NULL, NULL },
		{ "reg.example.org/ns/app", "d", "4:5", NULL, NULL, NULL, NULL },
		{ "reg.example.org/ns/app/below", "d", "4:5", NULL, NULL, NULL, NULL },
		{ "old.example.org/x", "e", "6", NULL, NULL, NULL, NULL },
		{ "id.example.org/x", "a", "1", .identity = "refresh" },
		{ "tok.example.org/x", .bearer = "bearer" },
		{ "plain.example.org/x", "u", "p", NULL, NULL, NULL, NULL },
		{ "void.example.org/ns/x", "a", "1", NULL, NULL, NULL, NULL },
		{ "help.example.org/x", .helper = "one", .server = "help.example.org" },
		{ "help.example.org/own/x", "b", "2", NULL, NULL, NULL, NULL },
		{ "both.example.org/x", .helper = "two", .server = "both.example.org" },
		{ "reg.example.org:443/x", .helper = "all", .server = "reg.example.org:443" },
		{ "evilreg.example.org/x", .helper = "all", .server = "evilreg.example.org" },
	};
	_cleanup_json_ struct gg_json *file = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(auth_file_parse(file_text, strlen(file_text), &file, &err), 0);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
		_cleanup_auth_helper_ struct auth_helper h = { 0 };

		if (auth_file_find(file, rows[i].repository, &c, &h, &err) < 0)
			fail_msg("%s: %s", rows[i].repository, err.text);
#define SAME(field, want)                                                                          \
	do {                                                                                       \
		if (!(field) != !(want) || ((want) && !gg_streq(field, want)))                     \
			fail_msg("%s: '%s', not '%s'", rows[i].repository,                         \
				 (field) ? (field) : "-", (want) ? (want) : "-");                  \
	} while (0)
		SAME(c.user, rows[i].user);
		SAME(c.password, rows[i].password);
		SAME(c.identity_token, rows[i].identity);
		SAME(c.bearer, rows[i].bearer);
		SAME(h.name, rows[i].helper);
		SAME(h.server, rows[i].server);
	}
}

/* The canary may be in no error. */
static void test_malformed(void **state)
{
	static const char *const rows[] = {
		"[]",
		"\"Y2FuYXJ5\"",
		"{ \"auths\": { \"h\": { \"auth\": \"canary ",
		"{ \"auths\": { \"h\": { \"auth\": canary } } }",
		"{ \"auths\": { \"h\": \"canary\" } }",
		"{ \"auths\": { \"h\": { \"auth\": \"canary!\" } } }",
		"{ \"auths\": { \"h\": { \"auth\": \"Y2FuYXJ5\" } } }",
		"{ \"auths\": { \"h\": { \"auth\": \"YTpiAGNhbmFyeQ==\" } } }",
		"{ \"auths\": { \"h\": { \"registrytoken\": \"can\\nary canary\" } } }",
		"{ \"auths\": { \"h\": { \"auth\": \"canary\", \"auth\": \"canary\" } } }",
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_json_ struct gg_json *file = NULL;
		_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
		_cleanup_auth_helper_ struct auth_helper h = { 0 };
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		if (auth_file_parse(rows[i], strlen(rows[i]), &file, &err) == 0 &&
		    auth_file_find(file, "h/x", &c, &h, &err) == 0)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(err.kind, GG_USAGE);
		assert_null(strstr(err.text, "canary"));
		assert_null(strstr(err.text, "Y2FuYXJ5"));
	}
}

static void test_change(void **state)
{
	_cleanup_json_ struct gg_json *file = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_strv_ struct gg_strv keys = { 0 };
	_cleanup_free_ char *text = NULL;

	(void)state;
	assert_int_equal(auth_file_parse(NULL, 0, &file, &err), 0);
	auth_file_set(file, "docker.io", "a", "1", true);
	auth_file_set(file, "r.example", "b", "2", false);
	auth_file_set(file, "r.example/ns", "c", "3", false);
	auth_file_set(file, "docker.io", "d", "4:5", false);
	gg_json_take(file, "other", gg_json_bool(true));
	text = gg_json_compact(file);
	assert_string_equal(text, "{\"auths\":{\"docker.io\":{\"auth\":\"" D "\"},"
				  "\"r.example\":{\"auth\":\"" B "\"},"
				  "\"r.example/ns\":{\"auth\":\"" C "\"}},\"other\":true}");
	auth_file_keys(file, &keys);
	assert_int_equal(keys.n, 3);
	assert_true(auth_file_remove(file, "r.example"));
	assert_false(auth_file_remove(file, "r.example"));
	free(text);
	text = gg_json_compact(file);
	assert_null(strstr(text, "\"r.example\""));
	assert_non_null(strstr(text, "\"r.example/ns\""));
}

static void test_which_helper(void **state)
{
	static const struct {
		const char *key, *name, *server;
	} rows[] = {
		{ "help.example.org", "one", "help.example.org" },
		{ "both.example.org", "two", "both.example.org" },
		{ "docker.io", "all", "https://index.docker.io/v1/" },
		{ "reg.example.org/ns", NULL, NULL },
	};
	_cleanup_json_ struct gg_json *file = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(auth_file_parse(file_text, strlen(file_text), &file, &err), 0);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_auth_helper_ struct auth_helper h = { 0 };

		auth_file_helper(file, rows[i].key, &h);
		assert_int_equal(!h.name, !rows[i].name);
		if (h.name) {
			assert_string_equal(h.name, rows[i].name);
			assert_string_equal(h.server, rows[i].server);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal), cmocka_unit_test(test_covers),
		cmocka_unit_test(test_find),   cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_change), cmocka_unit_test(test_which_helper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
