/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/config.h"

#include <string.h>

#include "recipes/check.h"

#define MIRRORS_KNOWN "there are: debian, debian-security, ubuntu, ubuntu-security"

static const char *const mirror_names[] = { "debian", "debian-security", "ubuntu",
					    "ubuntu-security" };

static bool is_mirror(const char *name)
{
	for (size_t i = 0; i < GG_LEN(mirror_names); i++)
		if (gg_streq(mirror_names[i], name))
			return true;
	return false;
}

int config_check_mirror(const char *option, struct gg_err *err)
{
	_cleanup_free_ char *name = gg_strndup(option, strcspn(option, "="));
	const char *near;

	if (strchr(option, '=') && is_mirror(name))
		return 0;
	if (!strchr(option, '=')) {
		gg_fail(err, GG_USAGE, "--mirror '%s' names no URL", option);
		return gg_hint(err, "write --mirror debian=URL; " MIRRORS_KNOWN);
	}
	near = gg_nearest(name, mirror_names, GG_LEN(mirror_names));
	gg_fail(err, GG_USAGE, "--mirror '%s': no mirror is called '%s'", option, name);
	return near ? gg_hint(err, "did you mean '%s'?", near) : gg_hint(err, MIRRORS_KNOWN);
}

static void read_mirrors(struct check *c, const struct yaml_node *node, void *out)
{
	struct gg_strv *mirrors = out;

	if (!check_is(c, node, YAML_MAP, "a map NAME: URL"))
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		const char *url;

		if (key->kind != YAML_SCALAR)
			continue;
		if (!is_mirror(key->text)) {
			check_fail(c, key->pos, "no mirror is called '%s'",
				   check_shown(c, key->text));
			check_suggest(c, key->text, mirror_names, GG_LEN(mirror_names),
				      MIRRORS_KNOWN);
			continue;
		}
		c->key = key->text;
		url = check_raw(c, node->values[i], "a URL");
		if (!url)
			continue;
		if (gg_starts(url, "http://") || gg_starts(url, "https://") ||
		    gg_starts(url, "file:///")) {
			gg_strv_addf(mirrors, "%s=%s", key->text, url);
			continue;
		}
		check_fail(c, node->values[i]->pos, "'%s' must be a URL, not '%s'", c->key,
			   check_shown(c, url));
		check_hint(c, "it begins with https://, http:// or file:///, and names the "
			      "directory that holds dists/");
	}
}

/* What follows the optional "STEP:". */
static const char *behind_step(const char *key)
{
	const char *colon = strchr(key, ':');

	return colon ? colon + 1 : key;
}

static void read_fetch_env(struct check *c, const struct yaml_node *node, void *out)
{
	if (!check_is(c, node, YAML_MAP, "a map NAME: value"))
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		const char *value;

		if (key->kind != YAML_SCALAR)
			continue;
		if (!vars_is_name(behind_step(key->text))) {
			check_fail(c, key->pos, "'%s' is no variable", check_shown(c, key->text));
			check_hint(c, "write NAME or \"STEP:NAME\"; a name is letters, digits and "
				      "'_', no digit first");
			continue;
		}
		c->key = key->text;
		value = check_raw(c, node->values[i], "a text");
		if (value)
			gg_strv_addf(out, "%s=%s", key->text, value);
	}
}

static void read_fetch_mount(struct check *c, const struct yaml_node *node, void *out)
{
	if (!check_is(c, node, YAML_MAP, "a map HOSTDIR: DIR"))
		return;
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		const char *value;

		if (key->kind != YAML_SCALAR)
			continue;
		if (behind_step(key->text)[0] != '/' || strpbrk(behind_step(key->text), ":=")) {
			check_fail(c, key->pos, "'%s' is no absolute path",
				   check_shown(c, key->text));
			check_hint(c, "write /HOSTDIR or \"STEP:/HOSTDIR\"; the path holds no ':' "
				      "and no '='");
			continue;
		}
		c->key = key->text;
		value = check_raw(c, node->values[i], "an absolute path");
		if (value && value[0] == '/')
			gg_strv_addf(out, "%s=%s", key->text, value);
		else if (value)
			check_wrong_type(c, node->values[i], "an absolute path");
	}
}

static void read_absolute(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_raw(c, node, "an absolute path");

	if (text && text[0] == '/')
		*(const char **)out = text;
	else if (text)
		check_wrong_type(c, node, "an absolute path");
}

static void read_jobs(struct check *c, const struct yaml_node *node, void *out)
{
	int64_t n;

	if (!check_int(c, node, 1, CONFIG_MAX_JOBS, &n))
		*(int64_t *)out = n;
}

static const struct check_field fields[] = {
	{ "mirrors", read_mirrors, offsetof(struct config, mirrors), 0, 0, NULL },
	{ "fetch-env", read_fetch_env, offsetof(struct config, fetch_env), 0, 0, NULL },
	{ "fetch-mount", read_fetch_mount, offsetof(struct config, fetch_mounts), 0, 0, NULL },
	{ "store", read_absolute, offsetof(struct config, store), 0, 0, NULL },
	{ "policy", read_absolute, offsetof(struct config, policy), 0, 0, NULL },
	{ "jobs", read_jobs, offsetof(struct config, jobs), 0, 0, NULL },
};
static const struct check_shape shape = CHECK_SHAPE("the configuration", fields);

/* Nothing but comments is no mistake here. */
static bool is_blank(const char *text, size_t len)
{
	bool comment = false;

	for (size_t i = 0; i < len; i++) {
		comment = text[i] != '\n' && (comment || text[i] == '#');
		if (!comment && !strchr(" \t\r\n", text[i]))
			return false;
	}
	return true;
}

int config_parse(const char *file, const char *text, size_t len, struct config **ret,
		 struct recipe_errors *ret_errors)
{
	static const struct vars none = { .what = "variable", .where = "nothing" };
	_cleanup_config_ struct config *config = gg_zalloc(sizeof(*config));
	struct recipe_source source = { .file = file, .text = text, .len = len };
	struct check c = {
		.errors = ret_errors, .source = &source, .vars = &none, .budget = CHECK_EXPANSION
	};
	const struct yaml_node *root;

	c.arena = config->arena = gg_arena_new();
	source.text = gg_arena_strndup(c.arena, text, len);
	if (!is_blank(text, len)) {
		root = yaml_parse(c.arena, &source, ret_errors);
		if (root)
			check_map(&c, root, &shape, 0, config);
	}
	recipe_errors_sort(ret_errors);
	if (ret_errors->n)
		return -1;
	*ret = gg_steal(&config);
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	gg_strv_done(&c->mirrors);
	gg_strv_done(&c->fetch_env);
	gg_strv_done(&c->fetch_mounts);
	gg_arena_free(c->arena);
	free(c);
}

void config_freep(struct config **c)
{
	config_free(*c);
}
