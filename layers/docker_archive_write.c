/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_archive_write.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/spool.h"
#include "layers/tar.h"
#include "layers/transport_private.h"
#include "layers/tree.h"

enum { BLOCK = 1 << 20 };

struct writer {
	const struct transport_image *image;
	const struct docker_archive_options *o;
};

/* Where a layer's tar goes while it is decompressed. */
typedef int sink_fn(void *ctx, const void *bytes, size_t len, struct gg_err *err);

static int put(const struct writer *w, const void *bytes, size_t len, struct gg_err *err)
{
	return w->o->write(w->o->ctx, bytes, len, err);
}

static int header(const char *name, uint64_t size, struct gg_buf *ret, struct gg_err *err)
{
	struct tree_entry e = { .path = name, .type = TREE_FILE, .mode = 0644, .size = size };

	ret->len = 0;
	return tar_entry(&e, 0, ret, err);
}

static int put_header(const struct writer *w, const char *name, uint64_t size, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf head = { 0 };

	return header(name, size, &head, err) < 0 ? -1 : put(w, head.data, head.len, err);
}

static int put_padding(const struct writer *w, uint64_t size, struct gg_err *err)
{
	return put(w, tar_zeros, tar_padding(size), err);
}

static int put_text(const struct writer *w, const char *name, const char *text, size_t len,
		    struct gg_err *err)
{
	if (put_header(w, name, len, err) < 0 || put(w, text, len, err) < 0)
		return -1;
	return put_padding(w, len, err);
}

/* ---- documents ---- */

static char *member(const struct gg_digest *d, const char *suffix)
{
	char hex[GG_DIGEST_HEX];

	return gg_asprintf("%s%s", gg_digest_hex(d, hex), suffix);
}

static int put_manifest(const struct writer *w, struct gg_err *err)
{
	struct gg_json *image = gg_json_object(), *layers = gg_json_array(),
		       *tags = gg_json_array();
	_cleanup_json_ struct gg_json *list = gg_json_array();
	_cleanup_free_ char *config = member(&w->image->config.digest, ".json"), *text = NULL;

	for (size_t i = 0; i < w->image->n_layers; i++) {
		_cleanup_free_ char *name = member(&w->image->layers[i].diff_id, ".tar");

		gg_json_append_str(layers, name);
	}
	if (w->o->name)
		gg_json_append_str(tags, w->o->name);
	gg_json_set_str(image, "Config", config);
	gg_json_take(image, "Layers", layers);
	gg_json_take(image, "RepoTags", tags);
	gg_json_append_take(list, image);
	text = gg_json_compact(list);
	return put_text(w, "manifest.json", text, strlen(text), err);
}

static int put_config(const struct writer *w, struct gg_err *err)
{
	_cleanup_free_ char *name = member(&w->image->config.digest, ".json");
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (transport_read_blob(w->image, &w->image->config, IMAGE_MAX_DOCUMENT, &text, err) < 0)
		return -1;
	return put_text(w, name, text.data, text.len, err);
}

/* ---- layers ---- */

static int decompress(const struct writer *w, const struct image_layer *layer, sink_fn *sink,
		      void *ctx, uint64_t *ret_size, struct gg_err *err)
{
	_cleanup_layer_stream_ struct layer_stream *l = NULL;
	uint64_t size = 0;

	if (layer_stream_open_blob(w->image->open, w->image->ctx, layer,
				   w->image->verified ? LAYER_STREAM_AGAIN : 0, &l, err) < 0 ||
	    archive_read_ahead(layer_stream_archive(l), NULL, err) < 0)
		return -1;
	for (;;) {
		const void *bytes;
		size_t len;

		if (archive_next(layer_stream_archive(l), &bytes, &len, err) < 0)
			return -1;
		if (len == 0)
			break;
		size += len;
		if (size > IMAGE_MAX_LAYER_BYTES)
			return gg_fail(err, GG_INTEGRITY, "it holds more than %llu bytes",
				       IMAGE_MAX_LAYER_BYTES);
		/* Here and not there: decoding costs about as much as this and the sink. */
		gg_hash_add(layer_stream_hash(l), bytes, len);
		if (sink(ctx, bytes, len, err) < 0)
			return -1;
	}
	*ret_size = size;
	return layer_stream_check(l, err);
}

static int sink_file(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	return put(ctx, bytes, len, err);
}

/* The header is written when the size is known; one of another length than was left for it (8 GiB and more) means
 * doing it all again. */
