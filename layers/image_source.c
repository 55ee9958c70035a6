/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image_source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_fields.h"
#include "layers/transport.h"

void image_bytes_done(struct image_bytes *b)
{
	gg_close(b->fd);
	b->fd = -1;
}

static void document_done(struct image_document *d)
{
	free(d->bytes);
	gg_json_unref(d->json);
}

void image_source_close(struct image_source *s)
{
	if (!s)
		return;
	if (s->close)
		s->close(s->ctx);
	gg_json_unref(s->descriptors);
	gg_json_unref(s->descriptor);
	document_done(&s->index);
	document_done(&s->manifest);
	document_done(&s->config);
	free(s->settings);
	free(s->layers);
	free(s->name);
	free(s->platform);
	free(s);
}

void image_source_closep(struct image_source **s)
{
	image_source_close(*s);
}

/* ---- documents ---- */

static int read_bytes(const struct image_bytes *b, char *to, struct gg_err *err)
{
	uint64_t done = 0;

	while (done < b->size) {
		ssize_t n = pread(b->fd, to + done, b->size - done, (off_t)(b->offset + done));

		if (n < 0)
			return gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends early");
		done += (uint64_t)n;
	}
	return 0;
}

static int check_digest(const struct image_blob *b, const struct gg_digest *found,
			struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	if (!b->addressed || gg_digest_eq(&b->digest, found))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "its digest is %s", gg_digest_text(found, text));
}

static int open_blob(image_open_fn *open, void *ctx, const struct image_blob *b,
		     struct image_bytes *ret, struct gg_err *err)
{
	if (open(ctx, b, ret, err) < 0)
		return -1;
	if (b->addressed && ret->size != b->size)
		return gg_fail(err, GG_INTEGRITY,
			       "it has %" PRIu64 " bytes, and the descriptor says %" PRIu64,
			       ret->size, b->size);
	return 0;
}

static int read_document(const struct image_source *s, const struct image_blob *b,
			 struct image_document *doc, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;
	struct gg_digest found;

	if (b->addressed && b->size > IMAGE_MAX_DOCUMENT)
		return image_document_too_large(b->size, err);
	if (open_blob(s->open, s->ctx, b, &bytes, err) < 0)
		return -1;
	if (bytes.size > IMAGE_MAX_DOCUMENT)
		return image_document_too_large(bytes.size, err);
	doc->blob = *b;
	doc->len = (size_t)bytes.size;
	doc->bytes = gg_alloc(doc->len + 1);
	doc->bytes[doc->len] = '\0';
	if (read_bytes(&bytes, doc->bytes, err) < 0)
		return -1;
	gg_digest_of(doc->bytes, doc->len, &found);
	if (check_digest(b, &found, err) < 0)
		return -1;
	doc->blob.digest = found;
	doc->blob.size = doc->len;
	doc->blob.addressed = true;
	doc->json = gg_json_parse(doc->bytes, doc->len, err);
	return doc->json ? 0 : -1;
}

int image_source_read(const struct image_source *s, const struct image_blob *b,
		      struct image_document *doc, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	if (read_document(s, b, doc, err) == 0)
		return 0;
	return b->member ? gg_context(err, "'%.200s'", b->member)
			 : gg_context(err, "blob %s", gg_digest_text(&b->digest, text));
}

int image_source_take_diff_ids(struct image_source *s, struct gg_err *err)
{
	const struct gg_json *ids;

	if (image_document_diff_ids(s->config.json, &ids, err) < 0)
		return -1;
	if (image_fields_check_config(s->config.json, err) < 0)
		return gg_context(err, "config");
	if (gg_json_len(ids) != s->n_layers)
		return gg_fail(err, GG_INTEGRITY,
			       "the manifest has layers: %zu, the config diff_ids: %zu",
			       s->n_layers, gg_json_len(ids));
	for (size_t i = 0; i < s->n_layers; i++) {
		if (image_document_digest(gg_json_text(gg_json_at(ids, i)), &s->layers[i].diff_id,
					  err) < 0)
			return gg_context(err, "config: diff_ids[%zu]", i);
	}
	return 0;
}

/* A manifest whose document is in place: config and layers. */
static int take_manifest(struct image_source *s, struct gg_err *err)
{
	const struct gg_json *layers = gg_json_get(s->manifest.json, "layers");
	struct image_blob config;

	if (image_document_blob(gg_json_get(s->manifest.json, "config"), &config, err) < 0)
		return gg_context(err, "manifest: config");
	if (image_document_check_config_type(config.media_type, err) < 0)
		return -1;
	s->n_layers = gg_json_len(layers);
	if (s->n_layers > IMAGE_MAX_LAYERS)
		return gg_fail(err, GG_INTEGRITY, "manifest: %zu layers, more than %d", s->n_layers,
			       IMAGE_MAX_LAYERS);
	s->layers = gg_calloc(s->n_layers, sizeof(*s->layers));
	for (size_t i = 0; i < s->n_layers; i++) {
		if (image_document_blob(gg_json_at(layers, i), &s->layers[i].blob, err) < 0 ||
		    image_document_check_layer_type(s->layers[i].blob.media_type, err) < 0)
			return gg_context(err, "manifest: layers[%zu]", i);
	}
	if (image_source_read(s, &config, &s->config, err) < 0)
		return -1;
	return image_source_take_diff_ids(s, err);
}

