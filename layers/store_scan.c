/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store holds: one pass over its directories, for the list, the check and the collection.
 */
#include "layers/store_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layers/tree.h"

struct scan_ctx {
	struct store *s;
	struct store_scan *list;
};

static int64_t max_time(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t mark_time(struct store *s, const char *mark)
{
	struct stat st;

	return fstatat(s->dirs[STORE_VERIFIED], mark, &st, AT_SYMLINK_NOFOLLOW) == 0
		       ? st.st_mtim.tv_sec
		       : 0;
}

struct store_object *store_scan_add(struct store_scan *l, enum store_kind kind,
				    const struct gg_digest *d)
{
	GG_GROW(l->v, l->n, l->cap);
	l->v[l->n] = (struct store_object){ .kind = kind, .digest = *d };
	return &l->v[l->n++];
}

static int scan_blob(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	struct scan_ctx *c = ctx;
	struct store_object *o;
	struct gg_digest d;
	struct stat st;

	if (gg_digest_from_hex(name, &d) < 0)
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "stat blob '%s'", name);
	o = store_scan_add(c->list, STORE_BLOB, &d);
	o->size = (uint64_t)st.st_size;
	o->used = max_time(st.st_ctim.tv_sec, mark_time(c->s, name));
	return 0;
}

static int scan_action(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	_cleanup_free_ char *hex = gg_strndup(name, 64);
	struct scan_ctx *c = ctx;
	struct store_object *o;
	struct gg_digest d;
	struct stat st;

	if (!gg_ends(name, ".json") || strlen(name) != 64 + 5 || gg_digest_from_hex(hex, &d) < 0)
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "stat action '%s'", name);
	o = store_scan_add(c->list, STORE_ACTION, &d);
	o->size = (uint64_t)st.st_size;
	o->used = st.st_mtim.tv_sec;
	return 0;
}

static int scan_tree(void *ctx, int dirfd, const char *name, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX] = "", mark[STORE_MARK_NAME];
	struct scan_ctx *c = ctx;
	struct store_object *o;
	struct gg_digest d;
	struct stat st;

	if (strlen(name) != STORE_TREE_NAME - 1)
		return 0;
	memset(hex, '0', GG_DIGEST_HEX - 1);
	memcpy(hex, name, STORE_TREE_NAME - 1);
	if (gg_digest_from_hex(hex, &d) < 0)
		return 0;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "stat tree '%s'", name);
	o = store_scan_add(c->list, STORE_TREE, &d);
	o->used = max_time(st.st_ctim.tv_sec, mark_time(c->s, store_mark_tree(&d, mark)));
	return 0;
}

static int scan_fan(struct scan_ctx *c, enum store_dir dir,
		    int (*fn)(void *ctx, int dirfd, const char *name, struct gg_err *err),
		    struct gg_err *err)
{
	for (unsigned i = 0; i < 256; i++) {
		char fan[3] = { "0123456789abcdef"[i >> 4], "0123456789abcdef"[i & 15], '\0' };
		_cleanup_close_ int fd = store_fan_open(c->s, dir, fan, false, err);

		if (fd < 0 && err->kind != GG_OK)
			return -1;
		if (fd >= 0 && store_each(fd, fn, c, err) < 0)
			return -1;
	}
	return 0;
}

static int compare_objects(const void *a, const void *b)
{
	const struct store_object *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->digest.bytes, y->digest.bytes, GG_DIGEST_LEN);
}

struct store_object *store_scan_find(struct store_scan *l, enum store_kind kind,
				     const struct gg_digest *d)
{
	struct store_object key = { .kind = kind, .digest = *d };

	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), compare_objects) : NULL;
}

