/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/yaml.h"

#include <string.h>

#include <yaml.h>

/* A list or map that is still open. */
struct frame {
	struct yaml_node *node;
	struct yaml_node **v; /* keys and values by turns in a map */
	size_t n, cap;
};

struct reader {
	yaml_parser_t parser;
	struct gg_arena *arena;
	const struct recipe_source *source;
	struct recipe_errors *errors;
	struct frame stack[RECIPE_MAX_DEPTH];
	size_t depth;
	size_t nodes;
	struct yaml_node *root;
};

static struct gg_pos at(const struct reader *r, yaml_mark_t mark)
{
	return (struct gg_pos){ r->source->file, (unsigned)mark.line + 1,
				(unsigned)mark.column + 1 };
}

static struct gg_pos at_byte(const struct recipe_source *source, size_t offset)
{
	struct gg_pos pos = { source->file, 1, 1 };

	for (size_t i = 0; i < offset && i < source->len; i++) {
		if (source->text[i] == '\n') {
			pos.line++;
			pos.col = 1;
		} else if (((unsigned char)source->text[i] & 0xc0) != 0x80) {
			pos.col++;
		}
	}
	return pos;
}

static const char *line_start(const struct recipe_source *source, unsigned line)
{
	const char *p = source->text, *end = p + source->len;

	for (unsigned i = 1; i < line; i++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			return end;
		p++;
	}
	return p;
}

