/* SPDX-License-Identifier: Apache-2.0
 *
 * Markers, and the small moves that all objects share: staging, committing, quarantine, noting use.
 */
#include "layers/store_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/log.h"

char *store_tree_name(const struct gg_digest *d, char ret[STORE_TREE_NAME])
{
	char hex[GG_DIGEST_HEX];

	memcpy(ret, gg_digest_hex(d, hex), STORE_TREE_NAME - 1);
	ret[STORE_TREE_NAME - 1] = '\0';
	return ret;
}

char *store_mark_tree(const struct gg_digest *d, char ret[STORE_MARK_NAME])
{
	char name[STORE_TREE_NAME];

	snprintf(ret, STORE_MARK_NAME, "tree-%s", store_tree_name(d, name));
	return ret;
}

static char *mark_text(const struct store *s, const struct stat *st)
{
	return gg_asprintf("ggbuild-verified 1 %s %llu %llu %lld %lld.%09ld %lld.%09ld\n", s->boot,
			   (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
			   (long long)st->st_size, (long long)st->st_mtim.tv_sec,
			   st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

bool store_mark_good(struct store *s, const char *mark, const struct stat *st)
{
	_cleanup_close_ int fd =
		openat(s->dirs[STORE_VERIFIED], mark, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ char *want = NULL;
	char text[256];
	struct stat mark_st;
	ssize_t n;

	if (fd < 0 || !s->boot[0])
		return false;
	want = mark_text(s, st);
	n = read(fd, text, sizeof(text));
	if (n < 0 || (size_t)n != strlen(want) || memcmp(text, want, (size_t)n) != 0)
		return false;
	if (fstat(fd, &mark_st) == 0)
		store_touch(fd, &mark_st);
	return true;
}

/* A marker that cannot be written (a full or read-only disk) costs time later, never truth. */
void store_mark_write(struct store *s, const char *mark, const struct stat *st)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *text = mark_text(s, st), *temp = gg_temp_name("mark");
	_cleanup_close_ int fd = -1;
	int work = store_work_fd(s, &err);

	if (work < 0) {
		gg_log(GG_LOG_DEBUG, "marker '%s': %s", mark, err.text);
		return;
	}
	fd = gg_openat(work, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &err);
	if (fd < 0 || gg_write_all(fd, text, strlen(text), &err) < 0)
		gg_log(GG_LOG_DEBUG, "marker '%s': %s", mark, err.text);
	else if (renameat(work, temp, s->dirs[STORE_VERIFIED], mark) == 0)
		return;
	unlinkat(work, temp, 0);
}

void store_mark_set_used(struct store *s, const char *mark, int64_t used)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = used } };

	utimensat(s->dirs[STORE_VERIFIED], mark, times, AT_SYMLINK_NOFOLLOW);
}

void store_mark_remove(struct store *s, const char *mark)
{
	unlinkat(s->dirs[STORE_VERIFIED], mark, 0);
}

void store_touch(int fd, const struct stat *st)
{
	if (time(NULL) - st->st_mtim.tv_sec >= STORE_USED_STEP || st->st_mtim.tv_sec > time(NULL))
		futimens(fd, NULL);
}

int store_fan_open(struct store *s, enum store_dir dir, const char *hex, bool create,
		   struct gg_err *err)
{
	const char fan[3] = { hex[0], hex[1], '\0' };
	int parent = s->dirs[dir];
	int fd = openat(parent, fan, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT && !create)
		return -1;
	if (errno != ENOENT)
		return gg_fail_errno(err, "open '%s' of the store", fan);
	if (mkdirat(parent, fan, 0700) < 0 && errno != EEXIST)
		return gg_fail_errno(err, "mkdir '%s' in the store", fan);
	if (fsync(parent) < 0)
		return gg_fail_errno(err, "fsync of a directory of the store");
	return gg_openat(parent, fan, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
}

static int fail_stage(struct store *s, struct gg_err *err)
{
	store_explain(s, err);
	return -1;
}

int store_stage(struct store *s, const void *bytes, size_t len, mode_t mode, char **ret_name,
		struct gg_err *err)
{
	_cleanup_free_ char *name = gg_temp_name("file");
	_cleanup_close_ int fd = -1;
	int work = store_work_fd(s, err);

	if (work < 0)
		return fail_stage(s, err);
	fd = gg_openat(work, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (fd < 0)
		return fail_stage(s, err);
	if (gg_write_all(fd, bytes, len, err) < 0) {
		gg_context(err, "%zu bytes to the store '%s'", len, s->path);
		goto fail;
	}
	if (fchmod(fd, mode) < 0 || (!s->batch && fsync(fd) < 0)) {
		gg_fail_errno(err, "fsync %zu bytes in the store '%s'", len, s->path);
		goto fail;
	}
	*ret_name = gg_steal(&name);
	return 0;
fail:
	unlinkat(work, name, 0);
	return fail_stage(s, err);
}

int store_commit(struct store *s, int fromfd, const char *from, int dirfd, const char *name,
		 unsigned flags, bool *ret_existed, struct gg_err *err)
{
	unsigned how = (flags & GG_COMMIT_REPLACE) ? 0 : RENAME_NOREPLACE;

	*ret_existed = false;
	if (renameat2(fromfd, from, dirfd, name, how) < 0) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return gg_fail_errno(err, "rename to '%s'", name);
		*ret_existed = true;
	}
	/* Also when it existed: whoever renamed it may not have come to its fsync yet. */
	if (!s->batch && fsync(dirfd) < 0)
		return gg_fail_errno(err, "fsync of the directory of '%s'", name);
	return 0;
}

int store_move_aside(struct store *s, int dirfd, const char *name, const char *aside)
{
	int tmpfd = s->dirs[STORE_TMP_DIR], r = renameat(dirfd, name, tmpfd, aside);

	if (r < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		r = renameat(dirfd, name, tmpfd, aside);
	return r;
}

void store_quarantine(struct store *s, int dirfd, const char *name, const char *why)
{
	_cleanup_free_ char *prefix = gg_asprintf("bad-%s", name), *bad = gg_temp_name(prefix);

	if (store_move_aside(s, dirfd, name, bad) == 0 || errno == ENOENT)
		gg_log(GG_LOG_WARNING, "store: '%s' is damaged (%s); moved to tmp/%s", name, why,
		       bad);
	else
		gg_log(GG_LOG_WARNING, "store: '%s' is damaged (%s) and cannot be moved: %s", name,
		       why, strerror(errno));
}
