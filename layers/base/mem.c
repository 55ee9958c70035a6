/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_CHUNK = 64 * 1024 };

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	max_align_t data[];
};

struct gg_arena {
	struct chunk *head;
};

static void *checked(void *p)
{
	if (!p)
		abort();
	return p;
}

void *gg_alloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *gg_zalloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *gg_calloc(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *gg_realloc_n(void *p, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		abort();
	return checked(realloc(p, total ? total : 1));
}

char *gg_strdup(const char *s)
{
	return checked(strdup(s));
}

char *gg_strndup(const char *s, size_t len)
{
	char *p = gg_alloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *gg_vasprintf(const char *fmt, va_list ap)
{
	char *p = NULL;

	if (vasprintf(&p, fmt, ap) < 0)
		abort();
	return p;
}

char *gg_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = gg_vasprintf(fmt, ap);
	va_end(ap);
	return p;
}

void gg_wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void gg_freep(void *pp)
{
	free(*(void **)pp);
}

bool gg_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool gg_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

void gg_buf_done(struct gg_buf *b)
{
	free(b->data);
	*b = (struct gg_buf){ 0 };
}

void gg_buf_reserve(struct gg_buf *b, size_t extra)
{
	size_t need = b->len + extra + 1;

	if (need <= b->cap)
		return;
	if (need < b->cap * 2)
		need = b->cap * 2;
	if (need < 64)
		need = 64;
	b->data = gg_realloc_n(b->data, need, 1);
	b->cap = need;
}

void gg_buf_add(struct gg_buf *b, const void *bytes, size_t len)
{
	gg_buf_reserve(b, len);
	if (len)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void gg_buf_puts(struct gg_buf *b, const char *s)
{
	gg_buf_add(b, s, strlen(s));
}

void gg_buf_putc(struct gg_buf *b, char c)
{
	gg_buf_add(b, &c, 1);
}

void gg_buf_printf(struct gg_buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	gg_buf_reserve(b, 256);
	va_start(ap, fmt);
	n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if ((size_t)n >= b->cap - b->len) {
		gg_buf_reserve(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->data + b->len, b->cap - b->len, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
}

char *gg_buf_steal(struct gg_buf *b)
{
	char *p = b->data ? b->data : gg_strdup("");

	*b = (struct gg_buf){ 0 };
	return p;
}

void gg_strv_done(struct gg_strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct gg_strv){ 0 };
}

void gg_strv_take(struct gg_strv *l, char *s)
{
	if (l->n + 1 >= l->cap) {
		l->cap = l->cap ? l->cap * 2 : 8;
		l->v = gg_realloc_n(l->v, l->cap, sizeof(*l->v));
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
}

void gg_strv_add(struct gg_strv *l, const char *s)
{
	gg_strv_take(l, gg_strdup(s));
}

void gg_strv_addf(struct gg_strv *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gg_strv_take(l, gg_vasprintf(fmt, ap));
	va_end(ap);
}

void gg_strv_copy(struct gg_strv *to, const struct gg_strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		gg_strv_add(to, from->v[i]);
}

bool gg_strv_has(const struct gg_strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (gg_streq(l->v[i], s))
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void gg_strv_sort(struct gg_strv *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), compare);
}

static char **find_env(const struct gg_strv *l, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < l->n; i++)
		if (!strncmp(l->v[i], name, len) && l->v[i][len] == '=')
			return &l->v[i];
	return NULL;
}

void gg_strv_setenv(struct gg_strv *l, const char *name, const char *value)
{
	char **slot = find_env(l, name);

	if (!slot) {
		gg_strv_addf(l, "%s=%s", name, value);
		return;
	}
	char *fresh = gg_asprintf("%s=%s", name, value);
	free(*slot);
	*slot = fresh;
}

void gg_strv_putenv(struct gg_strv *l, const char *pair)
{
	const char *equals = strchr(pair, '=');
	_cleanup_free_ char *name = gg_strndup(pair, (size_t)(equals - pair));

	gg_strv_setenv(l, name, equals + 1);
}

const char *gg_strv_getenv(const struct gg_strv *l, const char *name)
{
	char **slot = find_env(l, name);

	return slot ? *slot + strlen(name) + 1 : NULL;
}

struct gg_arena *gg_arena_new(void)
{
	return gg_zalloc(sizeof(struct gg_arena));
}

void gg_arena_free(struct gg_arena *a)
{
	if (!a)
		return;
	for (struct chunk *c = a->head; c;) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
	free(a);
}

void gg_arena_freep(struct gg_arena **a)
{
	gg_arena_free(*a);
}

void *gg_arena_alloc(struct gg_arena *a, size_t size)
{
	const size_t align = sizeof(max_align_t);
	struct chunk *c = a->head;

	size = (size + align - 1) / align * align;
	if (!c || c->size - c->used < size) {
		size_t room = size > ARENA_CHUNK ? size : ARENA_CHUNK;

		c = gg_zalloc(sizeof(*c) + room);
		c->size = room;
		c->next = a->head;
		a->head = c;
	}
	void *p = (char *)c->data + c->used;
	c->used += size;
	return p;
}

void *gg_arena_calloc(struct gg_arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		abort();
	return gg_arena_alloc(a, total);
}

char *gg_arena_strndup(struct gg_arena *a, const char *s, size_t len)
{
	char *p = gg_arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *gg_arena_strdup(struct gg_arena *a, const char *s)
{
	return gg_arena_strndup(a, s, strlen(s));
}

char *gg_arena_printf(struct gg_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *text, *copy;

	va_start(ap, fmt);
	text = gg_vasprintf(fmt, ap);
	va_end(ap);
	copy = gg_arena_strdup(a, text);
	free(text);
	return copy;
}

/* Levenshtein distance with one row; words are names, so short. */
static size_t distance(const char *a, const char *b, size_t *row)
{
	size_t n = strlen(b);

	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

const char *gg_nearest(const char *word, const char *const *candidates, size_t n)
{
	size_t len = strlen(word), best = len / 3 + 2;
	const char *found = NULL;

	if (len > 255)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		size_t row[257], m = strlen(candidates[i]);

		if (m > 255 || (m > len ? m - len : len - m) >= best)
			continue;
		size_t d = distance(word, candidates[i], row);
		if (d < best && d < len) {
			best = d;
			found = candidates[i];
		}
	}
	return found;
}
