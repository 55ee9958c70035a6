/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare.h"

#include <string.h>

#include "builder/compare_private.h"
#include "builder/text_diff.h"
#include "layers/base/digest.h"
#include "layers/image_source.h"

void comparison_done(struct comparison *c)
{
	free(c->v);
	gg_arena_free(c->arena);
	*c = (struct comparison)COMPARISON_INIT;
}

struct difference *compare_add(struct compare *c, enum difference_kind kind)
{
	struct comparison *r = c->ret;
	struct difference *d = &c->overflow;

	if (r->n < COMPARE_MAX) {
		GG_GROW(r->v, r->n, r->cap);
		d = &r->v[r->n++];
	} else {
		r->dropped++;
	}
	*d = (struct difference){ .kind = kind, .layer = c->layer, .layer_b = c->layer_b };
	return d;
}

const char *compare_keep(struct compare *c, const char *s)
{
	return s ? gg_arena_strdup(c->ret->arena, s) : NULL;
}

const char *compare_keepf(struct compare *c, const char *fmt, ...)
{
	_cleanup_free_ char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = gg_vasprintf(fmt, ap);
	va_end(ap);
	return compare_keep(c, s);
}

/* ---- which layer is which ---- */

enum { NO_LAYER = -1 };

/* The layer on the other side with the same diffID, or NO_LAYER; moved when others of both sides are in between. */
struct twin {
	int other;
	bool moved;
};

struct twins {
	struct twin *a, *b;
	size_t next_a; /* after the last one that text_diff gave of the old list */
};

static const struct gg_digest *diff_id(const struct image_source *s, size_t i)
{
	return &s->layers[i].diff_id;
}

static void pair_up(struct twins *t, size_t a, size_t b, bool moved)
{
	t->a[a] = (struct twin){ (int)b, moved };
	t->b[b] = (struct twin){ (int)a, moved };
}

/* What is the same comes with its place in the new list only. */
static void take_item(void *ctx, enum text_side side, size_t index)
{
	struct twins *t = ctx;

	if (side == TEXT_OLD)
		t->next_a = index + 1;
	else if (side == TEXT_SAME)
		pair_up(t, t->next_a++, index, false);
}

static struct text_item *diff_id_items(const struct image_source *s)
{
	struct text_item *v = gg_calloc(s->n_layers + 1, sizeof(*v));

	for (size_t i = 0; i < s->n_layers; i++)
		v[i] = (struct text_item){ (const char *)diff_id(s, i), GG_DIGEST_LEN };
	return v;
}

static struct twin *no_twins(size_t n)
{
	struct twin *v = gg_calloc(n + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i].other = NO_LAYER;
	return v;
}

static void find_twins(const struct image_source *a, const struct image_source *b, struct twins *t)
{
	_cleanup_free_ struct text_item *old = diff_id_items(a), *fresh = diff_id_items(b);

	text_diff(old, a->n_layers, fresh, b->n_layers, take_item, t);
	for (size_t i = 0; i < a->n_layers; i++)
		for (size_t k = 0; k < b->n_layers && t->a[i].other == NO_LAYER; k++)
			if (t->b[k].other == NO_LAYER && gg_digest_eq(diff_id(a, i), diff_id(b, k)))
				pair_up(t, i, k, true);
}

static const char *describe_blob(struct compare *c, const struct image_blob *b)
{
	char text[GG_DIGEST_TEXT];

	return compare_keepf(c, "%s, %llu bytes, %s", b->media_type, (unsigned long long)b->size,
			     gg_digest_text(&b->digest, text));
}

static void compare_blobs(struct compare *c, const struct image_blob *a, const struct image_blob *b)
{
	struct difference *d;

	if (!a->addressed || !b->addressed || gg_digest_eq(&a->digest, &b->digest) ||
	    c->options->ignore & COMPARE_IGNORE_COMPRESSION)
		return;
	d = compare_add(c, DIFFERENCE_COMPRESSION);
	d->a = describe_blob(c, a);
	d->b = describe_blob(c, b);
	d->size_a = a->size;
	d->size_b = b->size;
	d->cause = "compression";
	d->text = "the same tar, compressed by another program, version, level or in other blocks";
}

static void lone_layer(struct compare *c, int a, int b)
{
	char text[GG_DIGEST_TEXT];
	struct difference *d;

	c->layer = a;
	c->layer_b = b;
	d = compare_add(c, DIFFERENCE_LAYER);
	if (a != NO_LAYER)
		d->a = compare_keep(c, gg_digest_text(diff_id(c->a, (size_t)a), text));
	if (b != NO_LAYER)
		d->b = compare_keep(c, gg_digest_text(diff_id(c->b, (size_t)b), text));
	if (a != NO_LAYER && b != NO_LAYER) {
		d->cause = "order";
		d->text = "the same layer at another place";
	}
}

static void compare_twins(struct compare *c, size_t a, size_t b, bool moved)
{
	if (moved)
		lone_layer(c, (int)a, (int)b);
	c->layer = (int)a;
	c->layer_b = (int)b;
	compare_blobs(c, &c->a->layers[a].blob, &c->b->layers[b].blob);
}

/* Layers without a twin, between the same two that have one, are compared first with first. */
static int compare_layers(struct compare *c, const struct twins *t, struct gg_err *err)
{
	size_t i = 0, k = 0, n_a = c->a->n_layers, n_b = c->b->n_layers;

	while (i < n_a || k < n_b) {
		bool a = i < n_a && t->a[i].other == NO_LAYER,
		     b = k < n_b && t->b[k].other == NO_LAYER;

		if (i < n_a && t->a[i].moved) {
			compare_twins(c, i, (size_t)t->a[i].other, true);
			i++;
		} else if (k < n_b && t->b[k].moved) {
			k++;
		} else if (a && b) {
			c->layer = (int)i;
			c->layer_b = (int)k;
			if (compare_layer_pair(c, i++, k++, err) < 0)
				return -1;
		} else if (a) {
			lone_layer(c, (int)i++, NO_LAYER);
		} else if (b) {
			lone_layer(c, NO_LAYER, (int)k++);
		} else {
			compare_twins(c, i++, k++, false);
		}
	}
	return 0;
}

int compare_images(const struct image_source *a, const struct image_source *b,
		   const struct compare_options *options, struct comparison *ret,
		   struct gg_err *err)
{
	static const struct compare_options none = { 0 };
	struct compare c = { .a = a,
			     .b = b,
			     .options = options ? options : &none,
			     .ret = ret,
			     .layer = NO_LAYER,
			     .layer_b = NO_LAYER };

	_cleanup_free_ struct twin *of_a = no_twins(a->n_layers), *of_b = no_twins(b->n_layers);
	struct twins t = { .a = of_a, .b = of_b };

	if (!ret->arena)
		ret->arena = gg_arena_new();
	find_twins(a, b, &t);
	compare_documents(&c);
	return compare_layers(&c, &t, err);
}
