/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/store.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "layers/base/log.h"
#include "layers/store_private.h"

enum { FULL_BYTES = 1 << 20 };

static const char format_text[] = "ggbuild-store 1\n";

static const struct {
	const char *name;
	mode_t mode;
} dirs[STORE_N_DIRS] = {
	[STORE_BLOBS] = { "blobs/sha256", 0700 },
	/* A sandbox reaches a tree by descriptor; its ids must be able to pass this directory but
	   not list it. */
	[STORE_TREES] = { "trees", 0711 },
	[STORE_ACTIONS] = { "actions", 0700 },
	[STORE_NAMES] = { "names", 0700 },
	[STORE_NOTES] = { "notes", 0700 },
	[STORE_CACHES] = { "caches", 0711 },
	[STORE_LOCKS] = { "locks", 0700 },
	[STORE_VERIFIED] = { "verified", 0700 },
	[STORE_LOGS] = { "logs", 0700 },
	[STORE_PARTIAL] = { "partial", 0700 },
	[STORE_TMP_DIR] = { "tmp", 0711 },
};

/* In a user namespace, ids that it does not hold all read as this one. */
enum { OVERFLOW_UID = 65534 };

static int fail_owner(struct gg_err *err, const char *path, uid_t owner)
{
	if (owner == OVERFLOW_UID)
		gg_fail(err, GG_SYSTEM, "the store '%s' belongs to another user", path);
	else
		gg_fail(err, GG_SYSTEM, "the store '%s' belongs to uid %u, not to uid %u", path,
			owner, geteuid());
	return gg_hint(err, "--store names another directory; a store serves one user");
}

static int fail_open(struct gg_err *err, const char *path)
{
	int saved = errno;
	struct stat st;

	/* Others' stores are closed to us. */
	if (saved == EACCES && stat(path, &st) == 0 && st.st_uid != geteuid())
		return fail_owner(err, path, st.st_uid);
	errno = saved;
	gg_fail_errno(err, "open the store '%s'", path);
	return gg_hint(err, "--store names another directory");
}

