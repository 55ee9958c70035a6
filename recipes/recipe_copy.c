/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies and makes: how files get into a stage or a layer without a command.
 */
#include "recipes/recipe_read.h"

#include <string.h>

const char *read_stage_name(struct check *c, const struct yaml_node *node)
{
	const struct check_names *sets[] = { &c->stages, &c->inputs };
	const char *name = check_scalar(c, node, "the name of a stage or an input");

	if (!name || check_find(&c->stages, name) || check_find(&c->inputs, name))
		return name;
	check_unknown(c, check_pos(c, node), "stage or input", name, sets, GG_LEN(sets));
	return NULL;
}

static void copy_from(struct check *c, const struct yaml_node *node, void *out)
{
	*(const char **)out = read_stage_name(c, node);
}

static void copy_path(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_copy *copy = out;

	check_path(c, node, &copy->path);
	copy->path_pos = check_model_pos(c, node->pos);
}

static const struct check_field copy_fields[] = {
	{ "from", copy_from, offsetof(struct recipe_copy, from), CHECK_REQUIRED,
	  .help = "from: the stage or input that has the file" },
	{ "path", copy_path, 0, CHECK_REQUIRED, .help = "path: the file or directory to take" },
	{ "to", check_path, offsetof(struct recipe_copy, to) },
	{ "owner", check_owner, offsetof(struct recipe_copy, owner) },
	{ "mode", check_mode, offsetof(struct recipe_copy, mode) },
	{ "libraries", check_bool, offsetof(struct recipe_copy, libraries) },
	{ "exclude", check_list, offsetof(struct recipe_copy, exclude) },
};
static const struct check_shape copy_shape = CHECK_SHAPE("a copy", copy_fields);

/* Without 'to' the copy goes where it came from; a glob then names no single place. */
static void default_to(struct check *c, const struct yaml_node *node, struct recipe_copy *copy)
{
	if (copy->to || !copy->path || yaml_get(node, "to"))
		return;
	if (!check_is_glob(copy->path)) {
		copy->to = copy->path;
		return;
	}
	check_fail(c, node->pos, "a copy with a glob lacks 'to'");
	check_hint(c, "to: the directory, with a '/' at its end");
}

static void glob_to(struct check *c, const struct yaml_node *node, const struct recipe_copy *copy)
{
	const struct yaml_node *to = yaml_get(node, "to");

	if (!to || !copy->to || !copy->path || !check_is_glob(copy->path) || gg_ends(copy->to, "/"))
		return;
	check_fail(c, check_pos(c, to), "a glob is copied to '%s', which is one place",
		   check_shown(c, copy->to));
	check_hint(c, "for a directory write '%s/'", check_shown(c, copy->to));
}

size_t read_copies(struct check *c, const struct yaml_node *node, const struct recipe_copy **ret)
{
	size_t n = node->kind == YAML_LIST ? node->n : 1;
	struct recipe_copy *v = gg_arena_calloc(c->arena, n, sizeof(*v));

	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *item = node->kind == YAML_LIST ? node->values[i] : node;

		v[i].mode = -1;
		v[i].pos = check_model_pos(c, item->pos);
		if (!check_map(c, item, &copy_shape, 0, &v[i]))
			continue;
		default_to(c, item, &v[i]);
		glob_to(c, item, &v[i]);
	}
	*ret = v;
	return n;
}

enum { DIRECTORY = 1 << 0, FILE_ = 1 << 1, SYMLINK = 1 << 2 };
static const char *const make_kinds[] = { "directory", "file", "symlink" };

static void make_target(struct check *c, const struct yaml_node *node, void *out)
{
	const char *text = check_scalar(c, node, "a path");

	if (text && *text)
		*(const char **)out = text;
	else if (text)
		check_fail(c, check_pos(c, node), "'target' is an empty path");
}

static void make_content(struct check *c, const struct yaml_node *node, void *out)
{
	struct recipe_make *m = out;

	m->content = check_raw(c, node, "a text");
	m->content_len = m->content ? strlen(m->content) : 0;
}

