/* SPDX-License-Identifier: Apache-2.0
 *
 * Private work below tmp/: NAME/ and, outside of it because the directory is given to another uid,
 * NAME.lock. The lock is made first and removed last, so a directory without one belongs to nobody.
 */
#include "layers/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "layers/base/log.h"

static char *lock_name(const char *name)
{
	return gg_asprintf("%s.lock", name);
}

/* Somebody who reclaims may have unlinked the file between our open and our flock. */
static int lock_new(int tmpfd, const char *lock, struct gg_err *err)
{
	for (;;) {
		_cleanup_close_ int fd =
			gg_openat(tmpfd, lock, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, err);
		struct stat st;

		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0)
			return gg_fail_errno(err, "lock '%s'", lock);
		if (st.st_nlink > 0)
			return gg_steal_fd(&fd);
	}
}

int store_tmp_new(struct store *s, uint32_t uid, struct store_tmp *ret, struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp t = STORE_TMP_INIT;
	_cleanup_free_ char *lock = NULL;
	int tmpfd = s->dirs[STORE_TMP_DIR];

	t.store = s;
	t.name = gg_temp_name("work");
	lock = lock_name(t.name);
	t.lockfd = lock_new(tmpfd, lock, err);
	if (t.lockfd < 0)
		return gg_context(err, "make a directory in 'tmp'");
	if (mkdirat(tmpfd, t.name, 0700) < 0)
		return gg_fail_errno(err, "mkdir 'tmp/%s'", t.name);
	t.fd = gg_openat(tmpfd, t.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (t.fd < 0)
		return -1;
	if (fchmod(t.fd, 0700) < 0 || (uid != geteuid() && fchown(t.fd, uid, uid) < 0))
		return gg_fail_errno(err, "give 'tmp/%s' to uid %u", t.name, uid);
	*ret = t;
	t = (struct store_tmp)STORE_TMP_INIT;
	return 0;
}

void store_tmp_done(struct store_tmp *t)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (t->name && t->lockfd >= 0) {
		_cleanup_free_ char *lock = lock_name(t->name);
		int tmpfd = t->store->dirs[STORE_TMP_DIR];

		if (gg_remove_tree(tmpfd, t->name, &err) < 0)
			gg_log(GG_LOG_WARNING, "tmp/%s: %s", t->name, err.text);
		else
			unlinkat(tmpfd, lock, 0);
	}
	gg_close(t->fd);
	gg_close(t->lockfd);
	free(t->name);
	*t = (struct store_tmp)STORE_TMP_INIT;
}

int store_work_fd(struct store *s, struct gg_err *err)
{
	if (s->work.fd < 0 && store_tmp_new(s, geteuid(), &s->work, err) < 0)
		return -1;
	return s->work.fd;
}

int store_each(int dirfd, int (*fn)(void *ctx, int dirfd, const char *name, struct gg_err *err),
	       void *ctx, struct gg_err *err)
{
	int fd = gg_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, err);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int r = 0;

	if (fd < 0)
		return -1;
	if (!dir) {
		gg_close(fd);
		return gg_fail_errno(err, "opendir");
	}
	while (r == 0 && (errno = 0, e = readdir(dir)))
		if (!gg_streq(e->d_name, ".") && !gg_streq(e->d_name, ".."))
			r = fn(ctx, fd, e->d_name, err);
	if (r == 0 && errno)
		r = gg_fail_errno(err, "read a directory of the store");
	closedir(dir);
	return r;
}

/* Removes NAME and NAME.lock when nobody holds the lock. */
static int reclaim_lock(unsigned flags, int tmpfd, const char *lock)
{
	_cleanup_close_ int fd = openat(tmpfd, lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *name = gg_strndup(lock, strlen(lock) - strlen(".lock"));
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct stat st;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	if (gg_remove_tree(tmpfd, name, &err) < 0)
		gg_log(flags & STORE_RECLAIM_WARN ? GG_LOG_WARNING : GG_LOG_DEBUG,
		       "tmp/%s, left by a killed build: %s", name, err.text);
	else
		unlinkat(tmpfd, lock, 0);
	return 0;
}

static void remove_logged(unsigned flags, int tmpfd, const char *name)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	if (gg_remove_tree(tmpfd, name, &problem) < 0)
		gg_log(flags & STORE_RECLAIM_WARN ? GG_LOG_WARNING : GG_LOG_DEBUG, "tmp/%s: %s",
		       name, problem.text);
}

static int reclaim_stale(void *ctx, int tmpfd, const char *name, struct gg_err *err)
{
	const unsigned *flags = ctx;

	(void)err;
	if (gg_ends(name, ".lock"))
		return reclaim_lock(*flags, tmpfd, name);
	/* Half a tree of a collection that was killed: none runs while we hold the store's lock. */
	if (gg_starts(name, "gone-"))
		remove_logged(*flags, tmpfd, name);
	return 0;
}

static int reclaim_rest(void *ctx, int tmpfd, const char *name, struct gg_err *err)
{
	_cleanup_free_ char *lock = lock_name(name);
	const unsigned *flags = ctx;

	(void)err;
	if (!gg_ends(name, ".lock") && faccessat(tmpfd, lock, F_OK, 0) < 0)
		remove_logged(*flags, tmpfd, name);
	return 0;
}

int store_tmp_reclaim(struct store *s, unsigned flags, struct gg_err *err)
{
	int tmpfd = s->dirs[STORE_TMP_DIR];
	struct stat st;

	if (fstat(tmpfd, &st) < 0)
		return gg_fail_errno(err, "stat 'tmp'");
	/* No subdirectory, nothing to reclaim (btrfs counts none, so it is always read there). */
	if (st.st_nlink == 2 && !(flags & STORE_RECLAIM_ALL))
		return 0;
	if (store_each(tmpfd, reclaim_stale, &flags, err) < 0)
		return -1;
	return flags & STORE_RECLAIM_ALL ? store_each(tmpfd, reclaim_rest, &flags, err) : 0;
}
