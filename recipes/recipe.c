/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/recipe.h"

#include <string.h>

#include "recipes/recipe_read.h"

static void read_version(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_raw(c, node, "the language's version, 1");

	(void)out;
	if (!text || gg_streq(text, "1"))
		return;
	check_fail(c, node->pos, "recipe language '%s' is not known", check_shown(c, text));
	check_hint(c, "this ggbuild knows version 1: write 'recipe: 1'");
}

static const char *override_of(struct check *c, const char *name)
{
	return gg_strv_getenv(&c->options->args, name);
}

static const char *read_arg(struct check *c, const struct yaml_node *key,
			    const struct yaml_node *value)
{
	static const struct vars none = { .what = "argument", .where = "args" };
	const struct vars *outer = c->vars;
	const char *text;

	if (!vars_is_name(key->text) || gg_streq(key->text, "PATH") ||
	    gg_streq(key->text, "SOURCE_DATE_EPOCH")) {
		check_fail(c, key->pos, "'%s' cannot name an argument", check_shown(c, key->text));
		check_hint(c, vars_is_name(key->text) ? "steps have a variable of that name already"
						      : "letters, digits and '_', no digit first");
		return NULL;
	}
	c->vars = &none;
	c->key = key->text;
	text = check_scalar(c, value, "a text");
	c->vars = outer;
	return text;
}

static void read_args(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe *recipe = out;
	struct recipe_arg *v;
	size_t n = 0;

	if (!check_is(c, node, YAML_MAP, "a map NAME: value"))
		return;
	if (node->n > CHECK_MAX_VARIABLES) {
		check_fail(c, node->pos, "more than %d arguments", CHECK_MAX_VARIABLES);
		return;
	}
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		const char *value, *given;

		if (key->kind != YAML_SCALAR)
			continue;
		value = read_arg(c, key, node->values[i]);
		given = override_of(c, key->text);
		if (given)
			value = gg_arena_strdup(c->arena, given);
		v[n++] = (struct recipe_arg){ key->text, value ? value : "", node->values[i]->pos };
	}
	recipe->args = v;
	recipe->n_args = n;
}

static void read_all_stages(struct check *c, const struct yaml_node *node, void *out)
{
	read_stages(c, node, out);
	graph_sort(c);
}

static const struct check_field root_fields[] = {
	{ "recipe", read_version, 0, CHECK_REQUIRED, .help = "begin the file with 'recipe: 1'" },
	{ "name", check_word, offsetof(struct recipe, name), CHECK_REQUIRED,
	  .help = "name: what this builds" },
	{ "args", NULL, 0 }, /* read before all others */
	{ "stages", read_all_stages, 0 },
	{ "inputs", read_inputs, 0 },
	{ "secrets", read_secrets, 0 },
	{ "image", read_image, 0 },
	{ "tests", read_tests, 0 },
	{ "epoch", check_epoch, offsetof(struct recipe, epoch) },
	{ "platforms", NULL, 0, CHECK_LATER,
	  .help = "leave it out: the image is for this machine's platform" },
};
static const struct check_shape root_shape = CHECK_SHAPE("the recipe", root_fields);

/* Arguments come first, wherever they stand, because every value may use them. */
static void declare_args(struct check *c, const struct yaml_node *root, struct vars *vars)
{
	const struct yaml_node *args = yaml_get(root, "args");
	struct recipe *r = c->recipe;
	struct vars_var *v;

	if (args) {
		c->key = "args";
		read_args(c, args, r);
		c->key = NULL;
	}
	v = gg_arena_calloc(c->arena, r->n_args + 1, sizeof(*v));
	for (size_t i = 0; i < r->n_args; i++)
		v[i] = (struct vars_var){ r->args[i].name, r->args[i].value, r->args[i].pos };
	vars_sort(v, r->n_args);
	vars->v = v;
	vars->n = r->n_args;
}

