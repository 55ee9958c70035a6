/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/recipe_error.h"

#include <string.h>

void recipe_errors_done(struct recipe_errors *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].text);
		free(e->v[i].hint);
		free(e->v[i].piece_file);
		free(e->v[i].piece_line);
	}
	free(e->v);
	*e = (struct recipe_errors){ 0 };
}

/* Control characters (C0, DEL, and C1 as UTF-8 has them) would let a recipe write to the terminal. */
static char *harmless(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if (p[0] < 0x20 || p[0] == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	}
	return text;
}

bool recipe_errors_full(const struct recipe_errors *e)
{
	return e->n > RECIPE_MAX_ERRORS;
}

void recipe_errors_vadd(struct recipe_errors *e, const struct recipe_source *source,
			struct gg_pos pos, const char *fmt, va_list ap)
{
	struct recipe_error *x;

	if (recipe_errors_full(e))
		return;
	GG_GROW(e->v, e->n, e->cap);
	x = &e->v[e->n++];
	*x = (struct recipe_error){ .pos = pos };
	if (recipe_errors_full(e)) {
		x->pos.line = x->pos.col = 0;
		x->text = gg_asprintf("more than %d errors, the rest is not shown",
				      RECIPE_MAX_ERRORS);
		return;
	}
	x->text = harmless(gg_vasprintf(fmt, ap));
	if (source->piece && pos.file == source->file) {
		const char *line;
		size_t len;

		if (recipe_errors_line(source->text, source->len, pos.line, &line, &len))
			x->piece_line = gg_strndup(line, len);
		x->piece_file = gg_strdup(pos.file);
		x->pos.file = x->piece_file;
	}
}

void recipe_errors_add(struct recipe_errors *e, const struct recipe_source *source,
		       struct gg_pos pos, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	recipe_errors_vadd(e, source, pos, fmt, ap);
	va_end(ap);
}

void recipe_errors_vhint(struct recipe_errors *e, const char *fmt, va_list ap)
{
	if (!e->n || recipe_errors_full(e) || e->v[e->n - 1].hint)
		return;
	e->v[e->n - 1].hint = harmless(gg_vasprintf(fmt, ap));
}

void recipe_errors_hint(struct recipe_errors *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	recipe_errors_vhint(e, fmt, ap);
	va_end(ap);
}

static int compare(const void *a, const void *b)
{
	const struct recipe_error *x = a, *y = b;
	int order;

	if (!x->pos.line != !y->pos.line) /* "the rest is not shown" and the like come last */
		return !x->pos.line ? 1 : -1;
	if (!x->piece_file != !y->piece_file)
		return x->piece_file ? 1 : -1;
	order = x->piece_file ? strcmp(x->piece_file, y->piece_file) : 0;
	if (order)
		return order;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	if (x->pos.col != y->pos.col)
		return x->pos.col < y->pos.col ? -1 : 1;
	return strcmp(x->text, y->text);
}

void recipe_errors_sort(struct recipe_errors *e)
{
	size_t kept = 0;

	if (e->n > 1)
		qsort(e->v, e->n, sizeof(*e->v), compare);
	for (size_t i = 0; i < e->n; i++) {
		if (kept && !compare(&e->v[kept - 1], &e->v[i])) {
			struct recipe_errors twin = { .v = gg_alloc(sizeof(*e->v)), .n = 1 };

			twin.v[0] = e->v[i];
			recipe_errors_done(&twin);
			continue;
		}
		e->v[kept++] = e->v[i];
	}
	e->n = kept;
}
