/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <string.h>

#include "layers/base/json.h"
#include "layers/image_source.h"

struct documents {
	struct compare *c;
	enum difference_kind kind;
	bool (*follows)(
		const char *
			path); /* what differs because something else does, which is told of that */
};

static bool is_plain_key(const char *key)
{
	for (const char *p = key; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
			return false;
	return *key != '\0';
}

static char *below(const char *path, const char *key)
{
	if (is_plain_key(key))
		return gg_asprintf("%s%s%s", path, *path ? "." : "", key);
	return gg_asprintf("%s[\"%s\"]", path, key);
}

/* Strings as they are, everything else as JSON. */
static char *value_text(const struct gg_json *v)
{
	if (!v)
		return NULL;
	return gg_json_is_string(v) ? gg_strdup(gg_json_text(v)) : gg_json_compact(v);
}

static void add(const struct documents *d, const char *path, const struct gg_json *a,
		const struct gg_json *b, const char *cause)
{
	_cleanup_free_ char *text_a = value_text(a), *text_b = value_text(b);
	struct difference *x = compare_add(d->c, d->kind);

	x->path = compare_keep(d->c, path);
	x->a = compare_keep(d->c, text_a);
	x->b = compare_keep(d->c, text_b);
	x->cause = cause ? cause : compare_cause_of_texts(d->c, x->a, x->b, &x->text);
}

static bool same_but_order(const struct gg_json *a, const struct gg_json *b)
{
	_cleanup_strv_ struct gg_strv old = { 0 }, fresh = { 0 };

	if (gg_json_len(a) != gg_json_len(b))
		return false;
	for (size_t i = 0; i < gg_json_len(a); i++) {
		gg_strv_take(&old, gg_json_compact(gg_json_at(a, i)));
		gg_strv_take(&fresh, gg_json_compact(gg_json_at(b, i)));
	}
	gg_strv_sort(&old);
	gg_strv_sort(&fresh);
	for (size_t i = 0; i < old.n; i++)
		if (!gg_streq(old.v[i], fresh.v[i]))
			return false;
	return true;
}

/* Recursion is as deep as JSON may be (json.h). */
static void compare_values(const struct documents *d, const char *path, const struct gg_json *a,
			   const struct gg_json *b);

static void compare_objects(const struct documents *d, const char *path, const struct gg_json *a,
			    const struct gg_json *b)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	gg_json_keys(a, &keys);
	gg_json_keys(b, &keys);
	gg_strv_sort(&keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.v[i];
		_cleanup_free_ char *at = below(path, key);

		if (i == 0 || !gg_streq(keys.v[i - 1], key))
			compare_values(d, at, gg_json_get(a, key), gg_json_get(b, key));
	}
}

static void compare_arrays(const struct documents *d, const char *path, const struct gg_json *a,
			   const struct gg_json *b)
{
	size_t n = gg_json_len(a) > gg_json_len(b) ? gg_json_len(a) : gg_json_len(b);

	if (!gg_json_eq(a, b) && same_but_order(a, b)) {
		add(d, path, a, b, "order");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *at = gg_asprintf("%s[%zu]", path, i);

		compare_values(d, at, gg_json_at(a, i), gg_json_at(b, i));
	}
}

static void compare_values(const struct documents *d, const char *path, const struct gg_json *a,
			   const struct gg_json *b)
{
	if (d->follows(path))
		return;
	if (gg_json_is_object(a) && gg_json_is_object(b))
		compare_objects(d, path, a, b);
	else if (gg_json_is_array(a) && gg_json_is_array(b))
		compare_arrays(d, path, a, b);
	else if (!a || !b || !gg_json_eq(a, b))
		add(d, path, a, b, NULL);
}

/* What layers do shows in the config's diff_ids. */
static bool follows_in_config(const char *path)
{
	return gg_starts(path, "rootfs.diff_ids");
}

/* Descriptors of the config and of layers: what those differ in is told of them. Of one blob, everything else counts. */
static bool follows_in_manifest(const char *path)
{
	return gg_streq(path, "layers") || gg_streq(path, "config");
}

static void compare_descriptors(struct documents *d, const char *path, const struct gg_json *a,
				const struct gg_json *b)
{
	const char *one = gg_json_get_str(a, "digest", ""), *two = gg_json_get_str(b, "digest", "");
	_cleanup_strv_ struct gg_strv keys = { 0 };

	gg_json_keys(a, &keys);
	gg_json_keys(b, &keys);
	gg_strv_sort(&keys);
	for (size_t i = 0; i < keys.n; i++) {
		const char *key = keys.v[i];
		_cleanup_free_ char *at = below(path, key);
		bool of_blob = gg_streq(key, "digest") || gg_streq(key, "size") ||
			       gg_streq(key, "mediaType");

		if ((i == 0 || !gg_streq(keys.v[i - 1], key)) && (gg_streq(one, two) || !of_blob))
			compare_values(d, at, gg_json_get(a, key), gg_json_get(b, key));
	}
}

static void compare_manifests(struct documents *d, const struct gg_json *a, const struct gg_json *b)
{
	const struct gg_json *in_a = gg_json_get(a, "layers"), *in_b = gg_json_get(b, "layers");

	compare_descriptors(d, "config", gg_json_get(a, "config"), gg_json_get(b, "config"));
	for (size_t i = 0; i < gg_json_len(in_a) && i < gg_json_len(in_b); i++) {
		_cleanup_free_ char *at = gg_asprintf("layers[%zu]", i);

		compare_descriptors(d, at, gg_json_at(in_a, i), gg_json_at(in_b, i));
	}
}

static bool same_bytes(const struct image_document *a, const struct image_document *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static void compare_document(struct documents *d, const struct image_document *a,
			     const struct image_document *b)
{
	struct difference *x;

	if (!a->bytes || !b->bytes || same_bytes(a, b))
		return;
	compare_values(d, "", a->json, b->json);
	if (!gg_json_eq(a->json, b->json))
		return;
	x = compare_add(d->c, d->kind);
	x->size_a = a->len;
	x->size_b = b->len;
	x->text = "the same values in other bytes: blanks, the order of keys, escapes";
}

void compare_documents(struct compare *c)
{
	struct documents config = { .c = c,
				    .kind = DIFFERENCE_CONFIG,
				    .follows = follows_in_config };
	struct documents manifest = { .c = c,
				      .kind = DIFFERENCE_MANIFEST,
				      .follows = follows_in_manifest };

	compare_document(&manifest, &c->a->manifest, &c->b->manifest);
	compare_manifests(&manifest, c->a->manifest.json, c->b->manifest.json);
	compare_document(&config, &c->a->config, &c->b->config);
}
