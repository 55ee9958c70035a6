/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes with all that they list, nested ones and artifacts too.
 */
#include "layers/transfer_private.h"

#include <stdlib.h>
#include <string.h>

#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/oci.h"

/* Bytes of all documents of one index. */
#define DOCUMENTS_MAX (256u << 20)

static int too_many(struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "the index lists more than %d blobs", TRANSFER_MAX_BLOBS);
}

static int add_blob(struct transfer *t, const struct image_blob *b, struct gg_err *err)
{
	for (size_t i = 0; i < t->n_blobs; i++)
		if (gg_digest_eq(&t->blobs[i].digest, &b->digest))
			return 0;
	if (t->n_blobs == TRANSFER_MAX_BLOBS)
		return too_many(err);
	GG_GROW(t->blobs, t->n_blobs, t->cap_blobs);
	t->blobs[t->n_blobs++] = *b;
	return 0;
}

static void add_manifest(struct transfer *t, const struct image_blob *b)
{
	for (size_t i = 0; i < t->n_manifests; i++)
		if (gg_digest_eq(&t->manifests[i].digest, &b->digest))
			return;
	GG_GROW(t->manifests, t->n_manifests, t->cap_manifests);
	t->manifests[t->n_manifests++] = *b;
}

static int add_descriptor(struct transfer *t, const struct gg_json *descriptor, struct gg_err *err)
{
	struct image_blob b;

	if (image_document_blob(descriptor, &b, err) < 0)
		return -1;
	if (strstr(b.media_type, "nondistributable") || strstr(b.media_type, ".foreign."))
		return gg_fail(err, GG_INTEGRITY, "a foreign layer, which is not in the image");
	transfer_keep(t, descriptor);
	return add_blob(t, &b, err);
}

/* A manifest of an image, or of any artifact. */
static int take_manifest(struct transfer *t, const struct image_document *doc,
			 struct image_blob *ret, struct gg_err *err)
{
	const struct gg_json *config = gg_json_get(doc->json, "config"),
			     *layers = gg_json_get(doc->json, "layers");
	const char *type = gg_json_get_str(config, "mediaType", "");
	bool image = image_format_type(IMAGE_FORMAT_OCI, type) != NULL;

	/* What attests something about an image has an image's config and other things for layers. */
	for (size_t i = 0; image && i < gg_json_len(layers); i++)
		image = image_format_type(IMAGE_FORMAT_OCI, gg_json_get_str(gg_json_at(layers, i),
									    "mediaType", "")) !=
			NULL;
	*ret = doc->blob;
	if (image && transfer_convert(t, &doc->blob, doc->json, ret, err) < 0)
		return -1;
	if (add_blob(t, ret, err) < 0)
		return -1;
	if (add_descriptor(t, config, err) < 0)
		return gg_context(err, "manifest: config");
	for (size_t i = 0; i < gg_json_len(layers); i++)
		if (add_descriptor(t, gg_json_at(layers, i), err) < 0)
			return gg_context(err, "manifest: layers[%zu]", i);
	add_manifest(t, ret);
	return 0;
}

static int take_listed(struct transfer *t, const struct gg_json *descriptor, unsigned depth,
		       struct image_blob *ret, struct gg_err *err);

/* The index after what it lists, as another document where one of those is another. */
static int take_index(struct transfer *t, const struct image_document *doc, unsigned depth,
		      struct image_blob *ret, struct gg_err *err)
{
	const struct gg_json *manifests = gg_json_get(doc->json, "manifests");
	const char *type = image_format_type(transfer_wanted(t), doc->blob.media_type);
	_cleanup_json_ struct gg_json *other = gg_json_copy(doc->json);
	_cleanup_json_ struct gg_json *list = gg_json_array();
	size_t place = t->n_blobs;
	bool first;

	if (depth == IMAGE_MAX_DEPTH)
		return gg_fail(err, GG_INTEGRITY, "an index in an index, more than %d deep",
			       IMAGE_MAX_DEPTH);
	/* An index goes before what it lists: it takes its place when it is known. */
	if (add_blob(t, &doc->blob, err) < 0)
		return -1;
	first = t->n_blobs > place;
	gg_json_take(other, "manifests", gg_json_ref(list));
	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		const struct gg_json *d = gg_json_at(manifests, i);
		struct image_blob b;