static const struct check_field make_fields[] = {
	{ "directory", check_path, offsetof(struct recipe_make, path), 0, DIRECTORY },
	{ "file", check_path, offsetof(struct recipe_make, path), 0, FILE_ },
	{ "symlink", check_path, offsetof(struct recipe_make, path), 0, SYMLINK },
	{ "content", make_content, 0, 0, FILE_ },
	{ "target", make_target, offsetof(struct recipe_make, target), CHECK_REQUIRED, SYMLINK,
	  .help = "target: what the symlink points to" },
	{ "owner", check_owner, offsetof(struct recipe_make, owner) },
	{ "mode", check_mode, offsetof(struct recipe_make, mode), 0, DIRECTORY | FILE_ },
};
static const struct check_shape make_shape =
	CHECK_KINDS("an item of 'make'", make_fields, make_kinds);

static void read_make(struct check *c, const struct yaml_node *node, struct recipe_make *m)
{
	static const int modes[] = { 0755, 0644, 0777 };
	int kind;

	m->pos = check_model_pos(c, node->pos);
	if (node->kind != YAML_MAP) {
		check_map(c, node, &make_shape, 0, m); /* which says so */
		if (node->kind == YAML_SCALAR && gg_starts(node->text, "/"))
			check_hint(c, "write { directory: %s }", check_shown(c, node->text));
		return;
	}
	kind = check_one_of(c, node, &make_shape, make_kinds, GG_LEN(make_kinds));
	if (kind < 0)
		return;
	m->kind = (enum recipe_make_kind)kind;
	m->mode = modes[kind];
	if (m->kind == RECIPE_MAKE_FILE)
		m->content = "";
	check_map(c, node, &make_shape, 1u << kind, m);
	if (m->kind == RECIPE_MAKE_FILE && m->path && gg_ends(m->path, "/")) {
		check_fail(c, node->pos, "a file cannot end in '/': '%s'", check_shown(c, m->path));
		check_hint(c, "for a directory write 'directory: %s'", check_shown(c, m->path));
	}
}

size_t read_makes(struct check *c, const struct yaml_node *node, const struct recipe_make **ret)
{
	size_t n = node->kind == YAML_LIST ? node->n : 1;
	struct recipe_make *v = gg_arena_calloc(c->arena, n, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		read_make(c, node->kind == YAML_LIST ? node->values[i] : node, &v[i]);
	*ret = v;
	return n;
}

struct place {
	const char *path; /* without double and final slashes */
	struct gg_pos pos;
};

static int by_path(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	if (order)
		return order;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	return x->pos.col < y->pos.col ? -1 : x->pos.col > y->pos.col;
}

static const char *tidy(struct check *c, const char *path, const char *base, size_t base_len)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	_cleanup_free_ char *whole = gg_asprintf("%s/%.*s", path, (int)base_len, base);

	for (const char *p = whole; *p;) {
		size_t len = strcspn(p, "/");

		if (len && !(len == 1 && *p == '.')) {
			gg_buf_putc(&b, '/');
			gg_buf_add(&b, p, len);
		}
		p += len;
		p += strspn(p, "/");
	}
	return gg_arena_strdup(c->arena, b.data ? b.data : "/");
}

void read_twins(struct check *c, const struct recipe_layer *layer)
{
	_cleanup_free_ struct place *v = gg_calloc(layer->n_copies + layer->n_makes, sizeof(*v));
	size_t n = 0, len, first = 0;

	for (size_t i = 0; i < layer->n_copies; i++) {
		const struct recipe_copy *copy = &layer->copies[i];
		const char *base = "";

		if (!copy->to || !copy->path || check_is_glob(copy->path))
			continue;
		len = 0;
		if (gg_ends(copy->to, "/") && !gg_streq(copy->to, copy->path))
			base = check_basename(copy->path, &len);
		v[n++] = (struct place){ tidy(c, copy->to, base, len), copy->pos };
	}
	for (size_t i = 0; i < layer->n_makes; i++)
		if (layer->makes[i].path)
			v[n++] = (struct place){ tidy(c, layer->makes[i].path, "", 0),
						 layer->makes[i].pos };
	if (n > 1)
		qsort(v, n, sizeof(*v), by_path);
	for (size_t i = 1; i < n; i++) {
		if (!gg_streq(v[first].path, v[i].path)) {
			first = i;
			continue;
		}
		check_fail(c, v[i].pos, "'%s' is written twice in one layer",
			   check_shown(c, v[i].path));
		check_hint(c, "the first one is in line %u; keep one, or use two layers",
			   v[first].pos.line);
	}
}
