/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: allocation that aborts when there is none (writes are atomic, so an abort loses nothing),
 * clean-up attributes, growing buffers, string lists, arenas. Lengths travel with bytes. Pure: no
 * descriptors, no clock.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define GG_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GG_MUST_USE __attribute__((warn_unused_result))
#define GG_CLEANUP(fn) __attribute__((cleanup(fn)))
#define GG_LEN(array) (sizeof(array) / sizeof((array)[0]))

void *gg_alloc(size_t size);
void *gg_zalloc(size_t size);
/* n * size bytes, zeroed, overflow checked. */
void *gg_calloc(size_t n, size_t size);
void *gg_realloc_n(void *p, size_t n, size_t size);
char *gg_strdup(const char *s);
char *gg_strndup(const char *s, size_t len);
char *gg_asprintf(const char *fmt, ...) GG_PRINTF(1, 2);
char *gg_vasprintf(const char *fmt, va_list ap) GG_PRINTF(1, 0);

void gg_freep(void *pp);
/* Overwrites a secret, frees it, and leaves NULL; accepts NULL. */
void gg_wipe(char **text);
#define _cleanup_free_ GG_CLEANUP(gg_freep)
/* Hands a pointer over and leaves NULL, so that the clean-up attribute does nothing. */
#define gg_steal(pp)                                                                               \
	({                                                                                         \
		__typeof__(*(pp)) _p = *(pp);                                                      \
		*(pp) = NULL;                                                                      \
		_p;                                                                                \
	})

static inline bool gg_streq(const char *a, const char *b)
{
	return __builtin_strcmp(a, b) == 0;
}
bool gg_starts(const char *s, const char *prefix);
bool gg_ends(const char *s, const char *suffix);

/* Ensures room for one more element in a (pointer, count, capacity) triple; doubles. */
#define GG_GROW(ptr, n, cap)                                                                       \
	do {                                                                                       \
		if ((n) == (cap)) {                                                                \
			(cap) = (cap) ? (cap)*2 : 8;                                               \
			(ptr) = gg_realloc_n((ptr), (cap), sizeof(*(ptr)));                        \
		}                                                                                  \
	} while (0)

/* A growing byte buffer; data is always NUL-terminated beyond len once anything was added. */
struct gg_buf {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t cap;
};
void gg_buf_done(struct gg_buf *b);
void gg_buf_reserve(struct gg_buf *b, size_t extra);
void gg_buf_add(struct gg_buf *b, const void *bytes, size_t len);
void gg_buf_puts(struct gg_buf *b, const char *s);
void gg_buf_putc(struct gg_buf *b, char c);
void gg_buf_printf(struct gg_buf *b, const char *fmt, ...) GG_PRINTF(2, 3);
/* The text, owned by the caller ("" if nothing was added); the buffer is empty afterwards. */
char *gg_buf_steal(struct gg_buf *b);
#define _cleanup_buf_ GG_CLEANUP(gg_buf_done)

/* A list of owned strings, NULL-terminated at v[n] once anything was added (usable as argv). */
struct gg_strv {
	char **v;
	size_t n;
	size_t cap;
};
void gg_strv_done(struct gg_strv *l);
void gg_strv_add(struct gg_strv *l, const char *s);
void gg_strv_take(struct gg_strv *l, char *s);
void gg_strv_addf(struct gg_strv *l, const char *fmt, ...) GG_PRINTF(2, 3);
void gg_strv_copy(struct gg_strv *to, const struct gg_strv *from);
bool gg_strv_has(const struct gg_strv *l, const char *s);
void gg_strv_sort(struct gg_strv *l); /* bytewise */
/* "NAME=value" lists, as environments are: replaces or adds. */
void gg_strv_setenv(struct gg_strv *l, const char *name, const char *value);
void gg_strv_putenv(struct gg_strv *l, const char *pair); /* "NAME=value" */
const char *gg_strv_getenv(const struct gg_strv *l, const char *name);
#define _cleanup_strv_ GG_CLEANUP(gg_strv_done)

/* Memory that dies at once: parse trees, plans. */
struct gg_arena;
struct gg_arena *gg_arena_new(void);
void gg_arena_free(struct gg_arena *a);
void gg_arena_freep(struct gg_arena **a);
void *gg_arena_alloc(struct gg_arena *a, size_t size); /* zeroed, aligned for any type */
void *gg_arena_calloc(struct gg_arena *a, size_t n, size_t size);
char *gg_arena_strdup(struct gg_arena *a, const char *s);
char *gg_arena_strndup(struct gg_arena *a, const char *s, size_t len);
char *gg_arena_printf(struct gg_arena *a, const char *fmt, ...) GG_PRINTF(2, 3);
#define _cleanup_arena_ GG_CLEANUP(gg_arena_freep)

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be meant. */
const char *gg_nearest(const char *word, const char *const *candidates, size_t n);
