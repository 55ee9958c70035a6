/* SPDX-License-Identifier: Apache-2.0
 *
 * Stages: what they start from, and their steps; and the names that everything else refers to.
 */
#include "recipes/recipe_read.h"

#include <string.h>

enum { DISTRO = 1 << 0, ROOTFS = 1 << 1, IMAGE = 1 << 2 };
static const char *const from_kinds[] = { "debian or ubuntu", "rootfs", "image" };
static const char *const from_keys[] = { "debian", "ubuntu", "rootfs", "image" };

static bool archive_word(const char *s)
{
	return *s && *s != '/' && *s != '.' && s[strlen(s) - 1] != '/' &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-._/")] && !strstr(s, "..") &&
	       !strstr(s, "//");
}

static void archive_name(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a name of the archive");

	if (!text)
		return;
	if (archive_word(text)) {
		*(const char **)out = text;
		return;
	}
	check_fail(c, check_pos(c, node), "'%s' is no name in an archive", check_shown(c, text));
	check_hint(c, "like trixie, trixie-updates or main: small letters, digits and -");
}

static void archive_names(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_list *list = out;
	const char **v;

	if (node->kind != YAML_LIST) {
		check_list(c, node, out);
		return;
	}
	v = gg_arena_calloc(c->arena, node->n + 1, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		archive_name(c, node->values[i], &v[list->n]);
		list->n += v[list->n] != NULL;
	}
	list->v = list->n ? v : NULL;
	if (node->n)
		return;
	check_fail(c, node->pos, "'%s' is empty", c->key);
	check_hint(c, "leave the key out for the usual ones");
}

struct request {
	const char *text;
	size_t name; /* length of the package's name */
	struct gg_pos pos;
};

static int by_name(const void *a, const void *b)
{
	const struct request *x = a, *y = b;
	size_t n = x->name < y->name ? x->name : y->name;
	int order = memcmp(x->text, y->text, n);

	if (order || x->name != y->name)
		return order ? order : x->name < y->name ? -1 : 1;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	return x->pos.col < y->pos.col ? -1 : x->pos.col > y->pos.col;
}

