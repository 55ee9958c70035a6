/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: content-addressed blobs, unpacked trees, action records. One directory, mode 0700, owned by the
 * effective user; a store of another owner is refused.
 *
 *   format                     "ggbuild-store 1\n"
 *   lock                       flock: builders shared, gc exclusive
 *   blobs/sha256/<2 hex>/<64 hex>
 *   trees[-IDS]/<32 hex>/      root directory of an unpacked tree, named by its manifest's digest (first 128 bits);
 *                              in overlayfs's on-disk format (user.overlay.*, whiteouts 0/0), ids as the userns maps
 *   actions/<2 hex>/<64 hex>.json  {"check", "record"}: step key -> result; beside it .key, the canonical text whose
 *                              digest the key is
 *   names/<64 hex>             the newest key of a step, by the sha256 of its name
 *   caches[-IDS]/<64 hex>/     {about, data/}: a cache of steps, by the sha256 of its name, which `about` holds
 *   notes/<64 hex>             what was seen outside of the store, by the digest of what it is about
 *   locks/<64 hex>             flock: one download or execution per digest
 *   verified/<name>            what was fully hashed since this boot: device, inode, size, times
 *   logs/                      full logs of steps
 *   partial/<64 hex>           the beginning of a blob, perhaps: a download that was cut off; flocked while it goes on
 *   tmp/<random>/              private work of one process; tmp/<random>.lock, flocked for its life, lies outside of it
 *                              as the directory is given to another uid; stale: lock obtainable, reclaimed at open
 *
 * IDS says what ids on disk mean, for whom the inodes of trees and caches are made: nothing for root's shifted range
 * (owners on disk are those of the manifest, shifted), "FIRST-FIRST" for a user's subordinate ids (the first uid and
 * gid of the range that stands for 1…), "own" where every inode is the caller's. One meaning cannot be read as another,
 * so each has its directories, and a handle knows one: a tree that only another has is absent and made again, to the
 * same digest; everything else is shared. Maintenance is about the handle's own; but a collection also removes trees of
 * the others whose manifest is gone, where it has the right to.
 *
 * Objects appear whole or not at all: written in tmp, fsync, verify, rename without replacement, fsync of the
 * directory; EEXIST is success. Trees: one syncfs before the rename. In a batch syncfs stands for the fsyncs of all. Blobs are mode 0444, never hard-linked into an
 * output. Readers verify: every byte on first use per boot, afterwards the marker; what fails is moved aside
 * (quarantined under tmp/bad-…) and reported as absent with a warning in the log.
 * Errors: GG_SYSTEM for the machine, GG_INTEGRITY for damage.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/json.h"

struct store;
struct tree;

struct store_options {
	const char *ids; /* as above; NULL: as "" */
	bool exclusive;  /* gc: wait for and take the lock alone */
};
/* Creates the store (and its parents) when absent. */
int store_open(const char *path, const struct store_options *options, struct store **ret,
	       struct gg_err *err) GG_MUST_USE;
void store_close(struct store *s);
void store_closep(struct store **s);
#define _cleanup_store_ GG_CLEANUP(store_closep)
const char *store_path(const struct store *s);
/* From now on ids mean something else. */
int store_take_ids(struct store *s, const char *ids, struct gg_err *err) GG_MUST_USE;
/* Removes what killed builds left, as store_open does: once more by who has the rights of the ids in it, and then what
 * cannot be removed is warned of. */
int store_reclaim(struct store *s, struct gg_err *err) GG_MUST_USE;
/* Adds the remedy to the error of something that was to be written into the store, or of a command that ran on it:
 * its disk is full, or cannot be written to. */
void store_explain(const struct store *s, struct gg_err *err);

/* A private work directory below tmp/, given to `uid` (host id) with mode 0700. */
struct store_tmp {
	struct store *store;
	char *name;
	int fd;     /* the directory */
	int lockfd; /* flocked while it lives */
};
#define STORE_TMP_INIT                                                                             \
	{                                                                                          \
		.fd = -1, .lockfd = -1                                                             \
	}
int store_tmp_new(struct store *s, uint32_t uid, struct store_tmp *ret,
		  struct gg_err *err) GG_MUST_USE;
/* Removes the directory and everything in it. */
void store_tmp_done(struct store_tmp *t);
#define _cleanup_store_tmp_ GG_CLEANUP(store_tmp_done)

/* Blobs. */
bool store_blob_has(struct store *s, const struct gg_digest *d); /* cheap: presence, not content */
/* Opens for reading, verified as described above. Absent: GG_SYSTEM error with errnum ENOENT. */
int store_blob_open(struct store *s, const struct gg_digest *d, uint64_t *ret_size,
		    struct gg_err *err) GG_MUST_USE;
int store_blob_read(struct store *s, const struct gg_digest *d, size_t max, struct gg_buf *ret,
		    struct gg_err *err) GG_MUST_USE;
int store_blob_put(struct store *s, const void *bytes, size_t len, struct gg_digest *ret,
		   struct gg_err *err) GG_MUST_USE;
/* Takes file `name` of directory `dirfd` (on the store's file system) as blob `d`: chown to the store's owner, chmod
 * 0444, fsync, rename. The content was hashed while it was written; `size` is compared. */
int store_blob_adopt(struct store *s, int dirfd, const char *name, const struct gg_digest *d,
		     uint64_t size, struct gg_err *err) GG_MUST_USE;

/* What there is of a blob that is being downloaded, kept for the next who wants it; nothing vouches for its bytes.
 * *ret is the file, locked while it is open, or -1 when somebody else is at it. */
