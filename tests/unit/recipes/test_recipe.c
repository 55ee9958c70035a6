/* SPDX-License-Identifier: Apache-2.0
 *
 * The language by its corpus: every tests/recipes/valid loads, every tests/recipes/invalid prints exactly its
 * .expected. UPDATE_EXPECTED=1 in the environment writes the .expected files instead; read the difference.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "layers/base/fd.h"
#include "recipes/piece.h"
#include "recipes/recipe.h"

#define RECIPES TESTS_DIR "/recipes/"

static struct gg_buf slurp(const char *path)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_buf b = { 0 };

	if (gg_read_file(AT_FDCWD, path, 4 << 20, &b, &err) < 0)
		fail_msg("%s", err.text);
	gg_buf_puts(&b, "");
	return b;
}

static const char *stock_piece(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len)
{
	_cleanup_free_ char *path = gg_asprintf("%spieces/%s.yaml", RECIPES, name);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf b = { 0 };

	(void)ctx;
	if (gg_read_file(AT_FDCWD, path, 1 << 20, &b, &err) < 0)
		return NULL;
	*ret_len = b.len;
	return gg_arena_strndup(arena, b.data, b.len);
}

static const char *const *stock_names(void *ctx, struct gg_arena *arena, size_t *ret_n)
{
	static const char *const names[] = { "broken@1", "tool@1", "wrong@1" };

	(void)ctx;
	(void)arena;
	*ret_n = GG_LEN(names);
	return names;
}

static const struct recipe_options stock = { .piece = stock_piece, .piece_names = stock_names };

/* The recipe, or NULL and what the user would read. */
static struct recipe *load(const char *name, const char *text, size_t len,
			   const struct recipe_options *options, char **ret_output)
{
	struct recipe_errors errors = { 0 };
	struct gg_buf out = { 0 };
	struct recipe *r = NULL;
	int rc = recipe_load(name, text, len, options, &r, &errors);

	recipe_errors_print(&errors, text, len, &out);
	*ret_output = gg_buf_steal(&out);
	assert_int_equal(rc, errors.n ? -1 : 0);
	assert_true(!r == (rc < 0));
	recipe_errors_done(&errors);
	return r;
}

static struct recipe *load_text(const char *text)
{
	_cleanup_free_ char *output = NULL;
	struct recipe *r = load("test.recipe", text, strlen(text), &stock, &output);

	if (!r)
		fail_msg("%s", output);
	return r;
}

static void refused(const char *text, const struct recipe_options *options, const char *expected)
{
	_cleanup_free_ char *output = NULL;
	_cleanup_recipe_ struct recipe *r =
		load("test.recipe", text, strlen(text), options, &output);

	assert_null(r);
	assert_string_equal(output, expected);
}

static void list_dir(const char *dir, struct gg_strv *ret)
{
	DIR *d = opendir(dir);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (gg_ends(e->d_name, ".recipe"))
			gg_strv_add(ret, e->d_name);
	closedir(d);
	gg_strv_sort(ret);
}

static void test_valid(void **state)
{
	_cleanup_strv_ struct gg_strv names = { 0 };

	(void)state;
	list_dir(RECIPES "valid", &names);
	assert_true(names.n >= 12);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = gg_asprintf("%svalid/%s", RECIPES, names.v[i]);
		_cleanup_free_ char *output = NULL;
		_cleanup_buf_ struct gg_buf b = slurp(path);
		_cleanup_recipe_ struct recipe *r =
			load(names.v[i], b.data, b.len, &stock, &output);

		if (!r)
			fail_msg("%s", output);
	}
}

static bool same_as_expected(const char *name, const char *output)
{
	_cleanup_free_ char *path = gg_asprintf("%sinvalid/%.*s.expected", RECIPES,
						(int)(strlen(name) - strlen(".recipe")), name);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (getenv("UPDATE_EXPECTED")) {
		assert_int_equal(gg_write_file(AT_FDCWD, path, output, strlen(output), 0644,
					       GG_COMMIT_REPLACE, &err),
				 0);
		return true;
	}
	_cleanup_buf_ struct gg_buf expected = slurp(path);
	if (gg_streq(output, expected.data))
		return true;
	print_error("--- %s: expected\n%s--- found\n%s", name, expected.data, output);
	return false;
}

