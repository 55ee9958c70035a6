/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/piece.h"

#include <string.h>

struct param_file {
	const char *doc, *preset;
};

static const struct check_field param_fields[] = {
	{ "doc", check_content, offsetof(struct param_file, doc) },
	{ "default", check_content, offsetof(struct param_file, preset) },
};
static const struct check_shape param_shape = CHECK_SHAPE("a parameter", param_fields);

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct piece_param *)a)->name, ((const struct piece_param *)b)->name);
}

static void read_params(struct check *c, const struct yaml_node *node, void *out)
{
	struct piece *piece = out;
	struct piece_param *v;

	if (!check_is(c, node, YAML_MAP, "a map NAME: { doc, default }"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];
		struct param_file file = { 0 };

		if (key->kind != YAML_SCALAR)
			continue;
		if (!vars_is_name(key->text)) {
			check_fail(c, key->pos, "'%s' is no name of a parameter",
				   check_shown(c, key->text));
			check_hint(c, "letters, digits and '_', no digit first");
			continue;
		}
		if (!check_map(c, node->values[i], &param_shape, 0, &file))
			continue;
		v[piece->n_params++] =
			(struct piece_param){ key->text, file.doc, file.preset, key->pos };
	}
	if (piece->n_params > 1)
		qsort(v, piece->n_params, sizeof(*v), by_name);
	piece->params = v;
}

static void keep_steps(struct check *c, const struct yaml_node *node, void *out)
{
	if (check_is(c, node, YAML_LIST, "a list of steps"))
		*(const struct yaml_node **)out = node;
}

static void keep_env(struct check *c, const struct yaml_node *node, void *out)
{
	if (check_is(c, node, YAML_MAP, "a map NAME: value"))
		*(const struct yaml_node **)out = node;
}

static void agree(struct check *c, const struct yaml_node *node, const char *expected)
{
	const char *text = check_raw(c, node, "a text");

	if (!text || gg_streq(text, expected))
		return;
	check_fail(c, node->pos, "'%s' is '%s' here, and '%s' in the file's name", c->key,
		   check_shown(c, text), expected);
	check_hint(c, "rename the file, or change this");
}

static void agree_name(struct check *c, const struct yaml_node *node, void *out)
{
	const struct piece *piece = out;

	agree(c, node, gg_arena_strndup(c->arena, piece->name, strcspn(piece->name, "@")));
}

static void agree_version(struct check *c, const struct yaml_node *node, void *out)
{
	const struct piece *piece = out;

	agree(c, node, piece->name + strcspn(piece->name, "@") + 1);
}

static const struct check_field piece_fields[] = {
	{ "piece", agree_name, 0, CHECK_REQUIRED },
	{ "version", agree_version, 0, CHECK_REQUIRED },
	{ "doc", check_content, offsetof(struct piece, doc), CHECK_REQUIRED,
	  .help = "one line that says what the piece brings" },
	{ "params", read_params, 0 },
	{ "steps", keep_steps, offsetof(struct piece, steps) },
	{ "env", keep_env, offsetof(struct piece, env) },
};
static const struct check_shape piece_shape = CHECK_SHAPE("a piece", piece_fields);

/* Makes the piece's text what positions and variables mean, and back. */
struct inside {
	const struct recipe_source *source;
	const struct vars *vars;
	const struct piece *piece;
	const char *key;
};

static struct inside enter(struct check *c, const struct piece *piece, const struct vars *vars)
{
	struct inside outer = { c->source, c->vars, c->piece, c->key };

	c->source = &piece->source;
	c->vars = vars;
	c->piece = piece;
	c->key = NULL;
	return outer;
}

static void leave(struct check *c, struct inside outer)
{
	c->source = outer.source;
	c->vars = outer.vars;
	c->piece = outer.piece;
	c->key = outer.key;
}

static struct piece *load(struct check *c, const char *name, const char *text, size_t len)
{
	static const struct vars none = { .what = "parameter", .where = "params" };
	struct piece *piece = gg_arena_alloc(c->arena, sizeof(*piece));
	size_t before = c->errors->n;
	const struct yaml_node *root;
	struct inside outer;

