/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259): the one door to jansson. Reading is strict: UTF-8, depth at most 64, duplicate keys and
 * trailing text are errors. Writing is canonical: keys sorted bytewise, no NUL, integers only.
 * Values are counted references; "take" functions own their argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct gg_json; /* jansson's json_t behind the door */

struct gg_json *gg_json_parse(const char *text, size_t len, struct gg_err *err) GG_MUST_USE;
struct gg_json *gg_json_ref(struct gg_json *v);
void gg_json_unref(struct gg_json *v);
void gg_json_unrefp(struct gg_json **v);
#define _cleanup_json_ GG_CLEANUP(gg_json_unrefp)

struct gg_json *gg_json_object(void);
struct gg_json *gg_json_array(void);
struct gg_json *gg_json_string(
	const char *s); /* invalid UTF-8 is replaced byte by byte with U+FFFD */
struct gg_json *gg_json_int(int64_t n);
struct gg_json *gg_json_bool(bool b);

void gg_json_take(struct gg_json *object, const char *key, struct gg_json *value);
void gg_json_set_str(struct gg_json *object, const char *key, const char *value);
void gg_json_set_int(struct gg_json *object, const char *key, int64_t value);
void gg_json_set_bool(struct gg_json *object, const char *key, bool value);
void gg_json_remove(struct gg_json *object, const char *key); /* absent: nothing */
void gg_json_append_take(struct gg_json *array, struct gg_json *value);
void gg_json_append_str(struct gg_json *array, const char *value);

bool gg_json_is_object(const struct gg_json *v);
bool gg_json_is_array(const struct gg_json *v);
bool gg_json_is_string(const struct gg_json *v);
bool gg_json_is_int(const struct gg_json *v);
bool gg_json_is_bool(const struct gg_json *v);
bool gg_json_is_null(const struct gg_json *v); /* the value, not its absence */
/* Borrowed; NULL when the key is absent or v is no object. */
struct gg_json *gg_json_get(const struct gg_json *v, const char *key);
/* Borrowed string, or fallback when absent or of another type. */
const char *gg_json_get_str(const struct gg_json *v, const char *key, const char *fallback);
int64_t gg_json_get_int(const struct gg_json *v, const char *key, int64_t fallback);
bool gg_json_get_bool(const struct gg_json *v, const char *key, bool fallback);
size_t gg_json_len(const struct gg_json *v); /* of an array or object, else 0 */
struct gg_json *gg_json_at(const struct gg_json *array, size_t i); /* borrowed */
const char *gg_json_text(const struct gg_json *v);                 /* a string's text, or NULL */
int64_t gg_json_number(const struct gg_json *v);                   /* an integer's value, or 0 */
/* The keys, sorted bytewise. */
void gg_json_keys(const struct gg_json *object, struct gg_strv *ret);
/* A new object or array of the same values. */
struct gg_json *gg_json_copy(const struct gg_json *v);
bool gg_json_eq(const struct gg_json *a, const struct gg_json *b);

/* Canonical text: sorted keys; compact, or indented by two with a final newline. Owned by the caller. */
char *gg_json_compact(const struct gg_json *v);
char *gg_json_pretty(const struct gg_json *v);
