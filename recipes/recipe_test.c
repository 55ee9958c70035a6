/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the image, and its health check.
 */
#include "recipes/recipe_read.h"

#include <string.h>

#include <regex.h>

enum {
	REGEX_LIMIT = 1024, /* bytes of one expression */
	REGEX_COST = 20000, /* atoms that all expressions of a recipe may unfold to */
	REGEX_GROUPS = 32,  /* groups in groups */
};

static size_t times(size_t a, size_t b)
{
	size_t product;

	return __builtin_mul_overflow(a, b, &product) || product > REGEX_COST ? REGEX_COST
									      : product;
}

/* The number of times that "{m,n}" at p repeats. */
static size_t repeats(const char *p)
{
	size_t high = 1;

	for (p++; *p && *p != '}'; p++) {
		size_t n = 0;

		for (; *p >= '0' && *p <= '9' && n <= REGEX_COST; p++)
			n = n * 10 + (size_t)(*p - '0');
		high = n > high ? n : high;
		if (*p != ',')
			break;
	}
	return high;
}

/* The last character of the bracket expression that begins at p, or of the text. */
static const char *bracket_end(const char *p)
{
	const char *from = p + 1;

	if (*from == '^')
		from++;
	if (*from == ']')
		from++;
	from += strcspn(from, "]");
	return *from ? from : from - 1;
}

/* How many atoms the expression has once its repetitions are written out, as regcomp does: "((a{99}){99}){99}"
 * keeps it busy for hours. */
static size_t regex_cost(const char *p)
{
	size_t sum[REGEX_GROUPS] = { 0 }, last = 0, depth = 0;

	for (; *p; p++) {
		if (*p == '(') {
			if (++depth == REGEX_GROUPS)
				return REGEX_COST;
			sum[depth] = last = 0;
			continue;
		}
		if (*p == '{') {
			last = times(last, repeats(p) - 1);
			p += strcspn(p, "}");
			p -= !*p;
		} else if (*p == ')' && depth) {
			last = sum[depth--] + 1;
		} else {
			last = 1;
			if (*p == '[')
				p = bracket_end(p);
			else if (*p == '\\' && p[1])
				p++;
		}
		sum[depth] += last;
		if (sum[depth] > REGEX_COST)
			return REGEX_COST;
	}
	for (size_t i = 1; i <= depth; i++)
		sum[0] += sum[i];
	return sum[0] < REGEX_COST ? sum[0] : REGEX_COST;
}

static void check_regex(struct check *c, const struct yaml_node *node, const char *text)
{
	regex_t regex;
	char why[128];
	int rc;

	if (strlen(text) > REGEX_LIMIT) {
		check_fail(c, check_pos(c, node), "a regular expression longer than %d bytes",
			   REGEX_LIMIT);
		check_hint(c, "compare a whole output with 'stdout'");
		return;
	}
	c->regex_cost += regex_cost(text) + 10;
	if (c->regex_cost >= REGEX_COST) {
		check_fail(c, check_pos(c, node),
			   "the regular expressions unfold to more than %d characters", REGEX_COST);
		check_hint(c, "use '+' in the place of large or nested {m,n}");
		return;
	}
	rc = regcomp(&regex, text, REG_EXTENDED | REG_NOSUB);
	if (!rc) {
		regfree(&regex);
		return;
	}
	regerror(rc, &regex, why, sizeof(why));
	check_fail(c, check_pos(c, node), "'%s' is no extended regular expression: %s",
		   check_shown(c, text), why);
	check_hint(c, "put '\\' before a bracket or sign that stands for itself");
}

static void test_lines(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_list *list = out;
	bool several = node->kind == YAML_LIST;

	check_texts(c, node, list);
	if (list->n != (several ? node->n : 1))
		return;
	for (size_t i = 0; i < list->n; i++)
		check_regex(c, several ? node->values[i] : node, list->v[i]);
}

static void test_exit(struct check *c, const struct yaml_node *node, void *out)
{
	int64_t status;

	if (!check_int(c, node, 0, 255, &status))
		*(int *)out = (int)status;
}

#define TEST(field) offsetof(struct recipe_test, field)
static const struct check_field expect_fields[] = {
	{ "exit", test_exit, TEST(exit) },
	{ "stdout-line", test_lines, TEST(stdout_lines) },
	{ "stderr-line", test_lines, TEST(stderr_lines) },
	{ "stdout", check_text, TEST(stdout_text) },
};
static const struct check_shape expect_shape = CHECK_SHAPE("'expect'", expect_fields);

static void test_expect(struct check *c, const struct yaml_node *node, void *out)
{
	check_map(c, node, &expect_shape, 0, out);
}