	piece->name = gg_arena_strdup(c->arena, name);
	piece->source = (struct recipe_source){
		.file = gg_arena_printf(c->arena, "pieces/%s.yaml", name),
		.text = gg_arena_strndup(c->arena, text, len),
		.len = len,
		.piece = true,
	};
	gg_digest_of(text, len, &piece->digest);
	piece->next = c->pieces;
	c->pieces = piece;
	outer = enter(c, piece, &none);
	root = yaml_parse(c->arena, &piece->source, c->errors);
	if (root)
		check_map(c, root, &piece_shape, 0, piece);
	leave(c, outer);
	piece->broken = !root || c->errors->n != before;
	return piece;
}

static void no_such_piece(struct check *c, struct gg_pos pos, const char *name)
{
	const char *const *names = NULL;
	_cleanup_buf_ struct gg_buf list = { 0 };
	size_t n = 0;

	if (c->options->piece_names)
		names = c->options->piece_names(c->options->ctx, c->arena, &n);
	for (size_t i = 0; i < n; i++) {
		size_t stem = strcspn(names[i], "@");

		gg_buf_printf(&list, "%s%s", i ? ", " : "known: ", names[i]);
		if (strlen(name) == stem && !strncmp(names[i], name, stem)) {
			check_fail(c, pos, "piece '%s' without a version", name);
			check_hint(c, "write '%s'", names[i]);
			return;
		}
	}
	check_fail(c, pos, "no piece is called '%s'", check_shown(c, name));
	check_suggest(c, name, names, n, list.data);
}

static struct piece *find(struct check *c, struct gg_pos pos, const char *name)
{
	const char *text = NULL;
	size_t len = 0;

	for (struct piece *p = c->pieces; p; p = p->next)
		if (gg_streq(p->name, name))
			return p;
	/* The name goes to a lookup of files: nothing but NAME@NUMBER may reach it. */
	const char *at = strchr(name, '@');
	if (at && at[1] && !at[1 + strspn(at + 1, "0123456789")] &&
	    check_is_word(gg_arena_strndup(c->arena, name, (size_t)(at - name))) &&
	    c->options->piece)
		text = c->options->piece(c->options->ctx, c->arena, name, &len);
	if (text)
		return load(c, name, text, len);
	no_such_piece(c, pos, name);
	return NULL;
}

struct use_file {
	const char *use, *name;
	const struct yaml_node *with;
};

static void keep_with(struct check *c, const struct yaml_node *node, void *out)
{
	if (check_is(c, node, YAML_MAP, "a map PARAMETER: value"))
		*(const struct yaml_node **)out = node;
}

static const struct check_field use_fields[] = {
	{ "use", check_text, offsetof(struct use_file, use), CHECK_REQUIRED },
	{ "name", check_word, offsetof(struct use_file, name) },
	{ "with", keep_with, offsetof(struct use_file, with) },
};
static const struct check_shape use_shape = CHECK_SHAPE("a 'use' step", use_fields);

static void check_with(struct check *c, const struct piece *piece, const struct yaml_node *with)
{
	_cleanup_free_ const char **known = gg_calloc(piece->n_params + 1, sizeof(*known));
	_cleanup_buf_ struct gg_buf list = { 0 };

	for (size_t i = 0; i < piece->n_params; i++) {
		known[i] = piece->params[i].name;
		gg_buf_printf(&list, "%s%s", i ? ", " : "it has: ", known[i]);
	}
	for (size_t i = 0; with && i < with->n; i++) {
		const struct yaml_node *key = with->keys[i];
		struct piece_param wanted = { .name = key->text };

		if (key->kind != YAML_SCALAR ||
		    (piece->n_params &&
		     bsearch(&wanted, piece->params, piece->n_params, sizeof(wanted), by_name)))
			continue;
		check_fail(c, key->pos, "piece '%s' has no parameter '%s'", piece->name,
			   check_shown(c, key->text));
		check_suggest(c, key->text, known, piece->n_params, list.data);
	}
}