/* The first blob whose digest starts with the tree's 128 bits. */
static struct store_object *find_manifest(struct store_scan *l, const struct gg_digest *prefix)
{
	size_t low = 0, high = l->n;
	struct store_object key = { .kind = STORE_BLOB, .digest = *prefix };

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_objects(&l->v[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < l->n && l->v[low].kind == STORE_BLOB &&
	    memcmp(l->v[low].digest.bytes, prefix->bytes, GG_DIGEST_LEN / 2) == 0)
		return &l->v[low];
	return NULL;
}

/* Unverified, and no use of it: enough for sizes. */
static int peek_manifest(struct store *s, const struct gg_digest *d, struct tree **ret,
			 struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int dirfd = -1;
	char hex[GG_DIGEST_HEX];

	dirfd = store_fan_open(s, STORE_BLOBS, gg_digest_hex(d, hex), false, err);
	if (dirfd < 0 || gg_read_file(dirfd, hex, STORE_MAX_MANIFEST, &text, err) < 0)
		return -1;
	return tree_parse(text.data ? text.data : "", text.len, ret, err);
}

/* A tree's size is its manifest's sum: no walk over the disk. A manifest that does not parse makes
 * the tree an orphan, as an absent one does. */
static void complete_tree(struct store *s, struct store_scan *l, struct store_object *tree)
{
	struct store_object *manifest = find_manifest(l, &tree->digest);
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_tree_ struct tree *t = NULL;

	tree->orphan = !manifest || peek_manifest(s, &manifest->digest, &t, &problem) < 0;
	if (tree->orphan)
		return;
	tree->digest = manifest->digest;
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].type == TREE_FILE && !t->entries[i].hardlink)
			tree->size += t->entries[i].size;
	manifest->used = max_time(manifest->used, tree->used);
}

int store_scan(struct store *s, struct store_scan *ret, struct gg_err *err)
{
	struct scan_ctx c = { .s = s, .list = ret };

	if (scan_fan(&c, STORE_BLOBS, scan_blob, err) < 0 ||
	    scan_fan(&c, STORE_ACTIONS, scan_action, err) < 0 ||
	    store_each(s->dirs[STORE_TREES], scan_tree, &c, err) < 0 ||
	    store_cache_scan(s, ret, err) < 0)
		return -1;
	if (ret->n == 0)
		return 0;
	qsort(ret->v, ret->n, sizeof(*ret->v), compare_objects);
	/* The order stays: a full digest sorts where its own prefix did. */
	for (size_t i = 0; i < ret->n; i++)
		if (ret->v[i].kind == STORE_TREE)
			complete_tree(s, ret, &ret->v[i]);
	return 0;
}

void store_scan_done(struct store_scan *l)
{
	free(l->v);
	*l = (struct store_scan){ 0 };
}

void store_scan_stats(const struct store_scan *l, struct store_stats *ret)
{
	ret->blobs = ret->blob_bytes = ret->trees = ret->tree_bytes = ret->actions = 0;
	ret->caches = ret->cache_bytes = 0;
	for (size_t i = 0; i < l->n; i++) {
		switch (l->v[i].kind) {
		case STORE_BLOB:
			ret->blobs++;
			ret->blob_bytes += l->v[i].size;
			break;
		case STORE_TREE:
			ret->trees++;
			ret->tree_bytes += l->v[i].size;
			break;
		case STORE_ACTION:
			ret->actions++;
			break;
		case STORE_CACHE:
			ret->caches++;
			ret->cache_bytes += l->v[i].size;
			break;
		}
	}
}

/* Quietly: what is only listed does not live longer for it, and what cannot be read is verify's to tell. */
static void list_record(struct store *s, const struct store_object *o, struct gg_json *entry)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	struct gg_json *record = NULL;

	if (store_action_check(s, &o->digest, STORE_CHECK_QUIET, &record, &ignored) == 0 && record)
		gg_json_take(entry, "record", record);
}

