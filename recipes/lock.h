/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock: what a recipe's inputs resolved to, by content. Canonical JSON (sorted keys, two-space indent,
 * final newline), no host names, no paths but pool paths, no user information. Pure: text in, text out.
 *
 *   { "lock": 1,
 *     "formats": { "tar": 1, "tree": 1,
 *        "gzip": { "format": 1, "library": "libdeflate 1.14", "level": 5, "block": 1048576, "golden": "sha256:…" },
 *        "zstd": { … } },
 *     "epoch": 1763716544,
 *     "platforms": { "linux/amd64": {
 *        "debian": { "<KEY>": { "distro": "debian", "suites": ["trixie", …], "components": […],
 *              "request": ["bash", …], "essential": true, "keyring": "…",
 *              "releases": [ { "suite": "trixie", "date": 1763716544, "sha256": "…" } ],
 *              "packages": [ { "name", "version", "architecture", "path": "pool/…", "suite", "size", "sha256" } ] } },
 *        "fetches": { "<DEFINITION hex>": { "name": "toolchain", "tree": "sha256:…" } },
 *        "images": { "<IMAGE KEY>": { "name": "library/ubuntu:24.04", "index": "sha256:…", "created": 1763716544,
 *              "manifest": { "media-type", "digest", "size" }, "config": { the same },
 *              "layers": [ { "media-type", "digest", "size", "diff-id" } ] } } } },
 *     "urls": { "<sha256 hex>": { "size": N } },
 *     "pieces": { "rustup@1": "sha256:…" } }
 *
 * <KEY> is the first 16 hex digits of the sha256 of the request's canonical text, so that equal requests of
 * two stages share one resolution and a changed package list is a new entry. Unknown keys are errors. <IMAGE KEY> is the
 * same of the reference as the recipe has it, with its transport; an image's name is for people, without a host, or the
 * file's. "index" is there when the reference led to one, "manifest" unless the place has none (docker-archive), "created"
 * when the config has a time after 1970; "images" itself when there are any.
 *
 * "gzip" and "zstd" say what compressed bytes come from: our format, and the library by what it makes of the golden block
 * (layers/golden.h) at this level; its name is for people. A lock without promises about a library has the format's
 * number instead of the object, as the first locks had.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/mem.h"

struct lock_package {
	const char *name, *version, *architecture;
	const char *path; /* pool path below the archive root of its suite's mirror */
	/* which of the entry's suites it came from (selects the archive: security or main) */
	const char *suite;
	uint64_t size;
	struct gg_digest sha256;
};

struct lock_release {
	const char *suite;
	int64_t date;            /* seconds */
	struct gg_digest sha256; /* of the InRelease file */
};

struct lock_distro {
	const char *key;
	const char *distro;
	struct gg_strv suites, components, request;
	int essential;            /* 0 or 1 */
	struct gg_digest keyring; /* sha256 of the recipe's `keyring:`; all zero: it names none */
	struct lock_release *releases;
	size_t n_releases;
	struct lock_package *packages; /* sorted by name */
	size_t n_packages;
};

struct lock_fetch {
	struct gg_digest definition;
	const char *name;
	struct gg_digest tree;
};

struct lock_blob {
	const char *media_type;
	struct gg_digest digest;
	uint64_t size;
};

struct lock_image_layer {
	struct lock_blob blob;
	struct gg_digest diff_id;
};

struct lock_image {
	const char *key, *name;
	struct gg_digest index;    /* all zero: the reference was no index */
	struct lock_blob manifest; /* digest all zero: there is none */
	struct lock_blob config;
	int64_t created;                 /* seconds; 0: not said */
	struct lock_image_layer *layers; /* bottom first */
	size_t n_layers;
};

struct lock_url {
	struct gg_digest sha256;
	uint64_t size;
};

struct lock_piece {
	const char *name; /* "rustup@1" */
	struct gg_digest sha256;
};