static int open_root(const char *path, struct gg_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : fail_open(err, path);
	if (gg_mkdirs(AT_FDCWD, path, 0700, err) < 0) {
		gg_context(err, "make the store '%s'", path);
		return gg_hint(err, "--store names another directory");
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : fail_open(err, path);
}

static int check_owner(int fd, const char *path, struct gg_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_open(err, path);
	return st.st_uid == geteuid() ? 0 : fail_owner(err, path, st.st_uid);
}

/* Only now that it is known to be a store: another directory's mode is not ours to change. */
static int close_to_others(struct store *s, struct gg_err *err)
{
	struct stat st;

	if (fstat(s->fd, &st) < 0)
		return gg_fail_errno(err, "stat");
	if ((st.st_mode & 077) && fchmod(s->fd, 0700) < 0)
		return gg_fail_errno(err, "chmod 0700");
	return 0;
}

void store_explain(const struct store *s, struct gg_err *err)
{
	struct statvfs fs;
	bool full = err->errnum == ENOSPC || err->errnum == EDQUOT;

	/* A command that could not write says so in words of its own. */
	if (err->kind == GG_STEP && fstatvfs(s->fd, &fs) == 0 && fs.f_blocks)
		full = fs.f_bavail * fs.f_frsize < FULL_BYTES;
	if (full)
		gg_hint(err,
			"the disk of the store '%s' is full: 'ggbuild store gc' frees what no "
			"build uses; --store names another disk",
			s->path);
	else if (err->errnum == EROFS)
		gg_hint(err, "the store '%s' cannot be written to; --store names another directory",
			s->path);
}

static int fail_lock(struct gg_err *err, const char *path)
{
	bool unsupported =
		errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;

	gg_fail_errno(err, "lock the store '%s'", path);
	if (unsupported)
		gg_hint(err,
			"its file system has no flock; --store names a directory on a local disk");
	return -1;
}

static int take_lock(struct store *s, struct gg_err *err)
{
	int how = s->options.exclusive ? LOCK_EX : LOCK_SH;

	s->lockfd = openat(s->fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->lockfd < 0 && (errno == EROFS || errno == EACCES))
		s->lockfd = openat(s->fd, "lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (s->lockfd < 0)
		return fail_lock(err, s->path);
	if (flock(s->lockfd, how | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return fail_lock(err, s->path);
	gg_log(GG_LOG_WARNING, "the store '%s' is in use by %s; waiting", s->path,
	       s->options.exclusive ? "a build" : "garbage collection");
	/* Not retried on EINTR: a user who interrupts the wait means it. */
	return flock(s->lockfd, how) == 0 ? 0 : fail_lock(err, s->path);
}

static bool depends_on_ids(size_t i)
{
	return i == STORE_TREES || i == STORE_CACHES;
}

static char *dir_name(const struct store *s, size_t i)
{
	bool own = depends_on_ids(i) && s->ids[0];

	return gg_asprintf("%s%s%s", dirs[i].name, own ? "-" : "", own ? s->ids : "");
}

static int make_layout(struct store *s, struct gg_err *err)
{
	for (size_t i = 0; i < STORE_N_DIRS; i++) {
		_cleanup_free_ char *name = dir_name(s, i);

		if (gg_mkdirs(s->fd, name, 0700, err) < 0)
			return -1;
		/* The umask must not reach the store. */
		if (fchmodat(s->fd, name, dirs[i].mode, 0) < 0)
			return gg_fail_errno(err, "chmod '%s'", name);
	}
	if (gg_fsync_dir(s->fd, err) < 0)
		return -1;
	return gg_write_file(s->fd, "format", format_text, strlen(format_text), 0600, 0, err);
}

static int read_format(struct store *s, bool *ret_present, struct gg_err *err)
{
	_cleanup_close_ int fd = openat(s->fd, "format", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[64] = "";
	ssize_t n;

	*ret_present = fd >= 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : gg_fail_errno(err, "open 'format'");
	n = gg_read_full(fd, text, sizeof(text) - 1, err);
	if (n < 0)
		return -1;
	if (gg_streq(text, format_text))
		return 0;
	text[strcspn(text, "\n")] = '\0';
	gg_fail(err, GG_SYSTEM,
		"the store has the format '%s', this ggbuild writes 'ggbuild-store 1'", text);
	return gg_hint(err, "--store names another directory, or remove this one");
}

static bool dir_is_empty(int fd)
{
	_cleanup_close_ int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char entries[1024];

	/* "." and ".." take 24 bytes each. */
	return copy >= 0 && getdents64(copy, entries, sizeof(entries)) <= 48;
}

static int open_dir(struct store *s, size_t i, bool *ret_missing, struct gg_err *err)
{
	_cleanup_free_ char *name = dir_name(s, i);

	if (s->dirs[i] < 0)
		s->dirs[i] = openat(s->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*ret_missing = s->dirs[i] < 0;
	if (s->dirs[i] < 0 && errno != ENOENT)
		return gg_fail_errno(err, "open '%s'", name);
	return 0;
}

static int open_dirs(struct store *s, bool present, struct gg_err *err)
{
	for (int attempt = 0; attempt < 2; attempt++) {
		bool missing = !present && attempt == 0;

		for (size_t i = 0; i < STORE_N_DIRS && !missing; i++)
			if (open_dir(s, i, &missing, err) < 0)
				return -1;
		if (!missing)
			return 0;
		if (make_layout(s, err) < 0)
			return -1;
	}
	return gg_fail(err, GG_SYSTEM, "its directories vanish while they are made");
}

/* A directory that is not empty and has no format file is somebody's, not a store. */
static int prepare(struct store *s, struct gg_err *err)
{
	bool present;

	if (read_format(s, &present, err) < 0)
		return -1;
	if (!present && !dir_is_empty(s->fd) && faccessat(s->fd, "lock", F_OK, 0) < 0) {
		gg_fail(err, GG_SYSTEM, "the directory is neither empty nor a store");
		return gg_hint(err, "--store names another directory");
	}
	if (take_lock(s, err) < 0)
		return -1;
	return open_dirs(s, present, err);
}

int store_take_ids(struct store *s, const char *ids, struct gg_err *err)
{
	if (gg_streq(s->ids, ids))
		return 0;
	free(s->ids);
	s->ids = gg_strdup(ids);
	for (size_t i = 0; i < STORE_N_DIRS; i++)
		if (depends_on_ids(i)) {
			gg_close(s->dirs[i]);
			s->dirs[i] = -1;
		}
	if (open_dirs(s, true, err) < 0)
		return gg_context(err, "store '%s'", s->path);
	return 0;
}

int store_reclaim(struct store *s, struct gg_err *err)
{
	if (store_tmp_reclaim(s, STORE_RECLAIM_WARN, err) < 0)
		return gg_context(err, "store '%s'", s->path);
	return 0;
}

static void read_boot_id(struct store *s)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	/* Without a boot id no marker is ever valid, so that everything is hashed: slow, but right.
	 */
	if (fd < 0 || read(fd, s->boot, 36) != 36)
		s->boot[0] = '\0';
}

int store_open(const char *path, const struct store_options *options, struct store **ret,
	       struct gg_err *err)
{
	_cleanup_store_ struct store *s = gg_zalloc(sizeof(*s));

	s->path = gg_strdup(path);
	s->fd = s->lockfd = -1;
	s->pid = getpid();
	s->work = (struct store_tmp)STORE_TMP_INIT;
	if (options)
		s->options = *options;
	s->ids = gg_strdup(s->options.ids ? s->options.ids : "");
	for (size_t i = 0; i < STORE_N_DIRS; i++)
		s->dirs[i] = -1;
	s->fd = open_root(path, err);
	if (s->fd < 0 || check_owner(s->fd, path, err) < 0)
		return -1;
	if (prepare(s, err) < 0 || close_to_others(s, err) < 0) {
		store_explain(s, err);
		return gg_context(err, "store '%s'", path);
	}
	read_boot_id(s);
	/* A user may lack the rights so far: store_reclaim. */
	if (store_tmp_reclaim(s, geteuid() == 0 ? STORE_RECLAIM_WARN : 0, err) < 0)
		return gg_context(err, "store '%s'", path);
	*ret = gg_steal(&s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_batch_drop(s);
	if (s->pid == getpid())
		store_tmp_done(&s->work);
	for (size_t i = 0; i < STORE_N_DIRS; i++)
		gg_close(s->dirs[i]);
	gg_close(s->lockfd);
	gg_close(s->fd);
	free(s->path);
	free(s->ids);
	free(s);
}

void store_closep(struct store **s)
{
	store_close(*s);
	*s = NULL;
}

const char *store_path(const struct store *s)
{
	return s->path;
}

int store_lock_try(struct store *s, const struct gg_digest *d, int *ret, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_close_ int fd = gg_openat(s->dirs[STORE_LOCKS], gg_digest_hex(d, hex),
					   O_RDWR | O_CREAT | O_NOFOLLOW, 0600, err);

	*ret = -1;
	if (fd < 0)
		return gg_context(err, "make a lock");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : gg_fail_errno(err, "lock '%s'", hex);
	*ret = gg_steal_fd(&fd);
	return 0;
}

void store_lock_release(int lockfd)
{
	if (lockfd < 0)
		return;
	/* Unlocked by name, not by closing: a child that was forked meanwhile still holds the
	 * description. */
	flock(lockfd, LOCK_UN);
	gg_close(lockfd);
}

int store_log_new(struct store *s, const struct gg_digest *key, char **ret_path, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int fd = -1;

	gg_digest_hex(key, hex)[16] = '\0';
	name = gg_temp_name(hex);
	fd = gg_openat(s->dirs[STORE_LOGS], name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600,
		       err);
	if (fd < 0)
		return gg_context(err, "make a log");
	*ret_path = gg_asprintf("%s/logs/%s", s->path, name);
	return 0;
}
