/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The configuration in a line a value, or its complaints as they are printed. */
static char *read_config(const char *text)
{
	struct recipe_errors errors = { 0 };
	_cleanup_config_ struct config *c = NULL;
	struct gg_buf b = { 0 };

	if (config_parse("c.yaml", text, strlen(text), &c, &errors) < 0) {
		recipe_errors_print(&errors, text, strlen(text), &b);
	} else {
		const struct gg_strv *lists[] = { &c->mirrors, &c->fetch_env, &c->fetch_mounts };

		for (size_t i = 0; i < GG_LEN(lists); i++)
			for (size_t j = 0; j < lists[i]->n; j++)
				gg_buf_printf(&b, "%zu %s\n", i, lists[i]->v[j]);
		gg_buf_printf(&b, "%s %lld\n", c->store ? c->store : "-", (long long)c->jobs);
	}
	recipe_errors_done(&errors);
	return gg_buf_steal(&b);
}

static void expect(const char *text, const char *words)
{
	_cleanup_free_ char *got = read_config(text);

	assert_string_equal(got, words);
}

static void what_it_says(void **state)
{
	(void)state;
	expect("", "- 0\n");
	expect("# nothing\n\n  # more\n", "- 0\n");
	expect("{}", "- 0\n");
	expect("mirrors:\n  debian: http://u:p@m/debian\n  ubuntu-security: file:///srv/u\n"
	       "fetch-env: { A: \"1\", \"tools:B_2\": \"x=${y}\" }\n"
	       "fetch-mount: { /srv/dist: /dist, \"tools:/a b\": /c }\nstore: /var/store\njobs: "
	       "3\n",
	       "0 debian=http://u:p@m/debian\n0 ubuntu-security=file:///srv/u\n1 A=1\n1 "
	       "tools:B_2=x=${y}\n"
	       "2 /srv/dist=/dist\n2 tools:/a b=/c\n/var/store 3\n");
}

static void mistakes(void **state)
{
	(void)state;
	expect("miror: {}\n",
	       "c.yaml:1:1: error: unknown key 'miror' in the configuration\n"
	       "    1 | miror: {}\n      | ^^^^^\n  help: did you mean 'mirrors'?\n");
	expect("mirrors: { debain: http://m }\n",
	       "c.yaml:1:12: error: no mirror is called 'debain'\n    1 | mirrors: { debain: "
	       "http://m }\n"
	       "      |            ^^^^^^\n  help: did you mean 'debian'?\n");
	expect("mirrors: { debian: m/debian }\n",
	       "c.yaml:1:20: error: 'debian' must be a URL, not 'm/debian'\n    1 | mirrors: { "
	       "debian: m/debian }\n"
	       "      |                    ^^^^^^^^\n"
	       "  help: it begins with https://, http:// or file:///, and names the directory that "
	       "holds dists/\n");
	expect("fetch-env: { 1A: x }\nfetch-mount: { dist: /x, /y: z }\nstore: cache\njobs: 0\n",
	       "c.yaml:1:14: error: '1A' is no variable\n    1 | fetch-env: { 1A: x }\n      |     "
	       "         ^^\n"
	       "  help: write NAME or \"STEP:NAME\"; a name is letters, digits and '_', no digit "
	       "first\n"
	       "c.yaml:2:16: error: 'dist' is no absolute path\n    2 | fetch-mount: { dist: /x, "
	       "/y: z }\n"
	       "      |                ^^^^\n  help: write /HOSTDIR or \"STEP:/HOSTDIR\"; the path "
	       "holds no ':' and no '='\n"
	       "c.yaml:2:30: error: '/y' must be an absolute path, not the text 'z'\n"
	       "    2 | fetch-mount: { dist: /x, /y: z }\n      |                              ^\n"
	       "c.yaml:3:8: error: 'store' must be an absolute path, not the text 'cache'\n    3 | "
	       "store: cache\n"
	       "      |        ^^^^^\n"
	       "c.yaml:4:7: error: 'jobs' must be a number from 1 to 4096, not the number 0\n    4 "
	       "| jobs: 0\n"
	       "      |       ^\n");
	expect("jobs: [1]\n",
	       "c.yaml:1:7: error: 'jobs' must be a number from 1 to 4096, not a list\n"
	       "    1 | jobs: [1]\n      |       ^\n");
	expect("- mirrors\n",
	       "c.yaml:1:1: error: the configuration must be a map, not a list\n    1 | - mirrors\n"
	       "      | ^\n");
}

static void mirrors_of_the_command_line(void **state)
{
	static const struct {
		const char *option, *text, *hint;
	} bad[] = {
		{ "debain=http://m", "no mirror is called 'debain'", "did you mean 'debian'?" },
		{ "fedora=http://m", "no mirror is called 'fedora'", "there are: debian" },
		{ "http://m", "names no URL", "write --mirror debian=URL" },
	};
	_cleanup_err_ struct gg_err none = GG_ERR_INIT;

	(void)state;
	assert_int_equal(config_check_mirror("debian-security=http://m", &none), 0);
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		assert_int_equal(config_check_mirror(bad[i].option, &err), -1);
		assert_int_equal(err.kind, GG_USAGE);
		assert_non_null(strstr(err.text, bad[i].text));
		assert_non_null(strstr(err.hint, bad[i].hint));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_says),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(mirrors_of_the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
