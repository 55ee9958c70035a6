/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layers/base/mem.h"
#include "layers/toml_private.h"

/* Bytes of the UTF-8 character at p, 0 where there is none: no overlong form, no surrogate, nothing above U+10FFFF. */
static size_t character(const unsigned char *p, size_t len)
{
	static const struct {
		unsigned char low, high, second_low, second_high, len;
	} forms[] = {
		{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < GG_LEN(forms); i++) {
		if (p[0] < forms[i].low || p[0] > forms[i].high)
			continue;
		if (forms[i].len > len)
			return 0;
		if (forms[i].len > 1 && (p[1] < forms[i].second_low || p[1] > forms[i].second_high))
			return 0;
		for (size_t j = 2; j < forms[i].len; j++)
			if ((p[j] & 0xc0) != 0x80)
				return 0;
		return forms[i].len;
	}
	return 0;
}

int toml_check_utf8(struct toml_reader *p)
{
	const char *at = p->at;
	unsigned line = 1;

	while (at < p->end) {
		size_t n = character((const unsigned char *)at, (size_t)(p->end - at));

		if (n == 0 || *at == '\0') {
			p->line = line;
			return toml_bad(p, "not UTF-8 text");
		}
		line += *at == '\n';
		at += n;
	}
	return 0;
}

static int put_code(struct toml_reader *p, unsigned digits, struct gg_buf *ret)
{
	uint32_t c = 0;

	for (unsigned i = 0; i < digits; i++, p->at++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit;

		if (p->at == p->end || !*p->at)
			return toml_bad(p, "an escape is cut off");
		digit = strchr(hex, *p->at | ((*p->at >= 'A' && *p->at <= 'F') ? 0x20 : 0));
		if (!digit)
			return toml_bad(p, "an escape wants %u hexadecimal digits", digits);
		c = c << 4 | (uint32_t)(digit - hex);
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return toml_bad(p, "an escape names no character");
	if (c < 0x80) {
		gg_buf_putc(ret, (char)c);
		return 0;
	}
	if (c >= 0x10000)
		gg_buf_putc(ret, (char)(0xf0 | c >> 18));
	if (c >= 0x800)
		gg_buf_putc(ret, (char)(c >= 0x10000 ? 0x80 | (c >> 12 & 0x3f) : 0xe0 | c >> 12));
	gg_buf_putc(ret, (char)(c >= 0x800 ? 0x80 | (c >> 6 & 0x3f) : 0xc0 | c >> 6));
	gg_buf_putc(ret, (char)(0x80 | (c & 0x3f)));
	return 0;
}

/* A backslash at the end of a line takes the blanks and lines that follow it away. */
static int join_lines(struct toml_reader *p)
{
	bool line = false;

	for (;;) {
		while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
			p->at++;
		if (!toml_take_newline(p))
			break;
		line = true;
	}
	return line ? 0 : toml_bad(p, "a backslash before a blank");
}

static int put_escape(struct toml_reader *p, bool lines, struct gg_buf *ret)
{
	static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
	const char *name;
	char c;

	if (++p->at == p->end)
		return toml_bad(p, "a string is not closed");
	c = *p->at;
	if (lines && strchr(" \t\r\n", c))
		return join_lines(p);
	p->at++;
	if (c == 'u' || c == 'U')
		return put_code(p, c == 'u' ? 4 : 8, ret);
	name = strchr(names, c);
	if (!name)
		return toml_bad(p, "unknown escape '\\%c'", c);
	gg_buf_putc(ret, values[name - names]);
	return 0;
}

/* Up to the closing quotes, which are taken. Up to two quotes more than those close belong to the text. */
static int read_lines(struct toml_reader *p, char quote, struct gg_buf *ret)
{
	p->at += 3;
	toml_take_newline(p);
	while (p->at < p->end) {
		size_t quotes = 0;

		while (p->at + quotes < p->end && quotes < 5 && p->at[quotes] == quote)
			quotes++;
		if (quotes >= 3) {
			gg_buf_add(ret, p->at, quotes - 3);
			p->at += quotes;
			return 0;
		}
		if (*p->at == '\\' && quote == '"') {
			if (put_escape(p, true, ret) < 0)
				return -1;
			continue;
		}
		if (toml_take_newline(p)) {
			gg_buf_putc(ret, '\n');
			continue;
		}
		if (toml_is_control(*p->at))
			return toml_bad(p, "a control character in a string");
		gg_buf_putc(ret, *p->at++);
	}
	return toml_bad(p, "a string is not closed");
}

static int read_line(struct toml_reader *p, char quote, struct gg_buf *ret)
{
	p->at++;
	while (p->at < p->end && *p->at != '\n') {
		if (*p->at == quote) {
			p->at++;
			return 0;
		}
		if (*p->at == '\\' && quote == '"') {
			if (put_escape(p, false, ret) < 0)
				return -1;
			continue;
		}
		if (toml_is_control(*p->at))
			return toml_bad(p, "a control character in a string");
		gg_buf_putc(ret, *p->at++);
	}
	return toml_bad(p, "a string is not closed");
}

const char *toml_read_string(struct toml_reader *p, bool lines)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char quote = *p->at;
	bool three = p->end - p->at >= 3 && p->at[1] == quote && p->at[2] == quote;

	if (three && !lines) {
		toml_bad(p, "a key of several lines");
		return NULL;
	}
	if ((three ? read_lines : read_line)(p, quote, &text) < 0)
		return NULL;
	return gg_arena_strndup(p->t->arena, text.data ? text.data : "", text.len);
}

/* Digits with single underscores between them. */
static int read_digits(const char *text, int base, char *ret)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";
	bool digit = false;

	for (; *text; text++) {
		if (*text == '_') {
			if (!digit || !text[1])
				return -1;
			digit = false;
			continue;
		}
		if (!strchr(digits, *text) || (base < 10 && *text - '0' >= base))
			return -1;
		*ret++ = *text;
		digit = true;
	}
	*ret = '\0';
	return digit ? 0 : -1;
}

static int read_integer(const char *word, int64_t *ret)
{
	const char *digits = word + (*word == '+' || *word == '-');
	char plain[80], *to = plain;
	int base = 10;

	if (strlen(word) + 2 > sizeof(plain))
		return -1;
	if (digits == word && digits[0] == '0' && digits[1])
		base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : digits[1] == 'b' ? 2 : 0;
	if (base == 0 || (base == 10 && digits[0] == '0' && digits[1]))
		return -1;
	if (*word == '-')
		*to++ = '-';
	if (read_digits(base == 10 ? digits : digits + 2, base, to) < 0)
		return -1;
	errno = 0;
	*ret = strtoll(plain, NULL, base);
	return errno ? -1 : 0;
}

int toml_read_word(struct toml_reader *p, struct toml_value *ret)
{
	const char *start = p->at;
	_cleanup_free_ char *word = NULL;

	while (p->at < p->end && !strchr(" \t\r\n,]}#=", *p->at))
		p->at++;
	word = gg_strndup(start, (size_t)(p->at - start));
	if (!*word)
		return toml_bad(p, "a value is missing");
	if (gg_streq(word, "true") || gg_streq(word, "false")) {
		ret->kind = TOML_BOOLEAN;
		ret->boolean = *word == 't';
		return 0;
	}
	if (read_integer(word, &ret->integer) < 0)
		return toml_bad(p, "'%.40s' is no string, whole number or boolean", word);
	return 0;
}
