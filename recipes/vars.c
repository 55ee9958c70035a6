/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/vars.h"

#include <string.h>

static bool is_first(char c)
{
	return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static size_t name_len(const char *s)
{
	size_t n = 0;

	if (!is_first(s[0]))
		return 0;
	while (is_first(s[n]) || (s[n] >= '0' && s[n] <= '9'))
		n++;
	return n;
}

bool vars_is_name(const char *s)
{
	size_t n = name_len(s);

	return n && !s[n];
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vars_var *)a)->name, ((const struct vars_var *)b)->name);
}

void vars_sort(struct vars_var *v, size_t n)
{
	if (n > 1)
		qsort(v, n, sizeof(*v), by_name);
}

const struct vars_var *vars_find(const struct vars *vars, const char *name)
{
	struct vars_var key = { .name = name };

	return vars->n ? bsearch(&key, vars->v, vars->n, sizeof(*vars->v), by_name) : NULL;
}

const struct vars_var *vars_whole(struct gg_arena *arena, const struct vars *vars, const char *text)
{
	size_t len;

	if (!gg_starts(text, "${"))
		return NULL;
	len = name_len(text + 2);
	if (!len || strcmp(text + 2 + len, "}") != 0)
		return NULL;
	return vars_find(vars, gg_arena_strndup(arena, text + 2, len));
}

static const char *fault(struct vars_fault *f, enum vars_problem problem, size_t offset,
			 const char *name)
{
	*f = (struct vars_fault){ problem, offset, name };
	return NULL;
}

/* The value of "${…}" that begins at text[at]; *ret_end is behind the brace. */
static const char *braced(struct gg_arena *arena, const struct vars *vars, const char *path,
			  const char *text, size_t at, size_t *ret_end, struct vars_fault *f)
{
	const char *open = text + at + 2, *close = strchr(open, '}');
	const struct vars_var *var;
	const char *name;

	if (!close)
		return fault(f, VARS_UNCLOSED, at, NULL);
	name = gg_arena_strndup(arena, open, (size_t)(close - open));
	*ret_end = (size_t)(close - text) + 1;
	if (!vars_is_name(name))
		return fault(f, VARS_BAD_NAME, at, name);
	if (path && gg_streq(name, "PATH"))
		return path;
	var = vars_find(vars, name);
	return var ? var->value : fault(f, VARS_UNDEFINED, at, name);
}

const char *vars_expand(struct gg_arena *arena, const struct vars *vars, const char *path,
			const char *text, size_t *budget, struct vars_fault *ret_fault)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	size_t end = 0;

	*ret_fault = (struct vars_fault){ VARS_OK };
	if (!strchr(text, '$'))
		return text;
	for (size_t i = 0; text[i]; i = end) {
		const char *value = text + i;
		size_t len = 1;

		end = i + 1;
		if (text[i] != '$') {
			len = strcspn(text + i, "$");
			end = i + len;
		} else if (text[end] == '$') {
			end++;
		} else if (text[end] == '{') {
			value = braced(arena, vars, path, text, i, &end, ret_fault);
			if (!value)
				return NULL;
			len = strlen(value);
		} else if (name_len(text + end)) {
			return fault(ret_fault, VARS_BARE, i,
				     gg_arena_strndup(arena, text + end, name_len(text + end)));
		}
		if (len > *budget) {
			*budget = 0;
			return fault(ret_fault, VARS_TOO_LONG, i, NULL);
		}
		*budget -= len;
		gg_buf_add(&b, value, len);
	}
	return gg_arena_strndup(arena, b.data ? b.data : "", b.len);
}

static void scan(struct gg_arena *arena, const struct vars *vars, const char *text, bool *used)
{
	for (const char *p = strchr(text, '$'); p; p = strchr(p, '$')) {
		const struct vars_var *var;
		size_t len;

		p++;
		if (*p == '{')
			p += p[1] == '#' || p[1] == '!' ? 2 : 1;
		len = name_len(p);
		if (!len)
			continue;
		var = vars_find(vars, gg_arena_strndup(arena, p, len));
		if (var)
			used[var - vars->v] = true;
		p += len;
	}
}

struct recipe_list vars_mentioned(struct gg_arena *arena, const struct vars *vars,
				  const struct recipe_command *command)
{
	_cleanup_free_ bool *used = gg_calloc(vars->n, sizeof(*used));
	struct recipe_list list = { 0 };
	const char **v;

	if (!vars->n)
		return list;
	if (command->shell)
		scan(arena, vars, command->shell, used);
	for (size_t i = 0; i < command->argv.n; i++)
		scan(arena, vars, command->argv.v[i], used);
	v = gg_arena_calloc(arena, vars->n + 1, sizeof(*v));
	for (size_t i = 0; i < vars->n; i++)
		if (used[i])
			v[list.n++] =
				gg_arena_printf(arena, "%s=%s", vars->v[i].name, vars->v[i].value);
	list.v = list.n ? v : NULL;
	return list;
}