/* The parameters' values; false when one is missing or wrong. */
static bool bind(struct check *c, const struct piece *piece, const struct yaml_node *with,
		 struct gg_pos use, struct vars *vars)
{
	struct vars_var *v = gg_arena_calloc(c->arena, piece->n_params + 1, sizeof(*v));
	const char *outer = c->key;
	bool good = true;

	for (size_t i = 0; i < piece->n_params; i++) {
		const struct piece_param *p = &piece->params[i];
		const struct yaml_node *node = yaml_get(with, p->name);

		v[i] = (struct vars_var){ p->name, p->preset, node ? node->pos : p->pos };
		c->key = p->name;
		if (node)
			v[i].value = check_scalar(c, node, "a text");
		c->key = outer;
		if (!node && !p->preset) {
			check_fail(c, use, "piece '%s' needs '%s'", piece->name, p->name);
			check_hint(c, "with: { %s: … }%s%s", p->name, p->doc ? "  # " : "",
				   p->doc ? p->doc : "");
		}
		good = good && v[i].value;
	}
	*vars = (struct vars){ v, piece->n_params, "parameter", "params" };
	return good;
}

static void expand(struct check *c, const struct piece *piece, const struct vars *vars,
		   struct read_stage *stage)
{
	struct inside outer = enter(c, piece, vars);

	if (piece->steps)
		read_steps(c, piece->steps, stage);
	if (piece->env) {
		c->key = "env";
		stage->env = check_env(c, piece->env, stage->env, true);
	}
	leave(c, outer);
}

void piece_use(struct check *c, const struct yaml_node *node, struct read_stage *stage)
{
	const struct yaml_node *name = yaml_get(node, "use");
	struct use_file file = { 0 };
	struct piece *piece;
	struct vars vars;

	if (c->piece) {
		check_fail(c, node->pos, "a piece cannot use a piece");
		check_hint(c, "use both in the recipe, one after the other");
		return;
	}
	check_map(c, node, &use_shape, 0, &file);
	if (!file.use)
		return;
	piece = find(c, name->pos, file.use);
	if (!piece || piece->broken)
		return;
	check_with(c, piece, file.with);
	c->use_pos = node->pos;
	if (!bind(c, piece, file.with, node->pos, &vars))
		return;
	stage->prefix = file.name;
	expand(c, piece, &vars, stage);
	stage->prefix = NULL;
}

int piece_check(const char *name, const char *text, size_t len, struct recipe_errors *errors)
{
	static const struct recipe_options options = { 0 };
	struct recipe recipe = { .file = name };
	struct recipe_source source = { .file = name, .text = "" };
	struct check c = { .recipe = &recipe,
			   .options = &options,
			   .errors = errors,
			   .source = &source,
			   .budget = CHECK_EXPANSION };
	struct read_stage stage = { .name = "piece" };
	struct check_name x = { .name = "x" }; /* whatever a parameter may name, there is one */
	struct vars_var *v;
	struct vars vars;
	struct piece *piece;

	c.stages = c.inputs = c.secrets = (struct check_names){ &x, 1 };
	c.arena = gg_arena_new();
	piece = load(&c, name, text, len);
	v = gg_arena_calloc(c.arena, piece->n_params + 1, sizeof(*v));
	for (size_t i = 0; i < piece->n_params; i++) {
		const struct piece_param *p = &piece->params[i];

		v[i] = (struct vars_var){ p->name, p->preset ? p->preset : "x", p->pos };
	}
	vars = (struct vars){ v, piece->n_params, "parameter", "params" };
	c.use_pos = (struct gg_pos){ piece->source.file, 1, 1 };
	if (!piece->broken)
		expand(&c, piece, &vars, &stage);
	free(stage.v);
	recipe_errors_sort(errors);
	gg_arena_free(c.arena);
	return errors->n ? -1 : 0;
}
