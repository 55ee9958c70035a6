/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a stage, or of a piece.
 */
#include "recipes/recipe_read.h"

#include <string.h>

#include "recipes/piece.h"

enum {
	RUN = 1 << 0,
	FETCH = 1 << 1,
	COPY = 1 << 2,
	MAKE = 1 << 3,
};
static const char *const kind_keys[] = { "fetch", "copy", "make", "use", "run" };

/* A step as it is written; env and name need the stage around it. */
struct step_file {
	struct recipe_step step;
	const char *name;
	const struct yaml_node *env;
};

static void keep_env(struct check *c, const struct yaml_node *node, void *out)
{
	(void)c;
	*(const struct yaml_node **)out = node;
}

static void step_copies(struct check *c, const struct yaml_node *node, void *out)
{
	struct step_file *f = out;

	f->step.n_copies = read_copies(c, node, &f->step.copies);
}

static void step_makes(struct check *c, const struct yaml_node *node, void *out)
{
	struct step_file *f = out;

	f->step.n_makes = read_makes(c, node, &f->step.makes);
}

static const char *input_name(struct check *c, const struct yaml_node *node)
{
	const struct check_names *sets[] = { &c->inputs };
	const char *name = check_scalar(c, node, "the name of an input");

	if (!name || check_find(&c->inputs, name))
		return name;
	if (check_find(&c->stages, name)) {
		check_fail(c, check_pos(c, node), "'%s' is a stage and no input", name);
		check_hint(c,
			   "take files out of a stage with a copy step: copy: { from: %s, path: …, "
			   "to: … }",
			   name);
		return NULL;
	}
	check_unknown(c, check_pos(c, node), "input", name, sets, GG_LEN(sets));
	if (!c->inputs.n)
		check_hint(c, "declare it: inputs: { %s: { local: DIRECTORY } }",
			   check_shown(c, name));
	return NULL;
}

static void mount_input(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_mount *m = out;

	m->input = input_name(c, node);
}

static const struct check_field mount_fields[] = {
	{ "input", mount_input, 0, CHECK_REQUIRED },
	{ "at", check_path, offsetof(struct recipe_mount, at) },
};
static const struct check_shape mount_shape = CHECK_SHAPE("a step's input", mount_fields);

static void mounts_of_map(struct check *c, const struct yaml_node *node, struct recipe_mount *v)
{
	for (size_t i = 0; i < node->n; i++) {
		if (node->keys[i]->kind != YAML_SCALAR)
			continue;
		v[i].input = input_name(c, node->keys[i]);
		v[i].pos = check_model_pos(c, node->keys[i]->pos);
		c->key = node->keys[i]->text;
		check_path(c, node->values[i], &v[i].at);
	}
}