/* The byte that a position names. */
static const char *byte_at(const struct recipe_source *source, struct gg_pos pos)
{
	const char *p = line_start(source, pos.line), *end = source->text + source->len;

	for (unsigned col = 1; col < pos.col && p < end; col++) {
		p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	return p;
}

static void hint_syntax(struct reader *r, struct gg_pos pos)
{
	const char *problem = r->parser.problem ? r->parser.problem : "";
	const char *p = byte_at(r->source, pos), *end = r->source->text + r->source->len;
	char c = p < end ? *p : '\0';

	if (strstr(problem, "cannot start any token") && c == '\t')
		recipe_errors_hint(r->errors, "indent with spaces; YAML does not take tabs");
	else if (strstr(problem, "cannot start any token"))
		recipe_errors_hint(r->errors, "quote a value that begins with '%c'", c);
	else if (strstr(problem, "mapping values are not allowed"))
		recipe_errors_hint(r->errors,
				   "quote a value that holds ': ', or check the indentation");
	else if (strstr(problem, "did not find expected ',' or"))
		recipe_errors_hint(r->errors,
				   "close the list or map, or quote a value that holds , [ ] { }");
	else if (strstr(problem, "expected ':'") || strstr(problem, "expected key"))
		recipe_errors_hint(r->errors,
				   "check the indentation: keys of one map begin in one column");
}

static void syntax_error(struct reader *r)
{
	const char *problem = r->parser.problem ? r->parser.problem : "cannot be read";
	struct gg_pos pos;

	if (r->parser.error == YAML_READER_ERROR) {
		pos = at_byte(r->source, r->parser.problem_offset);
		recipe_errors_add(r->errors, r->source, pos, "not a text in UTF-8: %s", problem);
		recipe_errors_hint(r->errors, "remove the byte, or save the file as UTF-8");
		return;
	}
	if (r->parser.context && strstr(problem, "unexpected end of stream")) {
		pos = at(r, r->parser.context_mark);
		recipe_errors_add(r->errors, r->source, pos,
				  "not valid YAML: this quote is never closed");
		recipe_errors_hint(
			r->errors,
			"close it on the line, or double a quote that belongs to the text");
		return;
	}
	pos = at(r, r->parser.problem_mark);
	if (r->parser.context && r->parser.context_mark.line != r->parser.problem_mark.line)
		recipe_errors_add(r->errors, r->source, pos,
				  "not valid YAML: %s %s that began in line %zu", problem,
				  r->parser.context, r->parser.context_mark.line + 1);
	else if (r->parser.context)
		recipe_errors_add(r->errors, r->source, pos, "not valid YAML: %s %s", problem,
				  r->parser.context);
	else
		recipe_errors_add(r->errors, r->source, pos, "not valid YAML: %s", problem);
	hint_syntax(r, pos);
}

/* Hangs a complete node where it belongs. */
static void attach(struct reader *r, struct yaml_node *node)
{
	if (!r->depth) {
		r->root = node;
		return;
	}
	struct frame *f = &r->stack[r->depth - 1];
	GG_GROW(f->v, f->n, f->cap);
	f->v[f->n++] = node;
}

static int add_node(struct reader *r, const yaml_event_t *event, enum yaml_kind kind,
		    struct yaml_node **ret)
{
	struct yaml_node *node = gg_arena_alloc(r->arena, sizeof(*node));

	node->kind = kind;
	node->pos = at(r, event->start_mark);
	node->end = at(r, event->end_mark);
	*ret = node;
	if (++r->nodes <= YAML_MAX_NODES)
		return 0;
	recipe_errors_add(r->errors, r->source, node->pos, "more than %d values", YAML_MAX_NODES);
	recipe_errors_hint(r->errors, "put long data into a file and make it a 'local' input");
	return -1;
}

static void refuse_decoration(struct reader *r, struct gg_pos pos, const void *anchor,
			      const void *tag)
{
	if (anchor) {
		recipe_errors_add(r->errors, r->source, pos, "anchor '&%s' in a recipe",
				  (const char *)anchor);
		recipe_errors_hint(r->errors,
				   "write the value where it is needed; 'args' hold shared texts");
	}
	if (tag) {
		recipe_errors_add(r->errors, r->source, pos, "tag '%.60s%s' in a recipe",
				  (const char *)tag, strlen((const char *)tag) > 60 ? "…" : "");
		recipe_errors_hint(r->errors, "leave it out; quotes make a text of anything");
	}
}

static int on_scalar(struct reader *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct yaml_node *node;

	if (add_node(r, event, YAML_SCALAR, &node) < 0)
		return -1;
	refuse_decoration(r, node->pos, event->data.scalar.anchor, event->data.scalar.tag);
	if (memchr(text, '\0', len)) {
		recipe_errors_add(r->errors, r->source, node->pos, "a text holds a NUL character");
		recipe_errors_hint(r->errors, "no program can be given one; remove the '\\0'");
		node->kind = YAML_BAD;
		len = 0;
	}
	node->text = gg_arena_strndup(r->arena, text, len);
	node->len = len;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	attach(r, node);
	return 0;
}

static int on_alias(struct reader *r, const yaml_event_t *event)
{
	struct yaml_node *node;

	if (add_node(r, event, YAML_BAD, &node) < 0)
		return -1;
	recipe_errors_add(r->errors, r->source, node->pos, "alias '*%s' in a recipe",
			  (const char *)event->data.alias.anchor);
	recipe_errors_hint(r->errors, "write the value out, or quote a text that begins with '*'");
	attach(r, node);
	return 0;
}

static int on_open(struct reader *r, const yaml_event_t *event, enum yaml_kind kind)
{
	struct yaml_node *node;

	if (add_node(r, event, kind, &node) < 0)
		return -1;
	if (r->depth == RECIPE_MAX_DEPTH) {
		recipe_errors_add(r->errors, r->source, node->pos, "nested deeper than %d levels",
				  RECIPE_MAX_DEPTH);
		recipe_errors_hint(r->errors, "no recipe needs that; look for a bracket too many");
		return -1;
	}
	if (kind == YAML_MAP)
		refuse_decoration(r, node->pos, event->data.mapping_start.anchor,
				  event->data.mapping_start.tag);
	else
		refuse_decoration(r, node->pos, event->data.sequence_start.anchor,
				  event->data.sequence_start.tag);
	r->stack[r->depth++] = (struct frame){ .node = node };
	return 0;
}

static int by_text(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a,
			       *y = *(struct yaml_node *const *)b;
	int order = strcmp(x->text, y->text);

	if (order)
		return order;
	if (x->pos.line != y->pos.line)
		return x->pos.line < y->pos.line ? -1 : 1;
	return x->pos.col < y->pos.col ? -1 : x->pos.col > y->pos.col;
}

static void refuse_twins(struct reader *r, const struct yaml_node *map)
{
	_cleanup_free_ struct yaml_node **sorted = gg_calloc(map->n, sizeof(*sorted));
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		if (map->keys[i]->kind == YAML_SCALAR)
			sorted[n++] = map->keys[i];
	qsort(sorted, n, sizeof(*sorted), by_text);
	for (size_t i = 0, first = 0; i < n; i++) {
		if (!i || !gg_streq(sorted[first]->text, sorted[i]->text)) {
			first = i;
			continue;
		}
		recipe_errors_add(r->errors, r->source, sorted[i]->pos,
				  "key '%s' stands here twice", sorted[i]->text);
		recipe_errors_hint(r->errors, "the first one is in line %u; keep one of them",
				   sorted[first]->pos.line);
		sorted[i]->kind = YAML_BAD;
	}
}

static void check_key(struct reader *r, struct yaml_node *key)
{
	if (key->kind == YAML_LIST || key->kind == YAML_MAP) {
		recipe_errors_add(r->errors, r->source, key->pos, "a key must be a text, not %s",
				  yaml_describe(r->arena, key));
		if (key->kind == YAML_MAP)
			recipe_errors_hint(r->errors, "quote a value that begins with '{'");
		key->kind = YAML_BAD;
	} else if (key->kind == YAML_SCALAR && key->plain && gg_streq(key->text, "<<")) {
		recipe_errors_add(r->errors, r->source, key->pos, "merge key '<<' in a recipe");
		recipe_errors_hint(r->errors, "write the keys out; 'args' hold shared texts");
		key->kind = YAML_BAD;
	}
}

static void on_close(struct reader *r, const yaml_event_t *event)
{
	struct frame *f = &r->stack[--r->depth];
	struct yaml_node *node = f->node;
	struct yaml_node **keys, **values;

	node->end = at(r, event->end_mark);
	node->n = node->kind == YAML_MAP ? f->n / 2 : f->n;
	values = gg_arena_calloc(r->arena, node->n + 1, sizeof(*values));
	keys = node->kind == YAML_MAP ? gg_arena_calloc(r->arena, node->n + 1, sizeof(*keys))
				      : NULL;
	for (size_t i = 0; i < node->n; i++) {
		if (keys) {
			keys[i] = f->v[2 * i];
			check_key(r, keys[i]);
		}
		values[i] = keys ? f->v[2 * i + 1] : f->v[i];
	}
	node->keys = keys;
	node->values = values;
	free(f->v);
	if (keys)
		refuse_twins(r, node);
	attach(r, node);
}

/* What may follow the document's end: blanks, comments and "...". libyaml is not asked, because it reads a
 * second document's directives in quadratic time. */
static void refuse_rest(struct reader *r, unsigned line)
{
	const char *p = line_start(r->source, line), *end = r->source->text + r->source->len;

	for (; p < end; line++) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p), blank = 0;

		while (blank < len && strchr(" \t\r", p[blank]))
			blank++;
		if (len >= 3 && !memcmp(p, "---", 3)) {
			recipe_errors_add(r->errors, r->source,
					  (struct gg_pos){ r->source->file, line, 1 },
					  "a second document in one file");
			recipe_errors_hint(r->errors,
					   "one file holds one recipe; remove the '---'");
			return;
		}
		if (blank < len && p[blank] != '#' && !(len >= 3 && !memcmp(p, "...", 3))) {
			recipe_errors_add(
				r->errors, r->source,
				(struct gg_pos){ r->source->file, line, (unsigned)blank + 1 },
				"text behind the end of the document");
			recipe_errors_hint(r->errors, "remove it, or the '...' before it");
			return;
		}
		p = eol ? eol + 1 : end;
	}
}