static void test_invalid(void **state)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	size_t wrong = 0;

	(void)state;
	list_dir(RECIPES "invalid", &names);
	assert_true(names.n >= 40);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_free_ char *path = gg_asprintf("%sinvalid/%s", RECIPES, names.v[i]);
		_cleanup_free_ char *output = NULL;
		_cleanup_buf_ struct gg_buf b = slurp(path);
		_cleanup_recipe_ struct recipe *r =
			load(names.v[i], b.data, b.len, &stock, &output);

		if (r)
			fail_msg("%s was accepted", names.v[i]);
		wrong += !same_as_expected(names.v[i], output);
	}
	assert_int_equal(wrong, 0);
}

static void test_pieces(void **state)
{
	static const char text[] =
		"recipe: 1\nname: x\nargs: { V: '2' }\nstages:\n  s:\n    from: scratch\n"
		"    env: { A: b }\n    steps:\n      - use: tool@1\n"
		"        with: { version: '${V}' }\n      - run: echo $V $version\n";
	_cleanup_recipe_ struct recipe *r = load_text(text);
	_cleanup_buf_ struct gg_buf piece = slurp(RECIPES "pieces/tool@1.yaml");
	const struct recipe_step *s = recipe_stage(r, "s")->steps;
	struct gg_digest digest;

	(void)state;
	gg_digest_of(piece.data, piece.len, &digest);
	assert_int_equal(recipe_stage(r, "s")->n_steps, 3);
	assert_int_equal(s[0].kind, RECIPE_STEP_FETCH);
	assert_string_equal(s[0].name, "s/tool");
	assert_string_equal(s[0].fetch, "tool");
	assert_string_equal(s[0].piece, "tool@1");
	assert_true(gg_digest_eq(&s[0].piece_digest, &digest));
	assert_string_equal(s[0].output, "/opt/tool");
	assert_true(s[0].network);
	assert_int_equal(s[0].timeout, 300000000000);
	assert_int_equal(s[0].pos.line, 9);
	assert_int_equal(s[0].args.n, 1);
	assert_string_equal(s[0].args.v[0], "version=2");
	assert_null(s[0].args.v[1]);
	assert_int_equal(s[0].env.n, 2);
	assert_string_equal(s[0].env.v[1], "TOOL_KIND=small-2");
	assert_int_equal(s[1].args.n, 0);
	assert_int_equal(s[1].env.n, 1);
	assert_string_equal(s[2].name, "s/3");
	assert_null(s[2].piece);
	assert_int_equal(s[2].args.n, 1);
	assert_string_equal(s[2].args.v[0], "V=2");
	assert_int_equal(s[2].env.n, 2);
	assert_string_equal(s[2].env.v[1], "PATH=/opt/tool/bin:/usr/local/sbin:/usr/local/bin:"
					   "/usr/sbin:/usr/bin:/sbin:/bin");
}

static void test_overrides(void **state)
{
	static const char text[] = "recipe: 1\nname: x\nargs: { RUST: '1', GGEN: '2' }\n"
				   "image: { author: 'r${RUST}g${GGEN}' }\n";
	_cleanup_strv_ struct gg_strv args = { 0 };
	_cleanup_free_ char *output = NULL;
	struct recipe_options o = stock;

	(void)state;
	gg_strv_add(&args, "RUST=nightly=1");
	o.args = args;
	_cleanup_recipe_ struct recipe *r = load("x.recipe", text, strlen(text), &o, &output);
	assert_non_null(r);
	assert_string_equal(r->image.author, "rnightly=1g2");
	assert_string_equal(r->args[0].value, "nightly=1");
	gg_strv_add(&args, "RUTS=1");
	gg_strv_add(&args, "GGEN");
	o.args = args;
	refused(text, &o,
		"error: --arg 'GGEN' has no '='\n  help: write --arg NAME=VALUE\n"
		"error: --arg 'RUTS': the recipe has no such argument\n  help: did you mean "
		"'RUST'?\n");
}

static bool may_name(const char *local, const char *allowed)
{
	_cleanup_free_ char *text =
		gg_asprintf("recipe: 1\nname: x\nimage: {}\ninputs: { a: { local: %s } }\n", local);
	struct recipe_options o = { 0 };
	_cleanup_free_ char *output = NULL;
	_cleanup_recipe_ struct recipe *r = NULL;

	gg_strv_add(&o.allowed, allowed);
	r = load("x.recipe", text, strlen(text), &o, &output);
	gg_strv_done(&o.allowed);
	if (r)
		assert_string_equal(recipe_input(r, "a")->local, local);
	return r != NULL;
}

