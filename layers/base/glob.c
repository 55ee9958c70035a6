/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/glob.h"

#include <stdint.h>
#include <string.h>

#include "layers/base/mem.h"

/*
 * A pattern becomes a program for a machine that walks all its ways at once (Thompson's construction), so no pattern
 * backtracks. "a*{b,c}" is
 *
 *   0 BYTE a   1 SPLIT 2 4   2 NOT_SLASH   3 JUMP 1   4 SPLIT 5 7   5 BYTE b   6 JUMP 8   7 BYTE c   8 MATCH
 */
enum op {
	OP_BYTE,
	OP_NOT_SLASH,
	OP_START,
	OP_CONTINUATION,
	OP_ANY,
	OP_SET,
	OP_SPLIT,
	OP_JUMP,
	OP_MATCH
};

struct instruction {
	enum op op;
	unsigned char byte;
	size_t x, y;     /* SPLIT: both ways; JUMP: x */
	const char *set; /* SET: inside the pattern, behind '[' */
	size_t set_len;
};

struct glob {
	char *pattern; /* owned; sets point into it */
	struct instruction *code;
	size_t n, cap;
};

enum { DEPTH_MAX = 32 };

/* ---- compiling ---- */

static size_t emit(struct glob *g, enum op op)
{
	GG_GROW(g->code, g->n, g->cap);
	g->code[g->n] = (struct instruction){ .op = op };
	return g->n++;
}

static void emit_byte(struct glob *g, char c)
{
	size_t at = emit(g, OP_BYTE);

	g->code[at].byte = (unsigned char)c;
}

static void emit_jump(struct glob *g, size_t to)
{
	size_t at = emit(g, OP_JUMP);

	g->code[at].x = to;
}

/* The length of a set with its brackets, 0 when it is never closed. */
static size_t set_length(const char *p)
{
	size_t i = 1;

	if (p[i] == '!' || p[i] == '^')
		i++;
	if (p[i] == ']')
		i++;
	for (; p[i]; i++) {
		if (p[i] == ']')
			return i + 1;
		if (p[i] == '\\' && p[i + 1])
			i++;
	}
	return 0;
}

/* The length of an alternation with its braces, 0 when it is never closed. */
static size_t braces_length(const char *p)
{
	unsigned depth = 0;

	for (size_t i = 0; p[i]; i++) {
		if (p[i] == '\\' && p[i + 1]) {
			i++;
		} else if (p[i] == '[') {
			size_t len = set_length(p + i);

			i += len ? len - 1 : 0;
		} else if (p[i] == '{') {
			depth++;
		} else if (p[i] == '}' && --depth == 0) {
			return i + 1;
		}
	}
	return 0;
}

/* (NOT_SLASH)* */
static void emit_star(struct glob *g)
{
	size_t split = emit(g, OP_SPLIT);
	size_t body = emit(g, OP_NOT_SLASH);

	emit_jump(g, split);
	g->code[split].x = body;
	g->code[split].y = g->n;
}

/* One character: a byte that begins one, and its continuation bytes. */
static void emit_question(struct glob *g)
{
	size_t split, body;

	emit(g, OP_START);
	split = emit(g, OP_SPLIT);
	body = emit(g, OP_CONTINUATION);
	emit_jump(g, split);
	g->code[split].x = body;
	g->code[split].y = g->n;
}

/* (NOT_SLASH+ '/')* */
static void emit_components(struct glob *g)
{
	size_t outer, body, inner;

	outer = emit(g, OP_SPLIT);
	body = emit(g, OP_NOT_SLASH);
	inner = emit(g, OP_SPLIT);
	emit_byte(g, '/');
	emit_jump(g, outer);
	g->code[outer].x = g->code[inner].x = body;
	g->code[inner].y = inner + 1;
	g->code[outer].y = g->n;
}

/* ANY+ */
static void emit_everything(struct glob *g)
{
	size_t any = emit(g, OP_ANY);
	size_t split = emit(g, OP_SPLIT);

	g->code[split].x = any;
	g->code[split].y = g->n;
}

/* A run of stars; returns its length with the '/' that a "**" component takes along. */
static size_t compile_stars(struct glob *g, const char *start, const char *p)
{
	size_t n = strspn(p, "*");
	bool begins = p == start || strchr("/{,", p[-1]);

	if (n == 2 && begins && p[2] == '/') {
		emit_components(g);
		return 3;
	}
	if (n == 2 && begins && (!p[2] || p[2] == '}' || p[2] == ','))
		emit_everything(g);
	else
		emit_star(g);
	return n;
}

static void compile(struct glob *g, const char *p, const char *end, unsigned depth);

/* p is at '{', len includes both braces. */
static void compile_braces(struct glob *g, const char *p, size_t len, unsigned depth)
{
	const char *last = p + len - 1, *from = p + 1;
	size_t pending = SIZE_MAX; /* chain through x of the jumps that leave an alternative */

	while (from <= last) {
		const char *to = from;
		unsigned level = 0;
		size_t split = SIZE_MAX, jump;

		for (; to < last && (level || *to != ','); to++) {
			if (*to == '\\')
				to++;
			else if (*to == '[')
				to += set_length(to) ? set_length(to) - 1 : 0;
			else if (*to == '{')
				level++;
			else if (*to == '}' && level)
				level--;
		}
		if (to < last) {
			split = emit(g, OP_SPLIT);
			g->code[split].x = g->n;
		}
		compile(g, from, to, depth + 1);
		jump = emit(g, OP_JUMP);
		g->code[jump].x = pending;
		pending = jump;
		if (split != SIZE_MAX)
			g->code[split].y = g->n;
		from = to + 1;
	}
	while (pending != SIZE_MAX) {
		size_t next = g->code[pending].x;

		g->code[pending].x = g->n;
		pending = next;
	}
}

