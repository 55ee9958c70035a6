/* SPDX-License-Identifier: Apache-2.0
 *
 * How a complaint looks:
 *
 *   FILE:12:5: error: unknown key 'pakages' in 'from'
 *      12 |     pakages: [bash]
 *         |     ^^^^^^^
 *     help: did you mean 'packages'?
 */
#include "recipes/recipe_error.h"

#include <string.h>

enum {
	TAB = 4,     /* a tab is shown as so many blanks */
	WINDOW = 96, /* columns of a line that are shown; longer ones are cut around the caret */
	BEFORE_CARET = 40 /* of these, at most so many before it when the line is cut */
};

/* A character of the line: where it is and what it takes on the screen. */
struct cell {
	const char *at;
	unsigned len;
	unsigned width;
	uint32_t code; /* U+FFFD for what is not UTF-8 or not printable */
};

static uint32_t decode(const char *p, size_t len, unsigned *ret_len)
{
	const unsigned char *s = (const unsigned char *)p;
	unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
	uint32_t code;

	*ret_len = 1;
	if (!n || n > len || s[0] > 0xf4)
		return 0xfffd;
	code = n == 1 ? s[0] : s[0] & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0xfffd;
		code = code << 6 | (s[i] & 0x3f);
	}
	*ret_len = n;
	return code;
}

/* The few ranges that matter in a terminal; no locale is asked. */
static unsigned width_of(uint32_t c)
{
	static const struct {
		uint32_t from, to;
		unsigned width;
	} ranges[] = {
		{ 0x0300, 0x036f, 0 },   { 0x1100, 0x115f, 2 },   { 0x200b, 0x200f, 0 },
		{ 0x2e80, 0xa4cf, 2 },   { 0xac00, 0xd7a3, 2 },   { 0xf900, 0xfaff, 2 },
		{ 0xfe00, 0xfe0f, 0 },   { 0xfe30, 0xfe6f, 2 },   { 0xff00, 0xff60, 2 },
		{ 0xffe0, 0xffe6, 2 },   { 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 },
		{ 0x1f900, 0x1f9ff, 2 }, { 0x20000, 0x3fffd, 2 },
	};

	for (size_t i = 0; i < GG_LEN(ranges); i++)
		if (c >= ranges[i].from && c <= ranges[i].to)
			return ranges[i].width;
	return 1;
}

static size_t split(const char *line, size_t len, struct cell **ret)
{
	struct cell *v = gg_calloc(len + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		struct cell *c = &v[n];

		c->at = line + i;
		c->code = decode(line + i, len - i, &c->len);
		if (c->code == '\t') {
			c->width = TAB;
		} else if (c->code < 0x20 || (c->code >= 0x7f && c->code < 0xa0)) {
			c->code = 0xfffd;
			c->width = 1;
		} else {
			c->width = width_of(c->code);
		}
		i += c->len;
	}
	*ret = v;
	return n;
}

static bool is_end(const struct cell *v, size_t n, size_t i)
{
	uint32_t c = v[i].code;
	bool last = i + 1 == n || v[i + 1].code == ' ' || v[i + 1].code == '\t';

	return c == ' ' || c == '\t' || c == ',' || c == ']' || c == '}' || (c == ':' && last);
}

/* How many characters the thing at `from` has: a quoted text, a ${NAME}, or a word. */
static size_t extent(const struct cell *v, size_t n, size_t from)
{
	uint32_t first = from < n ? v[from].code : 0, close = 0;
	size_t i = from + 1;

	if (first == '"' || first == '\'')
		close = first;
	else if (first == '$' && i < n && v[i].code == '{')
		close = '}';
	if (close) {
		while (i < n && v[i].code != close)
			i += v[i].code == '\\' && close == '"' ? 2 : 1;
		return i < n ? i + 1 - from : n - from;
	}
	if (!first || strchr("[]{}|>,: \t", (int)(first < 0x80 ? first : 'x')))
		return 1;
	while (i < n && !is_end(v, n, i))
		i++;
	return i - from;
}

static void put_line(struct gg_buf *b, const struct cell *v, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (v[i].code == '\t')
			gg_buf_printf(b, "%*s", TAB, "");
		else if (v[i].code == 0xfffd)
			gg_buf_puts(b, "\xef\xbf\xbd");
		else
			gg_buf_add(b, v[i].at, v[i].len);
	}
}

