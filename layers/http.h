/* SPDX-License-Identifier: Apache-2.0
 *
 * Downloads into files, on the ground that http_client.h shares: the one door to libcurl, which is loaded when the first transfer starts and not before. Transfers run in
 * parallel in the calling process (a child; libcurl starts threads). Redirects are followed by hand, at most 10,
 * https never to http; no cookies, no .netrc; http and https only (file: for tests and mirrors on disk).
 * Retries: 408, 429, 5xx and broken connections, 5 tries, 1-2-4-8 s with jitter, Retry-After honoured up to 5 minutes;
 * resumed by Range when the server answers 206 from the right offset. Connect 15 s, first byte 60 s, at least 1 KiB/s over
 * 60 s, and over the whole of a known size 32 KiB/s after 10 minutes.
 * So is a file that an earlier call left: what it holds is hashed first, and asked for is what follows; with a digest, the
 * next of the alternates goes on where the one before it ended.
 * A 401 is taken to the access's authorize, once; what an access gives stays with its origin, as http_client.h says.
 * A host that cannot be reached is tried 3 times in all, not 3 times a file. What is resumed has a digest or a strong
 * ETag; anything else starts over. Proxies come from the environment as with every curl program: http_proxy,
 * https_proxy, all_proxy, no_proxy.
 * Errors are GG_REMOTE and name the URL without user info and query; a body with the wrong size or digest is
 * GG_INTEGRITY; a URL that is not http, https or file is GG_USAGE.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct http_access;

struct http_request {
	const char *url;
	const char *const
		*alternates; /* tried in order after url fails for good; NULL-terminated or NULL */
	const struct http_access *access; /* of url (http_client.h); NULL: nobody's */
	/* Of each alternate, NULLs among them; NULL: nobody's. */
	const struct http_access *const *alternate_access;
	bool has_digest; /* the body must hash to `digest` */
	struct gg_digest digest;
	uint64_t size;     /* exact size in bytes, or UINT64_MAX when unknown */
	uint64_t max_size; /* error beyond this many bytes */
	int outfd;         /* the body is written here from offset 0; truncated on a restart */
	bool resume;       /* with a digest: what outfd holds already may be the body's beginning */
	/* results */
	struct gg_digest ret_digest;
	uint64_t ret_size;
	int ret_status;      /* last HTTP status, 0 before any answer */
	struct gg_err error; /* kind GG_OK on success */
};

struct http_options {
	unsigned parallel;      /* transfers at once; 0: 8 */
	const char *user_agent; /* NULL: "ggbuild/<version>" */
	const char *ca_file;    /* extra authorities, or NULL for the system's */
	unsigned retry_ms;      /* first wait before a retry, doubled each time; 0: 1000 */
	unsigned stall_s;       /* how long a transfer may stay below 1 KiB/s; 0: 60 */
	/* Called about 10 times a second and at the end of each request. */
	void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes, unsigned finished);
	void (*finished)(void *ctx, struct http_request *r); /* may be NULL */
	void *ctx;
};

/* Runs all; 0 when every request succeeded, else -1 with the first error (each request has its own). */
int http_fetch(struct http_request *requests, size_t n, const struct http_options *options,
	       struct gg_err *err) GG_MUST_USE;
/* Whether this program can do any of it: the library is loaded and let go. */
int http_load(struct gg_err *err) GG_MUST_USE;
