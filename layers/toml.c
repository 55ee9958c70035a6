/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/toml.h"

#include <assert.h>
#include <string.h>

#include "layers/base/mem.h"
#include "layers/toml_private.h"

enum { SIZE_LIMIT = 1 << 20, DEPTH_LIMIT = 32, KEYS_LIMIT = 10000 };

/* How a table or array came to be, which decides who may add to it. */
enum {
	BY_HEADER = 1 << 0,  /* [a] */
	BY_PARENT = 1 << 1,  /* a of [a.b] */
	BY_DOTS = 1 << 2,    /* a of a.b = 1 */
	CLOSED = 1 << 3,     /* { } or [ ] as a value */
	OF_HEADERS = 1 << 4, /* [[a]] */
};

int toml_bad(struct toml_reader *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gg_vfail(p->err, GG_USAGE, fmt, ap);
	va_end(ap);
	return gg_context(p->err, "%s:%u", p->t->file, p->line);
}

int toml_fail(const struct toml *t, const struct toml_value *at, struct gg_err *err,
	      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gg_vfail(err, GG_USAGE, fmt, ap);
	va_end(ap);
	return gg_context(err, "%s:%u", t->file, at->line);
}

void toml_done(struct toml *t)
{
	gg_arena_free(t->arena);
	*t = (struct toml)TOML_INIT;
}

static const struct toml_value *find(const struct toml_value *table, const char *key)
{
	for (size_t i = 0; i < table->n; i++)
		if (gg_streq(table->keys[i], key))
			return table->v[i];
	return NULL;
}

const struct toml_value *toml_get(const struct toml_value *table, const char *key)
{
	return table && table->kind == TOML_TABLE ? find(table, key) : NULL;
}

static struct toml_value *new_value(struct toml_reader *p, enum toml_kind kind, unsigned how)
{
	struct toml_value *v = gg_arena_alloc(p->t->arena, sizeof(*v));

	v->kind = kind;
	v->line = p->line;
	v->how = how;
	return v;
}

static void grow(struct toml_reader *p, struct toml_value *to)
{
	size_t cap = to->cap ? 2 * to->cap : 8;
	struct toml_value **v = gg_arena_calloc(p->t->arena, cap, sizeof(struct toml_value *));
	const char **keys =
		to->kind == TOML_TABLE ? gg_arena_calloc(p->t->arena, cap, sizeof(char *)) : NULL;

	if (to->n) {
		memcpy(v, to->v, to->n * sizeof(struct toml_value *));
		if (keys)
			memcpy(keys, to->keys, to->n * sizeof(char *));
	}
	to->v = v;
	to->keys = keys;
	to->cap = cap;
}

static int add(struct toml_reader *p, struct toml_value *to, const char *key,
	       struct toml_value *value)
{
	if (key && to->n >= KEYS_LIMIT)
		return toml_bad(p, "more than %d keys in one table", KEYS_LIMIT);
	if (to->n == to->cap)
		grow(p, to);
	if (key)
		to->keys[to->n] = key;
	to->v[to->n++] = value;
	return 0;
}

/* ---- blanks ---- */

static void skip_blanks(struct toml_reader *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
		p->at++;
}

/* A comment, if there is one, up to the end of the line. */
static int skip_comment(struct toml_reader *p)
{
	if (p->at == p->end || *p->at != '#')
		return 0;
	for (; p->at < p->end && *p->at != '\n'; p->at++) {
		bool line_end = *p->at == '\r' && p->at + 1 < p->end && p->at[1] == '\n';

		if (toml_is_control(*p->at) && !line_end)
			return toml_bad(p, "a control character in a comment");
	}
	return 0;
}

bool toml_take_newline(struct toml_reader *p)
{
	size_t n = 0;

	if (p->at < p->end && *p->at == '\n')
		n = 1;
	else if (p->end - p->at > 1 && p->at[0] == '\r' && p->at[1] == '\n')
		n = 2;
	p->at += n;
	p->line += n > 0;
	return n > 0;
}