static int layer_into_file(const struct writer *w, const struct image_layer *layer,
			   const char *name, struct gg_err *err)
{
	off_t start = lseek(w->o->fd, 0, SEEK_CUR);
	_cleanup_buf_ struct gg_buf head = { 0 };
	uint64_t size = 0;
	size_t left = 0;

	if (start < 0)
		return gg_fail_errno(err, "seek");
	if (header(name, 0, &head, err) < 0)
		return -1;
	while (head.len != left) {
		left = head.len;
		if (ftruncate(w->o->fd, start) < 0 || lseek(w->o->fd, start, SEEK_SET) < 0)
			return gg_fail_errno(err, "seek");
		if (put(w, head.data, head.len, err) < 0 ||
		    decompress(w, layer, sink_file, (void *)w, &size, err) < 0 ||
		    header(name, size, &head, err) < 0)
			return -1;
	}
	if (pwrite(w->o->fd, head.data, head.len, start) != (ssize_t)head.len)
		return gg_fail_errno(err, "write");
	return put_padding(w, size, err);
}

static int put_range(const struct writer *w, const struct image_bytes *b, struct gg_err *err)
{
	_cleanup_free_ char *block = gg_alloc(BLOCK);
	uint64_t done = 0;

	while (done < b->size) {
		size_t want = b->size - done < BLOCK ? (size_t)(b->size - done) : BLOCK;
		ssize_t n = pread(b->fd, block, want, (off_t)(b->offset + done));

		if (n < 0)
			return gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends early");
		if (put(w, block, (size_t)n, err) < 0)
			return -1;
		done += (uint64_t)n;
	}
	return put_padding(w, b->size, err);
}

static int sink_spool(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	return spool_add(*(int *)ctx, bytes, len, err);
}

static int layer_into_stream(const struct writer *w, const struct image_layer *layer,
			     const char *name, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes tar = IMAGE_BYTES_INIT;

	tar.fd = spool_open(err);
	if (tar.fd < 0 || decompress(w, layer, sink_spool, &tar.fd, &tar.size, err) < 0 ||
	    put_header(w, name, tar.size, err) < 0)
		return -1;
	return put_range(w, &tar, err);
}

/* The blob itself, where an engine decompresses it. */
static int layer_as_is(const struct writer *w, const struct image_layer *layer, const char *name,
		       bool *ret_done, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes b = IMAGE_BYTES_INIT;
	char magic[8];
	ssize_t n;

	if (transport_open_blob(w->image, &layer->blob, &b, err) < 0)
		return -1;
	n = pread(b.fd, magic, b.size < sizeof(magic) ? b.size : sizeof(magic), (off_t)b.offset);
	if (n < 0)
		return gg_fail_errno(err, "read");
	*ret_done = archive_kind_of(magic, (size_t)n) == ARCHIVE_GZIP;
	if (!*ret_done)
		return 0;
	if (!w->image->verified && transport_verify(&b, &layer->blob, err) < 0)
		return -1;
	if (put_header(w, name, b.size, err) < 0)
		return -1;
	return put_range(w, &b, err);
}

/* The layers that have a member: each once. */
static bool is_member(const struct transport_image *image, const struct docker_archive_options *o,
		      size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (gg_digest_eq(&image->layers[k].diff_id, &image->layers[i].diff_id))
			return false;
	return !o->leave_out || !o->leave_out(o->ctx, i);
}

static int put_layer(const struct writer *w, const struct image_layer *layer, struct gg_err *err)
{
	_cleanup_free_ char *name = member(&layer->diff_id, ".tar");
	bool done = false;

	if (w->o->as_is && layer_as_is(w, layer, name, &done, err) < 0)
		return -1;
	if (done)
		return 0;
	return w->o->fd >= 0 ? layer_into_file(w, layer, name, err)
			     : layer_into_stream(w, layer, name, err);
}

int docker_archive_write(const struct transport_image *image,
			 const struct docker_archive_options *o, struct gg_err *err)
{
	_cleanup_transport_gathered_ struct transport_gathered local = TRANSPORT_GATHERED_INIT;
	_cleanup_free_ struct image_blob *wanted = gg_calloc(image->n_layers + 1, sizeof(*wanted));
	struct writer w = { .image = &local.image, .o = o };
	size_t n = 0;

	wanted[n++] = image->config;
	for (size_t i = 0; i < image->n_layers; i++)
		if (is_member(image, o, i))
			wanted[n++] = image->layers[i].blob;
	if (transport_gather(image, wanted, n, o->dir, &local, err) < 0 ||
	    put_manifest(&w, err) < 0 || put_config(&w, err) < 0)
		return -1;
	for (size_t i = 0; i < image->n_layers; i++)
		if (is_member(image, o, i) && put_layer(&w, &image->layers[i], err) < 0)
			return gg_context(err, "layer %zu", i);
	return put(&w, tar_zeros, TAR_END, err);
}