/* What was allowed and what is below it, and nothing beside it. */
static void test_outside(void **state)
{
	(void)state;
	assert_true(may_name("../up", "../up"));
	assert_true(may_name("../up", "../up/"));
	assert_true(may_name("../up/a", "../up"));
	assert_true(may_name("/srv/a", "/"));
	assert_false(may_name("../upper", "../up"));
	assert_false(may_name("../up/../other", "../up"));
	assert_false(may_name("/etc", "../up"));
	assert_false(may_name("..", "../up"));
	assert_false(may_name("../up", "/"));
}

/* Every kind of value once, as the model has it. */
static void test_model(void **state)
{
	_cleanup_buf_ struct gg_buf b = slurp(RECIPES "valid/steps.recipe");
	_cleanup_recipe_ struct recipe *r = load_text(b.data);
	const struct recipe_step *s = recipe_stage(r, "base")->steps;

	(void)state;
	assert_string_equal(s[0].name, "base/build");
	assert_string_equal(s[0].command.shell, "make -j2\nmake install\n");
	assert_string_equal(s[0].workdir, "/src");
	assert_string_equal(s[0].user, "1000:1000");
	assert_int_equal(s[0].n_mounts, 2);
	assert_string_equal(s[0].mounts[0].at, "/inputs/src");
	assert_string_equal(s[0].mounts[1].at, "/tgz");
	assert_int_equal(s[0].secrets.n, 2);
	assert_int_equal(s[0].timeout, 5400000000000);
	assert_true(s[0].network);
	assert_string_equal(s[0].caches.v[0], "/var/cache/ccache");
	assert_int_equal(s[1].exclude.n, 2);
	assert_null(s[1].workdir);
	assert_int_equal(s[2].command.argv.n, 2);
	assert_null(s[2].command.shell);
	assert_int_equal(s[3].copies[0].mode, -1);
	assert_int_equal(s[4].copies[0].mode, 0640);
	assert_int_equal(s[5].n_makes, 3);
	assert_int_equal(s[5].makes[0].mode, 0700);
	assert_int_equal(s[5].makes[1].mode, 0644);
	assert_string_equal(s[5].makes[1].content, "costs $5, ${NOTHING}");
	assert_int_equal(s[5].makes[1].content_len, strlen("costs $5, ${NOTHING}"));
	assert_string_equal(s[5].makes[2].target, "../usr/bin/x");
	assert_string_equal(r->secrets[1].file, "/run/secrets/key");
	assert_null(r->secrets[0].file);
	assert_false(gg_digest_is_zero(&recipe_input(r, "tgz")->sha256));
	assert_int_equal(r->epoch, -1);
}

static void test_image(void **state)
{
	_cleanup_buf_ struct gg_buf b = slurp(RECIPES "valid/image.recipe");
	_cleanup_recipe_ struct recipe *r = load_text(b.data);
	const struct recipe_image *i = &r->image;

	(void)state;
	assert_true(i->present);
	assert_int_equal(r->epoch, 1769853600);
	assert_int_equal(i->user.gid, 1000);
	assert_string_equal(i->user.group, "app");
	assert_string_equal(i->user.home, "/");
	assert_string_equal(i->user.shell, "/bin/sh");
	assert_string_equal(i->layers[0].name, "layer-1");
	assert_true(i->layers[0].copies[0].libraries);
	assert_int_equal(i->layers[1].makes[0].mode, 0755);
	assert_string_equal(i->ports.v[0], "53/udp");
	assert_string_equal(i->ports.v[1], "8080/tcp");
	assert_string_equal(i->cmd.v[2], "echo \"$HOME\"");
	assert_string_equal(i->health.test.v[0], "CMD-SHELL");
	assert_int_equal(i->health.interval, 90000000000);
	assert_int_equal(i->health.timeout, 500000000);
	assert_int_equal(i->health.start_period, 3600000000000);
	assert_int_equal(i->health.retries, 3);
	assert_int_equal(i->compression, RECIPE_ZSTD);
	assert_int_equal(i->level, 9);
}

