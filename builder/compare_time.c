/* SPDX-License-Identifier: Apache-2.0
 *
 * Times in what differs: as texts, and as numbers.
 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

/* Y M D h m s: a digit of year, month, day, hour, minute, second. E: the same as D, or a blank. N: a month's name,
 * W: a day's, Z: a time zone's, three letters each. Anything else stands for itself. The longer come first. */
static const char *const templates[] = {
	"YYYY-MM-DDThh:mm:ss",
	"YYYY-MM-DD hh:mm:ss",
	"YYYY/MM/DD hh:mm:ss",
	"W, DD N YYYY hh:mm:ss",
	"W N EE hh:mm:ss Z YYYY",
	"W N EE hh:mm:ss YYYY",
	"W DD N YYYY hh:mm:ss",
	"YYYY-MM-DD-hh:mm:ss",
	"YYYY-MM-DD_hh-mm-ss",
	"YYYY-MM-DDThh-mm-ss",
	"YYYY-MM-DDThh:mm",
	"YYYY-MM-DD hh:mm",
	"YYYYMMDDThhmmss",
	"YYYYMMDD-hhmmss",
	"YYYYMMDD_hhmmss",
	"YYYYMMDDhhmmss",
	"YYYYMMDDhhmm",
	"W, DD N YYYY",
	"DD N YYYY",
	"N DD, YYYY",
	"N EE YYYY",
	"DD-N-YYYY",
	"YYYY-MM-DD",
	"YYYY/MM/DD",
	"YYYY.MM.DD",
	"DD.MM.YYYY",
	"DD/MM/YYYY",
	"MM/DD/YYYY",
	"YYYYMMDD",
	"hh:mm:ss",
};

struct fields {
	unsigned year, month, day, hour, minute, second;
	bool has_year, has_month, has_day;
};

/* The index of three letters in a string of such threes, or -1. */
static int in_threes(const char *threes, const uint8_t *p)
{
	for (int i = 0; threes[3 * i]; i++)
		if (memcmp(threes + 3 * i, p, 3) == 0)
			return i;
	return -1;
}

static bool take_digit(unsigned *value, uint8_t c)
{
	*value = *value * 10 + (unsigned)(c - '0');
	return isdigit(c) != 0;
}

/* How many bytes one letter of a template takes; 0: it does not fit. `left` are at least 3. */
static size_t take(char letter, const uint8_t *p, struct fields *f)
{
	int n;

	switch (letter) {
	case 'Y':
		f->has_year = true;
		return take_digit(&f->year, *p);
	case 'M':
		f->has_month = true;
		return take_digit(&f->month, *p);
	case 'E':
	case 'D':
		f->has_day = true;
		return (letter == 'E' && *p == ' ') || take_digit(&f->day, *p);
	case 'h':
		return take_digit(&f->hour, *p);
	case 'm':
		return take_digit(&f->minute, *p);
	case 's':
		return take_digit(&f->second, *p);
	case 'N':
		n = in_threes("JanFebMarAprMayJunJulAugSepOctNovDec", p);
		f->has_month = true;
		f->month = (unsigned)(n + 1);
		return n >= 0 ? 3 : 0;
	case 'W':
		return in_threes("MonTueWedThuFriSatSun", p) >= 0 ? 3 : 0;
	case 'Z':
		return isupper(p[0]) && isupper(p[1]) && isupper(p[2]) ? 3 : 0;
	default:
		return *p == (uint8_t)letter;
	}
}

static bool is_time(const struct fields *f)
{
	return (!f->has_year || (f->year >= 1970 && f->year < 2200)) &&
	       (!f->has_month || (f->month >= 1 && f->month <= 12)) &&
	       (!f->has_day || (f->day >= 1 && f->day <= 31)) && f->hour < 24 && f->minute < 60 &&
	       f->second <= 60;
}

/* The length of what fits at `from`, or 0. No digit may go on before or after it. */
static size_t fits(const char *tpl, const struct span *s, size_t from)
{
	struct fields f = { 0 };
	size_t at = from;

	if (from > 0 && isdigit(s->p[from - 1]) && isdigit(s->p[from]))
		return 0;
	for (; *tpl; tpl++) {
		uint8_t three[3] = { 0 };
		size_t n, left = at < s->len ? s->len - at : 0;

		memcpy(three, s->p + at, left < 3 ? left : 3);
		n = take(*tpl, three, &f);
		if (n == 0 || n > left)
			return 0;
		at += n;
	}
	if (at < s->len && isdigit(s->p[at]) && isdigit(s->p[at - 1]))
		return 0;
	/* "12:34:56.134216435" */
	if (tpl[-1] == 's' && at + 1 < s->len && s->p[at] == '.' && isdigit(s->p[at + 1]))
		for (at++; at < s->len && isdigit(s->p[at]);)
			at++;
	return is_time(&f) ? at - from : 0;
}

const char *cause_time_text(const struct evidence *e, struct gg_buf *text)
{
	enum { LONGEST = 40 };
	size_t first = e->at > LONGEST ? e->at - LONGEST : 0;

	for (size_t i = 0; i < GG_LEN(templates); i++) {
		for (size_t s = first; s <= e->at; s++) {
			size_t a = s < e->a.len ? fits(templates[i], &e->a, s) : 0,
			       b = a && s < e->b.len ? fits(templates[i], &e->b, s) : 0;

			if (!a || !b || s + a <= e->at)
				continue;
			gg_buf_printf(text, "the times '%.*s' and '%.*s'", (int)a, e->a.p + s,
				      (int)b, e->b.p + s);
			return "timestamp";
		}
	}
	return NULL;
}