static void test_env(struct check *c, const struct yaml_node *node, void *out)
{
	*(struct recipe_list *)out = check_env(c, node, (struct recipe_list){ 0 }, false);
}

static const struct check_field test_fields[] = {
	{ "name", check_word, TEST(name) },
	{ "run", check_command, TEST(command), CHECK_REQUIRED,
	  .help = "run: what to run in the image" },
	{ "env", test_env, TEST(env) },
	{ "user", check_owner, TEST(user) },
	{ "workdir", check_path, TEST(workdir) },
	{ "timeout", check_duration, TEST(timeout) },
	{ "expect", test_expect, 0 },
};
#undef TEST
static const struct check_shape test_shape = CHECK_SHAPE("a test", test_fields);

static int by_name(const void *a, const void *b)
{
	const struct recipe_test *x = *(const struct recipe_test *const *)a;
	const struct recipe_test *y = *(const struct recipe_test *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : x < y ? -1 : x > y;
}

static void unique_tests(struct check *c, const struct recipe_test *tests, size_t n)
{
	_cleanup_free_ const struct recipe_test **v = gg_calloc(n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = &tests[i];
	if (n > 1)
		qsort(v, n, sizeof(*v), by_name);
	for (size_t i = 1; i < n; i++) {
		if (!gg_streq(v[i]->name, v[i - 1]->name))
			continue;
		check_fail(c, v[i]->pos, "a test is called '%s' already", v[i]->name);
		check_hint(c, "the first one is in line %u", v[i - 1]->pos.line);
	}
}

void read_tests(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe *recipe = out;
	struct recipe_test *v;

	if (!check_is(c, node, YAML_LIST, "a list of tests"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		v[i].pos = node->values[i]->pos;
		v[i].name = gg_arena_printf(c->arena, "test-%zu", i + 1);
		v[i].timeout = 60000000000;
		check_map(c, node->values[i], &test_shape, 0, &v[i]);
	}
	unique_tests(c, v, node->n);
	recipe->tests = v;
	recipe->n_tests = node->n;
}

static void health_test(struct check *c, const struct yaml_node *node, void *out)
{
	_cleanup_strv_ struct gg_strv argv = { 0 };
	struct recipe_health *health = out;
	struct recipe_list list = { 0 };
	const char *shell;

	if (node->kind != YAML_LIST) {
		shell = check_raw(c, node, "a list of arguments, a shell text, or none");
		health->none = shell && node->plain && gg_streq(shell, "none");
		if (!shell || health->none)
			return;
		gg_strv_add(&argv, "CMD-SHELL");
		gg_strv_add(&argv, shell);
	} else {
		check_list(c, node, &list);
		gg_strv_add(&argv, "CMD");
		for (size_t i = 0; i < list.n; i++)
			gg_strv_add(&argv, list.v[i]);
		if (!node->n) {
			check_fail(c, node->pos, "'test' names no program");
			check_hint(
				c,
				"the first item is the program; 'test: none' for no health check");
		} else if (list.n &&
			   (gg_streq(list.v[0], "CMD") || gg_streq(list.v[0], "CMD-SHELL") ||
			    gg_streq(list.v[0], "NONE"))) {
			check_fail(c, node->values[0]->pos, "'%s' is not written in a recipe",
				   list.v[0]);
			check_hint(c, "a list is a command (CMD), a text is the shell's "
				      "(CMD-SHELL), none is none");
		}
	}
	health->test = check_list_of(c, argv.v, argv.n);
}

static void health_retries(struct check *c, const struct yaml_node *node, void *out)
{
	int64_t n;

	if (!check_int(c, node, 1, 1000, &n))
		*(int *)out = (int)n;
}

#define HEALTH(field) offsetof(struct recipe_health, field)
static const struct check_field health_fields[] = {
	{ "test", health_test, 0, CHECK_REQUIRED,
	  .help = "test: [program, argument], or a shell text" },
	{ "interval", check_duration, HEALTH(interval) },
	{ "timeout", check_duration, HEALTH(timeout) },
	{ "start-period", check_duration, HEALTH(start_period) },
	{ "start-interval", check_duration, HEALTH(start_interval) },
	{ "retries", health_retries, HEALTH(retries) },
};
#undef HEALTH
static const struct check_shape health_shape = CHECK_SHAPE("'healthcheck'", health_fields);

void read_health(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_health *health = out;

	health->present = true;
	if (node->kind == YAML_SCALAR && node->plain && gg_streq(node->text, "none"))
		health->none = true;
	else
		check_map(c, node, &health_shape, 0, health);
}