struct lock_platform {
	const char *name;            /* "linux/amd64" */
	struct lock_distro *distros; /* sorted by key */
	size_t n_distros;
	struct lock_fetch *fetches; /* sorted by definition */
	size_t n_fetches;
	struct lock_image *images; /* sorted by key */
	size_t n_images;
};

/* What compressed bytes come from. */
struct lock_compressor {
	int format;
	/* the rest only with a golden digest; all zero: none is known */
	struct gg_digest golden;
	const char *library; /* "libdeflate 1.14" */
	int level;           /* that the digest is for */
	uint64_t block;      /* bytes */
};

struct lock_formats {
	int tar, tree;
	struct lock_compressor gzip, zstd;
};

struct lock {
	struct gg_arena *arena; /* owns every string below; growing arrays are re-allocated in it */
	struct lock_formats formats;
	int64_t epoch; /* -1: not set yet */
	struct lock_platform *platforms;
	size_t n_platforms;
	struct lock_url *urls;
	size_t n_urls;
	struct lock_piece *pieces;
	size_t n_pieces;
};

struct lock *lock_new(void);
void lock_free(struct lock *l);
void lock_freep(struct lock **l);
#define _cleanup_lock_ GG_CLEANUP(lock_freep)

/* Strict: unknown keys, wrong types, unsorted or duplicate entries, weak digests are GG_LOCK errors that
 * name `file` and the path inside the document. */
int lock_parse(const char *file, const char *text, size_t len, struct lock **ret,
	       struct gg_err *err) GG_MUST_USE;
char *lock_text(const struct lock *l); /* canonical; owned by the caller */

struct lock_platform *lock_platform(struct lock *l, const char *name); /* creates it when absent */
/* Lookups return NULL when absent. */
struct lock_distro *lock_find_distro(const struct lock_platform *p, const char *key);
struct lock_fetch *lock_find_fetch(const struct lock_platform *p,
				   const struct gg_digest *definition);
struct lock_image *lock_find_image(const struct lock_platform *p, const char *key);
/* Add or replace; strings are copied into the lock's arena. */
void lock_put_distro(struct lock *l, struct lock_platform *p, const struct lock_distro *d);
void lock_put_fetch(struct lock *l, struct lock_platform *p, const struct lock_fetch *f);
void lock_put_image(struct lock *l, struct lock_platform *p, const struct lock_image *i);
void lock_put_url(struct lock *l, const struct lock_url *u);
void lock_put_piece(struct lock *l, const struct lock_piece *piece);
/* The entry key of a request: first 16 hex digits of the sha256 of its canonical text. */
char *lock_distro_key(const char *distro, const struct gg_strv *suites,
		      const struct gg_strv *components, const struct gg_strv *request,
		      int essential);
/* Of an image's reference, "docker://ubuntu:24.04". Owned by the caller. */
char *lock_image_key(const char *reference);
/* Human-readable difference, one line a change ("package curl 8.14.1-2 -> 8.14.1-3"), sorted; empty when equal. */
void lock_diff(const struct lock *from, const struct lock *to, struct gg_buf *ret);
/* Forgets one pin; false when there is none. */
bool lock_drop_fetch(struct lock_platform *p, const struct gg_digest *definition);
/* Forgets what was resolved for a platform, and what all of them share, so that it is resolved anew. Other platforms'
 * entries stay: each is resolved on its own machine. */
void lock_clear(struct lock *l, struct lock_platform *p);

/* What a recipe uses of a lock; hexadecimal digests without "sha256:". */
struct lock_use {
	struct gg_strv distros, images; /* keys */
	struct gg_strv fetches;         /* definitions */
	struct gg_strv urls, pieces;
};
void lock_use_done(struct lock_use *u);
/* Forgets what is not used; false when that is nothing. Of what is resolved for platforms only this one's. */
bool lock_prune(struct lock *l, struct lock_platform *p, const struct lock_use *use);
