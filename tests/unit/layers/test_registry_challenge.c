/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registry_challenge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/mem.h"

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void test_challenges(void **state)
{
	static const struct {
		const char *lines;
		enum registry_scheme scheme;
		const char *realm, *service, *scope;
	} rows[] = {
		{ "", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Basic realm=\"x\"", REGISTRY_BASIC, "x", "-", "-" },
		{ "basic REALM=x", REGISTRY_BASIC, "x", "-", "-" },
		{ "Basic", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Bearer", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Bearer service=\"s\"", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:x:pull,push\"",
		  REGISTRY_BEARER, "https://a/t", "s", "repository:x:pull,push" },
		{ "Bearer realm = \"https://a/t\" , service = s", REGISTRY_BEARER, "https://a/t",
		  "s", "-" },
		{ "Bearer realm=https://a/t?x=1", REGISTRY_BEARER, "https://a/t?x=1", "-", "-" },
		{ "Bearer realm=\"a\\\"b\\\\c\"", REGISTRY_BEARER, "a\"b\\c", "-", "-" },
		{ "Basic realm=\"b\", Bearer realm=\"t\"", REGISTRY_BEARER, "t", "-", "-" },
		{ "Bearer realm=\"t\", Basic realm=\"b\"", REGISTRY_BEARER, "t", "-", "-" },
		{ "Negotiate abc==, Basic realm=\"b\"", REGISTRY_BASIC, "b", "-", "-" },
		{ "Negotiate\nBasic realm=\"b\"\nBearer realm=\"t\",service=\"s\"", REGISTRY_BEARER,
		  "t", "s", "-" },
		{ "Bearer realm=\"t", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Bearer realm=\"1\",realm=\"2\"", REGISTRY_BEARER, "1", "-", "-" },
		{ "Digest realm=\"d\", nonce=\"n\"", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ ",,, ,Bearer realm=\"t\",,,", REGISTRY_BEARER, "t", "-", "-" },
		{ "\"\"\"===,,,;;;\\", REGISTRY_NO_SCHEME, "-", "-", "-" },
		{ "Bearer realm=\"t\",error=\"insufficient_scope\"", REGISTRY_BEARER, "t", "-",
		  "-" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_registry_challenge_ struct registry_challenge c = { 0 };

		registry_challenge_parse(rows[i].lines, &c);
		assert_int_equal(c.scheme, rows[i].scheme);
		assert_string_equal(or_none(c.realm), rows[i].realm);
		assert_string_equal(or_none(c.service), rows[i].service);
		assert_string_equal(or_none(c.scope), rows[i].scope);
	}
}

static void test_links(void **state)
{
	static const struct {
		const char *value, *target;
	} rows[] = {
		{ "</v2/x/tags/list?n=1&last=a>; rel=\"next\"", "/v2/x/tags/list?n=1&last=a" },
		{ "<a>;rel=next", "a" },
		{ "<a>; rel=\"prev\", <b>; rel=\"next\"", "b" },
		{ "<a>; title=\"x, <y>\"; rel=next", "a" },
		{ "<https://evil.example/x>; REL=NEXT", "https://evil.example/x" },
		{ "<a>", "-" },
		{ "<a; rel=next", "-" },
		{ "a; rel=next", "-" },
		{ "", "-" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_free_ char *target = registry_next_link(rows[i].value);

		assert_string_equal(or_none(target), rows[i].target);
	}
}

static void test_realms(void **state)
{
	static const struct {
		const char *registry, *realm;
		bool good;
	} rows[] = {
		{ "https://r.example", "https://auth.example", true },
		{ "https://r.example", "https://r.example", true },
		{ "https://r.example", "https://r.example:8443", true },
		{ "https://r.example", "http://r.example", false },
		{ "https://r.example", "http://auth.example", false },
		{ "http://r.example", "http://auth.example", false },
		{ "http://r.example", "http://r.example:5001", true },
		{ "http://127.0.0.1:5000", "http://127.0.0.1:5001", true },
		{ "https://127.0.0.1:5000", "https://127.0.0.1:5001", true },
		{ "https://r.example", "https://169.254.169.254", false },
		{ "https://r.example", "http://169.254.169.254", false },
		{ "https://r.example", "https://[::1]", false },
		{ "https://r.example", "https://[::ffff:127.0.0.1]:1", false },
		{ "https://r.example", "https://[fe80::1]", false },
		{ "https://r.example", "https://[fd00::1]", false },
		{ "https://r.example", "https://[2001:db8::1]", true },
		{ "https://r.example", "https://127.0.0.1", false },
		{ "https://r.example", "https://127.1", false },
		{ "https://r.example", "https://2130706433", false },
		{ "https://r.example", "https://0x7f.1", false },
		{ "https://r.example", "https://10.1.2.3", false },
		{ "https://r.example", "https://172.16.0.1", false },
		{ "https://r.example", "https://172.32.0.1", true },
		{ "https://r.example", "https://192.168.0.1", false },
		{ "https://r.example", "https://100.64.0.1", false },
		{ "https://r.example", "https://0.0.0.0", false },
		{ "https://r.example", "https://localhost", false },
		{ "https://r.example", "https://8.8.8.8", true },
		{ "https://r.example", "file:///etc/passwd", false },
		{ "https://r.example", "ftp://auth.example", false },
		{ "https://r.example", "", false },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		bool good = registry_check_realm(rows[i].registry, rows[i].realm, &err) == 0;

		if (good != rows[i].good)
			fail_msg("%s for %s", rows[i].realm, rows[i].registry);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_realms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