/* Directives come first; their number makes libyaml slow, so they are found before it starts. */
static int refuse_directives(struct reader *r)
{
	const char *p = r->source->text, *end = p + r->source->len;
	unsigned line = 1;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((eol ? eol : end) - p), blank = strspn(p, " \t\r");

		if (*p == '%') {
			recipe_errors_add(r->errors, r->source,
					  (struct gg_pos){ r->source->file, line, 1 },
					  "YAML directive in a recipe");
			recipe_errors_hint(r->errors, "remove the line; recipes need no '%%'");
			return -1;
		}
		if (blank < len && p[blank] != '#')
			return 0;
		p = eol ? eol + 1 : end;
		line++;
	}
	return 0;
}

/* 1: go on, 0: the document is complete, -1: an error was added and nothing follows. */
static int on_event(struct reader *r, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, event) < 0 ? -1 : 1;
	case YAML_ALIAS_EVENT:
		return on_alias(r, event) < 0 ? -1 : 1;
	case YAML_SEQUENCE_START_EVENT:
		return on_open(r, event, YAML_LIST) < 0 ? -1 : 1;
	case YAML_MAPPING_START_EVENT:
		return on_open(r, event, YAML_MAP) < 0 ? -1 : 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(r, event);
		return 1;
	case YAML_DOCUMENT_END_EVENT:
		refuse_rest(r, (unsigned)event->start_mark.line + 1 +
				       !event->data.document_end.implicit);
		return 0;
	case YAML_STREAM_END_EVENT:
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT:
		break;
	}
	return 1;
}