int store_partial_open(struct store *s, const struct gg_digest *d, int *ret,
		       struct gg_err *err) GG_MUST_USE;
/* The open file is whole: store_blob_adopt. */
int store_partial_adopt(struct store *s, const struct gg_digest *d, uint64_t size,
			struct gg_err *err) GG_MUST_USE;
/* Closes it; an empty file goes. */
void store_partial_close(struct store *s, const struct gg_digest *d, int fd);

/* Trees. The manifest is blob `digest`; the directory holds the content. */
bool store_tree_has(struct store *s, const struct gg_digest *d);
int store_tree_manifest(struct store *s, const struct gg_digest *d, struct tree **ret,
			struct gg_err *err) GG_MUST_USE;
/* The root directory, O_PATH-free (usable for openat and as an overlay layer by /proc/self/fd). Marks it used. */
int store_tree_open(struct store *s, const struct gg_digest *d, struct gg_err *err) GG_MUST_USE;
/* Takes directory `name` of `dirfd` as the tree with this manifest text. syncfs, then the manifest, then the rename. */
int store_tree_adopt(struct store *s, int dirfd, const char *name, const char *manifest, size_t len,
		     struct gg_digest *ret, struct gg_err *err) GG_MUST_USE;

/* Actions: records by key. `text` is the canonical text whose sha256 is the key. */
int store_action_get(struct store *s, const struct gg_digest *key, struct gg_json **ret,
		     struct gg_err *err) GG_MUST_USE; /* *ret NULL when absent */
int store_action_put(struct store *s, const struct gg_digest *key, const char *text,
		     const struct gg_json *record, struct gg_err *err) GG_MUST_USE;
int store_action_text(struct store *s, const struct gg_digest *key, struct gg_buf *ret,
		      struct gg_err *err) GG_MUST_USE;
/* The newest key under a name ("RECIPE:STEP"), so that explain can compare; replaced atomically. */
int store_name_get(struct store *s, const char *name, struct gg_digest *ret, bool *ret_found,
		   struct gg_err *err) GG_MUST_USE;
int store_name_put(struct store *s, const char *name, const struct gg_digest *key,
		   struct gg_err *err) GG_MUST_USE;

/* Notes: what was seen outside of the store, for speed alone: a note that is absent, old or damaged (it carries its
 * own digest) is no error, nor is one that cannot be written. ret is untouched when false. */
bool store_note_get(struct store *s, const struct gg_digest *about, struct gg_buf *ret);
void store_note_put(struct store *s, const struct gg_digest *about, const void *bytes, size_t len);

/* Caches: directories that steps find again as they left them, by name; for speed alone, and for one at a time. In
 * ret->fd is the directory, given to `uid` (host id) when it is made; -1 when somebody else has it. */
struct store_cache {
	int fd, lockfd;
};
#define STORE_CACHE_INIT                                                                           \
	{                                                                                          \
		.fd = -1, .lockfd = -1                                                             \
	}
int store_cache_take(struct store *s, const char *name, uint32_t uid, struct store_cache *ret,
		     struct gg_err *err) GG_MUST_USE;
void store_cache_release(struct store_cache *c);

/* A batch: many small objects cost three syncfs instead of ten fsyncs each. Begin it when all that will be adopted has
 * been written; adopt and record as usual; the records appear at its end, when what they name is on the disk. A batch
 * that fails, or that is not ended before the store is closed, leaves objects without records: harmless. */
int store_batch_begin(struct store *s, struct gg_err *err) GG_MUST_USE;
int store_batch_end(struct store *s, struct gg_err *err) GG_MUST_USE;

/* Work locks: one worker per digest among all processes. try: *ret is the lock or -1 when somebody holds it. */
int store_lock_try(struct store *s, const struct gg_digest *d, int *ret,
		   struct gg_err *err) GG_MUST_USE;
void store_lock_release(int lockfd);

/* A new log file for a step: logs/<key 16 hex>-<random>; path is owned by the caller. */
int store_log_new(struct store *s, const struct gg_digest *key, char **ret_path,
		  struct gg_err *err) GG_MUST_USE;

/* Maintenance. */
struct store_stats {
	uint64_t blobs, blob_bytes, trees, tree_bytes, actions, caches, cache_bytes, removed,
		removed_bytes, bad;
};
/* {"path", "blobs", "trees", "actions", "caches"}, each of the four {"count", "bytes", "entries": [{"digest", "size",
 * "used": seconds since 1970}]}; an action's entry has its "record" too, a cache's its "name", a tree without manifest
 * "orphan": true. */
int store_list(struct store *s, struct gg_json *ret_object, struct store_stats *ret,
	       struct gg_err *err) GG_MUST_USE;
/* Hashes everything; bad objects are quarantined and named in ret_bad. */
int store_verify(struct store *s, struct gg_strv *ret_bad, struct store_stats *ret,
		 struct gg_err *err) GG_MUST_USE;
/* Removes what was not used within `keep_ns` (caches too), itself or by an action record that refers to it, the oldest first, until
 * the store is at most `max_bytes` (0: no bound; then everything unused goes). Stale tmp, quarantined objects, trees
 * without manifest, old logs and partial downloads, lock files and lost markers always go. Needs an exclusive store. The counts of ret are
 * what is left. */
int store_gc(struct store *s, uint64_t keep_ns, uint64_t max_bytes, struct store_stats *ret,
	     struct gg_err *err) GG_MUST_USE;