static void list_kind(struct store *s, const struct store_scan *l, enum store_kind kind,
		      const char *name, struct gg_json *object)
{
	struct gg_json *entries = gg_json_array();
	int64_t bytes = 0, count = 0;
	struct gg_json *part = gg_json_object();

	for (size_t i = 0; i < l->n; i++) {
		const struct store_object *o = &l->v[i];
		char text[GG_DIGEST_TEXT];
		struct gg_json *e;

		if (o->kind != kind)
			continue;
		e = gg_json_object();
		if (kind == STORE_CACHE) {
			_cleanup_free_ char *about = store_cache_about(s, &o->digest);

			gg_json_set_str(e, "name", about ? about : "");
		}
		if (kind == STORE_ACTION)
			list_record(s, o, e);
		gg_json_set_str(e, "digest", gg_digest_text(&o->digest, text));
		gg_json_set_int(e, "size", (int64_t)o->size);
		gg_json_set_int(e, "used", o->used);
		if (o->orphan)
			gg_json_set_bool(e, "orphan", true);
		gg_json_append_take(entries, e);
		bytes += (int64_t)o->size;
		count++;
	}
	gg_json_set_int(part, "count", count);
	gg_json_set_int(part, "bytes", bytes);
	gg_json_take(part, "entries", entries);
	gg_json_take(object, name, part);
}

int store_list(struct store *s, struct gg_json *ret_object, struct store_stats *ret,
	       struct gg_err *err)
{
	struct store_scan l = { 0 };
	int r = store_scan(s, &l, err);

	if (r == 0) {
		*ret = (struct store_stats){ 0 };
		store_scan_stats(&l, ret);
		gg_json_set_str(ret_object, "path", s->path);
		list_kind(s, &l, STORE_BLOB, "blobs", ret_object);
		list_kind(s, &l, STORE_TREE, "trees", ret_object);
		list_kind(s, &l, STORE_ACTION, "actions", ret_object);
		list_kind(s, &l, STORE_CACHE, "caches", ret_object);
	}
	store_scan_done(&l);
	return r;
}

static int verify_object(struct store *s, const struct store_object *o, struct gg_strv *ret_bad,
			 struct store_stats *stats, struct gg_err *err)
{
	static const char *const words[] = { [STORE_CACHE] = "cache",
					     [STORE_ACTION] = "action",
					     [STORE_TREE] = "tree",
					     [STORE_BLOB] = "blob" };
	_cleanup_json_ struct gg_json *record = NULL;
	_cleanup_close_ int fd = -1;
	char text[GG_DIGEST_TEXT], mark[STORE_MARK_NAME];
	bool bad = false;
	struct stat st;
	int r = 0;

	gg_digest_text(&o->digest, text);
	switch (o->kind) {
	case STORE_BLOB:
		r = store_blob_check(s, &o->digest, STORE_CHECK_FORCE, &fd, &st, &bad, err);
		store_mark_set_used(s, text + strlen("sha256:"), o->used);
		break;
	case STORE_TREE:
		r = store_tree_check(s, &o->digest, STORE_CHECK_FORCE, &fd, &bad, err);
		store_mark_set_used(s, store_mark_tree(&o->digest, mark), o->used);
		break;
	case STORE_ACTION:
		r = store_action_check(s, &o->digest, STORE_CHECK_QUIET, &record, err);
		bad = r == 0 && !record;
		break;
	case STORE_CACHE: /* holds what steps left there, whatever it is */
		break;
	}
	if (bad) {
		gg_strv_addf(ret_bad, "%s %s", words[o->kind], text);
		stats->bad++;
	}
	return r < 0 ? -1 : 0;
}

int store_verify(struct store *s, struct gg_strv *ret_bad, struct store_stats *ret,
		 struct gg_err *err)
{
	struct store_scan l = { 0 };
	int r = store_scan(s, &l, err);

	*ret = (struct store_stats){ 0 };
	store_scan_stats(&l, ret);
	/* Blobs are last in the list and go first, so that no tree is compared with a damaged
	 * manifest. */
	for (size_t i = l.n; r == 0 && i > 0; i--)
		r = verify_object(s, &l.v[i - 1], ret_bad, ret, err);
	store_scan_done(&l);
	return r;
}