/* ---- seconds since 1970 ---- */

#define YEAR (365ll * 86400)
enum { SLACK = 2 }; /* seconds: a clock's rounding */

static bool knows_windows(const struct evidence *e)
{
	return e->options->a.to > 0 && e->options->b.to > 0;
}

/* Within the two builds; where those are not known, both of this age and near each other. */
static bool are_times(const struct evidence *e, int64_t a, int64_t b)
{
	const struct compare_build *x = &e->options->a, *y = &e->options->b;

	if (knows_windows(e))
		return a >= x->from - SLACK && a <= x->to + SLACK && b >= y->from - SLACK &&
		       b <= y->to + SLACK;
	return a > 45 * YEAR && a < 67 * YEAR && b > 45 * YEAR && b < 67 * YEAR && a - b < YEAR &&
	       b - a < YEAR;
}

static bool is_digit(uint8_t c)
{
	return isdigit(c) != 0;
}

static const char *say_times(const struct evidence *e, int64_t a, int64_t b, const char *how,
			     struct gg_buf *text)
{
	_cleanup_free_ char *one = compare_time(a, 0), *two = compare_time(b, 0);

	gg_buf_printf(text, "%s and %s %s%s", one, two, how,
		      knows_windows(e) ? ", when the builds ran" : "");
	return "timestamp";
}

/* Decimal: seconds, or 10^3, 10^6, 10^9 of them. */
static const char *decimal_times(const struct evidence *e, struct gg_buf *text)
{
	static const int64_t units[] = { 1, 1000, 1000000, 1000000000 };
	struct span a = compare_run(&e->a, e->at, 20, is_digit),
		    b = compare_run(&e->b, e->at, 20, is_digit);
	int64_t x = 0, y = 0;

	if (a.len != b.len || a.len < 10 || a.len > 19)
		return NULL;
	for (size_t i = 0; i < a.len; i++) {
		if (__builtin_mul_overflow(x, 10, &x) ||
		    __builtin_add_overflow(x, a.p[i] - '0', &x) ||
		    __builtin_mul_overflow(y, 10, &y) ||
		    __builtin_add_overflow(y, b.p[i] - '0', &y))
			return NULL;
	}
	for (size_t i = 0; i < GG_LEN(units); i++)
		if (are_times(e, x / units[i], y / units[i]))
			return say_times(e, x / units[i], y / units[i], "as decimal numbers", text);
	return NULL;
}

static int64_t number_at(const struct span *s, size_t at, size_t width, bool big)
{
	uint64_t n = 0;

	for (size_t i = 0; i < width; i++)
		n = n << 8 | s->p[at + (big ? i : width - 1 - i)];
	return n > INT64_MAX ? -1 : (int64_t)n;
}

static bool is_text(const struct span *s, size_t at, size_t len)
{
	for (size_t i = at; i < at + len; i++)
		if (!isprint(s->p[i]) && !isspace(s->p[i]))
			return false;
	return true;
}

static bool may_hold_times(const char *section)
{
	static const char *const sections[] = { ".data", ".rodata", ".note" };

	if (!section || section[0] != '.')
		return true;
	for (size_t i = 0; i < GG_LEN(sections); i++)
		if (gg_starts(section, sections[i]))
			return true;
	return false;
}

/* Without windows too many numbers look like times: only aligned ones, where everything else stayed in its place, outside
 * of code, tables and texts. */
static bool may_be_number(const struct evidence *e, size_t at, size_t width)
{
	if (at + width > e->a.len || at + width > e->b.len)
		return false;
	if (knows_windows(e))
		return true;
	return e->a.len == e->b.len && at % 4 == 0 && e->end_a - e->at <= width &&
	       at + width >= e->end_a && may_hold_times(e->section) && !is_text(&e->a, at, width) &&
	       !is_text(&e->b, at, width);
}

static const char *binary_times(const struct evidence *e, struct gg_buf *text)
{
	static const struct {
		size_t width;
		int64_t unit;
		const char *name;
	} shapes[] = {
		{ 4, 1, "as 32-bit numbers" },
		{ 8, 1000000000, "as 64-bit numbers of nanoseconds" },
		{ 8, 1000000, "as 64-bit numbers of microseconds" },
		{ 8, 1000, "as 64-bit numbers of milliseconds" },
	};

	for (size_t i = 0; i < GG_LEN(shapes); i++) {
		size_t w = shapes[i].width, first = e->at >= w - 1 ? e->at - (w - 1) : 0;

		for (size_t at = first; at <= e->at; at++) {
			for (int big = 0; big < 2 && may_be_number(e, at, w); big++) {
				int64_t a = number_at(&e->a, at, w, big) / shapes[i].unit,
					b = number_at(&e->b, at, w, big) / shapes[i].unit;

				if (a != b && are_times(e, a, b))
					return say_times(e, a, b, shapes[i].name, text);
			}
		}
	}
	return NULL;
}

const char *cause_time_number(const struct evidence *e, struct gg_buf *text)
{
	const char *cause = decimal_times(e, text);

	return cause ? cause : binary_times(e, text);
}
