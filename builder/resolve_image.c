/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/resolve_image.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/bundle_job.h"
#include "builder/image_place.h"
#include "builder/job.h"
#include "builder/session.h"
#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/image_config.h"
#include "layers/image_source.h"
#include "layers/oci.h"
#include "layers/store.h"
#include "recipes/lock.h"

enum { BLOCK = 1 << 20 };

struct resolving {
	struct session *session;
	const char *reference, *platform;
	struct store_tmp tmp;
};

/* ---- in the child ---- */

static struct gg_json *blob_json(const struct image_blob *b, const char *media_type)
{
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "media-type", media_type);
	gg_json_set_str(o, "digest", gg_digest_text(&b->digest, text));
	gg_json_set_int(o, "size", (int64_t)b->size);
	return o;
}

static int keep_document(const struct resolving *r, const char *name,
			 const struct image_document *doc, const char *media_type,
			 struct gg_json *result, struct gg_err *err)
{
	gg_json_take(
		result, name,
		blob_json(&doc->blob, doc->blob.media_type ? doc->blob.media_type : media_type));
	return gg_write_file(r->tmp.fd, name, doc->bytes, doc->len, 0600, 0, err);
}

static const char *type_of(const char *block, size_t len)
{
	switch (archive_kind_of(block, len)) {
	case ARCHIVE_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case ARCHIVE_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	case ARCHIVE_PLAIN:
	case ARCHIVE_XZ:
	case ARCHIVE_BZIP2:
		break;
	}
	return "application/vnd.oci.image.layer.v1.tar";
}

