/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum cause_rank compare_rank(const char *cause)
{
	static const char *const derived[] = { "build-id", "compression", "layout", "checksum" };

	for (size_t i = 0; i < GG_LEN(derived); i++)
		if (gg_streq(cause, derived[i]))
			return CAUSE_DERIVED;
	return gg_streq(cause, "unknown") ? CAUSE_UNKNOWN : CAUSE_SURE;
}

struct span compare_run(const struct span *s, size_t at, size_t reach, bool (*in)(uint8_t c))
{
	size_t from = at, to = at;

	while (from > 0 && at - from < reach && in(s->p[from - 1]))
		from--;
	while (to < s->len && to - at < reach && in(s->p[to]))
		to++;
	return (struct span){ s->p + from, to - from };
}

static bool is_word(uint8_t c)
{
	return isalnum(c) != 0;
}

/* ---- facts ---- */

/* A short value is one only when it stands alone: "2" is no processor count in "123". */
static bool stands_at(const struct span *s, size_t at, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || at + len > s->len || memcmp(s->p + at, value, len) != 0)
		return false;
	if (len > 3)
		return true;
	return (at == 0 || !is_word(s->p[at - 1]) || !is_word((uint8_t)value[0])) &&
	       (at + len == s->len || !is_word(s->p[at + len]) ||
		!is_word((uint8_t)value[len - 1]));
}

static bool facts_at(const struct evidence *e, const char *a, const char *b)
{
	size_t longest = strlen(a) > strlen(b) ? strlen(a) : strlen(b);
	size_t first = e->at > longest ? e->at - longest : 0;

	for (size_t s = first; s <= e->at; s++)
		if (s + longest >= e->at && stands_at(&e->a, s, a) && stands_at(&e->b, s, b))
			return true;
	return false;
}

static const char *cause_fact(const struct evidence *e, struct gg_buf *text)
{
	const struct compare_build *x = &e->options->a, *y = &e->options->b;

	for (size_t i = 0; i < x->n_facts; i++) {
		for (size_t k = 0; k < y->n_facts; k++) {
			const char *a = x->facts[i].value, *b = y->facts[k].value;

			if (!gg_streq(x->facts[i].cause, y->facts[k].cause) || gg_streq(a, b) ||
			    !facts_at(e, a, b))
				continue;
			gg_buf_printf(text, "'%s' and '%s', as the builds had it", a, b);
			return x->facts[i].cause;
		}
	}
	return NULL;
}

/* ---- what stands before ---- */

static bool is_version(uint8_t c)
{
	return isalnum(c) || strchr(".+~-_", c);
}

/* A word before what differs, in the same line. */
static const struct {
	const char *before, *cause;
	bool digits; /* what differs is a number */
} contexts[] = {
	{ "pid", "process-id", true },      { "process", "process-id", true },
	{ "-j", "cpu-count", true },        { "jobs", "cpu-count", true },
	{ "nproc", "cpu-count", true },     { "cpu", "cpu-count", true },
	{ "hostname", "host-name", false }, { "host=", "host-name", false },
	{ "host:", "host-name", false },    { "nodename", "host-name", false },
	{ "user=", "user-name", false },    { "user:", "user-name", false },
	{ "username", "user-name", false }, { "umask", "umask", true },
	{ "linux", "kernel", false },       { "kernel", "kernel", false },
	{ "lang=", "locale", false },       { "lc_", "locale", false },
	{ "tz=", "time-zone", false },
};

static bool comes_before(const struct span *s, size_t at, const char *word)
{
	enum { REACH = 24 };
	size_t len = strlen(word), from = at > REACH ? at - REACH : 0;

	for (size_t i = at; i > from; i--)
		if (s->p[i - 1] == '\n' || s->p[i - 1] == '\0') {
			from = i;
			break;
		}
	for (size_t i = from; i + len <= at; i++)
		if (strncasecmp((const char *)s->p + i, word, len) == 0)
			return true;
	return false;
}

static bool all_digits(const struct span *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (!isdigit(s->p[i]))
			return false;
	return s->len > 0 && s->len <= 8;
}

