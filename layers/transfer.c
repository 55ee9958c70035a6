/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/transfer_private.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_format.h"
#include "layers/oci.h"

void transfer_done(struct transfer *t)
{
	for (size_t i = 0; i < t->n_documents; i++)
		free(t->documents[i].bytes);
	free(t->documents);
	free(t->blobs);
	free(t->manifests);
	free(t->layers);
	gg_json_unref(t->descriptor);
	gg_json_unref(t->kept);
	*t = (struct transfer)TRANSFER_INIT;
}

/* ---- bytes ---- */

static const struct transfer_document *find_document(const struct transfer *t,
						     const struct gg_digest *d)
{
	for (size_t i = 0; i < t->n_documents; i++)
		if (gg_digest_eq(&t->documents[i].blob.digest, d))
			return &t->documents[i];
	return NULL;
}

static int open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		     struct gg_err *err)
{
	const struct transfer *t = ctx;
	const struct transfer_document *d = find_document(t, &b->digest);

	if (!d)
		return t->source->open(t->source->ctx, b, ret, err);
	ret->fd = memfd_create("document", MFD_CLOEXEC);
	ret->offset = 0;
	ret->size = d->blob.size;
	if (ret->fd < 0)
		return gg_fail_errno(err, "make a file in memory");
	return gg_write_all(ret->fd, d->bytes, d->blob.size, err);
}