static void compile(struct glob *g, const char *p, const char *end, unsigned depth)
{
	size_t len;

	while (p < end) {
		if (*p == '*') {
			p += compile_stars(g, g->pattern, p);
		} else if (*p == '?') {
			emit_question(g);
			p++;
		} else if (*p == '[' && (len = set_length(p))) {
			size_t at = emit(g, OP_SET);

			g->code[at].set = p + 1;
			g->code[at].set_len = len - 2;
			p += len;
		} else if (*p == '{' && depth < DEPTH_MAX && (len = braces_length(p))) {
			compile_braces(g, p, len, depth);
			p += len;
		} else {
			if (*p == '\\' && p + 1 < end)
				p++;
			emit_byte(g, *p++);
		}
	}
}

struct glob *glob_compile(const char *pattern)
{
	struct glob *g = gg_zalloc(sizeof(*g));

	g->pattern = gg_strdup(pattern);
	compile(g, g->pattern, g->pattern + strlen(g->pattern), 0);
	emit(g, OP_MATCH);
	return g;
}

void glob_free(struct glob *g)
{
	if (!g)
		return;
	free(g->pattern);
	free(g->code);
	free(g);
}

/* ---- matching ---- */

static bool in_set(const char *set, size_t len, unsigned char c)
{
	bool negated = len && (set[0] == '!' || set[0] == '^'), found = false;
	size_t i = negated;

	while (i < len) {
		unsigned char low, high;

		if (set[i] == '\\' && i + 1 < len)
			i++;
		low = high = (unsigned char)set[i++];
		if (i + 1 < len && set[i] == '-') {
			i++;
			if (set[i] == '\\' && i + 1 < len)
				i++;
			high = (unsigned char)set[i++];
		}
		found |= low <= c && c <= high;
	}
	return found != negated;
}

/* The instructions that wait for the next byte; mark[i] == step says that i is in. */
struct threads {
	size_t *at, n;
};

struct machine {
	const struct glob *g;
	size_t *mark, step;
	size_t *stack;
};

static void follow(struct machine *m, struct threads *t, size_t at)
{
	size_t depth = 0;

	m->stack[depth++] = at;
	while (depth) {
		const struct instruction *in;

		at = m->stack[--depth];
		if (m->mark[at] == m->step)
			continue;
		m->mark[at] = m->step;
		in = &m->g->code[at];
		if (in->op == OP_JUMP || in->op == OP_SPLIT)
			m->stack[depth++] = in->x;
		else
			t->at[t->n++] = at;
		if (in->op == OP_SPLIT)
			m->stack[depth++] = in->y;
	}
}

static bool accepts(const struct instruction *in, unsigned char c)
{
	switch (in->op) {
	case OP_BYTE:
		return c == in->byte;
	case OP_NOT_SLASH:
		return c != '/';
	case OP_START:
		return c != '/' && (c & 0xc0) != 0x80;
	case OP_CONTINUATION:
		return (c & 0xc0) == 0x80;
	case OP_ANY:
		return true;
	case OP_SET:
		return c != '/' && in_set(in->set, in->set_len, c);
	case OP_SPLIT:
	case OP_JUMP:
	case OP_MATCH:
		return false;
	}
	return false;
}

/* Every instruction is pushed at most twice a step, by the SPLIT or JUMP that leads to it and by its neighbour. */
bool glob_test(const struct glob *g, const char *path)
{
	_cleanup_free_ size_t *memory = gg_calloc(g->n * 5 + 2, sizeof(size_t));
	struct machine m = { .g = g, .mark = memory, .step = 1, .stack = memory + 3 * g->n };
	struct threads now = { .at = memory + g->n }, next = { .at = memory + 2 * g->n };

	follow(&m, &now, 0);
	for (; *path; path++) {
		struct threads swap = now;

		m.step++;
		next.n = 0;
		for (size_t i = 0; i < now.n; i++) {
			if (accepts(&g->code[now.at[i]], (unsigned char)*path))
				follow(&m, &next, now.at[i] + 1);
		}
		if (!next.n)
			return false;
		now = next;
		next = swap;
	}
	for (size_t i = 0; i < now.n; i++) {
		if (g->code[now.at[i]].op == OP_MATCH)
			return true;
	}
	return false;
}

bool glob_match(const char *pattern, const char *path)
{
	struct glob *g;
	bool matched;

	if (glob_is_literal(pattern))
		return gg_streq(pattern, path);
	g = glob_compile(pattern);
	matched = glob_test(g, path);
	glob_free(g);
	return matched;
}

bool glob_match_prefix(const char *pattern, const char *path)
{
	struct glob *g = glob_compile(pattern);
	_cleanup_free_ char *copy = gg_strdup(path);
	bool matched = glob_test(g, path);

	for (size_t i = strlen(copy); !matched && i-- > 1;) {
		if (copy[i] != '/')
			continue;
		copy[i] = '\0';
		matched = glob_test(g, copy);
	}
	glob_free(g);
	return matched;
}

bool glob_is_literal(const char *pattern)
{
	return !strpbrk(pattern, "*?[{\\");
}
