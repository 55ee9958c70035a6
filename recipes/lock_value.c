/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock_private.h"

#include <inttypes.h>
#include <string.h>

enum { NAME_MAX_LEN = 4096 };

static void print_place(const struct lock_place *at, struct gg_buf *ret)
{
	if (at->up)
		print_place(at->up, ret);
	if (!at->key)
		gg_buf_printf(ret, "[%zu]", at->index);
	else if (strspn(at->key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(at->key))
		gg_buf_printf(ret, ".%s", at->key);
	else
		gg_buf_printf(ret, "[\"%s\"]", at->key);
}

int lock_complain(struct lock_reader *r, const struct lock_place *at, const char *fmt, ...)
{
	_cleanup_buf_ struct gg_buf where = { 0 };
	_cleanup_free_ char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = gg_vasprintf(fmt, ap);
	va_end(ap);
	gg_buf_putc(&where, '$');
	if (at)
		print_place(at, &where);
	gg_fail_at(r->err, GG_LOCK, (struct gg_pos){ .file = r->file }, "%s: %s", where.data, what);
	return gg_hint(
		r->err,
		"restore the lock from version control, or delete it and run `ggbuild lock`");
}

/* ---- values ---- */

int lock_check_keys(struct lock_reader *r, const struct lock_place *at, struct gg_json *v,
		    const char *const *known)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };
	bool optional = false;
	size_t n = 0;

	if (!gg_json_is_object(v))
		return lock_complain(r, at, "not an object");
	gg_json_keys(v, &keys);
	for (; known[n]; n++) {
		optional |= gg_streq(known[n], "?");
		if (!optional && !gg_strv_has(&keys, known[n]))
			return lock_complain(r, at, "'%s' is missing", known[n]);
	}
	for (size_t i = 0; i < keys.n; i++) {
		struct lock_place here = { at, keys.v[i], 0 };
		bool found = false;

		for (size_t k = 0; k < n; k++)
			found |= !gg_streq(known[k], "?") && gg_streq(known[k], keys.v[i]);
		if (!found)
			return lock_complain(r, &here, "unknown key");
	}
	return 0;
}

/* A non-empty text without control characters or a NUL that JSON smuggled in, and nothing before `lowest`. */
int lock_read_text(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		   const char *key, char lowest, const char **ret)
{
	struct lock_place at = { up, key, 0 };
	const char *text = gg_json_text(v);

	if (!text)
		return lock_complain(r, &at, "not a string");
	if (!*text || strlen(text) > NAME_MAX_LEN)
		return lock_complain(r, &at, "empty or too long");
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p < lowest || *p == 0x7f || *p == '"' || *p == '\\')
			return lock_complain(r, &at, "'%s' holds a character that may not be there",
					     text);
	}
	*ret = gg_arena_strdup(r->lock->arena, text);
	return 0;
}

int lock_read_word(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		   const char *key, const char **ret)
{
	return lock_read_text(r, up, v, key, '!', ret);
}

int lock_read_member(struct lock_reader *r, const struct lock_place *at, struct gg_json *o,
		     const char *key, const char **ret)
{
	return lock_read_word(r, at, gg_json_get(o, key), key, ret);
}

int lock_read_int(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		  const char *key, int64_t max, int64_t *ret)
{
	struct gg_json *v = gg_json_get(o, key);
	struct lock_place at = { up, key, 0 };

	if (!gg_json_is_int(v))
		return lock_complain(r, &at, "not an integer");
	*ret = gg_json_number(v);
	if (*ret < 0 || *ret > max)
		return lock_complain(r, &at, "%" PRId64 " is not between 0 and %" PRId64, *ret,
				     max);
	return 0;
}

int lock_read_hex(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		  const char *key, struct gg_digest *ret)
{
	const char *text = gg_json_text(gg_json_get(o, key));
	struct lock_place at = { up, key, 0 };

	if (!text || gg_digest_from_hex(text, ret) < 0)
		return lock_complain(r, &at, "not a sha256 in 64 lower-case hexadecimal digits");
	return 0;
}

int lock_read_digest(struct lock_reader *r, const struct lock_place *up, struct gg_json *v,
		     const char *key, struct gg_digest *ret)
{
	const char *text = gg_json_text(v);
	struct lock_place at = { up, key, 0 };

	if (!text || !gg_starts(text, "sha256:") ||
	    gg_digest_from_hex(text + strlen("sha256:"), ret) < 0)
		return lock_complain(r, &at,
				     "not \"sha256:\" and 64 lower-case hexadecimal digits");
	return 0;
}

int lock_read_list(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		   const char *key, bool sorted, struct gg_strv *ret)
{
	struct gg_json *array = gg_json_get(o, key);
	struct lock_place at = { up, key, 0 };

	if (!gg_json_is_array(array))
		return lock_complain(r, &at, "not a list");
	*ret = (struct gg_strv){ .n = 0, .cap = gg_json_len(array) };
	ret->v = gg_arena_calloc(r->lock->arena, ret->cap + 1, sizeof(char *));
	for (size_t i = 0; i < ret->cap; i++) {
		struct lock_place here = { &at, NULL, i };
		const char *word = NULL;

		if (lock_read_word(r, &here, gg_json_at(array, i), NULL, &word) < 0)
			return -1;
		if (gg_strv_has(ret, word))
			return lock_complain(r, &here, "'%s' is there twice", word);
		if (sorted && i && strcmp(ret->v[i - 1], word) > 0)
			return lock_complain(r, &here, "'%s' is out of order", word);
		ret->v[ret->n++] = (char *)word;
	}
	return 0;
}

bool lock_is_hex(const char *text, size_t len)
{
	return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}
