/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of a push: the queue (registry_push.c) and one blob's way up (registry_upload.c).
 */
#pragma once

#include "layers/registry_private.h"
#include "layers/registry_push.h"

enum upload_state {
	UPLOAD_WAITS,
	UPLOAD_ASKS,     /* HEAD */
	UPLOAD_STARTS,   /* POST */
	UPLOAD_SENDS,    /* PUT of everything */
	UPLOAD_CHUNK,    /* PATCH */
	UPLOAD_ENDS,     /* PUT of nothing */
	UPLOAD_LOOKS,    /* GET of the session: how far did it come? */
	UPLOAD_CONFIRMS, /* HEAD after an answer was lost */
	UPLOAD_DONE,
};

struct upload {
	struct registry_push *push;
	struct image_blob blob; /* its media type is not used */
	image_open_fn *open;
	void *ctx;
	char *mount_from; /* NULL: nowhere */
	enum upload_state state;

	struct http_exchange x;
	char *url, *content_range; /* of the request */
	const char *headers[4];
	char *session; /* URL of the upload; NULL: there is none */

	struct image_bytes bytes;
	struct gg_hash *hash;
	uint64_t hashed;   /* bytes */
	uint64_t offset;   /* that the session has */
	uint64_t len;      /* of the body under way */
	uint64_t sent;     /* furthest byte that was sent, for progress */
	uint64_t chunk;    /* bytes; 0: everything in one PUT */
	unsigned breaks;   /* how often it broke */
	unsigned pause_ms; /* before the next request */
};

struct registry_push {
	struct registry *registry;
	const char *base;
	struct upload **v;
	size_t n, cap, next; /* next: first that waits */
	unsigned running, parallel, there;
	struct gg_err problem; /* the first */
	int64_t told;          /* ms: progress */
};

void upload_start(struct upload *u);
/* Drops what is under way. */
void upload_free(struct upload *u);
/* upload.c's to registry_push.c: it has ended, well or with `problem` (taken; may be NULL). */
void registry_push_ended(struct registry_push *p, struct gg_err *problem);
void registry_push_tell(struct registry_push *p, bool now);
