/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by lock*.c: reading values, each checked where it stands, and what images' entries have in every direction.
 */
#pragma once

#include "layers/base/json.h"
#include "recipes/lock.h"

struct lock_reader {
	const char *file;
	struct lock *lock;
	struct gg_err *err;
};

/* Where in the document we are: a chain on the stack, written out only when something is wrong. */
struct lock_place {
	const struct lock_place *up;
	const char *key; /* NULL: an index */
	size_t index;
};

/* All return 0, or -1 after a complaint; texts go to the lock's arena. `key` is the value's below `up`. */
int lock_complain(struct lock_reader *r, const struct lock_place *at, const char *fmt, ...)
	GG_PRINTF(3, 4);
/* Every key must be among the NULL-terminated `known`; those before "?" must be there. */
int lock_check_keys(struct lock_reader *r, const struct lock_place *at, struct gg_json *v,
		    const char *const *known);
int lock_read_text(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		   const char *key, char lowest, const char **ret);
int lock_read_word(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		   const char *key, const char **ret);
int lock_read_member(struct lock_reader *r, const struct lock_place *at, struct gg_json *o,
		     const char *key, const char **ret);
int lock_read_int(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		  const char *key, int64_t max, int64_t *ret);
int lock_read_hex(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		  const char *key, struct gg_digest *ret);
int lock_read_digest(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		     const char *key, struct gg_digest *ret);
int lock_read_list(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		   const char *key, bool sorted, struct gg_strv *ret);
bool lock_is_hex(const char *text, size_t len);

int lock_read_images(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		     struct lock_platform *p);
struct gg_json *lock_images_json(const struct lock_platform *p);
void lock_diff_digest(struct gg_strv *lines, const char *what, const struct gg_digest *a,
		      const struct gg_digest *b);
void lock_diff_images(struct gg_strv *lines, const char *prefix, const struct lock_platform *a,
		      const struct lock_platform *b);
/* Makes room for an element at `at` of an array of n; the old array stays in the arena until it dies. */
void *lock_insert(struct gg_arena *arena, void *array, size_t *n, size_t size, size_t at);
