/* SPDX-License-Identifier: Apache-2.0
 *
 * Garbage collection: records mark what they refer to with their own last use; then everything not
 * used within keep_ns goes, oldest first. Among equals a record goes before the trees and blobs
 * that it names, so that a collection that is killed leaves no record without its objects.
 */
#include "layers/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/log.h"

enum { JSON_DEPTH = 64 };

struct gc {
	struct store *s;
	struct store_scan list;
	struct store_stats *stats;
	int64_t cutoff; /* seconds since 1970: what was used later stays */
	uint64_t total; /* bytes */
};

static void mark_one(struct gc *g, const char *text, int64_t used)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	struct gg_digest d;

	if (!gg_starts(text, "sha256:") || gg_digest_parse(text, &d, &ignored) < 0)
		return;
	for (enum store_kind kind = STORE_TREE; kind <= STORE_BLOB; kind++) {
		struct store_object *o = store_scan_find(&g->list, kind, &d);

		if (o && o->used < used)
			o->used = used;
	}
}

static void mark_value(struct gc *g, const struct gg_json *v, int64_t used, unsigned depth)
{
	if (depth > JSON_DEPTH)
		return;
	if (gg_json_is_string(v)) {
		mark_one(g, gg_json_text(v), used);
	} else if (gg_json_is_array(v)) {
		for (size_t i = 0; i < gg_json_len(v); i++)
			mark_value(g, gg_json_at(v, i), used, depth + 1);
	} else if (gg_json_is_object(v)) {
		_cleanup_strv_ struct gg_strv keys = { 0 };

		gg_json_keys(v, &keys);
		for (size_t i = 0; i < keys.n; i++) {
			mark_one(g, keys.v[i], used);
			mark_value(g, gg_json_get(v, keys.v[i]), used, depth + 1);
		}
	}
}

static int mark_action(struct gc *g, const struct store_object *o, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *record = NULL;

	if (store_action_check(g->s, &o->digest, STORE_CHECK_QUIET, &record, err) < 0)
		return -1;
	if (record)
		mark_value(g, record, o->used, 0);
	return 0;
}

static int mark_all(struct gc *g, struct gg_err *err)
{
	for (size_t i = 0; i < g->list.n; i++)
		if (g->list.v[i].kind == STORE_ACTION && mark_action(g, &g->list.v[i], err) < 0)
			return -1;
	/* A manifest lives at least as long as its tree. */
	for (size_t i = 0; i < g->list.n; i++) {
		const struct store_object *tree = &g->list.v[i];
		struct store_object *manifest;

		if (tree->kind != STORE_TREE || tree->orphan)
			continue;
		manifest = store_scan_find(&g->list, STORE_BLOB, &tree->digest);
		if (manifest && manifest->used < tree->used)
			manifest->used = tree->used;
	}
	return 0;
}

static int compare_age(const void *a, const void *b)
{
	const struct store_object *x = a, *y = b;

	if (x->orphan != y->orphan)
		return x->orphan ? -1 : 1;
	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->digest.bytes, y->digest.bytes, GG_DIGEST_LEN);
}

static int remove_fanned(struct store *s, enum store_dir dir, const char *hex, const char *suffix,
			 struct gg_err *err)
{
	_cleanup_free_ char *name = gg_asprintf("%s%s", hex, suffix);
	_cleanup_close_ int dirfd = store_fan_open(s, dir, hex, false, err);

	if (dirfd < 0)
		return err->kind == GG_OK ? 0 : -1;
	return gg_remove_tree(dirfd, name, err);
}

/* First aside in one rename, so that a kill in the middle leaves no half tree under its name. */
static int remove_tree_object(struct store *s, const struct gg_digest *d, struct gg_err *err)
{
	char name[STORE_TREE_NAME], mark[STORE_MARK_NAME];
	_cleanup_free_ char *aside = gg_temp_name("gone");

	store_mark_remove(s, store_mark_tree(d, mark));
	if (store_move_aside(s, s->dirs[STORE_TREES], store_tree_name(d, name), aside) < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "move tree '%s' aside", name);
	return gg_remove_tree(s->dirs[STORE_TMP_DIR], aside, err);
}

static int remove_object(struct gc *g, const struct store_object *o, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	int r = 0;

	gg_digest_hex(&o->digest, hex);
	switch (o->kind) {
	case STORE_CACHE:
		r = gg_remove_tree(g->s->dirs[STORE_CACHES], hex, err);
		break;
	case STORE_BLOB:
		store_mark_remove(g->s, hex);
		r = remove_fanned(g->s, STORE_BLOBS, hex, "", err);
		break;
	case STORE_TREE:
		r = remove_tree_object(g->s, &o->digest, err);
		break;
	case STORE_ACTION:
		r = remove_fanned(g->s, STORE_ACTIONS, hex, ".json", err);
		if (r == 0)
			r = remove_fanned(g->s, STORE_ACTIONS, hex, ".key", err);
		break;
	}
	if (r < 0) {
		gg_context(err, "remove '%s' from the store", hex);
		return gg_hint(err, "files of subordinate ids are removed by who has these ids, "
				    "or by root");
	}
	g->stats->removed++;
	g->stats->removed_bytes += o->size;
	return 0;
}

static int sweep(struct gc *g, uint64_t max_bytes, struct gg_err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < g->list.n; i++)
		g->total += g->list.v[i].size;
	if (g->list.n)
		qsort(g->list.v, g->list.n, sizeof(*g->list.v), compare_age);
	for (size_t i = 0; i < g->list.n; i++) {
		const struct store_object *o = &g->list.v[i];

		if (!o->orphan && (o->used > g->cutoff || (max_bytes && g->total <= max_bytes))) {
			g->list.v[kept++] = *o;
			continue;
		}
		if (remove_object(g, o, err) < 0)
			return -1;
		g->total -= o->size;
	}
	g->list.n = kept;
	return 0;
}

