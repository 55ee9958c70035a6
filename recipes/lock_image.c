/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "recipes/lock_private.h"

/* ---- the model ---- */

char *lock_image_key(const char *reference)
{
	_cleanup_free_ char *text = gg_asprintf("image 1\n%s\n", reference);
	struct gg_digest digest;
	char hex[GG_DIGEST_HEX];

	gg_digest_of(text, strlen(text), &digest);
	return gg_strndup(gg_digest_hex(&digest, hex), 16);
}

struct lock_image *lock_find_image(const struct lock_platform *p, const char *key)
{
	for (size_t i = 0; i < p->n_images; i++)
		if (gg_streq(p->images[i].key, key))
			return &p->images[i];
	return NULL;
}

static void copy_blob(struct gg_arena *arena, struct lock_blob *b)
{
	if (b->media_type)
		b->media_type = gg_arena_strdup(arena, b->media_type);
}

void lock_put_image(struct lock *l, struct lock_platform *p, const struct lock_image *from)
{
	struct lock_image copy = *from;
	size_t i = 0;

	copy.key = gg_arena_strdup(l->arena, from->key);
	copy.name = gg_arena_strdup(l->arena, from->name);
	copy_blob(l->arena, &copy.manifest);
	copy_blob(l->arena, &copy.config);
	copy.layers = gg_arena_calloc(l->arena, from->n_layers, sizeof(*copy.layers));
	for (size_t k = 0; k < from->n_layers; k++) {
		copy.layers[k] = from->layers[k];
		copy_blob(l->arena, &copy.layers[k].blob);
	}
	while (i < p->n_images && strcmp(p->images[i].key, copy.key) < 0)
		i++;
	if (i == p->n_images || !gg_streq(p->images[i].key, copy.key))
		p->images = lock_insert(l->arena, p->images, &p->n_images, sizeof(*p->images), i);
	p->images[i] = copy;
}

/* ---- text ---- */

static struct gg_json *blob_json(const struct lock_blob *b)
{
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "media-type", b->media_type);
	gg_json_set_str(o, "digest", gg_digest_text(&b->digest, text));
	gg_json_set_int(o, "size", (int64_t)b->size);
	return o;
}

static struct gg_json *image_json(const struct lock_image *i)
{
	struct gg_json *o = gg_json_object(), *layers = gg_json_array();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "name", i->name);
	if (!gg_digest_is_zero(&i->index))
		gg_json_set_str(o, "index", gg_digest_text(&i->index, text));
	if (!gg_digest_is_zero(&i->manifest.digest))
		gg_json_take(o, "manifest", blob_json(&i->manifest));
	gg_json_take(o, "config", blob_json(&i->config));
	if (i->created)
		gg_json_set_int(o, "created", i->created);
	for (size_t k = 0; k < i->n_layers; k++) {
		struct gg_json *layer = blob_json(&i->layers[k].blob);

		gg_json_set_str(layer, "diff-id", gg_digest_text(&i->layers[k].diff_id, text));
		gg_json_append_take(layers, layer);
	}
	gg_json_take(o, "layers", layers);
	return o;
}

struct gg_json *lock_images_json(const struct lock_platform *p)
{
	struct gg_json *o = gg_json_object();

	for (size_t i = 0; i < p->n_images; i++)
		gg_json_take(o, p->images[i].key, image_json(&p->images[i]));
	return o;
}

/* ---- reading ---- */

static int read_blob(struct lock_reader *r, const struct lock_place *at, struct gg_json *o,
		     bool layer, struct lock_blob *ret)
{
	static const char *const known[] = { "media-type", "digest", "size", "?", NULL };
	static const char *const of_layer[] = { "media-type", "digest", "size", "diff-id", NULL };
	int64_t size;

	if (lock_check_keys(r, at, o, layer ? of_layer : known) < 0 ||
	    lock_read_member(r, at, o, "media-type", &ret->media_type) < 0 ||
	    lock_read_digest(r, at, gg_json_get(o, "digest"), "digest", &ret->digest) < 0 ||
	    lock_read_int(r, at, o, "size", INT64_MAX, &size) < 0)
		return -1;
	if (gg_digest_is_zero(&ret->digest))
		return lock_complain(r, at, "no digest of anything");
	ret->size = (uint64_t)size;
	return 0;
}

