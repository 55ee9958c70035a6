/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of paths, URLs, lists, commands and environments.
 */
#include "recipes/check.h"

#include <string.h>

struct recipe_list check_list_of(struct check *c, char *const *v, size_t n)
{
	const char **copy = gg_arena_calloc(c->arena, n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = gg_arena_strdup(c->arena, v[i]);
	return (struct recipe_list){ .v = n ? copy : NULL, .n = n };
}

/* Reads each value with `one`, which is given the address of a text. */
static void each(struct check *c, const struct yaml_node *node, check_reader *one,
		 struct recipe_list *out)
{
	const char **v = gg_arena_calloc(c->arena, node->n + 1, sizeof(*v));
	size_t n = 0;

	c->item = true;
	for (size_t i = 0; i < node->n; i++) {
		one(c, node->values[i], &v[n]);
		n += v[n] != NULL;
	}
	c->item = false;
	*out = (struct recipe_list){ .v = n ? v : NULL, .n = n };
}

static void wants_list(struct check *c, const struct yaml_node *node, const char *wanted)
{
	check_wrong_type(c, node, wanted);
	if (node->kind == YAML_SCALAR && !yaml_is_null(node) && !strpbrk(node->text, "\n,[]{}\"'"))
		check_hint(c, "write [%s]", check_shown(c, node->text));
}

void check_list(struct check *c, const struct yaml_node *node, void *out)
{
	if (node->kind == YAML_LIST)
		each(c, node, check_text, out);
	else
		wants_list(c, node, "a list of texts");
}

void check_texts(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = NULL;

	if (node->kind == YAML_LIST) {
		each(c, node, check_text, out);
		return;
	}
	text = check_scalar(c, node, "a text or a list of texts");
	if (text)
		*(struct recipe_list *)out = check_list_of(c, (char *const *)&text, 1);
}

void check_command(struct check *c, const struct yaml_node *node, void *out)
{
	static const char wanted[] = "a shell text or a list of arguments";
	struct recipe_command *command = out;

	if (node->kind == YAML_LIST) {
		each(c, node, check_content, &command->argv);
		if (!node->n || (command->argv.n == node->n && !*command->argv.v[0])) {
			check_fail(c, node->pos, "'%s' names no program", c->key);
			check_hint(c, "the first item is the program");
		}
		return;
	}
	command->shell = check_raw(c, node, wanted);
	if (!command->shell || command->shell[strspn(command->shell, " \t\n")])
		return;
	check_fail(c, check_pos(c, node), "'%s' is empty", c->key);
	check_hint(c, "write %s", wanted);
}

bool check_is_glob(const char *s)
{
	return strpbrk(s, "*?[") != NULL;
}

const char *check_basename(const char *path, size_t *ret_len)
{
	size_t len = strlen(path), from;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (from = len; from && path[from - 1] != '/';)
		from--;
	*ret_len = len - from;
	return path + from;
}

static bool climbs(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2))
			return true;
		p += len;
		p += strspn(p, "/");
	}
	return false;
}

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* What no path may be; true when a complaint was made. */
static bool bad_path(struct check *c, const struct yaml_node *node, const char *path)
{
	enum { PATH_LIMIT = 4095 };

	if (!*path) {
		check_fail(c, check_pos(c, node), "'%s' is an empty path", c->key);
	} else if (has_control(path)) {
		check_fail(c, check_pos(c, node), "a control character in the path '%s'",
			   check_shown(c, path));
		check_hint(c, "a path stands on one line");
	} else if (strlen(path) > PATH_LIMIT) {
		check_fail(c, check_pos(c, node), "a path longer than %d bytes", PATH_LIMIT);
	} else {
		return false;
	}
	return true;
}

void check_path(struct check *c, const struct yaml_node *node, void *out)
{
	const char *path = check_scalar(c, node, "an absolute path");

	if (!path || bad_path(c, node, path))
		return;
	if (*path != '/') {
		check_fail(c, check_pos(c, node), "'%s' must be an absolute path, not '%s'", c->key,
			   check_shown(c, path));
		if (!climbs(path))
			check_hint(c, "begin it with '/': '/%s'",
				   check_shown(c, path + (gg_starts(path, "./") ? 2 : 0)));
	} else if (climbs(path)) {
		check_fail(c, check_pos(c, node), "'..' in the path '%s'", check_shown(c, path));
		check_hint(c, "write the path that it leads to");
	} else {
		*(const char **)out = path;
	}
}

void check_paths(struct check *c, const struct yaml_node *node, void *out)
{
	if (node->kind == YAML_LIST)
		each(c, node, check_path, out);
	else
		wants_list(c, node, "a list of absolute paths");
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	const char *rest;

	while (len && dir[len - 1] == '/')
		len--;
	if (strncmp(path, dir, len) != 0)
		return false;
	rest = path + len;
	return (*rest == '/' || !*rest) && !climbs(rest);
}

static bool may_leave(const struct check *c, const char *path)
{
	const struct gg_strv *allowed = &c->options->allowed;

	for (size_t i = 0; i < allowed->n; i++)
		if (is_below(path, allowed->v[i]))
			return true;
	return false;
}

bool check_inside_path(struct check *c, const struct yaml_node *node, const char *path)
{
	if (bad_path(c, node, path))
		return false;
	if ((*path == '/' || climbs(path)) && !may_leave(c, path)) {
		check_fail(c, check_pos(c, node), "'%s' leaves the recipe's directory: '%s'",
			   c->key, check_shown(c, path));
		check_hint(c, "move it below the recipe, or allow it: --allow path=%s",
			   check_shown(c, path));
		return false;
	}
	return true;
}

