/* SPDX-License-Identifier: Apache-2.0
 *
 * Downloads into the store: one job for a whole list, in parallel, each body checked against its digest while it
 * streams. What arrived is adopted one by one, and what has a digest grows where the next run finds it: a broken run
 * keeps what it has, to the byte. An error is that of the first file in
 * the list that could not be had; where several are gone from their server, it names them all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

struct session;

/* What it is, for the remedy in messages. */
enum download_kind { DOWNLOAD_URL, DOWNLOAD_RELEASE, DOWNLOAD_INDEX, DOWNLOAD_PACKAGE };

struct download {
	enum download_kind kind;
	const char *stage; /* PACKAGE: whose; borrowed */
	struct gg_pos pos; /* of what wants it, for errors */
	char *url;         /* owned */
	char *label;       /* owned: what messages call it */
	bool has_digest;
	struct gg_digest digest; /* wanted, or what came when has_digest is false */
	uint64_t size;           /* UINT64_MAX: unknown */
	uint64_t max_size;
	bool optional; /* an HTTP 404 is an answer: `absent` */
	bool done, absent;
};

struct downloads {
	struct download *v;
	size_t n, cap;
};
void downloads_done(struct downloads *d);
#define _cleanup_downloads_ GG_CLEANUP(downloads_done)
struct download *downloads_add(struct downloads *d, char *take_url, char *take_label);

/* The error for a list that --offline forbids. */
int downloads_refuse(const struct downloads *d, struct gg_err *err);

/* Starts the job; `arrived` is called for each that is in the store, `ended` once. The list must live until then and
 * not grow. */
struct download_job;
int download_start(struct session *s, struct downloads *d,
		   void (*arrived)(void *ctx, struct download *d),
		   void (*ended)(void *ctx, struct gg_err *err), void *ctx,
		   struct gg_err *err) GG_MUST_USE;
/* The same, waited for. */
int download_all(struct session *s, struct downloads *d, struct gg_err *err) GG_MUST_USE;
