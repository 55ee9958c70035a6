/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/json.h"

#include <string.h>

#include <jansson.h>

enum { DEPTH_MAX = 64 };

static json_t *in(const struct gg_json *v)
{
	return (json_t *)v;
}

static struct gg_json *out(json_t *v)
{
	if (!v)
		abort();
	return (struct gg_json *)v;
}

/* jansson recurses while it parses and allows 2048 levels; ours is cut before it starts. */
static int check_depth(const char *text, size_t len, struct gg_err *err)
{
	unsigned depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
		} else if (c == '"') {
			string = true;
		} else if (c == '[' || c == '{') {
			if (++depth > DEPTH_MAX)
				return gg_fail(err, GG_INTEGRITY, "JSON nested deeper than %d",
					       DEPTH_MAX);
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

struct gg_json *gg_json_parse(const char *text, size_t len, struct gg_err *err)
{
	json_error_t e;
	json_t *v;

	if (check_depth(text, len, err) < 0)
		return NULL;
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (!v) {
		gg_fail(err, GG_INTEGRITY, "JSON, line %d, column %d: %s", e.line, e.column,
			e.text);
		return NULL;
	}
	return out(v);
}

struct gg_json *gg_json_ref(struct gg_json *v)
{
	return (struct gg_json *)json_incref(in(v));
}

void gg_json_unref(struct gg_json *v)
{
	json_decref(in(v));
}

void gg_json_unrefp(struct gg_json **v)
{
	json_decref(in(*v));
}

struct gg_json *gg_json_object(void)
{
	return out(json_object());
}

struct gg_json *gg_json_array(void)
{
	return out(json_array());
}

struct gg_json *gg_json_string(const char *s)
{
	json_t *v = json_string(s);
	_cleanup_buf_ struct gg_buf clean = { 0 };

	if (v)
		return out(v);
	for (; *s; s++) {
		if ((unsigned char)*s < 0x80)
			gg_buf_putc(&clean, *s);
		else
			gg_buf_puts(&clean, "\xef\xbf\xbd");
	}
	return out(json_string(clean.data));
}

struct gg_json *gg_json_int(int64_t n)
{
	return out(json_integer(n));
}

struct gg_json *gg_json_bool(bool b)
{
	return out(json_boolean(b));
}

void gg_json_take(struct gg_json *object, const char *key, struct gg_json *value)
{
	if (json_object_set_new(in(object), key, in(value)) < 0)
		abort();
}

void gg_json_set_str(struct gg_json *object, const char *key, const char *value)
{
	gg_json_take(object, key, gg_json_string(value));
}

void gg_json_set_int(struct gg_json *object, const char *key, int64_t value)
{
	gg_json_take(object, key, gg_json_int(value));
}

void gg_json_set_bool(struct gg_json *object, const char *key, bool value)
{
	gg_json_take(object, key, gg_json_bool(value));
}

void gg_json_append_take(struct gg_json *array, struct gg_json *value)
{
	if (json_array_append_new(in(array), in(value)) < 0)
		abort();
}

void gg_json_append_str(struct gg_json *array, const char *value)
{
	gg_json_append_take(array, gg_json_string(value));
}

bool gg_json_is_object(const struct gg_json *v)
{
	return json_is_object(in(v));
}

bool gg_json_is_array(const struct gg_json *v)
{
	return json_is_array(in(v));
}

bool gg_json_is_string(const struct gg_json *v)
{
	return json_is_string(in(v));
}

bool gg_json_is_bool(const struct gg_json *v)
{
	return json_is_boolean(in(v));
}

bool gg_json_is_null(const struct gg_json *v)
{
	return json_is_null(in(v));
}

bool gg_json_is_int(const struct gg_json *v)
{
	return json_is_integer(in(v));
}

struct gg_json *gg_json_get(const struct gg_json *v, const char *key)
{
	return (struct gg_json *)json_object_get(in(v), key);
}

const char *gg_json_get_str(const struct gg_json *v, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(in(v), key));

	return s ? s : fallback;
}

int64_t gg_json_get_int(const struct gg_json *v, const char *key, int64_t fallback)
{
	json_t *n = json_object_get(in(v), key);

	return json_is_integer(n) ? (int64_t)json_integer_value(n) : fallback;
}

bool gg_json_get_bool(const struct gg_json *v, const char *key, bool fallback)
{
	json_t *b = json_object_get(in(v), key);

	return json_is_boolean(b) ? json_is_true(b) : fallback;
}

size_t gg_json_len(const struct gg_json *v)
{
	return json_is_object(in(v)) ? json_object_size(in(v)) : json_array_size(in(v));
}

struct gg_json *gg_json_at(const struct gg_json *array, size_t i)
{
	return (struct gg_json *)json_array_get(in(array), i);
}

const char *gg_json_text(const struct gg_json *v)
{
	return json_string_value(in(v));
}

int64_t gg_json_number(const struct gg_json *v)
{
	return (int64_t)json_integer_value(in(v));
}

void gg_json_keys(const struct gg_json *object, struct gg_strv *ret)
{
	const char *key;
	json_t *value;

	json_object_foreach(in(object), key, value) gg_strv_add(ret, key);
	gg_strv_sort(ret);
}

struct gg_json *gg_json_copy(const struct gg_json *v)
{
	return out(json_copy(in(v)));
}

void gg_json_remove(struct gg_json *object, const char *key)
{
	json_object_del(in(object), key);
}

bool gg_json_eq(const struct gg_json *a, const struct gg_json *b)
{
	return json_equal(in(a), in(b)) == 1;
}

char *gg_json_compact(const struct gg_json *v)
{
	char *text = json_dumps(in(v), JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (!text)
		abort();
	return text;
}

char *gg_json_pretty(const struct gg_json *v)
{
	_cleanup_free_ char *text =
		json_dumps(in(v), JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (!text)
		abort();
	return gg_asprintf("%s\n", text);
}