static int skip_lines(struct toml_reader *p)
{
	do {
		skip_blanks(p);
		if (skip_comment(p) < 0)
			return -1;
	} while (toml_take_newline(p));
	return 0;
}

static int end_line(struct toml_reader *p)
{
	skip_blanks(p);
	if (skip_comment(p) < 0)
		return -1;
	if (p->at < p->end && !toml_take_newline(p))
		return toml_bad(p, "more on the line than a key and its value");
	return 0;
}

static bool take(struct toml_reader *p, char c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* ---- keys ---- */

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

static int read_key(struct toml_reader *p, const char **ret)
{
	const char *start = p->at;

	if (p->at < p->end && (*p->at == '"' || *p->at == '\'')) {
		*ret = toml_read_string(p, false);
		return *ret ? 0 : -1;
	}
	while (p->at < p->end && is_bare(*p->at))
		p->at++;
	if (p->at == start)
		return toml_bad(p, "a key is missing");
	*ret = gg_arena_strndup(p->t->arena, start, (size_t)(p->at - start));
	return 0;
}

/* The last component of a dotted key, and the table that it belongs into; tables before it are made as `how` says. */
static int read_path(struct toml_reader *p, struct toml_value *table, unsigned how,
		     struct toml_value **ret_table, const char **ret_key)
{
	for (;;) {
		struct toml_value *next;
		const char *key = NULL;

		skip_blanks(p);
		if (read_key(p, &key) < 0)
			return -1;
		skip_blanks(p);
		if (!take(p, '.')) {
			*ret_table = table;
			*ret_key = key;
			return 0;
		}
		next = (struct toml_value *)find(table, key);
		if (!next) {
			next = new_value(p, TOML_TABLE, how);
			if (add(p, table, key, next) < 0)
				return -1;
		} else if (next->kind == TOML_ARRAY && next->how & OF_HEADERS && how == BY_PARENT) {
			next = next->v[next->n - 1];
		} else if (next->kind != TOML_TABLE || next->how & CLOSED ||
			   (how == BY_DOTS && !(next->how & BY_DOTS))) {
			return toml_bad(p, "'%s' is no table that can be added to", key);
		}
		if (++p->depth > DEPTH_LIMIT)
			return toml_bad(p, "nested deeper than %d", DEPTH_LIMIT);
		table = next;
	}
}

/* ---- values ---- */

static struct toml_value *read_value(struct toml_reader *p);

static int read_pair(struct toml_reader *p, struct toml_value *into)
{
	unsigned depth = p->depth;
	struct toml_value *table, *value;
	const char *key;

	if (read_path(p, into, BY_DOTS, &table, &key) < 0)
		return -1;
	p->depth = depth;
	if (find(table, key))
		return toml_bad(p, "'%s' is given twice", key);
	if (!take(p, '='))
		return toml_bad(p, "'=' is missing after '%s'", key);
	skip_blanks(p);
	value = read_value(p);
	return value ? add(p, table, key, value) : -1;
}

static struct toml_value *read_array(struct toml_reader *p)
{
	struct toml_value *array = new_value(p, TOML_ARRAY, CLOSED);

	p->at++;
	for (;;) {
		struct toml_value *value;

		if (skip_lines(p) < 0)
			return NULL;
		if (take(p, ']'))
			return array;
		value = read_value(p);
		if (!value || add(p, array, NULL, value) < 0 || skip_lines(p) < 0)
			return NULL;
		if (take(p, ','))
			continue;
		if (take(p, ']'))
			return array;
		toml_bad(p, "',' or ']' is missing in an array");
		return NULL;
	}
}

/* Nothing can be added to what is in it later. */
static void close_tables(struct toml_value *v)
{
	v->how |= CLOSED;
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i]->kind == TOML_TABLE)
			close_tables(v->v[i]);
}

static struct toml_value *read_inline_table(struct toml_reader *p)
{
	struct toml_value *table = new_value(p, TOML_TABLE, 0);

