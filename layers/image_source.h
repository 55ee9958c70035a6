/* SPDX-License-Identifier: Apache-2.0
 *
 * An image that is read: documents and layers of something that others wrote. image-spec v1.1 (manifest.md,
 * image-index.md, config.md, image-layout.md) and Docker's image manifest version 2, schema 2; `docker save` archives.
 *
 * Everything read is hostile. A document is at most IMAGE_MAX_DOCUMENT bytes of strict JSON (json.h); its bytes are
 * checked against digest and size before they are parsed; what it is follows from its own fields, which must agree with
 * the descriptor. An index is followed to the manifest of one platform, IMAGE_MAX_DEPTH deep. Layers are streams, whose
 * blob digest, size and diffID are checked when the stream ends. Nothing is extracted, and no URL in a document is followed.
 * Errors: GG_INTEGRITY for malformed documents and damaged blobs, GG_USAGE for a place or reference that is not there.
 *
 * How to come by one: image_source_open with a transport's text. A transport sets `open`, `close` and `ctx`, and calls
 * image_source_resolve with descriptors that it found, or fills config and layers itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct archive_stream;
struct gg_json;
struct registry_settings;
struct transport_settings;

enum {
	IMAGE_MAX_DOCUMENT = 4 << 20,
	IMAGE_MAX_LAYERS = 4096,
	IMAGE_MAX_DEPTH = 4, /* indexes on the way to a manifest */
};
#define IMAGE_MAX_LAYER_BYTES (64ull << 30) /* of one layer's tar */

/* What a descriptor says. */
struct image_blob {
	const char *media_type; /* borrowed */
	bool addressed;         /* digest and size are known: not in docker-archives of old */
	struct gg_digest digest;
	uint64_t size;
	const char *member; /* docker-archive: its name in there; else NULL. Borrowed */
};

/* Bytes that can be read at any place, by several threads. */
struct image_bytes {
	int fd; /* owned; -1: none */
	uint64_t offset, size;
};
void image_bytes_done(struct image_bytes *b);
#define _cleanup_image_bytes_ GG_CLEANUP(image_bytes_done)
#define IMAGE_BYTES_INIT                                                                           \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* Opens the bytes of a blob; what there is may be of another size than its descriptor says. */
typedef int image_open_fn(void *ctx, const struct image_blob *b, struct image_bytes *ret,
			  struct gg_err *err);

/* A blob into a file, from offset 0; whole and verified when it is done, not fsynced. */
struct image_get {
	const struct image_blob *blob;
	int outfd;
	bool done;
};
/* Several at once, as they come from a network. */
typedef int image_get_fn(void *ctx, struct image_get *v, size_t n, struct gg_err *err);

struct image_document {
	struct image_blob blob;
	char *bytes; /* as they were read; owned; NULL: the place has no such document */
	size_t len;
	struct gg_json *json; /* owned */
};

struct image_layer {
	struct image_blob blob;
	struct gg_digest diff_id;
};

struct image_source {
	char *name;     /* as the user wrote it */
	char *platform; /* "linux/amd64" or "linux/arm/v7": what is chosen from an index */
	bool whole;     /* nothing is chosen from an index: where there is one, the rest is empty */
	/* What the place lists under the reference, a JSON array; owned; NULL: docker-archive. */
	struct gg_json *descriptors;
	struct gg_json
		*descriptor; /* the one of the manifest, or of the index that is whole; owned */
	struct image_document index; /* the outermost that the manifest was chosen from, if any */
	struct image_document manifest, config; /* no manifest: docker-archive */
	struct image_layer *layers;             /* bottom first */
	size_t n_layers;

	/* The place. */
	image_open_fn *open;
	image_get_fn *get; /* NULL where `open` is as good */
	/* Where its blobs can be mounted from: "HOST[:PORT]" and the repository's path, of a registry; else NULL. Borrowed. */
	const char *mount_host, *mount_path;
	void (*close)(void *ctx); /* accepts NULL */
	void *ctx;
	struct transport_settings *settings; /* how places are spoken to; owned */
};

struct image_source_options {
	const char *platform; /* NULL: that of this machine; matters only where there are several */
	const char *name;     /* what messages call it; NULL: its text */
	bool whole;           /* as in struct image_source; platform is NULL */
	const struct registry_settings *registry; /* NULL: as files and environment say */
	const char *docker_host;                  /* as in struct transport_settings */
};

/* "oci:DIR[:REF]", "oci-archive:FILE[:REF]", "docker-archive:FILE[:REF]", or a path[:REF] of one of these, told apart by
 * what it holds. options may be NULL. */
int image_source_open(const char *text, const struct image_source_options *options,
		      struct image_source **ret, struct gg_err *err) GG_MUST_USE;
/* The images that a place without a reference holds, as in struct transport; *ret NULL: the text names one image. */
int image_source_list(const char *text, const struct image_source_options *options,
		      struct gg_json **ret, struct gg_err *err) GG_MUST_USE;
void image_source_close(struct image_source *s);
void image_source_closep(struct image_source **s);
#define _cleanup_image_source_ GG_CLEANUP(image_source_closep)

/* That a layer's blob is a kind of stream that a layer may be: plain, gzip or zstd. */
int layer_check_kind(const struct image_bytes *b, struct gg_err *err) GG_MUST_USE;

/* A layer's tar. Use it from one thread; several layers may be read at once. */
struct layer_stream;
enum layer_stream_flags {
	/* The blob was checked before: its digest is not looked at, and what is skipped is not read. */
	LAYER_STREAM_AGAIN = 1 << 0,
	LAYER_STREAM_AHEAD = 1 << 1, /* a thread decodes and hashes ahead of who reads */
};
int layer_stream_open(const struct image_source *s, size_t layer, unsigned flags,
		      struct layer_stream **ret, struct gg_err *err) GG_MUST_USE;
/* The same for a layer of no source; its errors do not say which layer. */
int layer_stream_open_blob(image_open_fn *open, void *ctx, const struct image_layer *layer,
			   unsigned flags, struct layer_stream **ret,
			   struct gg_err *err) GG_MUST_USE;
/* Decompressed; to be read to its end through an untar with layer_stream_hash, which is NULL with _AHEAD. Borrowed. */
struct archive_stream *layer_stream_archive(struct layer_stream *l);
struct gg_hash *layer_stream_hash(struct layer_stream *l);
/* After the end, when all of it was read and hashed: that blob and tar were what the documents say. */
int layer_stream_check(struct layer_stream *l, struct gg_err *err) GG_MUST_USE;
void layer_stream_close(struct layer_stream *l);
void layer_stream_closep(struct layer_stream **l);
#define _cleanup_layer_stream_ GG_CLEANUP(layer_stream_closep)

/* ---- for transports ---- */

/* Fills manifest, config and layers from one of `descriptors`, a JSON array of an index: that of s->platform. */
int image_source_resolve(struct image_source *s, const struct gg_json *descriptors,
			 struct gg_err *err) GG_MUST_USE;
/* At most IMAGE_MAX_DOCUMENT bytes of the blob, checked and parsed into doc. */
int image_source_read(const struct image_source *s, const struct image_blob *b,
		      struct image_document *doc, struct gg_err *err) GG_MUST_USE;
/* The diff_ids of s->config, one for each of the `n` layers, into s->layers. */
int image_source_take_diff_ids(struct image_source *s, struct gg_err *err) GG_MUST_USE;