static unsigned columns(const struct cell *v, size_t from, size_t to)
{
	unsigned sum = 0;

	for (size_t i = from; i < to; i++)
		sum += v[i].width;
	return sum;
}

/* The characters near the caret, since a line may be a mebibyte; *ret_caret is the caret's among them. */
static void near_caret(const char **line, size_t *len, size_t *ret_caret, bool *ret_cut)
{
	enum { NEAR = 2 * WINDOW };
	const char *start[NEAR], *p = *line, *end = *line + *len;
	size_t n = 0;

	for (; n < *ret_caret && p < end; n++) {
		start[n % NEAR] = p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	*ret_cut = n > NEAR;
	if (*ret_cut)
		*line = start[n % NEAR];
	*ret_caret = n > NEAR ? NEAR : n;
	for (n = 0; n < NEAR && p < end; n++) {
		p++;
		while (p < end && ((unsigned char)*p & 0xc0) == 0x80)
			p++;
	}
	*len = (size_t)(p - *line);
}

static void put_source(struct gg_buf *b, unsigned number, unsigned col, const char *line,
		       size_t len)
{
	const char *line_end = line + len;
	_cleanup_free_ struct cell *v = NULL;
	size_t caret = col ? col - 1 : 0, from = 0, to, n, size;
	unsigned before, under;
	bool cut, whole;

	near_caret(&line, &len, &caret, &cut);
	n = split(line, len, &v);
	if (caret > n)
		caret = n;
	size = extent(v, n, caret);
	to = n;
	whole = !cut && line + len == line_end && columns(v, 0, n) <= WINDOW;
	if (!whole) {
		while (columns(v, from, caret) > BEFORE_CARET)
			from++;
		to = caret;
		while (to < n && columns(v, from, to + 1) <= WINDOW)
			to++;
	}
	cut = cut || from;
	if (caret + size > to)
		size = to > caret ? to - caret : 1;
	gg_buf_printf(b, "%5u | %s", number, cut ? "…" : "");
	put_line(b, v, from, to);
	before = columns(v, from, caret) + (cut ? 1 : 0);
	gg_buf_printf(b, "%s\n      | %*s", to < n || line + len < line_end ? "…" : "", (int)before,
		      "");
	under = caret < n ? columns(v, caret, caret + size) : 1;
	for (unsigned i = 0; i < (under ? under : 1); i++)
		gg_buf_putc(b, '^');
	gg_buf_putc(b, '\n');
}

bool recipe_errors_line(const char *source, size_t len, unsigned number, const char **ret,
			size_t *ret_len)
{
	const char *p = source, *end = source + len, *eol;

	for (unsigned i = 1; p && i < number; i++) {
		p = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		p = p ? p + 1 : NULL;
	}
	if (!p || !number)
		return false;
	if (number == 1 && len >= 3 &&
	    !memcmp(p, "\xef\xbb\xbf", 3)) /* positions do not count it */
		p += 3;
	eol = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
	if (!eol)
		eol = end;
	if (eol > p && eol[-1] == '\r')
		eol--;
	*ret = p;
	*ret_len = (size_t)(eol - p);
	return true;
}

void recipe_error_print(struct gg_pos pos, const char *text, const char *hint, const char *source,
			size_t len, struct gg_buf *ret)
{
	const char *line;
	size_t line_len;

	if (pos.file)
		gg_buf_printf(ret, "%s:", pos.file);
	if (pos.file && pos.line)
		gg_buf_printf(ret, "%u:%u:", pos.line, pos.col);
	gg_buf_printf(ret, "%serror: %s\n", pos.file ? " " : "", text);
	if (pos.file && source && recipe_errors_line(source, len, pos.line, &line, &line_len))
		put_source(ret, pos.line, pos.col, line, line_len);
	if (hint)
		gg_buf_printf(ret, "  help: %s\n", hint);
}

void recipe_errors_print(const struct recipe_errors *e, const char *source, size_t len,
			 struct gg_buf *ret)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct recipe_error *x = &e->v[i];

		if (!x->piece_file) {
			recipe_error_print(x->pos, x->text, x->hint, source, len, ret);
			continue;
		}
		gg_buf_printf(ret, "%s:%u:%u: error: %s\n", x->pos.file, x->pos.line, x->pos.col,
			      x->text);
		if (x->piece_line)
			put_source(ret, x->pos.line, x->pos.col, x->piece_line,
				   strlen(x->piece_line));
		if (x->hint)
			gg_buf_printf(ret, "  help: %s\n", x->hint);
	}
}
