/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs and secrets.
 */
#include "recipes/recipe_read.h"

#include <string.h>

enum { LOCAL = 1 << 0, URL = 1 << 1, IMAGE = 1 << 2, LATER = 1 << 3 };
static const char *const input_kinds[] = { "local", "url", "image", "git" };

#define INPUT(field) offsetof(struct recipe_input, field)
static const struct check_field input_fields[] = {
	{ "local", check_inside, INPUT(local), 0, LOCAL },
	{ "ignore", check_list, INPUT(ignore), 0, LOCAL },
	{ "url", check_url, INPUT(url), 0, URL },
	{ "sha256", check_sha256, INPUT(sha256), CHECK_REQUIRED, URL,
	  .help = "sha256: what sha256sum says of the file" },
	{ "git", NULL, 0, CHECK_LATER, .help = "clone it in a fetch step, whose output is pinned" },
	{ "ref", NULL, 0, 0, LATER },
	{ "image", read_reference, INPUT(image), 0, IMAGE },
};
#undef INPUT
static const struct check_shape input_shape = CHECK_KINDS("an input", input_fields, input_kinds);

static void read_input(struct check *c, const struct yaml_node *node, struct recipe_input *input)
{
	bool later = yaml_get(node, "git");
	int kind = 0;

	if (node->kind != YAML_MAP) {
		check_map(c, node, &input_shape, 0, input); /* which says so */
		if (node->kind == YAML_SCALAR && !yaml_is_null(node) &&
		    !strpbrk(node->text, "\n\"'{}"))
			check_hint(c, "write { %s: %s }",
				   strstr(node->text, "://") ? "url" : "local",
				   check_shown(c, node->text));
		return;
	}
	if (!later)
		kind = check_one_of(c, node, &input_shape, input_kinds, 3);
	if (kind < 0)
		return;
	input->kind = (enum recipe_input_kind)kind;
	check_map(c, node, &input_shape, later ? LATER : 1u << kind, input);
}

void read_inputs(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe *recipe = out;
	struct recipe_input *v;
	size_t n = 0;

	if (!check_is(c, node, YAML_MAP, "a map NAME: { local: DIRECTORY }"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		if (node->keys[i]->kind != YAML_SCALAR)
			continue;
		v[n].name = node->keys[i]->text;
		v[n].pos = node->keys[i]->pos;
		read_input(c, node->values[i], &v[n++]);
	}
	recipe->inputs = v;
	recipe->n_inputs = n;
}

static void secret_id(struct check *c, const struct yaml_node *node, void *out)
{
	static const char more[] = "._-";
	const char *id = check_raw(c, node, "a name");

	if (!id)
		return;
	for (const char *p = id; *p; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9');

		if (plain || (p > id && strchr(more, *p)))
			continue;
		check_fail(c, node->pos, "'%s' is no name of a secret", check_shown(c, id));
		check_hint(c, "letters, digits, '.', '_' and '-', with a letter or digit first");
		return;
	}
	if (*id)
		*(const char **)out = id;
	else
		check_fail(c, node->pos, "'id' is empty");
}

static void secret_env(struct check *c, const struct yaml_node *node, void *out)
{
	const char *name = check_scalar(c, node, "the name of a variable");

	if (!name)
		return;
	if (vars_is_name(name)) {
		*(const char **)out = name;
		return;
	}
	check_fail(c, node->pos, "'%s' is no name of a variable", check_shown(c, name));
	check_hint(c, "letters, digits and '_', no digit first");
}

static const struct check_field secret_fields[] = {
	{ "id", secret_id, offsetof(struct recipe_secret, id), CHECK_REQUIRED,
	  .help = "id: the name that '--secret id=…' gives a value" },
	{ "env", secret_env, offsetof(struct recipe_secret, env) },
	{ "file", check_path, offsetof(struct recipe_secret, file) },
};
static const struct check_shape secret_shape = CHECK_SHAPE("a secret", secret_fields);

void read_secrets(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe *recipe = out;
	struct recipe_secret *v;

	if (!check_is(c, node, YAML_LIST, "a list of { id, env or file }"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		struct recipe_secret *s = &v[i];
		const struct check_name *twin;

		s->pos = node->values[i]->pos;
		if (!check_map(c, node->values[i], &secret_shape, 0, s))
			continue;
		if (s->env && s->file) {
			check_fail(c, s->pos, "a secret has both 'env' and 'file'");
			check_hint(c, "keep one; without either it is the file /run/secrets/ID");
		}
		if (s->id && !s->env && !s->file)
			s->file = gg_arena_printf(c->arena, "/run/secrets/%s", s->id);
		twin = s->id ? check_find(&c->secrets, s->id) : NULL;
		for (size_t k = 0; twin && k < i; k++)
			if (v[k].id && gg_streq(v[k].id, s->id)) {
				check_fail(c, s->pos, "a secret is called '%s' already", s->id);
				check_hint(c, "the first one is in line %u", v[k].pos.line);
				break;
			}
	}
	recipe->secrets = v;
	recipe->n_secrets = node->n;
}
