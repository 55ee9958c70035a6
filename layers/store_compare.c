/* SPDX-License-Identifier: Apache-2.0
 *
 * Does a directory hold what its manifest says? Names, types, targets, sizes and every byte; modes
 * and ids are the manifest's alone. Two threads, since reading and hashing take turns.
 */
#include "layers/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/log.h"
#include "layers/dirs.h"
#include "layers/tree.h"
#include "layers/unlock.h"

enum { THREADS = 2 };

struct compare {
	int rootfd;
	const struct tree *tree;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock; /* of what follows */
	char *why;            /* the first difference */
	size_t unread;        /* files that this user may not read */
	struct gg_err error;
};

/* No component may be a symlink: a directory that became one is a difference, wherever it leads. */
static int open_plain(int rootfd, const char *path, int flags)
{
	_cleanup_close_ int parent = -1;

	if (strlen(path) >= PATH_MAX) {
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
		const char *slash = strrchr(path, '/');
		_cleanup_free_ char *dir = gg_strndup(path, (size_t)(slash - path));

		parent = rootfd = dirs_open(rootfd, dir, &ignored);
		if (parent < 0) {
			errno = ignored.errnum;
			return -1;
		}
		path = slash + 1;
	}
	return unlock_open(rootfd, path, flags | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				   RESOLVE_NO_XDEV);
}

static char *differs(const struct tree_entry *e, const char *how)
{
	return gg_asprintf("'%s' %s", e->path, how);
}

static char *compare_symlink(int fd, const struct tree_entry *e)
{
	size_t len = strlen(e->target);
	_cleanup_free_ char *target = gg_alloc(len + 2);
	ssize_t n = readlinkat(fd, "", target, len + 2);

	if (n < 0 || (size_t)n != len || memcmp(target, e->target, len) != 0)
		return differs(e, "points elsewhere");
	return NULL;
}

static bool same_inode(const struct compare *c, const struct stat *st, const char *path)
{
	_cleanup_close_ int fd = open_plain(c->rootfd, path, O_PATH);
	struct stat other;

	return fd >= 0 && fstat(fd, &other) == 0 && other.st_ino == st->st_ino &&
	       other.st_dev == st->st_dev;
}

static char *compare_file(struct compare *c, const struct stat *st, const struct tree_entry *e,
			  struct gg_err *err)
{
	_cleanup_close_ int fd = -1;
	struct gg_digest is;

	if ((uint64_t)st->st_size != e->size)
		return differs(e, "has another size");
	if (e->hardlink && same_inode(c, st, e->hardlink))
		return NULL;
	fd = open_plain(c->rootfd, e->path, O_RDONLY | O_NONBLOCK);
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		/* Another id's private file, by who is not in the namespace that has the id: its
		 * size is all that can be seen. */
		pthread_mutex_lock(&c->lock);
		c->unread++;
		pthread_mutex_unlock(&c->lock);
		return NULL;
	}
	if (fd < 0) {
		gg_fail_errno(err, "open '%s'", e->path);
		return NULL;
	}
	if (gg_digest_fd(fd, &is, NULL, err) < 0)
		return err->errnum == EIO ? differs(e, "cannot be read") : NULL;
	return gg_digest_eq(&is, &e->content) ? NULL : differs(e, "has another content");
}

static char *compare_entry(struct compare *c, const struct tree_entry *e, struct gg_err *err)
{
	_cleanup_close_ int fd = open_plain(c->rootfd, e->path, O_PATH);
	struct stat st;

	if (fd < 0) {
		if (errno == ENOENT || errno == ELOOP || errno == ENOTDIR || errno == EXDEV ||
		    errno == EIO)
			return differs(e, "is missing");
		if (errno != EACCES)
			gg_fail_errno(err, "open '%s'", e->path);
		return NULL;
	}
	if (fstat(fd, &st) < 0) {
		gg_fail_errno(err, "stat '%s'", e->path);
		return NULL;
	}
	switch (e->type) {
	case TREE_DIR:
		return S_ISDIR(st.st_mode) ? NULL : differs(e, "is no directory");
	case TREE_FILE:
		return S_ISREG(st.st_mode) ? compare_file(c, &st, e, err)
					   : differs(e, "is no file");
	case TREE_SYMLINK:
		return S_ISLNK(st.st_mode) ? compare_symlink(fd, e) : differs(e, "is no symlink");
	case TREE_WHITEOUT:
		return S_ISCHR(st.st_mode) && st.st_rdev == 0 ? NULL : differs(e, "is no whiteout");
	case TREE_CHAR:
	case TREE_BLOCK:
	case TREE_FIFO:
		/* A store without the right to make devices keeps a placeholder. */
		return S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode) ? differs(e, "is no device")
								  : NULL;
	}
	return NULL;
}

