/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/registry_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct values {
	struct registry_options both, source, destination;
};

static const struct option_group groups[] = {
	REGISTRY_OPTIONS_GROUP(offsetof(struct values, both)),
	REGISTRY_SOURCE_GROUP(offsetof(struct values, source)),
	REGISTRY_DESTINATION_GROUP(offsetof(struct values, destination)),
};
static const struct command_def command = { .name = "copy",
					    .summary = "x",
					    .groups = groups,
					    .n_groups = GG_LEN(groups),
					    .options_size = sizeof(struct values) };
static const struct command_def *const commands[] = { &command, NULL };
static const struct program_def program = { .name = "p", .summary = "x", .commands = commands };

static int parse(struct values *v, const char *const *argv, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv args = { 0 };
	bool help;
	int n = 0;

	while (argv[n])
		n++;
	*v = (struct values){ 0 };
	return options_parse(&program, &command, n, (char *const *)argv, v, &args, &help, err);
}

static void test_nothing_said(void **state)
{
	static const char *const argv[] = { NULL };
	_cleanup_registry_access_options_ struct registry_access_options a = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct registry_settings zero = { 0 };
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, argv, &err), 0);
	assert_int_equal(registry_options_take(&v.both, NULL, &a, &err), 0);
	assert_memory_equal(&a.settings, &zero, sizeof(zero));
}

static void test_sides(void **state)
{
	static const char *const argv[] = { "--authfile=a",
					    "--tls-verify=false",
					    "--creds",
					    "u:p:q",
					    "--src-authfile",
					    "b",
					    "--dest-tls-verify",
					    "true",
					    "--dest-creds=v:w",
					    "--cert-dir=c",
					    "--src-cert-dir=d",
					    "--registries-conf=r",
					    NULL };
	_cleanup_registry_access_options_ struct registry_access_options from = { 0 }, to = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, argv, &err), 0);
	assert_int_equal(registry_options_take(&v.both, &v.source, &from, &err), 0);
	assert_int_equal(registry_options_take(&v.both, &v.destination, &to, &err), 0);
	assert_string_equal(from.settings.authfile, "b");
	assert_string_equal(from.settings.creds, "u:p:q");
	assert_string_equal(from.settings.cert_dir, "d");
	assert_string_equal(from.settings.registries_conf, "r");
	assert_int_equal(from.settings.tls_verify, REGISTRY_TLS_LAX);
	assert_string_equal(to.settings.authfile, "a");
	assert_string_equal(to.settings.creds, "v:w");
	assert_string_equal(to.settings.cert_dir, "c");
	assert_int_equal(to.settings.tls_verify, REGISTRY_TLS_CHECKED);
}

static void test_bad_truth(void **state)
{
	static const char *const argv[] = { "--tls-verify=maybe", NULL };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct values v;

	(void)state;
	assert_int_equal(parse(&v, argv, &err), -1);
	assert_int_equal(err.kind, GG_USAGE);
	assert_non_null(strstr(err.text, "true or false"));
}

/* In a session of its own, which has no terminal to ask at. */
static void test_no_terminal(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct registry_options o = { .creds = "user" };
		struct registry_access_options a;
		struct gg_err err = GG_ERR_INIT;

		setsid();
		_exit(registry_options_take(&o, NULL, &a, &err) == -1 && err.kind == GG_USAGE &&
				      strstr(err.text, "no terminal") && err.hint
			      ? 0
			      : 1);
	}
	assert_true(waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
}

static void test_no_user(void **state)
{
	struct registry_options o = { .creds = ":secret" };
	_cleanup_registry_access_options_ struct registry_access_options a = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(registry_options_take(&o, NULL, &a, &err), -1);
	assert_int_equal(err.kind, GG_USAGE);
	assert_null(strstr(err.text, "secret"));
}

static void test_one_registry(void **state)
{
	static const char *const one[] = { "docker://r.example/a", "docker://r.example/b:1",
					   "oci:x" },
				 *const two[] = { "docker://app", "oci:x", "docker://r.example/b" };
	struct registry_settings given = { .creds = "u:secret" }, none = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, loose = GG_ERR_INIT;

	(void)state;
	assert_int_equal(registry_options_check(&given, one, 3, &err), 0);
	assert_int_equal(registry_options_check(&none, two, 3, &err), 0);
	assert_int_equal(registry_options_check(&given, two, 3, &err), -1);
	assert_string_equal(err.text, "--creds is for one registry, and 'docker.io' and "
				      "'r.example' are named");
	setenv("GGBUILD_REGISTRY_TOKEN", "secret", 1);
	assert_int_equal(registry_options_check(&none, two, 3, &loose), -1);
	assert_int_equal(loose.kind, GG_USAGE);
	setenv("GGBUILD_REGISTRY_HOST", "r.example", 1);
	assert_int_equal(registry_options_check(&none, two, 3, &err), 0);
	unsetenv("GGBUILD_REGISTRY_TOKEN");
	unsetenv("GGBUILD_REGISTRY_HOST");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_said), cmocka_unit_test(test_sides),
		cmocka_unit_test(test_bad_truth),    cmocka_unit_test(test_no_terminal),
		cmocka_unit_test(test_no_user),      cmocka_unit_test(test_one_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