static int resolve(struct image_source *s, const struct gg_json *descriptors, unsigned depth,
		   struct gg_err *err);

/* The outermost index stays, with its descriptor when nothing is chosen from it. */
static int take_index(struct image_source *s, struct image_document *doc,
		      const struct gg_json *chosen, unsigned depth, struct gg_err *err)
{
	const struct gg_json *manifests = gg_json_get(doc->json, "manifests");
	int r = 0;

	if (s->whole) {
		s->descriptor = gg_json_ref((struct gg_json *)chosen);
	} else if (depth + 1 == IMAGE_MAX_DEPTH) {
		r = gg_fail(err, GG_INTEGRITY, "an index in an index, more than %d deep",
			    IMAGE_MAX_DEPTH);
	} else {
		r = resolve(s, manifests, depth + 1, err);
	}
	if (depth == 0)
		s->index = *doc;
	else
		document_done(doc);
	return r;
}

static int resolve(struct image_source *s, const struct gg_json *descriptors, unsigned depth,
		   struct gg_err *err)
{
	struct image_document doc = { 0 };
	const struct gg_json *chosen = NULL;
	enum image_document_kind kind;
	struct image_blob b;
	int r = image_document_choose(descriptors, s->platform, &chosen, err);

	if (r < 0 || image_document_blob(chosen, &b, err) < 0)
		return -1;
	r = image_source_read(s, &b, &doc, err);
	if (r == 0)
		r = image_document_check(&doc, &kind, err);
	if (r == 0 && kind == IMAGE_DOCUMENT_INDEX)
		return take_index(s, &doc, chosen, depth, err);
	s->descriptor = gg_json_ref((struct gg_json *)chosen);
	/* Its media type is borrowed from the index, which may go. */
	doc.blob.media_type = image_document_manifest_type(&doc);
	s->manifest = doc;
	return r < 0 ? -1 : take_manifest(s, err);
}

int image_source_resolve(struct image_source *s, const struct gg_json *descriptors,
			 struct gg_err *err)
{
	s->descriptors = gg_json_ref((struct gg_json *)descriptors);
	/* Several under one name: whoever wants all of them finds them there. */
	if (s->whole && gg_json_len(descriptors) > 1)
		return 0;
	return resolve(s, descriptors, 0, err);
}

/* ---- opening ---- */

static const char *machine_platform(void)
{
#if defined(__aarch64__)
	return "linux/arm64";
#else
	return "linux/amd64";
#endif
}

/* Who asks for a platform is not given another, also where only one image is there. */
static int check_platform(const struct image_source *s, struct gg_err *err)
{
	_cleanup_free_ char *have =
		gg_asprintf("%.40s/%.40s", gg_json_get_str(s->config.json, "os", ""),
			    gg_json_get_str(s->config.json, "architecture", ""));

	if (gg_starts(s->platform, have) &&
	    (!s->platform[strlen(have)] || s->platform[strlen(have)] == '/'))
		return 0;
	return gg_fail(err, GG_USAGE, "it is for %s, not for %s", have, s->platform);
}

static struct transport_settings *settings_of(const struct image_source_options *o)
{
	struct transport_settings *s = gg_zalloc(sizeof(*s));

	if (o && o->registry)
		s->registry = *o->registry;
	if (o)
		s->docker_host = o->docker_host;
	return s;
}

static struct image_source *new_source(const char *text, const struct image_source_options *o)
{
	struct image_source *s = gg_zalloc(sizeof(*s));

	s->name = gg_strdup(o && o->name ? o->name : text);
	s->platform = gg_strdup(o && o->platform ? o->platform : machine_platform());
	s->whole = o && o->whole;
	s->settings = settings_of(o);
	return s;
}

int image_source_list(const char *text, const struct image_source_options *options,
		      struct gg_json **ret, struct gg_err *err)
{
	_cleanup_image_source_ struct image_source *s = new_source(text, options);
	struct transport_target t = TRANSPORT_TARGET_INIT;
	int r = 0;

	*ret = NULL;
	if (transport_parse_source(text, &t, err) < 0)
		return -1;
	t.settings = s->settings;
	if (t.transport->list)
		r = t.transport->list(&t, s, ret, err);
	transport_target_done(&t);
	return r < 0 ? gg_context(err, "image '%s'", text) : 0;
}

int image_source_open(const char *text, const struct image_source_options *options,
		      struct image_source **ret, struct gg_err *err)
{
	_cleanup_image_source_ struct image_source *s = new_source(text, options);
	struct transport_target t = TRANSPORT_TARGET_INIT;
	int r;

