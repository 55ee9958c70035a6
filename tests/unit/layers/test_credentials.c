/* SPDX-License-Identifier: Apache-2.0
 *
 * Files, environment and helpers. Every value that is a secret here contains "canary", which no error and no log may hold.
 */
#include "layers/credentials.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "layers/credential_helper.h"
#include "layers/reference.h"
#include "layers/registry_settings.h"

/* base64 of u1:canary1 and u2:canary2 */
#define ONE "{\"auths\":{\"r.example/ns\":{\"auth\":\"dTE6Y2FuYXJ5MQ==\"}}}"
#define TWO "{\"auths\":{\"r.example\":{\"auth\":\"dTI6Y2FuYXJ5Mg==\"}}}"

struct fixture {
	char *dir, *path;
};

static struct gg_buf log_lines;

static void take_log(enum gg_log_level level, const char *text)
{
	(void)level;
	gg_buf_printf(&log_lines, "%s\n", text);
}

static char *in(const struct fixture *f, const char *name)
{
	return gg_asprintf("%s/%s", f->dir, name);
}

static void put(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *path = in(f, name);
	char *slash = strrchr(path, '/');
	int fd;

	*slash = '\0';
	if (gg_mkdirs(AT_FDCWD, path, 0755, &err) < 0)
		fail_msg("%s", err.text);
	*slash = '/';
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(gg_write_all(fd, text, strlen(text), &err), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	gg_close(fd);
}

static void put_helper(const struct fixture *f, const char *name, const char *script)
{
	_cleanup_free_ char *file = gg_asprintf("bin/docker-credential-%s", name);
	_cleanup_free_ char *text = gg_asprintf("#!/bin/sh\n%s\n", script);

	put(f, file, text, 0755);
}

static int setup(void **state)
{
	static const char *const cleared[] = { "GGBUILD_REGISTRY_TOKEN",    "GGBUILD_REGISTRY_USER",
					       "GGBUILD_REGISTRY_PASSWORD", "GGBUILD_REGISTRY_HOST",
					       "REGISTRY_AUTH_FILE",        "DOCKER_AUTH_CONFIG",
					       "XDG_CONFIG_HOME",           "DOCKER_CONFIG" };
	struct fixture *f = gg_zalloc(sizeof(*f));
	_cleanup_free_ char *runtime = NULL, *search = NULL;

	f->dir = gg_strdup("/tmp/ggbuild-credentials.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = gg_strdup(getenv("PATH"));
	for (size_t i = 0; i < GG_LEN(cleared); i++)
		unsetenv(cleared[i]);
	runtime = in(f, "run");
	setenv("XDG_RUNTIME_DIR", runtime, 1);
	setenv("HOME", f->dir, 1);
	search = gg_asprintf("%s/bin:%s", f->dir, f->path);
	setenv("PATH", search, 1);
	gg_log_set(take_log);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	bool leaked = log_lines.data && strstr(log_lines.data, "canary");

	gg_log_set(NULL);
	gg_buf_done(&log_lines);
	setenv("PATH", f->path, 1);
	assert_int_equal(gg_remove_tree(AT_FDCWD, f->dir, &err), 0);
	free(f->dir);
	free(f->path);
	free(f);
	return leaked ? -1 : 0;
}

static int find(const char *name, const struct registry_settings *s, struct credentials *ret,
		struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	int rc;

	assert_int_equal(reference_parse(name, &r, err), 0);
	rc = credentials_find(&r, true, s, ret, err);
	if (rc < 0) {
		assert_null(strstr(err->text, "canary"));
		assert_true(!err->hint || !strstr(err->hint, "canary"));
	}
	return rc;
}

/* "user:password", "<token:…>", "-" for anonymous, "!" for an error. */
static char *who(const char *name, const struct registry_settings *s)
{
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (find(name, s, &c, &err) < 0)
		return gg_strdup("!");
	if (c.bearer)
		return gg_asprintf("<%s>", c.bearer);
	if (c.identity_token)
		return gg_asprintf("id %s", c.identity_token);
	return c.user ? gg_asprintf("%s:%s", c.user, c.password) : gg_strdup("-");
}

static void expect(const char *name, const struct registry_settings *s, const char *want)
{
	_cleanup_free_ char *got = who(name, s);

	assert_string_equal(got, want);
}

static void test_search(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *named = in(f, "named.json"), *other = in(f, "other.json"),
			    *absent = in(f, "absent.json"), *config = in(f, "xdg"),
			    *docker = in(f, "dockerdir");
	struct registry_settings s = { 0 };

	expect("r.example/ns/app", &s, "-");
	expect("r.example/ns/app", NULL, "-");
	put(f, ".docker/config.json", TWO, 0600);
	expect("r.example/ns/app", &s, "u2:canary2");
	put(f, "dockerdir/config.json", ONE, 0600);
	setenv("DOCKER_CONFIG", docker, 1);
	expect("r.example/ns/app", &s, "u1:canary1");
	expect("r.example/app", &s, "-");
	unsetenv("DOCKER_CONFIG");
	put(f, ".config/containers/auth.json", ONE, 0600);
	expect("r.example/ns/app", &s, "u1:canary1");
	expect("r.example/app", &s, "u2:canary2");
	put(f, "xdg/containers/auth.json", TWO, 0600);
	setenv("XDG_CONFIG_HOME", config, 1);
	expect("r.example/ns/app", &s, "u2:canary2");
	put(f, "run/containers/auth.json", ONE, 0600);
	expect("r.example/ns/app", &s, "u1:canary1");
	setenv("DOCKER_AUTH_CONFIG", TWO, 1);
	expect("r.example/ns/app", &s, "u2:canary2");
	put(f, "other.json", ONE, 0600);
	setenv("REGISTRY_AUTH_FILE", other, 1);
	expect("r.example/ns/app", &s, "u1:canary1");
	expect("r.example/app", &s, "-");
	put(f, "named.json", TWO, 0600);
	s.authfile = named;
	expect("r.example/ns/app", &s, "u2:canary2");
	s.authfile = absent;
	expect("r.example/ns/app", &s, "!");
	s.authfile = "/dev/null";
	expect("r.example/ns/app", &s, "-");
}

static void test_environment(void **state)
{
	struct registry_settings s = { 0 }, unnamed = { .unnamed = true },
				 given = { .creds = "cu:canary:c" },
				 given_unnamed = { .creds = "cu:canaryc", .unnamed = true };

	put(*state, "run/containers/auth.json", TWO, 0600);
	setenv("GGBUILD_REGISTRY_USER", "eu", 1);
	expect("r.example/app", &s, "!");
	expect("r.example/app", &unnamed, "u2:canary2");
	setenv("GGBUILD_REGISTRY_PASSWORD", "canarye", 1);
	expect("r.example/app", &s, "eu:canarye");
	expect("r.example/app", &unnamed, "u2:canary2");
	expect("r.example/app", &given, "cu:canary:c");
	expect("r.example/app", &given_unnamed, "u2:canary2");
	setenv("GGBUILD_REGISTRY_HOST", "r.example/ns", 1);
	expect("r.example/app", &s, "u2:canary2");
	expect("r.example/ns/app", &s, "eu:canarye");
	expect("r.example/ns/app", &unnamed, "eu:canarye");
	setenv("GGBUILD_REGISTRY_HOST", "https://index.docker.io/v1/", 1);
	expect("ubuntu", &unnamed, "eu:canarye");
	unsetenv("GGBUILD_REGISTRY_HOST");
	setenv("GGBUILD_REGISTRY_TOKEN", "canaryt", 1);
	expect("r.example/app", &s, "<canaryt>");
	expect("r.example/app", &unnamed, "u2:canary2");
	setenv("GGBUILD_REGISTRY_TOKEN", "canary\r\nX: y", 1);
	expect("r.example/app", &s, "!");
}

static void test_malformed(void **state)
{
	struct fixture *f = *state;
	struct registry_settings s = { 0 };
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char *big = gg_alloc((2 << 20) + 1);

	put(f, "run/containers/auth.json", "{ \"auths\": { canary", 0600);
	assert_int_equal(find("r.example/app", &s, &c, &err), -1);
	assert_int_equal(err.kind, GG_USAGE);
	assert_non_null(strstr(err.text, "run/containers/auth.json"));
	assert_non_null(strstr(err.text, "line 1"));
	memset(big, ' ', 2 << 20);
	big[2 << 20] = '\0';
	put(f, "run/containers/auth.json", big, 0600);
	expect("r.example/app", &s, "!");
	free(big);
	setenv("DOCKER_AUTH_CONFIG", "canary", 1);
	expect("r.example/app", &s, "!");
}

static void test_readable_by_others(void **state)
{
	struct registry_settings s = { 0 };

	put(*state, "run/containers/auth.json", TWO, 0600);
	expect("r.example/app", &s, "u2:canary2");
	assert_null(log_lines.data);
	put(*state, "run/containers/auth.json", TWO, 0644);
	expect("r.example/app", &s, "u2:canary2");
	assert_non_null(strstr(log_lines.data, "chmod 600"));
}

/* ---- helpers ---- */

static int ask(const char *name, unsigned limit_ms, struct credentials *ret, bool *ret_found,
	       struct gg_err *err)
{
	struct credential_helper h = { .name = name, .server = "r.example", .limit_ms = limit_ms };
	bool there = false;
	int r = credential_helper_get(&h, ret, ret_found, &there, err);

	if (r == 0)
		assert_true(there);
	else
		assert_null(strstr(err->text, "canary"));
	return r;
}

static void test_helper(void **state)
{
	struct fixture *f = *state;
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT, t = CREDENTIALS_INIT,
						 n = CREDENTIALS_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	bool found;

	put_helper(f, "good",
		   "[ \"$1\" = get ] && [ \"$(cat)\" = r.example ] && [ $# = 1 ] || exit 9\n"
		   "echo canary >&2\n"
		   "echo '{\"ServerURL\":\"r\",\"Username\":\"hu\",\"Secret\":\"canaryh\"}'");
	put_helper(f, "token", "echo '{\"Username\":\"<token>\",\"Secret\":\"canaryid\"}'");
	put_helper(f, "none", "echo 'credentials not found in native keychain'; exit 1");
	assert_int_equal(ask("good", 0, &c, &found, &err), 0);
	assert_true(found);
	assert_string_equal(c.user, "hu");
	assert_string_equal(c.password, "canaryh");
	assert_int_equal(ask("token", 0, &t, &found, &err), 0);
	assert_string_equal(t.identity_token, "canaryid");
	assert_null(t.user);
	assert_int_equal(ask("none", 0, &n, &found, &err), 0);
	assert_false(found);
	assert_true(credentials_anonymous(&n));
}

static void test_helper_bad(void **state)
{
	static const struct {
		const char *script, *words;
		enum gg_kind kind;
	} rows[] = {
		{ "exec sleep 30", "within", GG_SYSTEM },
		{ "sleep 30 & exec >&- 2>&-; wait", "within", GG_SYSTEM },
		{ "echo canary garbage", "no JSON", GG_SYSTEM },
		{ "echo '{\"Username\":\"u\"}'", "no JSON", GG_SYSTEM },
		{ "echo '[\"canary\"]'", "no JSON", GG_SYSTEM },
		{ ":", "no JSON", GG_SYSTEM },
		{ "head -c 1048576 /dev/zero | tr '\\0' x", "longer than 64 KiB", GG_SYSTEM },
		{ "echo canary; exit 3", "exit status 3", GG_SYSTEM },
		{ "kill -9 $$", "signal 9", GG_SYSTEM },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(rows); i++) {
		_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		time_t before = time(NULL);
		bool found;

		put_helper(f, "bad", rows[i].script);
		assert_int_equal(
			ask("bad", strstr(rows[i].script, "sleep") ? 300 : 0, &c, &found, &err),
			-1);
		assert_int_equal(err.kind, rows[i].kind);
		if (!strstr(err.text, rows[i].words))
			fail_msg("'%s' is not '%s'", err.text, rows[i].words);
		assert_true(time(NULL) - before < 20);
	}
}

/* It has answered; what it left behind holds the pipe. */
static void test_helper_leaves_child(void **state)
{
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	time_t before = time(NULL);
	bool found;

	put_helper(*state, "fork", "sleep 25 & echo '{\"Username\":\"u\",\"Secret\":\"canary\"}'");
	assert_int_equal(ask("fork", 0, &c, &found, &err), 0);
	assert_true(found);
	assert_true(time(NULL) - before < 20);
}

static void test_helper_names(void **state)
{
	static const char *const names[] = { "",   "../x", "a/b", "a b", "A",
					     "-x", ".x",   "a;b", "a\nb" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(names); i++) {
		_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		bool found;

		assert_int_equal(ask(names[i], 0, &c, &found, &err), -1);
		assert_int_equal(err.kind, GG_USAGE);
	}
}

static void test_helper_of_file(void **state)
{
	struct fixture *f = *state;
	struct registry_settings s = { 0 };

	put(f, "run/containers/auth.json",
	    "{\"auths\":{\"own.example\":{\"auth\":\"dTE6Y2FuYXJ5MQ==\"}},"
	    "\"credHelpers\":{\"r.example\":\"absent\"},\"credsStore\":\"all\"}",
	    0600);
	put(f, ".docker/config.json", TWO, 0600);
	put_helper(f, "all",
		   "read -r server; [ \"$server\" = https://index.docker.io/v1/ ] ||"
		   " { echo credentials not found; exit 1; }\n"
		   "echo '{\"Username\":\"hub\",\"Secret\":\"canary\"}'");
	expect("own.example/x", &s, "u1:canary1");
	expect("ubuntu", &s, "hub:canary");
	expect("else.example/x", &s, "-");
	assert_null(log_lines.data);
	/* Not installed: told, and the search goes on. */
	expect("r.example/x", &s, "u2:canary2");
	assert_non_null(strstr(log_lines.data, "no program docker-credential-absent"));
}

/* ---- storing ---- */

static mode_t mode_of(const struct fixture *f, const char *name)
{
	_cleanup_free_ char *path = in(f, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & (S_IFMT | 07777);
}

static void store(const char *key, const struct registry_settings *s, const char *password,
		  const char *where)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *got = NULL;

	if (credentials_store(key, s, "me", password, &got, &err) < 0)
		fail_msg("%s", err.text);
	if (!strstr(got, where))
		fail_msg("%s is not in %s", where, got);
}

static void erase(const char *key, const struct registry_settings *s, bool found)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *where = NULL;
	bool was;

	if (credentials_erase(key, s, &was, &where, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(was, found);
}

static void test_store(void **state)
{
	struct fixture *f = *state;
	struct registry_settings s = { 0 };

	erase("r.example", &s, false);
	store("r.example", &s, "canary:1", "run/containers/auth.json");
	assert_int_equal(mode_of(f, "run/containers/auth.json"), S_IFREG | 0600);
	assert_int_equal(mode_of(f, "run/containers"), S_IFDIR | 0700);
	store("r.example/ns", &s, "canary2", "auth.json");
	store("https://index.docker.io/v1/", &s, "canary3", "auth.json");
	expect("r.example/x", &s, "me:canary:1");
	expect("r.example/ns/x", &s, "me:canary2");
	expect("ubuntu", &s, "me:canary3");
	erase("r.example", &s, true);
	erase("r.example", &s, false);
	expect("r.example/x", &s, "-");
	expect("r.example/ns/x", &s, "me:canary2");
	erase(NULL, &s, true);
	expect("ubuntu", &s, "-");
}

/* What else is in the file stays, and the symlink that leads to it. */
static void test_store_docker(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *link = in(f, "link.json"), *target = in(f, ".docker/config.json");
	struct registry_settings s = { .authfile = link };
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	put(f, ".docker/config.json",
	    "{\"psFormat\":\"x\",\"n\":1.5,\"auths\":{\"index.docker.io\":{}}}", 0644);
	assert_int_equal(symlink(target, link), 0);
	store("docker.io", &s, "canary", ".docker/config.json");
	assert_true(S_ISLNK(mode_of(f, "link.json")));
	assert_int_equal(mode_of(f, ".docker/config.json"), S_IFREG | 0600);
	assert_int_equal(gg_read_file(AT_FDCWD, target, 4096, &text, &err), 0);
	assert_string_equal(text.data, "{\n  \"auths\": {\n    \"https://index.docker.io/v1/\": {\n"
				       "      \"auth\": \"bWU6Y2FuYXJ5\"\n    }\n  },\n"
				       "  \"n\": 1.5,\n  \"psFormat\": \"x\"\n}\n");
	expect("ubuntu", &s, "me:canary");
}

static void test_store_helper(void **state)
{
	struct fixture *f = *state;
	struct registry_settings s = { 0 };
	_cleanup_free_ char *kept = in(f, "kept"), *script = NULL;

	script = gg_asprintf("case $1 in\n"
			     "store) cat >'%s' ;;\n"
			     "get) echo '{\"Username\":\"me\",\"Secret\":\"canary\"}' ;;\n"
			     "erase) rm '%s' ;;\n"
			     "esac",
			     kept, kept);
	put_helper(f, "all", script);
	put(f, "run/containers/auth.json", "{\"credsStore\":\"all\"}", 0600);
	store("r.example", &s, "canary\"q", "helper 'all'");
	assert_int_equal(mode_of(f, "kept") & S_IFMT, S_IFREG);
	{
		_cleanup_buf_ struct gg_buf text = { 0 };
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		assert_int_equal(gg_read_file(AT_FDCWD, kept, 4096, &text, &err), 0);
		assert_string_equal(text.data, "{\"Secret\":\"canary\\\"q\",\"ServerURL\":\"r."
					       "example\",\"Username\":\"me\"}");
	}
	expect("r.example/x", &s, "me:canary");
	store("r.example/ns", &s, "canary2", "auth.json");
	expect("r.example/ns/x", &s, "me:canary2");
	erase("r.example", &s, true);
	assert_int_equal(access(kept, F_OK), -1);
}

static void test_store_refused(void **state)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err colon = GG_ERR_INIT, broken = GG_ERR_INIT;
	_cleanup_free_ char *where = NULL;
	struct registry_settings s = { 0 };

	assert_int_equal(credentials_store("r.example", &s, "a:b", "canary", &where, &colon), -1);
	assert_int_equal(colon.kind, GG_USAGE);
	put(f, "run/containers/auth.json", "{ canary", 0600);
	assert_int_equal(credentials_store("r.example", &s, "a", "canary", &where, &broken), -1);
	assert_null(strstr(broken.text, "canary"));
	assert_null(where);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_search),         CASE(test_environment),
		CASE(test_malformed),      CASE(test_readable_by_others),
		CASE(test_helper),         CASE(test_helper_bad),
		CASE(test_helper_names),   CASE(test_helper_leaves_child),
		CASE(test_helper_of_file), CASE(test_store),
		CASE(test_store_docker),   CASE(test_store_helper),
		CASE(test_store_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
