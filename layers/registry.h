/* SPDX-License-Identifier: Apache-2.0
 *
 * A repository in a registry: OCI distribution-spec 1.1 (and Docker's registry API v2), reading. Everything that comes is hashed against
 * the digest that was asked for; a tag's manifest against Docker-Content-Digest where the server sends one. Bearer tokens (token and OAuth2
 * flows), Basic, anonymous; a token is kept for its scope until it expires (monotonic clock) and asked for anew on a 401. A realm must be https, or of the
 * registry's own origin, and no address of a private network unless the registry's is the same (reliability N3). Locations and Links keep credentials only
 * within their origin (N4). URLs in manifests are not followed (N2). Mirrors are asked in order; credentials of one are never sent to another.
 * Errors: GG_REMOTE for the registry and what it does not have, GG_INTEGRITY for what it sends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"

struct gg_json;
struct http_access;
struct http_client;
struct http_exchange;
struct image_get;
struct reference;
struct registry_settings;

enum registry_use { REGISTRY_PULL = 1 << 0, REGISTRY_PUSH = 1 << 1, REGISTRY_DELETE = 1 << 2 };

struct registry;
/* Nothing is sent yet. `use` 0: for registry_ping alone, whatever the repository. */
int registry_open(const struct reference *r, unsigned use, const struct registry_settings *s,
		  struct registry **ret, struct gg_err *err) GG_MUST_USE;
void registry_close(struct registry *r);
void registry_closep(struct registry **r);
#define _cleanup_registry_ GG_CLEANUP(registry_closep)

/* Whether the registry itself takes our credentials. *ret_asked false: it lets anybody in. */
int registry_ping(struct registry *r, bool *ret_asked, struct gg_err *err) GG_MUST_USE;

struct registry_manifest {
	char *bytes; /* owned */
	size_t len;
	struct gg_digest digest;
	char *media_type; /* Content-Type without parameters; owned */
};
void registry_manifest_done(struct registry_manifest *m);
/* what: a tag, or "sha256:…". *ret_found false: 404. */
int registry_manifest_get(struct registry *r, const char *what, struct registry_manifest *ret,
			  bool *ret_found, struct gg_err *err) GG_MUST_USE;
/* Where the server gives no digest with HEAD, the manifest is read. */
int registry_manifest_head(struct registry *r, const char *what, struct gg_digest *ret,
			   bool *ret_found, struct gg_err *err) GG_MUST_USE;
/* Blobs into files, in parallel, resumed where they broke, verified. */
int registry_blobs_get(struct registry *r, struct image_get *v, size_t n,
		       struct gg_err *err) GG_MUST_USE;
/* All of them, over all pages (at most 1000 pages, 10^6 tags), as the registry orders them. */
int registry_tags(struct registry *r, struct gg_strv *ret, struct gg_err *err) GG_MUST_USE;
/* Descriptors of what refers to a manifest: the API's, else those of the fallback tag's index. */
int registry_referrers(struct registry *r, const struct gg_digest *d, struct gg_json **ret,
		       struct gg_err *err) GG_MUST_USE;

/* ---- for what writes (registry_push.h) ---- */
/* The place that is written to: "https://host:port/v2/PATH", borrowed, and its access. */
int registry_base(struct registry *r, const char **ret, struct gg_err *err) GG_MUST_USE;
const struct http_access *registry_access(const struct registry *r);
struct http_client *registry_client(const struct registry *r);
/* Puts another repository of the same registry into the token's scope (pull), for mounting from it. */
void registry_add_scope(struct registry *r, const char *path);
/* Which of these are there: all are asked for at once. */
int registry_blobs_have(struct registry *r, const struct gg_digest *v, size_t n, bool *ret_have,
			struct gg_err *err) GG_MUST_USE;
/* The error for an answer that is no success: its status, the registry's words, and what may help. */
int registry_refuses(const struct registry *r, const struct http_exchange *x, struct gg_err *err);
