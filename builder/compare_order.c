/* SPDX-License-Identifier: Apache-2.0
 *
 * What two contents look like as a whole: the same things in another order; and what has no order at all.
 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	WHOLE_MAX = 64 << 20, /* bytes that are cut into lines */
	ITEMS_MAX = 4 << 20,
	SHUFFLED =
		16, /* bytes between the first and the last difference, for bytes in another order */
};

struct items {
	uint64_t *v; /* hashes, sorted */
	size_t n, cap;
};

static int compare_hashes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* FNV-1a of each run between separators; false: too many. */
static bool cut(const struct span *s, bool (*separates)(uint8_t c), struct items *ret)
{
	const uint64_t basis = 0xcbf29ce484222325, prime = 0x100000001b3;
	uint64_t hash = basis;
	bool empty = true;

	for (size_t i = 0; i <= s->len; i++) {
		if (i < s->len && !separates(s->p[i])) {
			hash = (hash ^ s->p[i]) * prime;
			empty = false;
			continue;
		}
		if (!empty) {
			if (ret->n == ITEMS_MAX)
				return false;
			GG_GROW(ret->v, ret->n, ret->cap);
			ret->v[ret->n++] = hash;
		}
		hash = basis;
		empty = true;
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_hashes);
	return true;
}

static bool same_items(const struct evidence *e, bool (*separates)(uint8_t c), size_t least)
{
	struct items a = { 0 }, b = { 0 };
	bool same = cut(&e->a, separates, &a) && cut(&e->b, separates, &b) && a.n == b.n &&
		    a.n >= least && memcmp(a.v, b.v, a.n * sizeof(*a.v)) == 0;

	free(a.v);
	free(b.v);
	return same;
}

static bool ends_line(uint8_t c)
{
	return c == '\n' || c == '\0';
}

static bool ends_word(uint8_t c)
{
	return c <= ' ' || strchr(",;{}[]()", c);
}

static bool is_text(const struct span *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->p[i] < ' ' && !isspace(s->p[i]))
			return false;
	return true;
}

static bool same_bytes(const struct evidence *e)
{
	size_t counts[256] = { 0 };

	if (e->a.len != e->b.len || e->end_a - e->at < SHUFFLED)
		return false;
	for (size_t i = e->at; i < e->end_a; i++) {
		counts[e->a.p[i]]++;
		counts[e->b.p[i]]--;
	}
	for (size_t i = 0; i < 256; i++)
		if (counts[i])
			return false;
	return true;
}

const char *compare_cause_of_whole(const struct evidence *e, struct gg_buf *text)
{
	const char *what = NULL;
	size_t difference = e->a.len > e->b.len ? e->a.len - e->b.len : e->b.len - e->a.len;

	/* A last line may lack its end. */
	if (e->a.len > WHOLE_MAX || difference > 1)
		return NULL;
	if (same_items(e, ends_line, 2))
		what = "lines";
	else if (is_text(&e->a) && same_items(e, ends_word, 3))
		what = "words";
	else if (same_bytes(e))
		what = "bytes";
	if (!what)
		return NULL;
	gg_buf_printf(text, "the same %s in another order", what);
	return "order";
}

/* ---- no order at all ---- */

static bool is_key_char(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_' || c == '+' || c == '/' || c == '=';
}

static bool is_uuid(const struct span *s)
{
	if (s->len != 36)
		return false;
	for (size_t i = 0; i < s->len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s->p[i] != '-' : !isxdigit(s->p[i]))
			return false;
	}
	return true;
}

static bool is_hex(const struct span *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (!isxdigit(s->p[i]))
			return false;
	return true;
}

/* A count of something, rather. */
static bool is_decimal(const struct span *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (!isdigit(s->p[i]))
			return false;
	return s->len < 20;
}

/* How many of the bytes are different ones. */
static size_t variety(const uint8_t *p, size_t len)
{
	bool seen[256] = { false };
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		n += !seen[p[i]];
		seen[p[i]] = true;
	}
	return n;
}

/* At how many places they differ: most, of two that have nothing to do with each other. */
static size_t distance(const struct span *a, const struct span *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->len; i++)
		n += a->p[i] != b->p[i];
	return n;
}

/* Of 64 bits or more, without the zeros that some begin with. */
static bool is_short_of_zeros(const struct span *a, const struct span *b)
{
	size_t less = a->len < b->len ? a->len : b->len, more = a->len + b->len - less;

	return less >= 13 && more - less <= 3 && is_hex(a) && is_hex(b) && !is_decimal(a) &&
	       !is_decimal(b);
}

static const char *random_text(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 128, is_key_char),
		    b = compare_run(&e->b, e->at, 128, is_key_char);
	const char *what = NULL;

	if (a.len != b.len ? !is_short_of_zeros(&a, &b) : a.len < 8 || distance(&a, &b) * 2 < a.len)
		return NULL;
	if (a.len != b.len)
		what = "hexadecimal numbers, random or digests";
	else if (is_uuid(&a) && is_uuid(&b))
		what = "UUIDs";
	else if (is_hex(&a) && is_hex(&b) && variety(a.p, a.len) >= 5 &&
		 !(is_decimal(&a) && is_decimal(&b)))
		what = "hexadecimal numbers, random or digests";
	else if (a.len >= 16 && variety(a.p, a.len) >= 10 && variety(b.p, b.len) >= 10)
		what = "random letters";
	if (!what)
		return NULL;
	gg_buf_printf(text, "'%.*s' and '%.*s': %s", (int)a.len, a.p, (int)b.len, b.p, what);
	return "random";
}

/* Code that differs has much in common; keys and digests have not. */
static const char *random_bytes(const struct evidence *e, struct gg_buf *text)
{
	struct span a = { e->a.p + e->at, e->end_a - e->at };
	struct span b = { e->b.p + e->at, e->end_b - e->at };

	if (e->a.len != e->b.len || a.len < 12 || a.len > 4096 ||
	    (e->section && gg_starts(e->section, ".text")))
		return NULL;
	if (distance(&a, &b) * 10 < a.len * 9 ||
	    variety(a.p, a.len) * 10 < (a.len < 64 ? a.len : 64) * 7 ||
	    variety(b.p, b.len) * 10 < (b.len < 64 ? b.len : 64) * 7)
		return NULL;
	gg_buf_printf(text, "%zu bytes that have nothing in common: random, or a digest", a.len);
	return "random";
}

const char *cause_random(const struct evidence *e, struct gg_buf *text)
{
	const char *cause = random_text(e, text);

	return cause ? cause : random_bytes(e, text);
}
