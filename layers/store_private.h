/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the store share with each other and with nobody else.
 *
 * Files are made in the handle's work directory below tmp/ (reclaimed by the next builder when this
 * one is killed) and renamed into place. Markers say that an inode's bytes were hashed since this
 * boot. They are written without fsync on purpose: a crash that loses one also changes the boot id
 * that would make it valid.
 */
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include "layers/base/fd.h"
#include "layers/store.h"

enum store_dir {
	STORE_BLOBS,
	STORE_TREES,
	STORE_ACTIONS,
	STORE_NAMES,
	STORE_NOTES,
	STORE_CACHES,
	STORE_LOCKS,
	STORE_VERIFIED,
	STORE_LOGS,
	STORE_PARTIAL,
	STORE_TMP_DIR,
	STORE_N_DIRS,
};

enum {
	STORE_TREE_NAME = 33, /* 32 hex digits and NUL */
	STORE_MARK_NAME = 72,
	STORE_USED_STEP = 3600, /* seconds: use is noted at most this often, so a build that does
				   nothing writes nothing */
	STORE_MAX_MANIFEST = 1024 * 1024 * 1024,
	STORE_MAX_RECORD = 64 * 1024 * 1024,
};

/* A record that appears at the end of its batch: `temp` of the work directory, then `name` of `dirfd`. */
struct store_pending {
	char *temp, *name;
	int dirfd;
};

struct store {
	char *path;
	char *ids; /* "" */
	int fd, lockfd;
	int dirs[STORE_N_DIRS];
	struct store_options options;
	pid_t pid;             /* a forked child never cleans up what its parent owns */
	struct store_tmp work; /* made by the first write */
	char boot[40];
	bool batch; /* what is adopted was synced when it began, and its names will be when it ends */
	struct store_pending *pending;
	size_t n_pending, cap_pending;
};

/* The handle's work directory, made at first use; -1 on failure. */
int store_work_fd(struct store *s, struct gg_err *err) GG_MUST_USE;
/* Directory `hex[0..1]` of one of the fanned-out directories, created when `create`. -1 with errno
 * ENOENT and no error object when it is absent and not to be created. */
int store_fan_open(struct store *s, enum store_dir dir, const char *hex, bool create,
		   struct gg_err *err) GG_MUST_USE;
/* A synced file of the work directory, or of any directory of the same file system, takes its final
 * name. *ret_existed: the name was there and was left alone. */
int store_commit(struct store *s, int fromfd, const char *from, int dirfd, const char *name,
		 unsigned flags, bool *ret_existed, struct gg_err *err) GG_MUST_USE;
/* Bytes to a file in the work directory, synced outside of a batch; *ret_name is its name there, owned by
 * the caller. */
int store_stage(struct store *s, const void *bytes, size_t len, mode_t mode, char **ret_name,
		struct gg_err *err) GG_MUST_USE;
/* In a batch: the file of the work directory takes its name when the batch ends. Takes `temp` and `dirfd`. */
void store_batch_add(struct store *s, char *temp, int dirfd, const char *name);
/* Forgets what a batch has not done. */
void store_batch_drop(struct store *s);
/* To tmp/ASIDE, whatever the mode of a directory of ours is: its ".." is written. -1 with errno. */
int store_move_aside(struct store *s, int dirfd, const char *name, const char *aside) GG_MUST_USE;
/* Moves a damaged object to tmp/bad-NAME-RANDOM and warns. */
void store_quarantine(struct store *s, int dirfd, const char *name, const char *why);
/* Notes use on a file whose times are `st`. */
void store_touch(int fd, const struct stat *st);

bool store_mark_good(struct store *s, const char *mark, const struct stat *st);
void store_mark_write(struct store *s, const char *mark, const struct stat *st);
/* Sets what store_touch would. */
void store_mark_set_used(struct store *s, const char *mark, int64_t used);
void store_mark_remove(struct store *s, const char *mark);
char *store_mark_tree(const struct gg_digest *d, char ret[STORE_MARK_NAME]);
char *store_tree_name(const struct gg_digest *d, char ret[STORE_TREE_NAME]);

enum store_check_flags {
	STORE_CHECK_FORCE = 1 << 0, /* read every byte whatever the marker says */
	STORE_CHECK_QUIET = 1 << 1, /* maintenance, not use: the time of last use stays */
};
/* 1 good, 0 absent (perhaps only since now: quarantined, named in *ret_bad when not NULL), -1
 * error. *ret_fd: open. */
int store_blob_check(struct store *s, const struct gg_digest *d, unsigned flags, int *ret_fd,
		     struct stat *ret_st, bool *ret_bad, struct gg_err *err) GG_MUST_USE;
int store_tree_check(struct store *s, const struct gg_digest *d, unsigned flags, int *ret_fd,
		     bool *ret_bad, struct gg_err *err) GG_MUST_USE;
int store_action_check(struct store *s, const struct gg_digest *key, unsigned flags,
		       struct gg_json **ret, struct gg_err *err) GG_MUST_USE;
/* Hashes what the directory holds against its manifest; *ret_why is NULL when all is well, else
 * owned by the caller. */
int store_tree_compare(int rootfd, const struct tree *t, char **ret_why,
		       struct gg_err *err) GG_MUST_USE;

enum store_kind {
	STORE_CACHE,
	STORE_ACTION,
	STORE_TREE,
	STORE_BLOB
}; /* in the order in which equals are evicted */

struct store_object {
	enum store_kind kind;
	struct gg_digest digest; /* of a tree without its manifest: the name's 16 bytes and zeros */
	uint64_t size;
	int64_t used; /* seconds since 1970: own use, and after marking that of the newest record
			 that refers to it */
	bool orphan;  /* nothing can ever use it: a tree without a manifest */
};
struct store_scan {
	struct store_object *v; /* sorted by kind and digest */
	size_t n, cap;
};
/* Caches, with their size on disk. */
int store_cache_scan(struct store *s, struct store_scan *ret, struct gg_err *err) GG_MUST_USE;
/* Its name, owned by the caller; NULL when it is damaged. */
char *store_cache_about(struct store *s, const struct gg_digest *d);
struct store_object *store_scan_add(struct store_scan *l, enum store_kind kind,
				    const struct gg_digest *d);
int store_scan(struct store *s, struct store_scan *ret, struct gg_err *err) GG_MUST_USE;
void store_scan_done(struct store_scan *l);
struct store_object *store_scan_find(struct store_scan *l, enum store_kind kind,
				     const struct gg_digest *d);
void store_scan_stats(const struct store_scan *l, struct store_stats *ret);

/* Calls fn for each name but "." and ".."; a non-zero return stops and is returned. */
int store_each(int dirfd, int (*fn)(void *ctx, int dirfd, const char *name, struct gg_err *err),
	       void *ctx, struct gg_err *err) GG_MUST_USE;
enum store_reclaim_flags {
	STORE_RECLAIM_ALL = 1 << 0,  /* also what is under no lock: nobody else is at the store */
	STORE_RECLAIM_WARN = 1 << 1, /* of what cannot be removed */
};
/* Removes what dead processes left in tmp/; with `everything` quarantined objects too. */
int store_tmp_reclaim(struct store *s, unsigned flags, struct gg_err *err) GG_MUST_USE;