/* Of a place that names its layers otherwise: its bytes say what it is. */
static int keep_layer(const struct resolving *r, const struct image_source *s, size_t i,
		      struct image_blob *ret, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(BLOCK);
	_cleanup_close_ int to = -1;
	char name[32];

	snprintf(name, sizeof(name), "layer-%zu", i);
	if (s->open(s->ctx, &s->layers[i].blob, &bytes, err) < 0)
		return -1;
	to = gg_openat(r->tmp.fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (to < 0)
		return -1;
	for (uint64_t done = 0; done < bytes.size;) {
		size_t want = bytes.size - done < BLOCK ? (size_t)(bytes.size - done) : BLOCK;
		ssize_t n = pread(bytes.fd, block, want, (off_t)(bytes.offset + done));

		if (n < 0)
			return gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends early");
		if (done == 0)
			ret->media_type = type_of(block, (size_t)n);
		gg_hash_add(hash, block, (size_t)n);
		if (gg_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		done += (uint64_t)n;
	}
	if (bytes.size == 0)
		return gg_fail(err, GG_INTEGRITY, "it is empty");
	gg_hash_end(hash, &ret->digest);
	ret->size = bytes.size;
	return 0;
}

static int list_layers(const struct resolving *r, const struct image_source *s,
		       struct gg_json *result, struct gg_err *err)
{
	struct gg_json *layers = gg_json_array();

	gg_json_take(result, "layers", layers);
	for (size_t i = 0; i < s->n_layers; i++) {
		struct image_blob b = s->layers[i].blob;
		struct gg_json *layer;
		char text[GG_DIGEST_TEXT];

		if (!b.addressed && keep_layer(r, s, i, &b, err) < 0)
			return gg_context(err, "layer %zu", i);
		layer = blob_json(&b, b.media_type);
		gg_json_set_str(layer, "diff-id", gg_digest_text(&s->layers[i].diff_id, text));
		gg_json_set_bool(layer, "kept", !b.addressed);
		gg_json_append_take(layers, layer);
	}
	return 0;
}

/* What a reference with a digest leads to, directly or through an index. */
static int check_digest(const struct resolving *r, const struct image_source *s, struct gg_err *err)
{
	const char *at = strstr(r->reference, "@sha256:");
	struct gg_digest want;

	if (!at)
		return 0;
	if (gg_digest_parse(at + 1, &want, err) < 0)
		return -1;
	if (gg_digest_eq(&want, &s->index.blob.digest) ||
	    gg_digest_eq(&want, &s->manifest.blob.digest))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "it is another image than the digest names");
}

static int work(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct resolving *r = ctx;
	_cleanup_image_place_ struct image_place place = IMAGE_PLACE_INIT;
	char text[GG_DIGEST_TEXT];
	struct image_source *s;

	(void)port;
	if (image_place_open(r->session, r->reference, r->platform, NULL, &place, err) < 0)
		return -1;
	s = place.source;
	if (check_digest(r, s, err) < 0 || image_config_check(s->config.json, err) < 0)
		return gg_context(err, "image '%s'", r->reference);
	if (s->index.bytes)
		gg_json_set_str(result, "index", gg_digest_text(&s->index.blob.digest, text));
	if (s->manifest.bytes &&
	    keep_document(r, "manifest", &s->manifest, OCI_MANIFEST_TYPE, result, err) < 0)
		return -1;
	gg_json_set_int(result, "created", image_config_created(s->config.json));
	if (keep_document(r, "config", &s->config, OCI_CONFIG_TYPE, result, err) < 0)
		return -1;
	if (list_layers(r, s, result, err) < 0)
		return gg_context(err, "image '%s'", r->reference);
	return 0;
}

/* ---- and back ---- */

static int take_blob(const struct gg_json *o, struct lock_blob *ret, struct gg_err *err)
{
	ret->media_type = gg_json_get_str(o, "media-type", "");
	ret->size = (uint64_t)gg_json_get_int(o, "size", 0);
	return gg_digest_parse(gg_json_get_str(o, "digest", ""), &ret->digest, err);
}

static int adopt(const struct resolving *r, const char *name, const struct lock_blob *b,
		 struct gg_err *err)
{
	return store_blob_adopt(r->session->store, r->tmp.fd, name, &b->digest, b->size, err);
}

static int take_layers(const struct resolving *r, const struct gg_json *list,
		       struct lock_image *image, struct gg_err *err)
{
	for (size_t i = 0; i < image->n_layers; i++) {
		const struct gg_json *o = gg_json_at(list, i);
		struct lock_image_layer *layer = &image->layers[i];
		char name[32];

		snprintf(name, sizeof(name), "layer-%zu", i);
		if (take_blob(o, &layer->blob, err) < 0 ||
		    gg_digest_parse(gg_json_get_str(o, "diff-id", ""), &layer->diff_id, err) < 0)
			return -1;
		if (gg_json_get_bool(o, "kept", false) && adopt(r, name, &layer->blob, err) < 0)
			return -1;
	}
	return 0;
}

static int take(const struct resolving *r, const struct gg_json *result, struct lock *lock,
		struct lock_platform *platform, struct gg_err *err)
{
	_cleanup_free_ char *key = lock_image_key(r->reference),
			    *name = image_place_name(r->reference);
	const struct gg_json *layers = gg_json_get(result, "layers");
	_cleanup_free_ struct lock_image_layer *list =
		gg_calloc(gg_json_len(layers) + 1, sizeof(*list));
	struct lock_image image = { .key = key,
				    .name = name,
				    .created = gg_json_get_int(result, "created", 0),
				    .layers = list,
				    .n_layers = gg_json_len(layers) };

	if (gg_json_get(result, "index") &&
	    gg_digest_parse(gg_json_get_str(result, "index", ""), &image.index, err) < 0)
		return -1;
	if (gg_json_get(result, "manifest") &&
	    (take_blob(gg_json_get(result, "manifest"), &image.manifest, err) < 0 ||
	     adopt(r, "manifest", &image.manifest, err) < 0))
		return -1;
	if (take_blob(gg_json_get(result, "config"), &image.config, err) < 0 ||
	    adopt(r, "config", &image.config, err) < 0 || take_layers(r, layers, &image, err) < 0)
		return -1;
	lock_put_image(lock, platform, &image);
	return 0;
}

int resolve_image(struct session *s, const char *reference, struct gg_pos pos, struct lock *lock,
		  struct lock_platform *platform, struct gg_err *err)
{
	struct resolving r = { .session = s,
			       .reference = reference,
			       .platform = platform->name,
			       .tmp = STORE_TMP_INIT };
	_cleanup_free_ char *title = gg_asprintf("resolve %s", reference);
	struct bundle_job job GG_CLEANUP(
		bundle_job_done) = { .name = title, .run = work, .ctx = &r };
	int result = -1;

	if (s->offline && image_place_is_remote(reference)) {
		gg_fail_at(err, GG_REMOTE, pos,
			   "image '%s' is not in the lock and --offline forbids every connection",
			   reference);
		return gg_hint(err, "run `ggbuild lock` for this recipe where there is a network");
	}
	if (store_tmp_new(s->store, geteuid(), &r.tmp, err) == 0 &&
	    bundle_job_start(s, &job, err) == 0 && bundle_job_wait(s, &job, err) == 0)
		result = take(&r, job.result, lock, platform, err);
	store_tmp_done(&r.tmp);
	if (result < 0 && !err->pos.file)
		err->pos = pos;
	return result;
}