static void *compare_worker(void *arg)
{
	struct compare *c = arg;

	while (!atomic_load(&c->stop)) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		size_t i = atomic_fetch_add(&c->next, 1);
		char *why;

		if (i >= c->tree->n)
			break;
		why = compare_entry(c, &c->tree->entries[i], &err);
		if (!why && err.kind == GG_OK)
			continue;
		pthread_mutex_lock(&c->lock);
		if (why && !c->why)
			c->why = gg_steal(&why);
		else if (!why && c->error.kind == GG_OK)
			gg_err_move(&c->error, &err);
		pthread_mutex_unlock(&c->lock);
		free(why);
		atomic_store(&c->stop, true);
	}
	return NULL;
}

/* Counts what is in the directory, sockets apart (no tree holds them). Takes fd. */
static int count_names(int fd, size_t *count, struct gg_err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!dir) {
		gg_close(fd);
		return gg_fail_errno(err, "opendir");
	}
	while ((errno = 0, e = readdir(dir))) {
		struct stat st;

		if (gg_streq(e->d_name, ".") || gg_streq(e->d_name, ".."))
			continue;
		*count += e->d_type != DT_SOCK &&
			  (e->d_type != DT_UNKNOWN ||
			   fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			   !S_ISSOCK(st.st_mode));
	}
	if (errno)
		r = gg_fail_errno(err, "read a directory");
	closedir(dir);
	return r;
}

/* All entries are there, so more names than entries means a name that the manifest does not know. A directory that it
 * does not know is such a name itself, so the known ones are enough. */
static int compare_count(struct compare *c, struct gg_err *err)
{
	size_t count = 1;

	for (size_t i = 0; i < c->tree->n; i++) {
		const struct tree_entry *e = &c->tree->entries[i];
		int fd;

		if (e->type != TREE_DIR)
			continue;
		fd = dirs_open(c->rootfd, e->path, err);
		if (fd < 0 && err->errnum == EACCES) {
			/* Closed to this user, and then all below it is. */
			gg_err_done(err);
			continue;
		}
		if (fd < 0 || count_names(fd, &count, err) < 0)
			return -1;
	}
	if (count > c->tree->n)
		c->why = gg_asprintf("it holds %zu names, its manifest %zu", count, c->tree->n);
	return 0;
}

int store_tree_compare(int rootfd, const struct tree *t, char **ret_why, struct gg_err *err)
{
	struct compare c = {
		.rootfd = rootfd, .tree = t, .error = GG_ERR_INIT, .lock = PTHREAD_MUTEX_INITIALIZER
	};
	pthread_t threads[THREADS - 1];
	size_t started = 0;

	while (started < GG_LEN(threads) &&
	       pthread_create(&threads[started], NULL, compare_worker, &c) == 0)
		started++;
	compare_worker(&c);
	while (started > 0)
		pthread_join(threads[--started], NULL);
	if (c.error.kind == GG_OK && !c.why && compare_count(&c, &c.error) < 0)
		gg_context(&c.error, "tree");
	if (c.unread)
		gg_log(GG_LOG_DEBUG,
		       "tree: %zu files are closed to this user and were compared by size",
		       c.unread);
	if (c.error.kind != GG_OK && !c.why) {
		gg_err_move(err, &c.error);
		return -1;
	}
	gg_err_done(&c.error);
	*ret_why = c.why;
	return 0;
}