void check_inside(struct check *c, const struct yaml_node *node, void *out)
{
	const char *path = check_scalar(c, node, "a path beside the recipe");

	if (path && check_inside_path(c, node, path))
		*(const char **)out = path;
}

void check_url(struct check *c, const struct yaml_node *node, void *out)
{
	const char *url = check_scalar(c, node, "a URL"), *host;

	if (!url)
		return;
	host = strstr(url, "://");
	if (has_control(url) || strchr(url, ' ') || !host ||
	    (!gg_starts(url, "http://") && !gg_starts(url, "https://") &&
	     !gg_starts(url, "file:///"))) {
		check_fail(c, check_pos(c, node), "'%s' must be a URL, not '%s'", c->key,
			   check_shown(c, url));
		check_hint(c, "it begins with https://, http:// or file:///");
		return;
	}
	host += 3;
	if (memchr(host, '@', strcspn(host, "/?#"))) {
		check_fail(c, check_pos(c, node), "'%s' holds a user name or password", c->key);
		check_hint(c, "recipes are shared; give credentials in the user's configuration");
		return;
	}
	if (!host[0] || (host[0] == '/' && !gg_starts(url, "file:"))) {
		check_fail(c, check_pos(c, node), "'%s' is a URL without a host", c->key);
		return;
	}
	*(const char **)out = url;
}

struct pair {
	char *text;
	size_t key;
};

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	size_t n = x->key < y->key ? x->key : y->key;
	int order = memcmp(x->text, y->text, n);

	return order ? order : x->key < y->key ? -1 : x->key > y->key;
}

void check_sort_pairs(struct gg_strv *l)
{
	_cleanup_free_ struct pair *v = gg_calloc(l->n, sizeof(*v));

	for (size_t i = 0; i < l->n; i++)
		v[i] = (struct pair){ l->v[i], strcspn(l->v[i], "=") };
	if (l->n > 1)
		qsort(v, l->n, sizeof(*v), by_key);
	for (size_t i = 0; i < l->n; i++)
		l->v[i] = v[i].text;
}

/* A value of a map whose keys are the recipe's own. */
static const char *named_text(struct check *c, const char *key, const struct yaml_node *node)
{
	const char *outer = c->key, *value;

	c->key = key;
	value = check_scalar(c, node, "a text");
	c->key = outer;
	return value;
}

static bool good_variable(struct check *c, const struct yaml_node *key, bool step)
{
	if (!vars_is_name(key->text)) {
		check_fail(c, key->pos, "'%s' is no name of a variable", check_shown(c, key->text));
		check_hint(c, "letters, digits and '_', no digit first");
		return false;
	}
	if (step && gg_streq(key->text, "SOURCE_DATE_EPOCH")) {
		check_fail(c, key->pos, "SOURCE_DATE_EPOCH is set by ggbuild");
		check_hint(c, "it is the recipe's 'epoch'; set that");
		return false;
	}
	return true;
}

struct recipe_list check_env(struct check *c, const struct yaml_node *node, struct recipe_list base,
			     bool step)
{
	_cleanup_strv_ struct gg_strv env = { 0 };
	const char *path, *value, *outer = c->path;

	if (node->kind != YAML_MAP) {
		check_wrong_type(c, node, "a map NAME: value");
		if (node->kind == YAML_LIST)
			check_hint(c, "write { NAME: value } and no list of NAME=value");
		return base;
	}
	if (node->n > CHECK_MAX_VARIABLES) {
		check_fail(c, node->pos, "more than %d variables", CHECK_MAX_VARIABLES);
		return base;
	}
	for (size_t i = 0; i < base.n; i++)
		gg_strv_add(&env, base.v[i]);
	path = gg_strv_getenv(&env, "PATH");
	path = gg_arena_strdup(c->arena, path ? path : CHECK_DEFAULT_PATH);
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];

		if (key->kind != YAML_SCALAR || !good_variable(c, key, step))
			continue;
		c->path = gg_streq(key->text, "PATH") ? path : NULL;
		value = named_text(c, key->text, node->values[i]);
		c->path = outer;
		if (value)
			gg_strv_setenv(&env, key->text, value);
	}
	if (env.n > CHECK_MAX_VARIABLES)
		check_fail(c, node->pos, "more than %d variables", CHECK_MAX_VARIABLES);
	check_sort_pairs(&env);
	return check_list_of(c, env.v, env.n);
}

struct recipe_list check_pairs(struct check *c, const struct yaml_node *node, const char *what)
{
	_cleanup_strv_ struct gg_strv pairs = { 0 };

	if (!check_is(c, node, YAML_MAP, "a map KEY: value"))
		return (struct recipe_list){ 0 };
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		const char *value;

		if (key->kind != YAML_SCALAR)
			continue;
		if (!*key->text || strchr(key->text, '=') || has_control(key->text)) {
			check_fail(c, key->pos, "'%s' is no key of %s", check_shown(c, key->text),
				   what);
			check_hint(c,
				   "a key is a text without '=' and line breaks: org.example.key");
			continue;
		}
		value = named_text(c, key->text, node->values[i]);
		if (value)
			gg_strv_addf(&pairs, "%s=%s", key->text, value);
	}
	check_sort_pairs(&pairs);
	return check_list_of(c, pairs.v, pairs.n);
}
