/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing to a repository (distribution-spec 1.1: pushing, mounting, deleting). Blobs go in parallel. Each is asked for
 * first, mounted where its origin is known, and uploaded in one PUT after its POST; in chunks (PATCH) where the server
 * refuses that; continued where an upload broke, as far as the session says that it came, else begun anew, five times
 * with growing pauses. Manifests follow their blobs, tags come last. A blob is hashed on its way, and one that is not
 * what its descriptor says never becomes complete. A manifest with a subject, for a registry without referrers, enters the
 * index of the fallback tag: read, added to, written, read again.
 *
 * A session may be at another place than the registry: that gets no credentials, and must speak https (reliability N4).
 * Errors: GG_REMOTE for the registry, GG_INTEGRITY for blobs.
 */
#pragma once

#include <stdbool.h>

#include "layers/image_source.h"

struct registry;
struct registry_push;

struct registry_push *registry_push_new(struct registry *r); /* borrowed */
void registry_push_free(struct registry_push *p);
void registry_push_freep(struct registry_push **p);
#define _cleanup_registry_push_ GG_CLEANUP(registry_push_freep)
/* Begins to bring a blob up; twice the same is once. `open` is asked when its bytes are needed; mount_from, the path of a
 * repository of the same registry, may be NULL. */
int registry_push_add(struct registry_push *p, const struct image_blob *b, image_open_fn *open,
		      void *ctx, const char *mount_from, struct gg_err *err) GG_MUST_USE;
/* Until all that was added is there, or `wake` (-1: none) can be read; *ret_idle tells which. */
int registry_push_run(struct registry_push *p, int wake, bool *ret_idle,
		      struct gg_err *err) GG_MUST_USE;
/* Bytes of a manifest or index, under `tag`, or by digest when that is NULL. */
int registry_push_manifest(struct registry_push *p, const char *bytes, size_t len,
			   const char *media_type, const char *tag, struct gg_err *err) GG_MUST_USE;
/* Bytes that were sent, and blobs that need not be. */
void registry_push_count(const struct registry_push *p, uint64_t *ret_bytes, unsigned *ret_there);
/* A manifest, and with it every tag that names it; of the blobs the registry disposes. For r that was opened with
 * REGISTRY_DELETE. */
int registry_manifest_delete(struct registry *r, const struct gg_digest *d,
			     struct gg_err *err) GG_MUST_USE;