static const char *cause_context(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 64, is_version),
		    b = compare_run(&e->b, e->at, 64, is_version);
	size_t start = (size_t)(a.p - e->a.p);

	if (a.len == 0 || b.len == 0)
		return NULL;
	for (size_t i = 0; i < GG_LEN(contexts); i++) {
		/* "-j8" is one run. */
		bool inside = contexts[i].before[0] == '-' && a.len > 2 && a.p[0] == '-' &&
			      gg_starts((const char *)a.p, contexts[i].before);
		struct span digits_a = compare_run(&e->a, e->at, 9, is_word),
			    digits_b = compare_run(&e->b, e->at, 9, is_word);

		if (inside) {
			digits_a = (struct span){ a.p + 2, a.len - 2 };
			digits_b = (struct span){ b.p + 2, b.len > 2 ? b.len - 2 : 0 };
		}
		if (contexts[i].digits && (!all_digits(&digits_a) || !all_digits(&digits_b)))
			continue;
		if (!inside && !comes_before(&e->a, start, contexts[i].before))
			continue;
		gg_buf_printf(text, "'%.*s' and '%.*s' after '%s'", (int)a.len, a.p, (int)b.len,
			      b.p, contexts[i].before);
		return contexts[i].cause;
	}
	return NULL;
}

static bool has(const struct span *s, const char *word)
{
	return memmem(s->p, s->len, word, strlen(word)) != NULL;
}

static const char *cause_locale(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 32, is_version),
		    b = compare_run(&e->b, e->at, 32, is_version);

	if (!has(&a, "UTF-8") && !has(&b, "UTF-8") && !has(&a, "utf8") && !has(&b, "utf8"))
		return NULL;
	gg_buf_printf(text, "'%.*s' and '%.*s'", (int)a.len, a.p, (int)b.len, b.p);
	return "locale";
}

/* ---- names ---- */

static bool is_path_char(uint8_t c)
{
	return c > ' ' && c < 0x7f && !strchr("\"'<>|;:=,()[]{}`", c);
}

/* "/tmp/tmp.Xk2b91/x.c": the component that differs is a name that some mkstemp made. */
static bool is_temporary(const struct span *path, size_t at)
{
	static const char *const prefixes[] = { "tmp",           "temp",     "cc",   "rustc",
						"cargo-install", "go-build", "pip-", "build-env-" };
	size_t from = at, to = at, random = 0;

	while (from > 0 && path->p[from - 1] != '/')
		from--;
	while (to < path->len && path->p[to] != '/')
		to++;
	for (size_t i = at; i < to && is_word(path->p[i]); i++)
		random++;
	for (size_t i = at; i > from && is_word(path->p[i - 1]); i--)
		random++;
	if (random < 6)
		return false;
	if (from >= 5 && memcmp(path->p + from - 5, "/tmp/", 5) == 0)
		return true;
	for (size_t i = 0; i < GG_LEN(prefixes); i++) {
		size_t len = strlen(prefixes[i]);

		if (to - from >= len + 6 && memcmp(path->p + from, prefixes[i], len) == 0)
			return true;
	}
	return false;
}

const char *cause_path(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 1024, is_path_char),
		    b = compare_run(&e->b, e->at, 1024, is_path_char);
	const uint8_t *slash = memchr(a.p, '/', a.len);
	size_t skip = slash ? (size_t)(slash - a.p) : 0,
	       at = (size_t)(e->at - (size_t)(a.p - e->a.p));
	bool temporary;

	/* "/usr/x" or "-I/usr/x", but not "text/x"; both share what is before the difference. */
	if (!slash || (skip && a.p[0] != '-') || skip > at || skip >= b.len || b.p[skip] != '/' ||
	    a.len - skip < 4 || b.len - skip < 4)
		return NULL;
	a = (struct span){ a.p + skip, a.len - skip };
	b = (struct span){ b.p + skip, b.len - skip };
	temporary = a.len == b.len && is_temporary(&a, at - skip) && is_temporary(&b, at - skip);
	gg_buf_printf(text, "the paths '%.*s' and '%.*s'", (int)(a.len < 200 ? a.len : 200), a.p,
		      (int)(b.len < 200 ? b.len : 200), b.p);
	return temporary ? "temporary-name" : "build-path";
}

