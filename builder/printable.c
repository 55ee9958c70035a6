/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/printable.h"

#include <string.h>

enum { ESC = 0x1b, BEL = 0x07, DEL = 0x7f, TAB = 8 };

struct range {
	uint32_t first, last;
};

/* Bidirectional embeddings, overrides and isolates can make a line read as something else. */
static const struct range invisible[] = {
	{ 0x80, 0x9f },     { 0x200e, 0x200f }, { 0x2028, 0x202e },
	{ 0x2066, 0x2069 }, { 0xfeff, 0xfeff },
};
/* Coarse: what is common in the output of compilers and package managers. */
static const struct range combining[] = {
	{ 0x300, 0x36f },   { 0x200b, 0x200d }, { 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x2e80, 0x303e },   { 0x3041, 0xa4cf },   { 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },   { 0xfe30, 0xfe6f },   { 0xff00, 0xff60 },   { 0xffe0, 0xffe6 },
	{ 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd },
};

static bool in_ranges(uint32_t c, const struct range *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (c >= r[i].first && c <= r[i].last)
			return true;
	return false;
}

static unsigned width(uint32_t c)
{
	if (in_ranges(c, combining, GG_LEN(combining)))
		return 0;
	return in_ranges(c, wide, GG_LEN(wide)) ? 2 : 1;
}

/* Reads one character (RFC 3629). Returns its length, 0 when the bytes are the beginning of one, -1 when they are none. */
static int decode(const unsigned char *s, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = s[0] < 0x80                   ? 1
		     : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
		     : (s[0] & 0xf0) == 0xe0       ? 3
		     : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
						   : 0;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);

	if (n == 0)
		return -1;
	for (unsigned i = 1; i < n; i++) {
		if (i == len)
			return 0;
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return -1;
	*ret = c;
	return (int)n;
}

static void give(struct printable *s, printable_line *line, void *ctx)
{
	line(ctx, s->line.data ? s->line.data : "", s->line.len);
	s->line.len = 0;
}

static void put(struct printable *s, const void *bytes, size_t len, printable_line *line, void *ctx)
{
	if (s->line.len + len > PRINTABLE_MAX)
		give(s, line, ctx);
	gg_buf_add(&s->line, bytes, len);
}

/* One byte of ASCII outside of escape sequences. */
static void ascii(struct printable *s, unsigned char c, printable_line *line, void *ctx)
{
	if (c == '\n') {
		give(s, line, ctx);
		s->cr = false;
		return;
	}
	/* Programs behind a pseudo-terminal write "\r\r\n": only text after it begins the line anew. */
	if (c == '\r') {
		s->cr = true;
		return;
	}
	if (s->cr) {
		s->line.len = 0;
		s->cr = false;
	}
	if (c == ESC)
		s->state = PRINTABLE_ESCAPE;
	else if (c == '\t')
		put(s, "        ", TAB - s->line.len % TAB, line, ctx);
	else if (c >= ' ' && c != DEL)
		put(s, &c, 1, line, ctx);
}

/* One byte inside an escape sequence. */
static void escape(struct printable *s, unsigned char c)
{
	switch (s->state) {
	case PRINTABLE_TEXT:
		break;
	case PRINTABLE_ESCAPE:
		if (c == '[')
			s->state = PRINTABLE_CSI;
		else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
			s->state = PRINTABLE_STRING;
		else if (c < ' ' || c > '/') /* else an intermediate byte: one more follows */
			s->state = PRINTABLE_TEXT;
		break;
	case PRINTABLE_CSI:
		if (c >= '@' || c == '\n')
			s->state = PRINTABLE_TEXT;
		break;
	case PRINTABLE_STRING:
		if (c == BEL || c == '\n')
			s->state = PRINTABLE_TEXT;
		else if (c == ESC)
			s->state = PRINTABLE_STRING_ESCAPE;
		break;
	case PRINTABLE_STRING_ESCAPE:
		s->state = PRINTABLE_TEXT;
		break;
	}
}

/* A byte of a longer character: collected until it is whole or can be none. */
static void multibyte(struct printable *s, printable_line *line, void *ctx)
{
	uint32_t c;
	int n = decode(s->rest, s->n_rest, &c);

	if (n == 0)
		return;
	if (s->cr) {
		s->line.len = 0;
		s->cr = false;
	}
	if (n < 0)
		put(s, "\xef\xbf\xbd", 3, line, ctx);
	else if (!in_ranges(c, invisible, GG_LEN(invisible)))
		put(s, s->rest, (size_t)n, line, ctx);
	s->n_rest = 0;
}

void printable_feed(struct printable *s, const char *bytes, size_t len, printable_line *line,
		    void *ctx)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (s->state != PRINTABLE_TEXT) {
			escape(s, c);
			/* A newline ends what nobody finished: one broken sequence must not swallow the rest. */
			if (c != '\n' || s->state != PRINTABLE_TEXT)
				continue;
		}
		if (s->n_rest > 0 && (c & 0xc0) != 0x80) {
			s->n_rest = 0;
			put(s, "\xef\xbf\xbd", 3, line, ctx);
		}
		if (c < 0x80) {
			ascii(s, c, line, ctx);
		} else {
			s->rest[s->n_rest++] = c;
			multibyte(s, line, ctx);
		}
	}
}

void printable_end(struct printable *s, printable_line *line, void *ctx)
{
	if (s->line.len > 0)
		give(s, line, ctx);
}

void printable_done(struct printable *s)
{
	gg_buf_done(&s->line);
	*s = (struct printable){ 0 };
}

static void put_line(void *ctx, const char *text, size_t len)
{
	gg_buf_add(ctx, text, len);
	gg_buf_putc(ctx, '\n');
}

void printable_text(const char *text, size_t len, struct gg_buf *ret)
{
	struct printable lines = { 0 };

	printable_feed(&lines, text, len, put_line, ret);
	printable_end(&lines, put_line, ret);
	printable_done(&lines);
}

size_t printable_clip(const char *text, size_t len, unsigned columns)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned used = 0;
	size_t at = 0;

	while (at < len) {
		uint32_t c = '?';
		int n = decode(s + at, len - at, &c);

		if (n <= 0)
			n = 1;
		if (used + width(c) > columns)
			break;
		used += width(c);
		at += (size_t)n;
	}
	return at;
}
