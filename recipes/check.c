/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/check.h"

#include <string.h>

#include "recipes/piece.h"

void check_fail(struct check *c, struct gg_pos pos, const char *fmt, ...)
{
	const struct recipe_source *source = c->source;
	struct recipe_source piece;
	va_list ap;

	/* A piece's nodes outlive the reading of it; its source is needed again for the line. */
	for (const struct piece *p = c->pieces; p; p = p->next)
		if (p->source.file == pos.file) {
			piece = p->source;
			source = &piece;
		}
	va_start(ap, fmt);
	recipe_errors_vadd(c->errors, source, pos, fmt, ap);
	va_end(ap);
}

void check_hint(struct check *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	recipe_errors_vhint(c->errors, fmt, ap);
	va_end(ap);
}

void check_suggest(struct check *c, const char *word, const char *const *known, size_t n,
		   const char *otherwise)
{
	const char *near = recipe_errors_full(c->errors) ? NULL : gg_nearest(word, known, n);

	if (near)
		check_hint(c, "did you mean '%s'?", near);
	else if (otherwise)
		check_hint(c, "%s", otherwise);
}

const char *check_shown(struct check *c, const char *text)
{
	enum { SHOWN = 60 };
	size_t cut = SHOWN;

	if (strlen(text) <= SHOWN)
		return text;
	while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	return gg_arena_printf(c->arena, "%.*s…", (int)cut, text);
}

struct gg_pos check_pos(struct check *c, const struct yaml_node *node)
{
	const struct vars_var *var;

	if (!c->piece || node->kind != YAML_SCALAR)
		return node->pos;
	var = vars_whole(c->arena, c->vars, node->text);
	return var ? var->pos : node->pos;
}

struct gg_pos check_model_pos(const struct check *c, struct gg_pos pos)
{
	return c->piece ? c->use_pos : pos;
}

/* What the node is once its variable has been put in. */
static const char *describe(struct check *c, const struct yaml_node *node)
{
	const struct vars_var *var =
		node->kind == YAML_SCALAR ? vars_whole(c->arena, c->vars, node->text) : NULL;
	struct yaml_node value = *node;

	if (var) {
		value.text = var->value;
		value.len = strlen(var->value);
	}
	return yaml_describe(c->arena, &value);
}

void check_wrong_type(struct check *c, const struct yaml_node *node, const char *wanted)
{
	if (node->kind == YAML_BAD)
		return;
	if (c->key)
		check_fail(c, check_pos(c, node), "%s'%s' must be %s, not %s",
			   c->item ? "an item of " : "", c->key, wanted, describe(c, node));
	else
		check_fail(c, check_pos(c, node), "expected %s, found %s", wanted,
			   describe(c, node));
}

bool check_is(struct check *c, const struct yaml_node *node, enum yaml_kind kind,
	      const char *wanted)
{
	if (node->kind == kind)
		return true;
	check_wrong_type(c, node, wanted);
	return false;
}

static const struct check_field *find_field(const struct check_shape *shape, const char *key)
{
	for (size_t i = 0; i < shape->n; i++)
		if (gg_streq(shape->fields[i].key, key))
			return &shape->fields[i];
	return NULL;
}

static bool fits(const struct check_field *f, unsigned kind)
{
	return !f->kinds || !kind || (f->kinds & kind);
}

/* "a, b or c": the kinds, or the keys that this kind of object takes. */
static char *join_kinds(const struct check_shape *shape, unsigned kinds)
{
	struct gg_buf b = { 0 };
	unsigned left = kinds;

	for (size_t i = 0; i < shape->n_kinds; i++) {
		if (!(kinds & 1u << i))
			continue;
		left &= ~(1u << i);
		gg_buf_printf(&b, "%s'%s'", !b.len ? "" : left ? ", " : " or ", shape->kinds[i]);
	}
	return gg_buf_steal(&b);
}

static void unknown_key(struct check *c, const struct yaml_node *key,
			const struct check_shape *shape, unsigned kind)
{
	_cleanup_buf_ struct gg_buf list = { 0 };
	const char *known[64];
	size_t n = 0;

	for (size_t i = 0; i < shape->n && n < GG_LEN(known); i++) {
		if (!fits(&shape->fields[i], kind) || (shape->fields[i].flags & CHECK_LATER))
			continue;
		known[n++] = shape->fields[i].key;
		gg_buf_printf(&list, "%s%s", list.len ? ", " : "it takes: ", shape->fields[i].key);
	}
	check_fail(c, key->pos, "unknown key '%s' in %s", check_shown(c, key->text), shape->what);
	check_suggest(c, key->text, known, n, list.data);
}

static const char *kind_name(const struct check_shape *shape, unsigned kind)
{
	for (size_t i = 0; i < shape->n_kinds; i++)
		if (kind == 1u << i)
			return shape->kinds[i];
	return "such";
}

static void misplaced_key(struct check *c, const struct yaml_node *key,
			  const struct check_shape *shape, const struct check_field *f,
			  unsigned kind)
{
	_cleanup_free_ char *owners = join_kinds(shape, f->kinds);

	check_fail(c, key->pos, "'%s' does not go with '%s' in %s", key->text,
		   kind_name(shape, kind), shape->what);
	check_hint(c, "it goes with %s", owners);
}