	p->at++;
	skip_blanks(p);
	while (!take(p, '}')) {
		if (table->n) {
			if (!take(p, ',')) {
				toml_bad(p, "',' or '}' is missing in an inline table");
				return NULL;
			}
		}
		if (read_pair(p, table) < 0)
			return NULL;
		skip_blanks(p);
	}
	close_tables(table);
	return table;
}

static struct toml_value *read_nested(struct toml_reader *p)
{
	struct toml_value *v;

	if (++p->depth > DEPTH_LIMIT) {
		toml_bad(p, "nested deeper than %d", DEPTH_LIMIT);
		return NULL;
	}
	v = *p->at == '[' ? read_array(p) : read_inline_table(p);
	p->depth--;
	return v;
}

static struct toml_value *read_value(struct toml_reader *p)
{
	struct toml_value *v;

	if (p->at == p->end) {
		toml_bad(p, "a value is missing");
		return NULL;
	}
	if (*p->at == '[' || *p->at == '{')
		return read_nested(p);
	if (*p->at == '"' || *p->at == '\'') {
		v = new_value(p, TOML_STRING, 0);
		v->string = toml_read_string(p, true);
		return v->string ? v : NULL;
	}
	v = new_value(p, TOML_INTEGER, 0);
	return toml_read_word(p, v) < 0 ? NULL : v;
}

/* ---- headers ---- */

/* [a.b] */
static int open_table(struct toml_reader *p, struct toml_value *in, const char *key)
{
	struct toml_value *table = (struct toml_value *)find(in, key);

	if (!table) {
		table = new_value(p, TOML_TABLE, BY_HEADER);
		p->table = table;
		return add(p, in, key, table);
	}
	if (table->kind != TOML_TABLE || table->how & (BY_HEADER | BY_DOTS | CLOSED))
		return toml_bad(p, "'%s' is given twice", key);
	table->how |= BY_HEADER;
	p->table = table;
	return 0;
}

/* [[a.b]] */
static int open_element(struct toml_reader *p, struct toml_value *in, const char *key)
{
	struct toml_value *array = (struct toml_value *)find(in, key);

	if (!array) {
		array = new_value(p, TOML_ARRAY, OF_HEADERS);
		if (add(p, in, key, array) < 0)
			return -1;
	} else if (array->kind != TOML_ARRAY || !(array->how & OF_HEADERS)) {
		return toml_bad(p, "'%s' is no array of tables", key);
	}
	p->table = new_value(p, TOML_TABLE, BY_HEADER);
	return add(p, array, NULL, p->table);
}

static int read_header(struct toml_reader *p)
{
	struct toml_value *in;
	const char *key;
	bool element;

	p->at++;
	element = take(p, '[');
	p->depth = 0;
	if (read_path(p, p->t->root, BY_PARENT, &in, &key) < 0)
		return -1;
	if (!take(p, ']') || (element && !take(p, ']')))
		return toml_bad(p, "']' is missing in a table's header");
	if ((element ? open_element : open_table)(p, in, key) < 0)
		return -1;
	return end_line(p);
}

static int read_all(struct toml_reader *p)
{
	for (;;) {
		if (skip_lines(p) < 0)
			return -1;
		if (p->at == p->end)
			return 0;
		if (*p->at == '[') {
			if (read_header(p) < 0)
				return -1;
			continue;
		}
		p->depth = 0;
		if (read_pair(p, p->table) < 0 || end_line(p) < 0)
			return -1;
	}
}

int toml_parse(const char *file, const char *text, size_t len, struct toml *ret, struct gg_err *err)
{
	_cleanup_toml_ struct toml t = { .file = file, .arena = gg_arena_new() };
	struct toml_reader p = { .t = &t, .at = text, .end = text + len, .line = 1, .err = err };

	if (len > SIZE_LIMIT)
		return gg_fail(err, GG_USAGE, "%s: longer than 1 MiB", file);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		p.at += 3;
	t.root = p.table = new_value(&p, TOML_TABLE, BY_HEADER);
	if (toml_check_utf8(&p) < 0 || read_all(&p) < 0)
		return -1;
	*ret = t;
	t = (struct toml)TOML_INIT;
	return 0;
}