static int get_blobs(void *ctx, struct image_get *v, size_t n, struct gg_err *err)
{
	const struct transfer *t = ctx;
	_cleanup_free_ struct image_get *rest = gg_calloc(n, sizeof(*rest));
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct transfer_document *d = find_document(t, &v[i].blob->digest);

		if (!d)
			rest[k++] = v[i];
		else if (gg_write_all(v[i].outfd, d->bytes, d->blob.size, err) < 0)
			return -1;
	}
	if (k && t->source->get(t->source->ctx, rest, k, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		v[i].done = true;
	return 0;
}

/* ---- documents ---- */

void transfer_keep(struct transfer *t, const struct gg_json *v)
{
	gg_json_append_take(t->kept, gg_json_ref((struct gg_json *)v));
}

/* Takes the bytes. */
static void add_document(struct transfer *t, const struct image_blob *b, char *bytes)
{
	if (find_document(t, &b->digest)) {
		free(bytes);
		return;
	}
	GG_GROW(t->documents, t->n_documents, t->cap_documents);
	t->documents[t->n_documents++] = (struct transfer_document){ .blob = *b, .bytes = bytes };
}

void transfer_copy_document(struct transfer *t, const struct image_document *doc)
{
	char *bytes = gg_alloc(doc->len + 1);

	memcpy(bytes, doc->bytes, doc->len);
	bytes[doc->len] = '\0';
	add_document(t, &doc->blob, bytes);
}

/* A document that is made here: its blob, with a borrowed media type. */
struct image_blob transfer_make_document(struct transfer *t, const struct gg_json *o,
					 const char *media_type)
{
	struct image_blob b = { .media_type = media_type, .addressed = true };
	char *text = gg_json_compact(o);

	b.size = strlen(text);
	gg_digest_of(text, b.size, &b.digest);
	add_document(t, &b, text);
	return b;
}

/* ---- descriptors ---- */

static struct gg_json *blob_descriptor(const struct image_blob *b)
{
	struct gg_json *d = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(d, "mediaType", b->media_type);
	gg_json_set_str(d, "digest", gg_digest_text(&b->digest, text));
	gg_json_set_int(d, "size", (int64_t)b->size);
	return d;
}

/* `old` (may be NULL) for another blob, without a reference. */
struct gg_json *transfer_describe(const struct gg_json *old, const struct image_blob *b)
{
	const struct gg_json *notes = gg_json_get(old, "annotations");
	struct gg_json *d = old ? gg_json_copy(old) : gg_json_object();
	_cleanup_json_ struct gg_json *fresh = blob_descriptor(b);
	_cleanup_strv_ struct gg_strv keys = { 0 };
	struct gg_json *left = gg_json_object();

	gg_json_keys(fresh, &keys);
	for (size_t i = 0; i < keys.n; i++)
		gg_json_take(d, keys.v[i], gg_json_ref(gg_json_get(fresh, keys.v[i])));
	gg_strv_done(&keys);
	gg_json_keys(notes, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!gg_streq(keys.v[i], OCI_REF_NAME))
			gg_json_take(left, keys.v[i], gg_json_ref(gg_json_get(notes, keys.v[i])));
	gg_json_remove(d, "annotations");
	/* The same bytes again, which may be others now. */
	if (!gg_streq(gg_json_get_str(d, "digest", ""), gg_json_get_str(old, "digest", "")))
		gg_json_remove(d, "data");
	if (gg_json_len(left))
		gg_json_take(d, "annotations", left);
	else
		gg_json_unref(left);
	return d;
}

/* An index says which platform an image is for; a tag of a registry does not. */
static void add_platform(struct gg_json *descriptor, const struct gg_json *config)
{
	static const char *const keys[] = { "architecture", "os", "os.version", "variant" };
	struct gg_json *platform;

	/* Some tools write them empty. */
	if (gg_json_get(descriptor, "platform") || !*gg_json_get_str(config, "os", "") ||
	    !*gg_json_get_str(config, "architecture", ""))
		return;
	platform = gg_json_object();
	for (size_t i = 0; i < GG_LEN(keys); i++) {
		const char *value = gg_json_get_str(config, keys[i], NULL);

		if (value && *value)
			gg_json_set_str(platform, keys[i], value);
	}
	gg_json_take(descriptor, "platform", platform);
}

/* ---- one image ---- */

static int hash_bytes(const struct image_bytes *b, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	char block[64 * 1024];

	for (uint64_t done = 0; done < b->size;) {
		uint64_t left = b->size - done;
		ssize_t n = pread(b->fd, block, left < sizeof(block) ? left : sizeof(block),
				  (off_t)(b->offset + done));

		if (n < 0)
			return gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends early");
		gg_hash_add(hash, block, (size_t)n);
		done += (uint64_t)n;
	}
	gg_hash_end(hash, ret);
	return 0;
}

/* A member of a docker-archive as a blob. One that is not compressed has its diffID for a digest, which is verified when
 * it is copied. */
static int address_layer(const struct transfer *t, struct image_layer *layer, struct gg_err *err)
{
	static const char *const types[] = {
		[ARCHIVE_PLAIN] = "application/vnd.oci.image.layer.v1.tar",
		[ARCHIVE_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
		[ARCHIVE_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
		[ARCHIVE_BZIP2] = NULL,
	};
	_cleanup_image_bytes_ struct image_bytes b = IMAGE_BYTES_INIT;
	enum archive_kind kind;
	char magic[8];
	ssize_t n;

	if (t->source->open(t->source->ctx, &layer->blob, &b, err) < 0)
		return -1;
	n = pread(b.fd, magic, b.size < sizeof(magic) ? b.size : sizeof(magic), (off_t)b.offset);
	if (n < 0)
		return gg_fail_errno(err, "read");
	kind = archive_kind_of(magic, (size_t)n);
	layer->blob.media_type = types[kind];
	if (!layer->blob.media_type)
		return gg_fail(err, GG_INTEGRITY, "it is compressed as no layer may be");
	layer->blob.addressed = true;
	layer->blob.size = b.size;
	layer->blob.digest = layer->diff_id;
	return kind == ARCHIVE_PLAIN ? 0 : hash_bytes(&b, &layer->blob.digest, err);
}

static struct gg_json *made_manifest(const struct transfer *t, size_t n)
{
	struct gg_json *o = gg_json_object(), *layers = gg_json_array();

	for (size_t i = 0; i < n; i++)
		gg_json_append_take(layers, blob_descriptor(&t->layers[i].blob));
	gg_json_set_int(o, "schemaVersion", 2);
	gg_json_set_str(o, "mediaType", OCI_MANIFEST_TYPE);
	gg_json_take(o, "config", blob_descriptor(&t->image.config));
	gg_json_take(o, "layers", layers);
	return o;
}

static int take_layers(struct transfer *t, struct gg_err *err)
{
	const struct image_source *s = t->source;

	t->layers = gg_calloc(s->n_layers, sizeof(*t->layers));
	for (size_t i = 0; i < s->n_layers; i++) {
		t->layers[i] = s->layers[i];
		if (!t->layers[i].blob.addressed && address_layer(t, &t->layers[i], err) < 0)
			return gg_context(err, "image '%s': layer %zu", s->name, i);
	}
	t->image.layers = t->layers;
	t->image.n_layers = s->n_layers;
	return 0;
}

enum image_format transfer_wanted(const struct transfer *t)
{
	return t->format == TRANSFER_DOCKER ? IMAGE_FORMAT_DOCKER : IMAGE_FORMAT_OCI;
}

/* The manifest, converted where that is asked for: the same, or another document. */
int transfer_convert(struct transfer *t, const struct image_blob *b, const struct gg_json *manifest,
		     struct image_blob *ret, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *other = NULL;
	const char *type = image_format_type(transfer_wanted(t), b->media_type);

	*ret = *b;
	if (t->format == TRANSFER_AS_IT_IS || !type)
		return 0;
	if (image_format_manifest(transfer_wanted(t), manifest, &other, err) < 0)
		return -1;
	if (other == manifest)
		return 0;
	transfer_keep(t, other);
	*ret = transfer_make_document(t, other, type);
	return 0;
}

const char *transfer_other_types(const struct transfer *t)
{
	return t->format == TRANSFER_DOCKER ? "the documents have Docker's media types now"
					    : "the documents have OCI's media types now";
}

static void retype(const struct transfer *t, struct image_blob *b)
{
	const char *type = image_format_type(transfer_wanted(t), b->media_type);

	if (t->format != TRANSFER_AS_IT_IS && type)
		b->media_type = type;
}

static int make_one(struct transfer *t, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *made = NULL;
	const struct image_source *s = t->source;
	struct transport_image *i = &t->image;
	struct image_blob root = s->manifest.blob;

	transfer_copy_document(t, &s->config);
	i->config = s->config.blob;
	if (!i->config.media_type)
		i->config.media_type = OCI_CONFIG_TYPE;
	if (take_layers(t, err) < 0)
		return -1;
	if (!s->manifest.bytes) {
		made = made_manifest(t, i->n_layers);
		transfer_keep(t, made);
		root = transfer_make_document(t, made, OCI_MANIFEST_TYPE);
		t->why = "the archive holds no manifest";
	} else {
		transfer_copy_document(t, &s->manifest);
	}
	if (transfer_convert(t, &root, made ? made : s->manifest.json, &i->root, err) < 0)
		return gg_context(err, "image '%s'", s->name);
	if (!t->why && !gg_digest_eq(&root.digest, &i->root.digest))
		t->why = transfer_other_types(t);
	retype(t, &i->config);
	for (size_t k = 0; k < i->n_layers; k++)
		retype(t, &t->layers[k].blob);
	t->descriptor = transfer_describe(s->descriptor, &i->root);
	add_platform(t->descriptor, s->config.json);
	t->blobs = transport_image_list(i);
	t->n_blobs = i->n_blobs;
	return 0;
}

int transfer_make(const struct image_source *s, enum transfer_format format, struct transfer *ret,
		  struct gg_err *err)
{
	int r;

	ret->source = s;
	ret->format = format;
	ret->kept = gg_json_array();
	if (s->config.bytes)
		r = make_one(ret, err);
	else if (s->index.bytes)
		r = transfer_take_whole(ret, &s->index, s->descriptor, err);
	else
		r = transfer_take_several(ret, err);
	if (r < 0)
		return -1;
	ret->image.descriptor = ret->descriptor;
	ret->image.open = open_blob;
	ret->image.get = s->get ? get_blobs : NULL;
	ret->image.mount_host = s->mount_host;
	ret->image.mount_path = s->mount_path;
	ret->image.ctx = ret;
	return 0;
}
