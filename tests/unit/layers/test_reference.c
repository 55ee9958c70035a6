/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "layers/base/mem.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define X32 "aaaaaaaabbbbbbbbccccccccdddddddd"

static void test_accepted(void **state)
{
	static const struct {
		const char *text, *full, *familiar;
		bool unqualified;
	} rows[] = {
		{ "ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest", true },
		{ "ubuntu:24.04", "docker.io/library/ubuntu:24.04", "ubuntu:24.04", true },
		{ "docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest", false },
		{ "index.docker.io/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest",
		  false },
		{ "docker.io/library/ubuntu", "docker.io/library/ubuntu:latest", "ubuntu:latest",
		  false },
		{ "bitnami/redis", "docker.io/bitnami/redis:latest", "bitnami/redis:latest", true },
		{ "a/b/c", "docker.io/a/b/c:latest", "a/b/c:latest", true },
		{ "localhost/x", "localhost/x:latest", "localhost/x:latest", false },
		{ "localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1", false },
		{ "127.0.0.1:5000/app:1", "127.0.0.1:5000/app:1", "127.0.0.1:5000/app:1", false },
		{ "[::1]:5000/x:v", "[::1]:5000/x:v", "[::1]:5000/x:v", false },
		{ "[2001:db8::1]/x", "[2001:db8::1]/x:latest", "[2001:db8::1]/x:latest", false },
		{ "reg.example.org/ns/app", "reg.example.org/ns/app:latest",
		  "reg.example.org/ns/app:latest", false },
		{ "REG.example.org/app", "REG.example.org/app:latest", "REG.example.org/app:latest",
		  false },
		{ "Host/app", "Host/app:latest", "Host/app:latest", false },
		{ "reg-1.example.org:443/a", "reg-1.example.org:443/a:latest",
		  "reg-1.example.org:443/a:latest", false },
		{ "app@sha256:" HEX, "docker.io/library/app@sha256:" HEX, "app@sha256:" HEX, true },
		{ "app:1@sha256:" HEX, "docker.io/library/app:1@sha256:" HEX, "app:1@sha256:" HEX,
		  true },
		{ "r.io/a:T_1.2-x", "r.io/a:T_1.2-x", "r.io/a:T_1.2-x", false },
		{ "r.io/a:_", "r.io/a:_", "r.io/a:_", false },
		{ "r.io/a.b_c__d-e--f/0", "r.io/a.b_c__d-e--f/0:latest",
		  "r.io/a.b_c__d-e--f/0:latest", false },
		{ "r.io/a---b", "r.io/a---b:latest", "r.io/a---b:latest", false },
		{ "r.io/a:" X32 X32 X32 X32, "r.io/a:" X32 X32 X32 X32, "r.io/a:" X32 X32 X32 X32,
		  false },
		{ "ns/" HEX, "docker.io/ns/" HEX ":latest", "ns/" HEX ":latest", true },
		{ "r.io/" HEX, "r.io/" HEX ":latest", "r.io/" HEX ":latest", false },
		{ "0/1", "docker.io/0/1:latest", "0/1:latest", true },
		{ "1.2/3", "1.2/3:latest", "1.2/3:latest", false },
		{ "a:65535/b", "a:65535/b:latest", "a:65535/b:latest", false },
		{ "app:5000", "docker.io/library/app:5000", "app:5000", true },
		{ "docker.io/a/b@sha256:" HEX, "docker.io/a/b@sha256:" HEX, "a/b@sha256:" HEX,
		  false },
		/* What would mean something else without its domain keeps it. */
		{ "docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest", false },
		{ "docker.io/localhost/c", "docker.io/localhost/c:latest",
		  "docker.io/localhost/c:latest", false },
		{ "docker.io/" HEX, "docker.io/library/" HEX ":latest",
		  "docker.io/library/" HEX ":latest", false },
		{ "xn--bcher-kva.example/a", "xn--bcher-kva.example/a:latest",
		  "xn--bcher-kva.example/a:latest", false },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_reference_ struct reference r = REFERENCE_INIT, again = REFERENCE_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_free_ char *full = NULL, *familiar = NULL, *twice = NULL;

		if (reference_parse(rows[i].text, &r, &err) < 0)
			fail_msg("%s", err.text);
		full = reference_text(&r);
		familiar = reference_familiar(&r);
		assert_string_equal(full, rows[i].full);
		assert_string_equal(familiar, rows[i].familiar);
		assert_int_equal(r.unqualified, rows[i].unqualified);
		assert_int_equal(reference_parse(familiar, &again, &err), 0);
		twice = reference_text(&again);
		assert_string_equal(twice, full);
		free(twice);
		reference_done(&again);
		assert_int_equal(reference_parse(full, &again, &err), 0);
		twice = reference_text(&again);
		assert_string_equal(twice, full);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = {
		"",
		":",
		":tag",
		"@",
		"/",
		"//",
		"a//b",
		"/a",
		"a/",
		"r.io/",
		"r.io//a",
		"r.io/a/",
		"Ubuntu",
		"r.io/App",
		"r.io/a/B",
		"a b",
		"a\tb",
		"a\nb",
		"a\x01",
		"r.io/\xc3\xa9",
		"-a",
		"a-",
		".a",
		"a.",
		"_a",
		"a_",
		"a..b",
		"a___b",
		"a._b",
		"a-.b",
		"r.io/a:",
		"r.io/a:.x",
		"r.io/a:-x",
		"r.io/a:x y",
		"r.io/a:x/y/:z",
		"r.io/a:" X32 X32 X32 X32 "x",
		"r.io/a@",
		"r.io/a@sha256",
		"r.io/a@sha256:",
		"r.io/a@sha256:../../x",
		"r.io/a@sha256:" HEX "0",
		"r.io/a@sha256:" X32 "0123456789abcdef0123456789abcde",
		"r.io/a@sha256:" X32 "0123456789ABCDEF0123456789ABCDEF",
		"r.io/a@sha256:" X32 "0123456789abcdef0123456789abcdeg",
		"r.io/a@sha256:" X32 "0123456789abcdef0123456789%2f0f0",
		"r.io/a@sha512:" X32 X32 X32 X32,
		"r.io/a@ sha256:" X32 X32,
		"r.io/a@md5:" X32,
		"r.io/a@sha256:0123456789ABCDEF",
		"r.io/a@sha256:" HEX "@sha256:" HEX,
		"r.io/a@SHA256:" HEX,
		HEX,
		"r.io:/a",
		"r.io:x/a",
		"r.io:65536/a",
		"r.io:0/a",
		"r.io:123456/a",
		"r..io/a",
		".io/a",
		"-r.io/a",
		"r-.io/a",
		"r_x.io/a",
		"[::1/a",
		"[]/a",
		"[::1]x/a",
		"[::1]:/a",
		"[::g]:1/a",
		"http://r.io/a",
		"user@r.io/a",
		"user:pw@r.io/a",
		"r.io/a%2fb",
		"r.io/../a",
		"r.io/./a",
		"r.io/a?x",
		"r.io/a#x",
		"r.io\\a",
		"docker.io/",
	};

	(void)state;
	assert_true(GG_LEN(rows) > 60);
	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_reference_ struct reference r = REFERENCE_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		if (reference_parse(rows[i], &r, &err) == 0)
			fail_msg("'%s' was accepted", rows[i]);
		assert_int_equal(err.kind, GG_USAGE);
		assert_null(r.domain);
	}
}

static void test_long_name(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct reference r = REFERENCE_INIT;
	char text[300];

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "r.io/", 5);
	text[255] = '\0';
	assert_int_equal(reference_parse(text, &r, &err), 0);
	reference_done(&r);
	text[255] = 'a';
	text[256] = '\0';
	assert_int_equal(reference_parse(text, &r, &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