/* "ccXk2b91.o", without a directory. */
static const char *cause_temporary(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 64, is_version),
		    b = compare_run(&e->b, e->at, 64, is_version);
	size_t at = (size_t)(e->at - (size_t)(a.p - e->a.p));

	if (a.len != b.len || !is_temporary(&a, at) || !is_temporary(&b, at))
		return NULL;
	gg_buf_printf(text, "the names '%.*s' and '%.*s'", (int)a.len, a.p, (int)b.len, b.p);
	return "temporary-name";
}

static bool is_hex(uint8_t c)
{
	return isxdigit(c);
}

/* "0x7ffd3d6304ac", "55d0c2a4b000-…": where the kernel puts stacks, libraries and programs, on 64 bits. */
static bool is_address(const struct span *s)
{
	return s->len == 12 &&
	       (s->p[0] == '7' || (s->p[0] == '5' && (s->p[1] == '5' || s->p[1] == '6')));
}

static const char *cause_address(const struct evidence *e, struct gg_buf *text)
{
	struct span a = compare_run(&e->a, e->at, 16, is_hex),
		    b = compare_run(&e->b, e->at, 16, is_hex);

	if (!is_address(&a) || !is_address(&b))
		return NULL;
	gg_buf_printf(text, "the addresses %.*s and %.*s", (int)a.len, a.p, (int)b.len, b.p);
	return "address";
}

/* Files whose content is known to be of one kind, whatever it looks like. */
static const char *cause_file(const struct evidence *e, struct gg_buf *text)
{
	static const struct {
		const char *end, *cause, *why;
	} files[] = {
		{ ".pid", "process-id", "a number of a process" },
		{ "etc/hostname", "host-name", "the host's name" },
		{ "machine-id", "random", "an identifier of the machine" },
		{ "random-seed", "random", "random bytes" },
		{ "ldconfig/aux-cache", "file-system", "inode numbers and times of libraries" },
	};

	for (size_t i = 0; e->path && i < GG_LEN(files); i++) {
		if (!gg_ends(e->path, files[i].end))
			continue;
		gg_buf_puts(text, files[i].why);
		return files[i].cause;
	}
	return NULL;
}

/* ---- the table ---- */

struct detector {
	const char *name;
	cause_match *match;
	enum cause_rank rank;
};

/* The first that knows it. */
static const struct detector detectors[] = {
	{ "facts", cause_fact, CAUSE_SURE },
	{ "text times", cause_time_text, CAUSE_SURE },
	{ "times as numbers", cause_time_number, CAUSE_PATTERN },
	{ "words before it", cause_context, CAUSE_PATTERN },
	{ "paths", cause_path, CAUSE_SURE },
	{ "temporary names", cause_temporary, CAUSE_PATTERN },
	{ "locales", cause_locale, CAUSE_PATTERN },
	{ "addresses", cause_address, CAUSE_PATTERN },
	{ "random bytes", cause_random, CAUSE_PATTERN },
	{ "known files", cause_file, CAUSE_PATTERN },
};

const char *compare_cause(const struct evidence *e, enum cause_rank *ret_rank, struct gg_buf *text)
{
	for (size_t i = 0; i < GG_LEN(detectors); i++) {
		const char *cause = detectors[i].match(e, text);

		if (cause) {
			*ret_rank = detectors[i].rank;
			return cause;
		}
	}
	*ret_rank = CAUSE_UNKNOWN;
	return "unknown";
}

const char *compare_cause_of_texts(const struct compare *c, const char *a, const char *b,
				   const char **ret_text)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct evidence e = { .options = c->options };
	enum cause_rank rank;
	const char *cause;
	size_t tail = 0;

	if (!a || !b)
		return NULL;
	e.a = (struct span){ (const uint8_t *)a, strlen(a) };
	e.b = (struct span){ (const uint8_t *)b, strlen(b) };
	while (a[e.at] && a[e.at] == b[e.at])
		e.at++;
	while (e.a.len - tail > e.at && e.b.len - tail > e.at &&
	       a[e.a.len - 1 - tail] == b[e.b.len - 1 - tail])
		tail++;
	e.end_a = e.a.len - tail;
	e.end_b = e.b.len - tail;
	cause = compare_cause(&e, &rank, &text);
	*ret_text = compare_keep((struct compare *)c, text.data);
	return cause;
}