static void read_field(struct check *c, const struct yaml_node *key, const struct yaml_node *value,
		       const struct check_shape *shape, unsigned kind, void *object)
{
	const struct check_field *f = find_field(shape, key->text);
	const char *outer = c->key;
	bool item = c->item;

	if (!f) {
		unknown_key(c, key, shape, kind);
	} else if (f->flags & CHECK_LATER) {
		check_fail(c, key->pos, "'%s' is not in this version of ggbuild yet", f->key);
		if (f->help)
			check_hint(c, "%s", f->help);
	} else if (!fits(f, kind)) {
		misplaced_key(c, key, shape, f, kind);
	} else if (f->read) {
		c->key = f->key;
		c->item = false;
		f->read(c, value, (char *)object + f->offset);
		c->key = outer;
		c->item = item;
	}
}

static void require_fields(struct check *c, const struct yaml_node *node,
			   const struct check_shape *shape, unsigned kind)
{
	for (size_t i = 0; i < shape->n; i++) {
		const struct check_field *f = &shape->fields[i];

		if (!(f->flags & CHECK_REQUIRED) || !fits(f, kind) || yaml_get(node, f->key))
			continue;
		if (kind && shape->n_kinds > 1 && f->kinds)
			check_fail(c, node->pos, "%s with '%s' lacks '%s'", shape->what,
				   kind_name(shape, kind), f->key);
		else
			check_fail(c, node->pos, "%s lacks '%s'", shape->what, f->key);
		if (f->help)
			check_hint(c, "%s", f->help);
	}
}

bool check_map(struct check *c, const struct yaml_node *node, const struct check_shape *shape,
	       unsigned kind, void *object)
{
	if (node->kind == YAML_BAD)
		return false;
	if (node->kind != YAML_MAP) {
		check_fail(c, check_pos(c, node), "%s must be a map, not %s", shape->what,
			   describe(c, node));
		return false;
	}
	for (size_t i = 0; i < node->n; i++)
		if (node->keys[i]->kind == YAML_SCALAR)
			read_field(c, node->keys[i], node->values[i], shape, kind, object);
	require_fields(c, node, shape, kind);
	return true;
}

int check_one_of(struct check *c, const struct yaml_node *map, const struct check_shape *shape,
		 const char *const *keys, size_t n)
{
	const char *what = shape->what;
	const struct yaml_node *found = NULL;
	int index = -1;

	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_node *key = map->keys[i];

		for (size_t k = 0; key->kind == YAML_SCALAR && k < n; k++) {
			if (!gg_streq(key->text, keys[k]))
				continue;
			if (found) {
				check_fail(c, key->pos, "%s has both '%s' and '%s'", what,
					   found->text, key->text);
				check_hint(c, "keep one of them, or make two of it");
				return -1;
			}
			found = key;
			index = (int)k;
		}
	}
	if (found)
		return index;
	_cleanup_buf_ struct gg_buf list = { 0 };
	for (size_t k = 0; k < n; k++)
		gg_buf_printf(&list, "%s'%s'", !k ? "" : k + 1 < n ? ", " : " or ", keys[k]);
	check_fail(c, map->pos, "%s needs %s", what, list.data);
	for (size_t i = 0; i < map->n; i++) {
		const struct yaml_node *key = map->keys[i];
		const char *near = NULL;

		if (key->kind == YAML_SCALAR && strlen(key->text) > 2 &&
		    !find_field(shape, key->text))
			near = gg_nearest(key->text, keys, n);
		if (near)
			check_hint(c, "is '%s' meant to be '%s'?", check_shown(c, key->text), near);
	}
	return -1;
}

const struct check_name *check_find(const struct check_names *names, const char *name)
{
	size_t from = 0, to = names->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;
		int order = strcmp(names->v[mid].name, name);

		if (!order)
			return &names->v[mid];
		if (order < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct check_name *)a)->name, ((const struct check_name *)b)->name);
}

void check_sort_names(struct check_names *names)
{
	if (names->n > 1)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
}

void check_unknown(struct check *c, struct gg_pos pos, const char *what, const char *name,
		   const struct check_names *const *sets, size_t n_sets)
{
	_cleanup_free_ const char **known = NULL;
	_cleanup_buf_ struct gg_buf list = { 0 };
	size_t n = 0, total = 0;

	if (recipe_errors_full(c->errors))
		return;
	for (size_t s = 0; s < n_sets; s++)
		total += sets[s]->n;
	known = gg_calloc(total, sizeof(*known));
	for (size_t s = 0; s < n_sets; s++) {
		for (size_t i = 0; i < sets[s]->n; i++) {
			known[n++] = sets[s]->v[i].name;
			if (list.len < 60)
				gg_buf_printf(&list, "%s%s",
					      list.len ? ", " : "known: ", sets[s]->v[i].name);
		}
	}
	check_fail(c, pos, "no %s is called '%s'", what, check_shown(c, name));
	check_suggest(c, name, known, n, list.data);
}
