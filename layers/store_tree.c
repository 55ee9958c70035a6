/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/store_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/log.h"
#include "layers/tree.h"
#include "layers/unlock.h"

/* A single-uid store may hold trees whose root is closed to its owner. */
static int open_root(int dirfd, const char *name)
{
	return unlock_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

bool store_tree_has(struct store *s, const struct gg_digest *d)
{
	char name[STORE_TREE_NAME];
	struct stat st;

	return fstatat(s->dirs[STORE_TREES], store_tree_name(d, name), &st, AT_SYMLINK_NOFOLLOW) ==
		       0 &&
	       S_ISDIR(st.st_mode) && store_blob_has(s, d);
}

int store_tree_manifest(struct store *s, const struct gg_digest *d, struct tree **ret,
			struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char hex[GG_DIGEST_HEX];

	if (store_blob_read(s, d, STORE_MAX_MANIFEST, &text, err) < 0)
		return gg_context(err, "manifest of a tree");
	if (tree_parse(text.data ? text.data : "", text.len, ret, err) < 0)
		return gg_context(err, "manifest '%s' of a tree", gg_digest_hex(d, hex));
	return 0;
}

static int tree_bad(struct store *s, const struct gg_digest *d, const char *why, bool *ret_bad)
{
	char name[STORE_TREE_NAME], mark[STORE_MARK_NAME];

	store_quarantine(s, s->dirs[STORE_TREES], store_tree_name(d, name), why);
	store_mark_remove(s, store_mark_tree(d, mark));
	if (ret_bad)
		*ret_bad = true;
	return 0;
}

static int compare_all(struct store *s, const struct gg_digest *d, int rootfd, char **ret_why,
		       struct gg_err *err)
{
	_cleanup_tree_ struct tree *t = NULL;

	if (store_tree_manifest(s, d, &t, err) < 0)
		return -1;
	return store_tree_compare(rootfd, t, ret_why, err);
}

int store_tree_check(struct store *s, const struct gg_digest *d, unsigned flags, int *ret_fd,
		     bool *ret_bad, struct gg_err *err)
{
	char name[STORE_TREE_NAME], mark[STORE_MARK_NAME];
	_cleanup_free_ char *why = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (fstatat(s->dirs[STORE_TREES], store_tree_name(d, name), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "stat tree '%s'", name);
	if (!S_ISDIR(st.st_mode))
		return tree_bad(s, d, "not a directory", ret_bad);
	fd = open_root(s->dirs[STORE_TREES], name);
	if (fd < 0 || fstat(fd, &st) < 0)
		return gg_fail_errno(err, "open tree '%s'", name);
	store_mark_tree(d, mark);
	if ((flags & STORE_CHECK_FORCE) || !store_mark_good(s, mark, &st)) {
		_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

		if (compare_all(s, d, fd, &why, &problem) < 0) {
			/* Without its manifest nobody can say what the directory should hold. */
			if (problem.errnum == ENOENT || problem.kind == GG_INTEGRITY)
				return tree_bad(s, d, "it has no manifest", ret_bad);
			gg_err_move(err, &problem);
			return -1;
		}
		if (why)
			return tree_bad(s, d, why, ret_bad);
		store_mark_write(s, mark, &st);
	}
	*ret_fd = gg_steal_fd(&fd);
	return 1;
}

int store_tree_open(struct store *s, const struct gg_digest *d, struct gg_err *err)
{
	char name[STORE_TREE_NAME];
	int fd = -1, r = store_tree_check(s, d, 0, &fd, NULL, err);

	if (r > 0)
		return fd;
	if (r == 0) {
		errno = ENOENT;
		gg_fail_errno(err, "open tree '%s'", store_tree_name(d, name));
	}
	return -1;
}

/* Moving a directory to another parent writes its "..", which a mode without owner write forbids to
 * who has no capabilities: a user, or root of a container that took them away. */
static int tree_rename(struct store *s, int dirfd, const char *from, int fd, const struct stat *st,
		       const char *name, bool *ret_existed, struct gg_err *err)
{
	bool closed = (st->st_mode & 0200) == 0 && st->st_uid == geteuid();
	int r;

	if (closed && fchmod(fd, (st->st_mode & 07777) | 0200) < 0)
		return gg_fail_errno(err, "chmod '%s'", from);
	r = store_commit(s, dirfd, from, s->dirs[STORE_TREES], name, 0, ret_existed, err);
	if (closed && fchmod(fd, st->st_mode & 07777) < 0)
		return gg_fail_errno(err, "chmod '%s'", name);
	return r;
}

int store_tree_adopt(struct store *s, int dirfd, const char *name, const char *manifest, size_t len,
		     struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = open_root(dirfd, name);
	char tree[STORE_TREE_NAME], mark[STORE_MARK_NAME];
	struct stat st;

	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", name);
	/* One syncfs, not an fsync a file: tens of thousands of files are one journal commit. */
	if (fstat(fd, &st) < 0 || (!s->batch && syncfs(fd) < 0))
		return gg_fail_errno(err, "syncfs of '%s'", name);
	if (store_blob_put(s, manifest, len, ret, err) < 0)
		return gg_context(err, "manifest of '%s'", name);
	store_tree_name(ret, tree);
	store_mark_tree(ret, mark);
	for (int attempt = 0; attempt < 3; attempt++) {
		_cleanup_close_ int there = -1;
		bool existed;
		int r;

		if (tree_rename(s, dirfd, name, fd, &st, tree, &existed, err) < 0)
			return gg_context(err, "tree");
		if (!existed) {
			if (fstat(fd, &st) < 0)
				return gg_fail_errno(err, "stat tree '%s'", tree);
			store_mark_write(s, mark, &st);
			return 0;
		}
		r = store_tree_check(s, ret, 0, &there, NULL, err);
		if (r != 0)
			return r > 0 ? 0 : -1;
	}
	return gg_fail(err, GG_SYSTEM, "tree '%s' cannot take its place in the store '%s'", tree,
		       s->path);
}