static int read_layers(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		       struct lock_image *i)
{
	struct gg_json *array = gg_json_get(o, "layers");
	struct lock_place at = { up, "layers", 0 };

	if (!gg_json_is_array(array))
		return lock_complain(r, &at, "not a list");
	i->n_layers = gg_json_len(array);
	i->layers = gg_arena_calloc(r->lock->arena, i->n_layers, sizeof(*i->layers));
	for (size_t k = 0; k < i->n_layers; k++) {
		struct gg_json *layer = gg_json_at(array, k);
		struct lock_place here = { &at, NULL, k };

		if (read_blob(r, &here, layer, true, &i->layers[k].blob) < 0 ||
		    lock_read_digest(r, &here, gg_json_get(layer, "diff-id"), "diff-id",
				     &i->layers[k].diff_id) < 0)
			return -1;
	}
	return 0;
}

static int read_image(struct lock_reader *r, const struct lock_place *at, const char *key,
		      struct gg_json *o, struct lock_image *i)
{
	static const char *const known[] = { "name",  "config",   "layers",  "?",
					     "index", "manifest", "created", NULL };
	struct lock_place at_manifest = { at, "manifest", 0 }, at_config = { at, "config", 0 };

	if (!lock_is_hex(key, 16))
		return lock_complain(r, at, "the key is not 16 lower-case hexadecimal digits");
	i->key = gg_arena_strdup(r->lock->arena, key);
	if (lock_check_keys(r, at, o, known) < 0 ||
	    lock_read_member(r, at, o, "name", &i->name) < 0 ||
	    read_blob(r, &at_config, gg_json_get(o, "config"), false, &i->config) < 0)
		return -1;
	if (gg_json_get(o, "index") &&
	    lock_read_digest(r, at, gg_json_get(o, "index"), "index", &i->index) < 0)
		return -1;
	if (gg_json_get(o, "manifest") &&
	    read_blob(r, &at_manifest, gg_json_get(o, "manifest"), false, &i->manifest) < 0)
		return -1;
	if (gg_json_get(o, "created") &&
	    lock_read_int(r, at, o, "created", INT64_MAX, &i->created) < 0)
		return -1;
	return read_layers(r, at, o, i);
}

int lock_read_images(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
		     struct lock_platform *p)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };
	struct lock_place at = { up, "images", 0 };

	if (!gg_json_is_object(o))
		return lock_complain(r, &at, "not an object");
	gg_json_keys(o, &keys);
	p->n_images = keys.n;
	p->images = gg_arena_calloc(r->lock->arena, keys.n, sizeof(*p->images));
	for (size_t i = 0; i < keys.n; i++) {
		struct lock_place here = { &at, keys.v[i], 0 };

		if (read_image(r, &here, keys.v[i], gg_json_get(o, keys.v[i]), &p->images[i]) < 0)
			return -1;
	}
	return 0;
}

/* ---- comparing ---- */

static const struct gg_digest *identity(const struct lock_image *i)
{
	return gg_digest_is_zero(&i->manifest.digest) ? &i->config.digest : &i->manifest.digest;
}

/* The same image by another reference. */
static const struct lock_image *same_name(const struct lock_image *i,
					  const struct lock_platform *other,
					  const struct lock_platform *own, const bool *used)
{
	for (size_t k = 0; k < other->n_images; k++)
		if (!used[k] && gg_streq(other->images[k].name, i->name) &&
		    !lock_find_image(own, other->images[k].key))
			return &other->images[k];
	return NULL;
}

void lock_diff_images(struct gg_strv *lines, const char *prefix, const struct lock_platform *a,
		      const struct lock_platform *b)
{
	_cleanup_free_ bool *used = gg_calloc(b->n_images + 1, sizeof(*used));

	for (size_t i = 0; i < a->n_images; i++) {
		const struct lock_image *from = &a->images[i], *to = lock_find_image(b, from->key);
		_cleanup_free_ char *what = gg_asprintf("%simage %s", prefix, from->name);

		if (!to)
			to = same_name(from, b, a, used);
		if (!to) {
			gg_strv_addf(lines, "%s removed", what);
			continue;
		}
		used[to - b->images] = true;
		lock_diff_digest(lines, what, identity(from), identity(to));
	}
	for (size_t k = 0; k < b->n_images; k++)
		if (!used[k])
			gg_strv_addf(lines, "%simage %s added", prefix, b->images[k].name);
}