static void test_distro(void **state)
{
	_cleanup_buf_ struct gg_buf b = slurp(RECIPES "valid/distro.recipe");
	_cleanup_recipe_ struct recipe *r = load_text(b.data);
	const struct recipe_from *f = &recipe_stage(r, "deb")->from;

	(void)state;
	assert_int_equal(f->kind, RECIPE_FROM_DISTRO);
	assert_string_equal(f->distro, "debian");
	assert_string_equal(f->packages.v[0], "bash");
	assert_string_equal(f->packages.v[3], "zlib1g");
	assert_int_equal(f->package_pos[3].line, 7);
	assert_int_equal(f->package_pos[3].col, 18);
	assert_false(f->scripts);
	assert_false(f->essential);
	assert_int_equal(f->exclude.n, 2);
	assert_string_equal(f->exclude.v[1], "!usr/share/man/man1");
	f = &recipe_stage(r, "ubu")->from;
	assert_string_equal(f->distro, "ubuntu");
	assert_true(f->scripts && f->essential);
	assert_int_equal(f->components.n, 1);
	assert_string_equal(f->components.v[0], "main");
}

static void test_order(void **state)
{
	_cleanup_buf_ struct gg_buf b = slurp(RECIPES "valid/stage-order.recipe");
	_cleanup_recipe_ struct recipe *r = load_text(b.data);

	(void)state;
	assert_string_equal(r->stages[0].name, "first");
	assert_string_equal(r->stages[1].name, "middle");
	assert_string_equal(r->stages[2].name, "last");
}

/* A bomb: `head`, `n` times `unit`, `tail`. */
static void bomb(const char *head, const char *unit, size_t n, const char *tail)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	struct recipe_errors errors = { 0 };
	_cleanup_buf_ struct gg_buf out = { 0 };
	struct recipe *r = NULL;
	struct timespec from, to;
	double ms;

	gg_buf_puts(&b, head);
	for (size_t i = 0; i < n; i++)
		gg_buf_puts(&b, unit);
	gg_buf_puts(&b, tail);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(recipe_load("bomb", b.data, b.len, &stock, &r, &errors), -1);
	recipe_errors_print(&errors, b.data, b.len, &out);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	assert_null(r);
	assert_true(errors.n >= 1 && errors.n <= RECIPE_MAX_ERRORS + 1);
#if defined(__SANITIZE_ADDRESS__)
	ms /= 5;
#endif
	if (ms >= 100)
		fail_msg("'%s…' took %.0f ms", unit, ms);
	recipe_errors_done(&errors);
}

static void test_bombs(void **state)
{
	(void)state;
	bomb("", "[", 200000, "");
	bomb("", "{a: ", 200000, "");
	bomb("", "- ", 300000, "");
	bomb("", "? ", 300000, "");
	bomb("a: \"", "x", 1 << 19, "\"");
	bomb("", "x", 2 << 20, "");
	bomb("", "%TAG !a! b\n", 60000, "---\n{}\n");
	bomb("a: b\n...\n", "%TAG !a! b\n", 60000, "---\n{}\n");
	bomb("recipe: [", "a,", 400000, "]");
	bomb("{", "k: ,", 30000, "}");
	bomb("", "unknown: \n", 30000, "");
	bomb("", "#\n", 400000, "");
	bomb("a: &a [x,x]\nb: [", "*a,", 20000, "]");
	bomb("recipe: 1\nname: x\nargs: { A: "
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }\n"
	     "image: { author: \"",
	     "${A}", 200000, "\" }");
	bomb("recipe: 1\nname: x\nimage: {}\ntests:\n",
	     "  - { run: a, expect: { stdout-line: '((((a{1,99}){1,99}){1,99}){1,99})' } }\n", 1000,
	     "");
	bomb("recipe: 1\nname: x\nstages:\n  s:\n    from: scratch\n    steps:\n",
	     "      - run: x\n", 20000, "");
	bomb("recipe: 1\nname: x\nimage: { volumes: [", "x, ", 60000, "] }");
}

static void test_limit(void **state)
{
	_cleanup_free_ char *text = gg_alloc(2 << 20);
	struct recipe_errors errors = { 0 };
	struct recipe *r;

	(void)state;
	memset(text, '#', 2 << 20);
	assert_int_equal(recipe_load("big", text, 2 << 20, &stock, &r, &errors), -1);
	assert_string_equal(errors.v[0].text,
			    "larger than the 1048576 bytes that a recipe may have");
	recipe_errors_done(&errors);
	assert_int_equal(recipe_load("binary", "name: \"a\xff\"\n", 11, &stock, &r, &errors), -1);
	assert_string_equal(errors.v[0].text, "not a text in UTF-8: invalid leading UTF-8 octet");
	assert_int_equal(errors.v[0].pos.col, 9);
	recipe_errors_done(&errors);
}