	if (transport_parse_source(text, &t, err) < 0)
		return -1;
	t.settings = s->settings;
	r = t.transport->read(&t, s, err);
	transport_target_done(&t);
	if (r == 0 && options && options->platform)
		r = check_platform(s, err);
	if (r < 0)
		return gg_context(err, "image '%s'", s->name);
	*ret = gg_steal(&s);
	return 0;
}

/* ---- layers ---- */

struct layer_stream {
	const struct image_source *source; /* borrowed; NULL: a layer of no source */
	size_t index;
	struct image_layer layer;
	struct image_bytes bytes;
	struct archive_stream *archive;
	struct gg_hash *blob, *tar;
	bool ahead; /* a thread adds to `tar` */
};

void layer_stream_close(struct layer_stream *l)
{
	if (!l)
		return;
	archive_close(l->archive);
	image_bytes_done(&l->bytes);
	gg_hash_free(l->blob);
	gg_hash_free(l->tar);
	free(l);
}

void layer_stream_closep(struct layer_stream **l)
{
	layer_stream_close(*l);
}

struct archive_stream *layer_stream_archive(struct layer_stream *l)
{
	return l->archive;
}

struct gg_hash *layer_stream_hash(struct layer_stream *l)
{
	return l->ahead ? NULL : l->tar;
}

static int layer_context(const struct layer_stream *l, struct gg_err *err)
{
	return l->source ? gg_context(err, "image '%s': layer %zu", l->source->name, l->index) : -1;
}

/* The windows of gzip and zstd are small; xz may want gigabytes, and no image specification has it. */
int layer_check_kind(const struct image_bytes *b, struct gg_err *err)
{
	char magic[8];
	ssize_t n = pread(b->fd, magic, b->size < sizeof(magic) ? b->size : sizeof(magic),
			  (off_t)b->offset);

	if (n < 0)
		return gg_fail_errno(err, "read");
	switch (archive_kind_of(magic, (size_t)n)) {
	case ARCHIVE_PLAIN:
	case ARCHIVE_GZIP:
	case ARCHIVE_ZSTD:
		return 0;
	case ARCHIVE_XZ:
		return gg_fail(err, GG_INTEGRITY,
			       "it is compressed with xz, which no layer may be");
	case ARCHIVE_BZIP2:
		return gg_fail(err, GG_INTEGRITY,
			       "it is compressed with bzip2, which no layer may be");
	}
	return 0;
}

static int start(struct layer_stream *l, image_open_fn *open, void *ctx, unsigned flags,
		 struct gg_err *err)
{
	l->bytes.fd = -1;
	l->blob = flags & LAYER_STREAM_AGAIN ? NULL : gg_hash_new();
	l->tar = gg_hash_new();
	if (open_blob(open, ctx, &l->layer.blob, &l->bytes, err) < 0 ||
	    layer_check_kind(&l->bytes, err) < 0)
		return -1;
	if (archive_open_hashed(l->bytes.fd, l->bytes.offset, l->bytes.size, l->blob, &l->archive,
				err) < 0)
		return -1;
	l->ahead = flags & LAYER_STREAM_AHEAD;
	return l->ahead ? archive_read_ahead(l->archive, l->tar, err) : 0;
}

int layer_stream_open(const struct image_source *s, size_t layer, unsigned flags,
		      struct layer_stream **ret, struct gg_err *err)
{
	_cleanup_layer_stream_ struct layer_stream *l = gg_zalloc(sizeof(*l));

	l->source = s;
	l->index = layer;
	l->layer = s->layers[layer];
	if (start(l, s->open, s->ctx, flags, err) < 0)
		return layer_context(l, err);
	*ret = gg_steal(&l);
	return 0;
}

int layer_stream_open_blob(image_open_fn *open, void *ctx, const struct image_layer *layer,
			   unsigned flags, struct layer_stream **ret, struct gg_err *err)
{
	_cleanup_layer_stream_ struct layer_stream *l = gg_zalloc(sizeof(*l));

	l->layer = *layer;
	if (start(l, open, ctx, flags, err) < 0)
		return -1;
	*ret = gg_steal(&l);
	return 0;
}

int layer_stream_check(struct layer_stream *l, struct gg_err *err)
{
	const struct image_layer *layer = &l->layer;
	struct gg_digest blob = layer->blob.digest, tar;
	char text[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];

	if (l->blob)
		gg_hash_end(l->blob, &blob);
	gg_hash_end(l->tar, &tar);
	if (check_digest(&layer->blob, &blob, err) < 0) {
		gg_context(err, "blob %s", gg_digest_text(&layer->blob.digest, text));
	} else if (!gg_digest_eq(&tar, &layer->diff_id)) {
		gg_fail(err, GG_INTEGRITY, "its diffID is %s, and the config says %s",
			gg_digest_text(&tar, text), gg_digest_text(&layer->diff_id, want));
	} else {
		return 0;
	}
	return layer_context(l, err);
}
