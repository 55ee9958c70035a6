/* SPDX-License-Identifier: Apache-2.0
 *
 * Images that others made, as bases and inputs: the blobs that have to be there, the documents held against the lock,
 * and a tree for each layer: what it changes over those below it, named by its ChainID (image-spec config.md), so that
 * images which share layers share trees.
 */
#include "builder/plan_private.h"

#include <assert.h>
#include <string.h>

#include "layers/tree.h"

static size_t find_node(const struct plan *p, enum plan_kind kind, const struct gg_digest *key)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind == kind && gg_digest_eq(&p->nodes[i].key, key))
			return i;
	return SIZE_MAX;
}

/* One node a result, whoever wants it. */
static size_t add_once(struct plan_making *m, const struct plan_node *proto, struct gg_buf *text,
		       const struct plan_ids *deps)
{
	struct gg_digest key;
	size_t found;

	gg_digest_of(text->data, text->len, &key);
	found = find_node(m->plan, proto->kind, &key);
	return found == SIZE_MAX ? plan_add_node(m, proto, text, deps) : found;
}

static size_t add_blob(struct plan_making *m, const struct plan_image *image,
		       const struct lock_blob *blob, char *name)
{
	struct plan_node n = { .kind = PLAN_BLOB,
			       .image = image,
			       .name = name,
			       .blob = blob->digest,
			       .blob_size = blob->size };
	_cleanup_buf_ struct gg_buf text = { 0 };

	plan_text_begin(&text, PLAN_BLOB, 1);
	plan_line_digest(&text, "content", &blob->digest);
	return add_once(m, &n, &text, NULL);
}

static void line_blob(struct gg_buf *text, const char *name, const struct lock_blob *b)
{
	char digest[GG_DIGEST_TEXT];

	gg_buf_printf(text, "%s %s %llu %s\n", name, gg_digest_text(&b->digest, digest),
		      (unsigned long long)b->size, b->media_type);
}

/* All that the lock says of it: an edited entry is another node, whose documents are read. */
static size_t add_documents(struct plan_making *m, const struct plan_image *image)
{
	const struct lock_image *lock = image->lock;
	struct plan_node n = { .kind = PLAN_BASE, .image = image };
	struct gg_arena *a = m->plan->arena;
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };

	n.name = gg_arena_printf(a, "image %s", lock->name);
	plan_text_begin(&text, PLAN_BASE, 1);
	plan_line(&text, "platform", m->in->platform);
	plan_ids_add(&deps, add_blob(m, image, &lock->config,
				     gg_arena_printf(a, "image %s config", lock->name)));
	line_blob(&text, "config", &lock->config);
	plan_line_int(&text, "created", lock->created);
	if (!gg_digest_is_zero(&lock->manifest.digest)) {
		plan_ids_add(&deps, add_blob(m, image, &lock->manifest,
					     gg_arena_printf(a, "image %s manifest", lock->name)));
		line_blob(&text, "manifest", &lock->manifest);
	}
	for (size_t i = 0; i < lock->n_layers; i++) {
		line_blob(&text, "layer", &lock->layers[i].blob);
		plan_line_digest(&text, "diff-id", &lock->layers[i].diff_id);
	}
	return add_once(m, &n, &text, &deps);
}

static void next_chain_id(struct gg_digest *chain, const struct gg_digest *diff_id, bool first)
{
	char above[GG_DIGEST_TEXT], below[GG_DIGEST_TEXT];
	_cleanup_free_ char *both =
		gg_asprintf("%s %s", gg_digest_text(chain, below), gg_digest_text(diff_id, above));

	if (first)
		*chain = *diff_id;
	else
		gg_digest_of(both, strlen(both), chain);
}

static size_t add_layer(struct plan_making *m, struct plan_image *image, size_t layer,
			const struct gg_digest *chain_id)
{
	const struct lock_image *lock = image->lock;
	struct plan_node n = { .kind = PLAN_IMAGE, .image = image, .below = layer };
	struct gg_arena *a = m->plan->arena;
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };

	n.name = gg_arena_printf(a, "image %s layer %zu", lock->name, layer + 1);
	image->blobs[layer] = add_blob(m, image, &lock->layers[layer].blob,
				       gg_arena_printf(a, "%s blob", n.name));
	plan_ids_add(&deps, image->blobs[layer]);
	plan_ids_add(&deps, image->documents);
	for (size_t i = 0; i < layer; i++)
		plan_ids_add(&deps, image->layers[i]);
	plan_text_begin(&text, PLAN_IMAGE, PLAN_IMAGE_VERSION);
	plan_line_int(&text, "tree", TREE_FORMAT);
	plan_line_digest(&text, "chain-id", chain_id);
	return add_once(m, &n, &text, &deps);
}

static const struct plan_image *known_image(const struct plan *p, const struct lock_image *lock)
{
	for (size_t i = 0; i < p->n_nodes; i++)
		if (p->nodes[i].kind == PLAN_BASE && p->nodes[i].image->lock == lock)
			return p->nodes[i].image;
	return NULL;
}

const struct lock_image *plan_find_image(const struct plan_making *m, const char *reference,
					 struct gg_pos pos, struct gg_err *err)
{
	_cleanup_free_ char *key = lock_image_key(reference);
	const struct lock_image *lock = lock_find_image(m->platform, key);

	if (lock)
		return lock;
	gg_fail_at(err, GG_LOCK, pos, "image '%s' is not in the lock", reference);
	gg_hint(err, "resolve it with `ggbuild lock`");
	return NULL;
}

const struct plan_image *plan_add_image(struct plan_making *m, const struct lock_image *lock,
					const char *reference, struct gg_pos pos)
{
	const struct plan_image *known = known_image(m->plan, lock);
	struct plan_image *image;

	if (known)
		return known;
	image = gg_arena_alloc(m->plan->arena, sizeof(*image));
	*image = (struct plan_image){ .lock = lock, .reference = reference, .pos = pos };
	image->layers = gg_arena_calloc(m->plan->arena, lock->n_layers + 1, sizeof(size_t));
	image->blobs = gg_arena_calloc(m->plan->arena, lock->n_layers + 1, sizeof(size_t));
	image->documents = add_documents(m, image);
	for (size_t i = 0; i < lock->n_layers; i++) {
		next_chain_id(&image->chain_id, &lock->layers[i].diff_id, i == 0);
		image->layers[i] = add_layer(m, image, i, &image->chain_id);
	}
	return image;
}

size_t plan_add_image_input(struct plan_making *m, const struct recipe_input *input)
{
	_cleanup_err_ struct gg_err none = GG_ERR_INIT;
	const struct lock_image *lock = plan_find_image(m, input->image, input->pos, &none);
	struct plan_node n = { .kind = PLAN_FLAT, .input = input, .name = input->name };
	_cleanup_plan_ids_ struct plan_ids deps = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };

	assert(lock);
	n.image = plan_add_image(m, lock, input->image, input->pos);
	plan_ids_add(&deps, n.image->documents);
	for (size_t i = 0; i < n.image->lock->n_layers; i++)
		plan_ids_add(&deps, n.image->layers[i]);
	plan_text_begin(&text, PLAN_FLAT, PLAN_IMAGE_VERSION);
	plan_line_int(&text, "tree", TREE_FORMAT);
	plan_line_digest(&text, "chain-id", &n.image->chain_id);
	return plan_add_node(m, &n, &text, &deps);
}