static int read_all(struct reader *r)
{
	int more = 1;

	while (more > 0) {
		yaml_event_t event;

		if (!yaml_parser_parse(&r->parser, &event)) {
			syntax_error(r);
			return -1;
		}
		more = on_event(r, &event);
		yaml_event_delete(&event);
	}
	return more;
}

const struct yaml_node *yaml_parse(struct gg_arena *arena, const struct recipe_source *source,
				   struct recipe_errors *errors)
{
	struct reader r = { .arena = arena, .source = source, .errors = errors };
	int rc;

	if (source->len > RECIPE_MAX_BYTES) {
		recipe_errors_add(errors, source, (struct gg_pos){ source->file, 0, 0 },
				  "larger than the %d bytes that a recipe may have",
				  (int)RECIPE_MAX_BYTES);
		recipe_errors_hint(errors, "put long data into a file and make it a 'local' input");
		return NULL;
	}
	if (refuse_directives(&r) < 0)
		return NULL;
	if (!yaml_parser_initialize(&r.parser))
		abort();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)source->text, source->len);
	rc = read_all(&r);
	yaml_parser_delete(&r.parser);
	while (r.depth)
		free(r.stack[--r.depth].v);
	if (!rc && !r.root) {
		recipe_errors_add(errors, source, (struct gg_pos){ source->file, 0, 0 },
				  "the file is empty");
		recipe_errors_hint(errors, "'ggbuild init' writes a recipe to start from");
	}
	return rc < 0 ? NULL : r.root;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	for (size_t i = 0; map && map->kind == YAML_MAP && i < map->n; i++)
		if (map->keys[i]->kind == YAML_SCALAR && gg_streq(map->keys[i]->text, key))
			return map->values[i];
	return NULL;
}

struct gg_pos yaml_pos_at(const struct yaml_node *scalar, const struct recipe_source *source,
			  size_t offset)
{
	const char *p = byte_at(source, scalar->pos), *end = source->text + source->len;
	struct gg_pos pos = scalar->pos;

	if (!scalar->plain && p < end) {
		p++;
		pos.col++;
	}
	/* Escapes, folding and blocks make text and source differ: then the node's own place must do. */
	if (offset > scalar->len || (size_t)(end - p) < offset || memcmp(p, scalar->text, offset) ||
	    memchr(p, '\n', offset))
		return scalar->pos;
	for (size_t i = 0; i < offset; i++)
		pos.col += ((unsigned char)p[i] & 0xc0) != 0x80;
	return pos;
}

bool yaml_is_null(const struct yaml_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; i < GG_LEN(words); i++)
		if (node->kind == YAML_SCALAR && node->plain && gg_streq(node->text, words[i]))
			return true;
	return false;
}

static bool is_number(const char *s)
{
	size_t n;

	s += *s == '-';
	n = strspn(s, "0123456789");
	s += n;
	return n && (!*s || (*s == '.' && s[1] && !s[1 + strspn(s + 1, "0123456789")]));
}

const char *yaml_describe(struct gg_arena *arena, const struct yaml_node *node)
{
	enum { SHOWN = 40 };
	size_t cut = SHOWN;

	if (node->kind == YAML_LIST)
		return "a list";
	if (node->kind == YAML_MAP)
		return "a map";
	if (node->kind == YAML_BAD)
		return "this";
	if (yaml_is_null(node))
		return "nothing";
	if (node->plain && (gg_streq(node->text, "true") || gg_streq(node->text, "false")))
		return node->text;
	if (node->plain && node->len < SHOWN && is_number(node->text))
		return gg_arena_printf(arena, "the number %s", node->text);
	if (node->len <= SHOWN)
		return gg_arena_printf(arena, "the text '%s'", node->text);
	while (((unsigned char)node->text[cut] & 0xc0) == 0x80)
		cut--;
	return gg_arena_printf(arena, "the text '%.*s…'", (int)cut, node->text);
}
