/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct policy *parse(const char *text)
{
	struct recipe_errors errors = { 0 };
	struct policy *p = NULL;

	assert_int_equal(policy_parse("p", text, strlen(text), &p, &errors), 0);
	return p;
}

static void urls(void **state)
{
	_cleanup_policy_ struct policy *p = parse("policy: 1\nurls: [ \"https://a.example/x\", "
						  "\"https://*.example\", \"http://b:80/\" ]\n");
	static const char *const yes[] = { "https://a.example/x", "https://a.example/x/",
					   "https://a.example/x/y/z.tar", "https://c.example/y",
					   "http://b:80/z" };
	static const char *const no[] = {
		"https://a.example.org/x",  "http://a.example/x",
		"https://example/x",        "https://e/v.example/x",
		"https://c.example/../x",   "https://c.example/y/%2E%2e/x",
		"https://c.example/y/.%2e", "https://c.example/./x"
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(yes); i++)
		if (!policy_matches_url(&p->urls, yes[i]))
			fail_msg("%s is not allowed", yes[i]);
	for (size_t i = 0; i < GG_LEN(no); i++)
		if (policy_matches_url(&p->urls, no[i]))
			fail_msg("%s is allowed", no[i]);
}

static void licenses(void **state)
{
	_cleanup_policy_ struct policy *p = parse(
		"policy: 1\nlicenses: { allow: [MIT, \"BSD-*\", GPL-2+], deny: [BSD-4-clause] }\n");
	static const char *const yes[] = { "mit",
					   "MIT and BSD-3-clause",
					   "AGPL-3 or MIT",
					   "GPL-2+ with Font exception",
					   "AGPL-3, or MIT and BSD-2-clause",
					   "MIT or AGPL-3, and BSD-2-clause" };
	static const char *const no[] = { "AGPL-3",
					  "MIT and AGPL-3",
					  "BSD-4-clause",
					  "bsd-4-CLAUSE with Other exception",
					  "AGPL-3 or BSD-4-clause",
					  "MIT or GPL-2+, and AGPL-3",
					  "AGPL-3 or MIT and AGPL-3",
					  "" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(yes); i++)
		if (!policy_license_allows(&p->licenses, yes[i]))
			fail_msg("'%s' is not allowed", yes[i]);
	for (size_t i = 0; i < GG_LEN(no); i++)
		if (policy_license_allows(&p->licenses, no[i]))
			fail_msg("'%s' is allowed", no[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(urls), cmocka_unit_test(licenses) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