/* Debian policy 5.6.1 and 5.6.12. */
static bool package_word(const char *s, size_t *ret_name)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	*ret_name = n;
	if (n < 2 || !strchr("abcdefghijklmnopqrstuvwxyz0123456789", s[0]))
		return false;
	if (!s[n])
		return true;
	return s[n] == '=' && s[n + 1] &&
	       !s[n + 1 +
		  strspn(s + n + 1,
			 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-:~")];
}

static bool read_package(struct check *c, const struct yaml_node *node, struct request *r)
{
	r->text = check_scalar(c, node, "a name of a package");
	r->pos = check_pos(c, node);
	if (!r->text)
		return false;
	if (package_word(r->text, &r->name))
		return true;
	check_fail(c, r->pos, "'%s' is no name of a package", check_shown(c, r->text));
	if (strchr(r->text, ' '))
		check_hint(c, "one item for each package: put commas between them");
	else
		check_hint(c, "write NAME or NAME=VERSION, in small letters");
	return false;
}

static void from_packages(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_from *from = out;
	_cleanup_free_ struct request *v = NULL;
	const char **texts;
	struct gg_pos *places;
	size_t n = 0;

	if (node->kind != YAML_LIST) {
		check_wrong_type(c, node, "a list of package names");
		if (node->kind == YAML_SCALAR && !strpbrk(node->text, ",\n\"'"))
			check_hint(c, "write [%s]", check_shown(c, node->text));
		return;
	}
	v = gg_calloc(node->n, sizeof(*v));
	c->item = true;
	for (size_t i = 0; i < node->n; i++)
		n += read_package(c, node->values[i], &v[n]);
	c->item = false;
	if (n > 1)
		qsort(v, n, sizeof(*v), by_name);
	texts = gg_arena_calloc(c->arena, n + 1, sizeof(*texts));
	places = gg_arena_calloc(c->arena, n + 1, sizeof(*places));
	for (size_t i = 0; i < n; i++) {
		texts[i] = v[i].text;
		places[i] = v[i].pos;
		if (i && v[i].name == v[i - 1].name &&
		    !memcmp(v[i].text, v[i - 1].text, v[i].name)) {
			check_fail(c, v[i].pos, "package '%.*s' is listed twice", (int)v[i].name,
				   v[i].text);
			check_hint(c, "the first one is in line %u", v[i - 1].pos.line);
		}
	}
	from->packages = (struct recipe_list){ n ? texts : NULL, n };
	from->package_pos = places;
}

static void from_suite(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_from *from = out;

	from->distro = c->key;
	archive_name(c, node, &from->suite);
}

static void from_rootfs(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_from *from = out;

	if (node->kind == YAML_SCALAR && strstr(node->text, "://"))
		check_url(c, node, &from->rootfs);
	else
		check_inside(c, node, &from->rootfs);
}

#define FROM(field) offsetof(struct recipe_from, field)
static const struct check_field from_fields[] = {
	{ "debian", from_suite, 0, 0, DISTRO },
	{ "ubuntu", from_suite, 0, 0, DISTRO },
	{ "packages", from_packages, 0, 0, DISTRO },
	{ "scripts", check_bool, FROM(scripts), 0, DISTRO },
	{ "essential", check_bool, FROM(essential), 0, DISTRO },
	{ "exclude", check_list, FROM(exclude), 0, DISTRO },
	{ "suites", archive_names, FROM(suites), 0, DISTRO },
	{ "components", archive_names, FROM(components), 0, DISTRO },
	{ "mirror", check_url, FROM(mirror), 0, DISTRO },
	{ "keyring", check_inside, FROM(keyring), 0, DISTRO },
	{ "rootfs", from_rootfs, 0, 0, ROOTFS },
	{ "sha256", check_sha256, FROM(sha256), 0, ROOTFS },
	{ "image", read_reference, FROM(image), 0, IMAGE },
};
#undef FROM
static const struct check_shape from_shape = CHECK_KINDS("'from'", from_fields, from_kinds);

static void from_name(struct check *c, const struct yaml_node *node, struct recipe_from *from)
{
	const struct check_names *sets[] = { &c->stages };
	const char *name = check_scalar(c, node, "scratch, a stage's name or a map");

	if (!name)
		return;
	if (gg_streq(name, "scratch")) {
		from->kind = RECIPE_FROM_SCRATCH;
	} else if (check_find(&c->stages, name)) {
		from->kind = RECIPE_FROM_STAGE;
		from->stage = name;
	} else if (check_find(&c->inputs, name)) {
		check_fail(c, check_pos(c, node),
			   "'%s' is an input, and a stage cannot start from one", name);
		check_hint(c, "copy from it: steps: [ { copy: { from: %s, path: /, to: / } } ]",
			   name);
	} else if (gg_starts(name, "debian") || gg_starts(name, "ubuntu") || strpbrk(name, ":/")) {
		size_t len = strcspn(name, ":");
		const char *tag = name[len]                   ? name + len + 1
				  : gg_starts(name, "ubuntu") ? "noble"
							      : "trixie";

		check_fail(c, check_pos(c, node), "no stage is called '%s'", check_shown(c, name));
		if (!strncmp(name, "debian", len) || !strncmp(name, "ubuntu", len))
			check_hint(c, "for a distribution write { %.*s: %s, packages: […] }",
				   (int)len, name, tag);
		else
			check_hint(c, "for an image write { image: \"%s\" }", check_shown(c, name));
	} else {
		check_unknown(c, check_pos(c, node), "stage", name, sets, 1);
		check_hint(c, "write scratch, a stage's name, or { debian: SUITE }");
	}
}

void read_from(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_from *from = out;
	static const enum recipe_from_kind kinds[] = { RECIPE_FROM_DISTRO, RECIPE_FROM_DISTRO,
						       RECIPE_FROM_ROOTFS, RECIPE_FROM_IMAGE };
	static const unsigned bits[] = { DISTRO, DISTRO, ROOTFS, IMAGE };
	static const char *const main_only[] = { "main" };
	const char **components;
	int kind;

	from->pos = node->pos;
	from->scripts = from->essential = true;
	if (node->kind == YAML_SCALAR) {
		from_name(c, node, from);
		return;
	}
	if (!check_is(c, node, YAML_MAP, "scratch, a stage's name or a map"))
		return;
	kind = check_one_of(c, node, &from_shape, from_keys, GG_LEN(from_keys));
	if (kind < 0)
		return;
	from->kind = kinds[kind];
	check_map(c, node, &from_shape, bits[kind], from);
	if (from->kind == RECIPE_FROM_DISTRO && !from->components.n) {
		components = gg_arena_calloc(c->arena, 2, sizeof(*components));
		components[0] = main_only[0];
		from->components = (struct recipe_list){ components, 1 };
	}
	if (from->rootfs && strstr(from->rootfs, "://") && !yaml_get(node, "sha256")) {
		check_fail(c, node->pos, "a rootfs from a URL lacks 'sha256'");
		check_hint(c, "sha256: what sha256sum says of the file");
	}
}

struct stage_file {
	struct recipe_from from;
	const struct yaml_node *steps, *env;
};

static void keep_node(struct check *c, const struct yaml_node *node, void *out)
{
	(void)c;
	*(const struct yaml_node **)out = node;
}

static const struct check_field stage_fields[] = {
	{ "from", read_from, offsetof(struct stage_file, from), CHECK_REQUIRED,
	  .help = "from: scratch, a stage's name, or { debian: trixie, packages: […] }" },
	{ "env", keep_node, offsetof(struct stage_file, env) },
	{ "steps", keep_node, offsetof(struct stage_file, steps) },
	{ "platforms", NULL, 0, CHECK_LATER },
};
static const struct check_shape stage_shape = CHECK_SHAPE("a stage", stage_fields);

static void read_stage(struct check *c, const struct yaml_node *node, struct recipe_stage *stage)
{
	struct stage_file f = { 0 };
	struct read_stage r = { .name = stage->name };
	struct recipe_step *steps;
	const char *outer = c->key;

	if (!check_map(c, node, &stage_shape, 0, &f))
		return;
	if (f.env) {
		c->key = "env";
		r.env = check_env(c, f.env, r.env, true);
	}
	if (f.steps) {
		c->key = "steps";
		read_steps(c, f.steps, &r);
	}
	c->key = outer;
	steps = gg_arena_calloc(c->arena, r.n, sizeof(*steps));
	if (r.n)
		memcpy(steps, r.v, r.n * sizeof(*steps));
	free(r.v);
	stage->from = f.from;
	stage->steps = steps;
	stage->n_steps = r.n;
}

static int by_step_name(const void *a, const void *b)
{
	const struct recipe_step *x = *(const struct recipe_step *const *)a;
	const struct recipe_step *y = *(const struct recipe_step *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : x < y ? -1 : x > y;
}

static void unique_steps(struct check *c, const struct recipe_stage *stage)
{
	_cleanup_free_ const struct recipe_step **v = gg_calloc(stage->n_steps, sizeof(*v));

	for (size_t i = 0; i < stage->n_steps; i++)
		v[i] = &stage->steps[i];
	if (stage->n_steps > 1)
		qsort(v, stage->n_steps, sizeof(*v), by_step_name);
	for (size_t i = 1; i < stage->n_steps; i++) {
		if (!gg_streq(v[i]->name, v[i - 1]->name))
			continue;
		check_fail(c, v[i]->pos, "a step is called '%s' already", v[i]->name);
		if (v[i]->piece)
			check_hint(c,
				   "the first one is in line %u; give this use a 'name' of its own",
				   v[i - 1]->pos.line);
		else
			check_hint(c, "the first one is in line %u", v[i - 1]->pos.line);
	}
}

void read_stages(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe *recipe = out;
	struct recipe_stage *v;
	size_t n = 0;

	if (!check_is(c, node, YAML_MAP, "a map NAME: { from, steps }"))
		return;
	v = gg_arena_calloc(c->arena, node->n, sizeof(*v));
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = node->keys[i];

		if (key->kind != YAML_SCALAR)
			continue;
		v[n].name = key->text;
		v[n].pos = key->pos;
		read_stage(c, node->values[i], &v[n]);
		unique_steps(c, &v[n]);
		n++;
	}
	recipe->stages = v;
	recipe->n_stages = n;
}

static void collect(struct check *c, const struct yaml_node *map, const char *what,
		    struct check_names *names)
{
	if (!map || map->kind != YAML_MAP)
		return;
	names->v = gg_arena_calloc(c->arena, map->n, sizeof(*names->v));
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_node *key = map->keys[i];

		if (key->kind != YAML_SCALAR)
			continue;
		if (!check_is_word(key->text)) {
			check_fail(c, key->pos, "'%s' is no name for %s", check_shown(c, key->text),
				   what);
			check_hint(c, "small letters, digits, '.', '_' and '-', with a letter or "
				      "digit first");
		} else if (gg_streq(key->text, "scratch")) {
			check_fail(c, key->pos, "'scratch' is the empty image and cannot name %s",
				   what);
			check_hint(c, "take another name");
		}
		names->v[names->n++] = (struct check_name){ key->text, key->pos };
	}
	check_sort_names(names);
}

void read_names(struct check *c, const struct yaml_node *root)
{
	const struct yaml_node *secrets = yaml_get(root, "secrets");

	collect(c, yaml_get(root, "stages"), "a stage", &c->stages);
	collect(c, yaml_get(root, "inputs"), "an input", &c->inputs);
	for (size_t i = 0; i < c->inputs.n; i++) {
		const struct check_name *stage = check_find(&c->stages, c->inputs.v[i].name);

		if (!stage)
			continue;
		check_fail(c, c->inputs.v[i].pos, "'%s' is an input and a stage", stage->name);
		check_hint(c, "the stage is in line %u; stages and inputs share one name space",
			   stage->pos.line);
	}
	if (!secrets || secrets->kind != YAML_LIST)
		return;
	c->secrets.v = gg_arena_calloc(c->arena, secrets->n, sizeof(*c->secrets.v));
	for (size_t i = 0; i < secrets->n; i++) {
		const struct yaml_node *id = yaml_get(secrets->values[i], "id");

		if (id && id->kind == YAML_SCALAR)
			c->secrets.v[c->secrets.n++] = (struct check_name){ id->text, id->pos };
	}
	check_sort_names(&c->secrets);
}