static void step_inputs(struct check *c, const struct yaml_node *node, void *out)
{
	struct step_file *f = out;
	struct recipe_mount *v;

	if (node->kind != YAML_MAP &&
	    !check_is(c, node, YAML_LIST, "a list of inputs or a map INPUT: PATH"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	if (node->kind == YAML_MAP)
		mounts_of_map(c, node, v);
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
		v[i].pos = check_model_pos(c, node->values[i]->pos);
		if (node->values[i]->kind == YAML_MAP)
			check_map(c, node->values[i], &mount_shape, 0, &v[i]);
		else
			v[i].input = input_name(c, node->values[i]);
	}
	for (size_t i = 0; i < node->n; i++)
		if (v[i].input && !v[i].at)
			v[i].at = gg_arena_printf(c->arena, "/inputs/%s", v[i].input);
	f->step.mounts = v;
	f->step.n_mounts = node->n;
}

static void step_secrets(struct check *c, const struct yaml_node *node, void *out)
{
	const struct check_names *sets[] = { &c->secrets };
	struct recipe_list *list = out;

	check_list(c, node, list);
	for (size_t i = 0; node->kind == YAML_LIST && list->n == node->n && i < list->n; i++) {
		if (check_find(&c->secrets, list->v[i]))
			continue;
		check_unknown(c, check_pos(c, node->values[i]), "secret", list->v[i], sets, 1);
		if (!c->secrets.n)
			check_hint(c, "declare it: secrets: [ { id: %s } ]",
				   check_shown(c, list->v[i]));
	}
}

/* A directory whose content is the fetch's result, or a cache: not the whole root, not a kernel's. */
static void step_directory(struct check *c, const struct yaml_node *node, void *out)
{
	static const char *const taken[] = { "/proc", "/sys", "/dev" };
	const char *path = NULL;

	check_path(c, node, &path);
	if (!path)
		return;
	bool bad = !path[strspn(path, "/")];
	for (size_t i = 0; i < GG_LEN(taken); i++) {
		size_t len = strlen(taken[i]);

		bad = bad || (gg_starts(path, taken[i]) && (!path[len] || path[len] == '/'));
	}
	if (!bad) {
		*(const char **)out = path;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' cannot be '%s'", c->key, check_shown(c, path));
	check_hint(c, "name a directory of its own, like /%s",
		   gg_streq(c->key, "cache") ? "cache" : "out");
}

static void step_caches(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_list *list = out;

	check_paths(c, node, list);
	for (size_t i = 0; node->kind == YAML_LIST && i < node->n; i++) {
		const char *path = NULL;

		if (list->n == node->n)
			step_directory(c, node->values[i], &path);
	}
}

static void step_user(struct check *c, const struct yaml_node *node, void *out)
{
	check_owner(c, node, out);
}

#define STEP(field) offsetof(struct step_file, step.field)
static const struct check_field step_fields[] = {
	{ "run", check_command, STEP(command), CHECK_REQUIRED, RUN | FETCH,
	  .help = "run: the command that downloads into 'output'" },
	{ "fetch", check_word, STEP(fetch), 0, FETCH },
	{ "copy", step_copies, 0, 0, COPY },
	{ "make", step_makes, 0, 0, MAKE },
	{ "name", check_word, offsetof(struct step_file, name), 0, RUN | COPY | MAKE },
	{ "output", step_directory, STEP(output), CHECK_REQUIRED, FETCH,
	  .help = "output: the directory that is kept and pinned in the lock" },
	{ "exclude", check_list, STEP(exclude), 0, FETCH },
	{ "env", keep_env, offsetof(struct step_file, env), 0, RUN | FETCH },
	{ "workdir", check_path, STEP(workdir), 0, RUN | FETCH },
	{ "user", step_user, STEP(user), 0, RUN | FETCH },
	{ "inputs", step_inputs, 0, 0, RUN | FETCH },
	{ "secrets", step_secrets, STEP(secrets), 0, RUN | FETCH },
	{ "timeout", check_duration, STEP(timeout), 0, RUN | FETCH },
	{ "network", check_bool, STEP(network), 0, RUN },
	{ "setuid", check_bool, STEP(setuid), 0, RUN | FETCH },
	{ "cache", step_caches, STEP(caches), 0, RUN | FETCH },
	{ "with", NULL, 0, 0, 1 << 4 },
	{ "use", NULL, 0, 0, 1 << 4 },
};
#undef STEP
static const char *const all_kinds[] = { "run", "fetch", "copy", "make", "use" };
static const struct check_shape step_shape = CHECK_KINDS("a step", step_fields, all_kinds);

/* -1, or the kind; 'run' beside 'fetch' belongs to it. */
static int kind_of(struct check *c, const struct yaml_node *node)
{
	static const enum recipe_step_kind kinds[] = { RECIPE_STEP_FETCH, RECIPE_STEP_COPY,
						       RECIPE_STEP_MAKE };
	int k = check_one_of(c, node, &step_shape, kind_keys,
			     yaml_get(node, "fetch") ? GG_LEN(kind_keys) - 1 : GG_LEN(kind_keys));

	return k < 0 ? -1 : k == 4 ? RECIPE_STEP_RUN : (int)kinds[k];
}

static void name_step(struct check *c, struct read_stage *stage, struct step_file *f)
{
	const char *own = f->name ? f->name : f->step.fetch;

	if (own && stage->prefix)
		own = gg_arena_printf(c->arena, "%s.%s", stage->prefix, own);
	if (f->step.fetch)
		f->step.fetch = own;
	f->step.name = own ? gg_arena_printf(c->arena, "%s/%s", stage->name, own)
			   : gg_arena_printf(c->arena, "%s/%zu", stage->name, stage->n + 1);
}

static void add_step(struct check *c, struct read_stage *stage, struct step_file *f)
{
	struct recipe_step *s = &f->step;

	s->network = s->network || s->kind == RECIPE_STEP_FETCH;
	s->env = stage->env;
	if (f->env) {
		c->key = "env";
		s->env = check_env(c, f->env, stage->env, true);
		c->key = NULL;
	}
	s->args = vars_mentioned(c->arena, c->vars, &s->command);
	if (c->piece) {
		s->piece = c->piece->name;
		s->piece_digest = c->piece->digest;
	}
	name_step(c, stage, f);
	GG_GROW(stage->v, stage->n, stage->cap);
	stage->v[stage->n++] = *s;
}

static void read_step(struct check *c, const struct yaml_node *node, struct read_stage *stage)
{
	struct step_file f = { 0 };
	int kind;

	if (node->kind != YAML_MAP) {
		if (node->kind != YAML_BAD)
			check_fail(c, node->pos, "a step must be a map, not %s",
				   yaml_describe(c->arena, node));
		if (node->kind == YAML_SCALAR && !yaml_is_null(node) &&
		    !strpbrk(node->text, "\n\"'"))
			check_hint(c, "write 'run: %s'", check_shown(c, node->text));
		return;
	}
	if (yaml_get(node, "use") && !yaml_get(node, "run") && !yaml_get(node, "fetch")) {
		piece_use(c, node, stage);
		return;
	}
	kind = kind_of(c, node);
	if (kind < 0)
		return;
	f.step.kind = (enum recipe_step_kind)kind;
	f.step.pos = check_model_pos(c, node->pos);
	c->key = NULL;
	check_map(c, node, &step_shape, 1u << kind, &f);
	add_step(c, stage, &f);
}

void read_steps(struct check *c, const struct yaml_node *node, struct read_stage *stage)
{
	if (node->kind != YAML_LIST) {
		check_wrong_type(c, node, "a list of steps");
		if (node->kind == YAML_MAP)
			check_hint(c, "begin each step with '- '");
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		const char *outer = c->key;

		if (++c->n_steps > CHECK_MAX_STEPS) {
			check_fail(c, node->values[i]->pos, "more than %d steps", CHECK_MAX_STEPS);
			return;
		}
		read_step(c, node->values[i], stage);
		c->key = outer;
	}
}