static int drop(int dirfd, const char *name, struct gg_err *err)
{
	return gg_remove_tree(dirfd, name, err);
}

static int drop_lock(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	(void)ctx;
	return drop(dirfd, name, err); /* the store is ours alone: nobody holds one */
}

static int drop_old(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct gc *g = ctx;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_mtim.tv_sec > g->cutoff)
		return 0;
	return drop(dirfd, name, err);
}

static int drop_partial(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct gc *g = ctx;
	struct gg_digest d;

	if (gg_digest_from_hex(name, &d) < 0 || store_blob_has(g->s, &d))
		return drop(dirfd, name, err);
	return drop_old(ctx, dirfd, name, err);
}

static int drop_lost_mark(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct gc *g = ctx;
	struct gg_digest d;
	struct stat st;

	if (gg_starts(name, "tree-") &&
	    fstatat(g->s->dirs[STORE_TREES], name + 5, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (gg_digest_from_hex(name, &d) == 0 && store_blob_has(g->s, &d))
		return 0;
	return drop(dirfd, name, err);
}

/* A name of a step whose record is gone has nothing left to explain. */
static int drop_lost_name(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct gc *g = ctx;
	_cleanup_close_ int fd = openat(dirfd, name,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC),
			    fan = -1;
	char hex[GG_DIGEST_HEX] = "";
	_cleanup_free_ char *key = NULL;

	if (fd < 0 || read(fd, hex, GG_DIGEST_HEX - 1) != GG_DIGEST_HEX - 1)
		return drop(dirfd, name, err);
	fan = store_fan_open(g->s, STORE_ACTIONS, hex, false, err);
	key = gg_asprintf("%s.key", hex);
	if (fan >= 0 && faccessat(fan, key, F_OK, 0) == 0)
		return 0;
	return err->kind == GG_OK ? drop(dirfd, name, err) : -1;
}

struct prefix {
	const char *hex;
	bool found;
};

static int find_prefix(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct prefix *p = ctx;

	(void)dirfd, (void)err;
	p->found = p->found || gg_starts(name, p->hex);
	return 0;
}

static int drop_foreign_tree(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct gc *g = ctx;
	_cleanup_close_ int fan = store_fan_open(g->s, STORE_BLOBS, name, false, err);
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *aside = gg_temp_name("gone");
	struct prefix p = { .hex = name };

	if (fan < 0 && err->kind != GG_OK)
		return -1;
	if (fan >= 0 && store_each(fan, find_prefix, &p, err) < 0)
		return -1;
	if (p.found)
		return 0;
	if (store_move_aside(g->s, dirfd, name, aside) < 0)
		gg_fail_errno(&problem, "move it aside");
	else if (gg_remove_tree(g->s->dirs[STORE_TMP_DIR], aside, &problem) == 0)
		g->stats->removed++;
	if (problem.kind != GG_OK)
		gg_log(GG_LOG_WARNING, "tree '%s' of other ids stays: %s", name, problem.text);
	return 0;
}

/* Trees for which ids mean something else (store.h): without a manifest nobody can use them. */
static int drop_foreign(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;
	struct gc *g = ctx;
	struct stat here, own;

	if (!gg_streq(name, "trees") && !gg_starts(name, "trees-"))
		return 0;
	fd = gg_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &here) < 0 || fstat(g->s->dirs[STORE_TREES], &own) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	return here.st_ino == own.st_ino ? 0 : store_each(fd, drop_foreign_tree, g, err);
}

static int drop_stray(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	(void)ctx;
	return gg_starts(name, ".ggtmp") ? drop(dirfd, name, err) : 0;
}

int store_gc(struct store *s, uint64_t keep_ns, uint64_t max_bytes, struct store_stats *ret,
	     struct gg_err *err)
{
	struct gc g = { .s = s, .stats = ret };
	int64_t keep = (int64_t)(keep_ns / 1000000000);
	int r;

	if (!s->options.exclusive)
		return gg_fail(err, GG_INTERNAL, "garbage collection of a shared store");
	*ret = (struct store_stats){ 0 };
	g.cutoff = (int64_t)time(NULL) - keep;
	store_tmp_done(&s->work);
	r = store_tmp_reclaim(s, STORE_RECLAIM_ALL | STORE_RECLAIM_WARN, err);
	if (r == 0)
		r = store_scan(s, &g.list, err);
	if (r == 0)
		r = mark_all(&g, err);
	if (r == 0)
		r = sweep(&g, max_bytes, err);
	store_scan_stats(&g.list, ret);
	if (r == 0 && (store_each(s->dirs[STORE_LOCKS], drop_lock, &g, err) < 0 ||
		       store_each(s->dirs[STORE_LOGS], drop_old, &g, err) < 0 ||
		       store_each(s->dirs[STORE_PARTIAL], drop_partial, &g, err) < 0 ||
		       store_each(s->dirs[STORE_NOTES], drop_old, &g, err) < 0 ||
		       store_each(s->dirs[STORE_VERIFIED], drop_lost_mark, &g, err) < 0 ||
		       store_each(s->dirs[STORE_NAMES], drop_lost_name, &g, err) < 0 ||
		       store_each(s->fd, drop_foreign, &g, err) < 0 ||
		       store_each(s->fd, drop_stray, &g, err) < 0))
		r = -1;
	store_scan_done(&g.list);
	return r;
}