static void check_overrides(struct check *c)
{
	struct gg_pos none = { .file = NULL };
	const char *known[CHECK_MAX_VARIABLES];

	for (size_t i = 0; i < c->vars->n; i++)
		known[i] = c->vars->v[i].name;
	for (size_t i = 0; i < c->options->args.n; i++) {
		const char *text = c->options->args.v[i];
		const char *name = gg_arena_strndup(c->arena, text, strcspn(text, "="));

		if (!strchr(text, '=')) {
			check_fail(c, none, "--arg '%s' has no '='", check_shown(c, text));
			check_hint(c, "write --arg NAME=VALUE");
		} else if (!vars_find(c->vars, name)) {
			check_fail(c, none, "--arg '%s': the recipe has no such argument",
				   check_shown(c, name));
			check_suggest(c, name, known, c->vars->n,
				      "declare it under 'args', with its default");
		}
	}
}

static void check_whole(struct check *c, const struct yaml_node *root)
{
	const struct yaml_node *tests = yaml_get(root, "tests");

	if (!yaml_get(root, "stages") && !yaml_get(root, "image")) {
		check_fail(c, root->pos, "the recipe builds nothing");
		check_hint(c, "it needs 'image', and 'stages' for what the image is made of");
	}
	if (tests && tests->kind == YAML_LIST && tests->n && !yaml_get(root, "image")) {
		check_fail(c, tests->pos, "tests without an image");
		check_hint(c, "tests run in what 'image' describes; add it");
	}
}

static void read_root(struct check *c, const struct yaml_node *root)
{
	struct vars vars = { .what = "argument", .where = "args" };

	c->vars = &vars;
	if (root->kind != YAML_MAP) {
		check_fail(c, root->pos, "a recipe is a map, not %s",
			   yaml_describe(c->arena, root));
		check_hint(c, "'ggbuild init' writes a recipe to start from");
		return;
	}
	declare_args(c, root, &vars);
	check_overrides(c);
	read_names(c, root);
	check_map(c, root, &root_shape, 0, c->recipe);
	check_whole(c, root);
}

static bool too_long(const char *file, const struct recipe_source *source,
		     struct recipe_errors *errors)
{
	if (source->len <= RECIPE_MAX_BYTES)
		return false;
	recipe_errors_add(errors, source, (struct gg_pos){ .file = file },
			  "larger than the %d bytes that a recipe may have", (int)RECIPE_MAX_BYTES);
	recipe_errors_hint(errors, "put long data into a file and make it a 'local' input");
	return true;
}

int recipe_load(const char *file, const char *text, size_t len,
		const struct recipe_options *options, struct recipe **ret,
		struct recipe_errors *ret_errors)
{
	_cleanup_recipe_ struct recipe *r = gg_zalloc(sizeof(*r));
	struct recipe_source source = { .file = file, .text = text, .len = len };
	struct check c = { .recipe = r,
			   .options = options,
			   .errors = ret_errors,
			   .source = &source,
			   .budget = CHECK_EXPANSION };
	const struct yaml_node *root;

	*ret = NULL;
	if (too_long(file, &source, ret_errors))
		return -1;
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) { /* libyaml would count it as a column */
		text += 3;
		len -= 3;
	}
	source.len = len;
	c.arena = r->arena = gg_arena_new();
	r->file = file;
	r->text = source.text = gg_arena_strndup(r->arena, text, len);
	r->epoch = -1;
	root = yaml_parse(r->arena, &source, ret_errors);
	if (root)
		read_root(&c, root);
	recipe_errors_sort(ret_errors);
	if (ret_errors->n)
		return -1;
	*ret = gg_steal(&r);
	return 0;
}

void recipe_free(struct recipe *r)
{
	if (!r)
		return;
	gg_arena_free(r->arena);
	free(r);
}

void recipe_freep(struct recipe **r)
{
	recipe_free(*r);
}

const struct recipe_stage *recipe_stage(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_stages; i++)
		if (gg_streq(r->stages[i].name, name))
			return &r->stages[i];
	return NULL;
}

const struct recipe_input *recipe_input(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n_inputs; i++)
		if (gg_streq(r->inputs[i].name, name))
			return &r->inputs[i];
	return NULL;
}

bool recipe_step_is_hermetic(const struct recipe_step *s)
{
	return s->kind != RECIPE_STEP_RUN || (!s->network && !s->caches.n && !s->secrets.n);
}