		if (take_listed(t, d, depth, &b, err) < 0)
			return -1;
		gg_json_append_take(list, transfer_describe(d, &b));
	}
	*ret = doc->blob;
	if (t->format != TRANSFER_AS_IT_IS && type) {
		if (gg_json_get(doc->json, "mediaType"))
			gg_json_set_str(other, "mediaType", type);
		if (!gg_json_eq(other, doc->json))
			*ret = transfer_make_document(t, other, type);
	}
	if (first)
		t->blobs[place] = *ret;
	add_manifest(t, ret);
	return 0;
}

static int take_document(struct transfer *t, const struct image_document *doc, unsigned depth,
			 struct image_blob *ret, struct gg_err *err)
{
	enum image_document_kind kind;
	char text[GG_DIGEST_TEXT];

	if (image_document_check(doc, &kind, err) < 0 ||
	    (kind == IMAGE_DOCUMENT_INDEX ? take_index(t, doc, depth, ret, err)
					  : take_manifest(t, doc, ret, err)) < 0)
		return gg_context(err, "blob %s", gg_digest_text(&doc->blob.digest, text));
	return 0;
}

static int take_listed(struct transfer *t, const struct gg_json *descriptor, unsigned depth,
		       struct image_blob *ret, struct gg_err *err)
{
	struct image_document doc = { 0 };
	struct image_blob b;
	size_t total = 0;
	int r = image_document_blob(descriptor, &b, err);

	if (r < 0)
		return -1;
	for (size_t i = 0; i < t->n_documents; i++)
		total += t->documents[i].blob.size;
	if (t->n_manifests == TRANSFER_MAX_MANIFESTS || total > DOCUMENTS_MAX)
		return gg_fail(err, GG_INTEGRITY,
			       "the index lists more than %d manifests, or %u MiB of them",
			       TRANSFER_MAX_MANIFESTS, DOCUMENTS_MAX >> 20);
	r = image_source_read(t->source, &b, &doc, err);
	if (r == 0) {
		transfer_keep(t, descriptor);
		transfer_keep(t, doc.json);
		transfer_copy_document(t, &doc);
		r = take_document(t, &doc, depth + 1, ret, err);
	}
	free(doc.bytes);
	gg_json_unref(doc.json);
	return r;
}

int transfer_take_whole(struct transfer *t, const struct image_document *root,
			const struct gg_json *descriptor, struct gg_err *err)
{
	transfer_copy_document(t, root);
	if (take_document(t, root, 0, &t->image.root, err) < 0)
		return gg_context(err, "image '%s'", t->source->name);
	if (!gg_digest_eq(&root->blob.digest, &t->image.root.digest))
		t->why = transfer_other_types(t);
	t->descriptor = transfer_describe(descriptor, &t->image.root);
	t->image.blobs = t->blobs;
	t->image.n_blobs = t->n_blobs;
	t->image.manifests = t->manifests;
	t->image.n_manifests = t->n_manifests;
	return 0;
}

/* Several under one name: an index of them. */
int transfer_take_several(struct transfer *t, struct gg_err *err)
{
	struct gg_json *list = gg_json_array();
	_cleanup_json_ struct gg_json *index = oci_index(list);
	struct image_document doc = { .json = index };
	const struct gg_json *all = t->source->descriptors;
	int r;

	for (size_t i = 0; i < gg_json_len(all); i++) {
		struct image_blob b;

		if (image_document_blob(gg_json_at(all, i), &b, err) < 0)
			return gg_context(err, "image '%s'", t->source->name);
		gg_json_append_take(list, transfer_describe(gg_json_at(all, i), &b));
	}
	transfer_keep(t, index);
	doc.bytes = gg_json_compact(index);
	doc.len = strlen(doc.bytes);
	doc.blob = (struct image_blob){ .media_type = OCI_INDEX_TYPE,
					.addressed = true,
					.size = doc.len };
	gg_digest_of(doc.bytes, doc.len, &doc.blob.digest);
	r = transfer_take_whole(t, &doc, NULL, err);
	free(doc.bytes);
	if (!t->why)
		t->why = "the place lists several images under that name, and no index of them";
	return r;
}