static void printed(struct gg_pos pos, const char *text, const char *hint, const char *source,
		    const char *expected)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	recipe_error_print(pos, text, hint, source, source ? strlen(source) : 0, &b);
	assert_string_equal(b.data, expected);
}

static void test_print(void **state)
{
	(void)state;
	printed((struct gg_pos){ "f", 2, 3 }, "no", "yes", "a\nb cd: e\n",
		"f:2:3: error: no\n    2 | b cd: e\n      |   ^^\n  help: yes\n");
	printed((struct gg_pos){ "f", 1, 3 }, "no", NULL, "\tx\ty\n",
		"f:1:3: error: no\n    1 |     x    y\n      |      ^^^^\n");
	printed((struct gg_pos){ "f", 1, 4 }, "no", NULL, "漢字 k\n",
		"f:1:4: error: no\n    1 | 漢字 k\n      |      ^\n");
	printed((struct gg_pos){ "f", 1, 3 }, "no", NULL, "\x1b\xff x\r\n",
		"f:1:3: error: no\n    1 | \xef\xbf\xbd\xef\xbf\xbd x\n      |   ^\n");
	printed((struct gg_pos){ "f", 9, 1 }, "no", NULL, "a\n", "f:9:1: error: no\n");
	printed((struct gg_pos){ "f", 0, 0 }, "no", NULL, "a\n", "f: error: no\n");
	printed((struct gg_pos){ "f", 1, 90 }, "no", NULL, "a\n",
		"f:1:90: error: no\n    1 | a\n      |  ^\n");
	printed((struct gg_pos){ NULL, 0, 0 }, "no", "do", NULL, "error: no\n  help: do\n");
}

static void test_harmless(void **state)
{
	static const char text[] = "recipe: 1\nname: \"\\e[31m\\x9b\"\nimage: {}\n";

	(void)state;
	refused(text, &stock,
		"test.recipe:2:7: error: '?[31m?"
		"?' is no name\n    2 | name: \"\\e[31m\\x9b\"\n"
		"      |       ^^^^^^^^^^^^\n"
		"  help: names are small letters, digits, '.', '_' and '-', and begin with a "
		"letter or digit\n");
}

static void test_piece_check(void **state)
{
	_cleanup_buf_ struct gg_buf good = slurp(RECIPES "pieces/tool@1.yaml");
	_cleanup_buf_ struct gg_buf bad = slurp(RECIPES "pieces/wrong@1.yaml");
	struct recipe_errors errors = { 0 };

	(void)state;
	if (piece_check("tool@1", good.data, good.len, &errors) < 0)
		fail_msg("%s", errors.v[0].text);
	assert_int_equal(piece_check("wrong@1", bad.data, bad.len, &errors), -1);
	assert_int_equal(errors.n, 3);
	assert_string_equal(errors.v[0].pos.file, "pieces/wrong@1.yaml");
	recipe_errors_done(&errors);
}

/* What ships. */
static void test_stock(void **state)
{
	_cleanup_buf_ struct gg_buf b = slurp(TESTS_DIR "/../recipes/starter.recipe");
	_cleanup_recipe_ struct recipe *r = load_text(b.data);
	struct recipe_errors errors = { 0 };
	DIR *d = opendir(TESTS_DIR "/../recipes/pieces");

	(void)state;
	assert_true(r->image.present && r->n_tests == 1);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (!gg_ends(e->d_name, ".yaml"))
			continue;
		_cleanup_free_ char *path =
			gg_asprintf("%s/../recipes/pieces/%s", TESTS_DIR, e->d_name);
		_cleanup_free_ char *name =
			gg_strndup(e->d_name, strlen(e->d_name) - strlen(".yaml"));
		_cleanup_buf_ struct gg_buf text = slurp(path);
		if (piece_check(name, text.data, text.len, &errors) < 0)
			fail_msg("%s:%u: %s", path, errors.v[0].pos.line, errors.v[0].text);
	}
	if (d)
		closedir(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),    cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_pieces),   cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_outside),  cmocka_unit_test(test_model),
		cmocka_unit_test(test_image),    cmocka_unit_test(test_distro),
		cmocka_unit_test(test_order),    cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_limit),    cmocka_unit_test(test_print),
		cmocka_unit_test(test_harmless), cmocka_unit_test(test_piece_check),
		cmocka_unit_test(test_stock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
