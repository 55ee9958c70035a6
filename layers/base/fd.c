/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/interrupt.h"

enum { READ_STEP = 64 * 1024, WRITE_STEP = 16 << 20, REMOVE_DEPTH = 32, COPY_STEP = 64 << 20 };

void gg_close(int fd)
{
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
}

void gg_closep(int *fd)
{
	gg_close(*fd);
	*fd = -1;
}

int gg_openat(int dirfd, const char *name, int flags, mode_t mode, struct gg_err *err)
{
	int fd;

	do
		fd = openat(dirfd, name, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", name);
	return fd;
}

int gg_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = (flags & O_CREAT) ? mode : 0,
		.resolve = resolve,
	};
	long fd;

	/* EAGAIN: a rename raced with the resolution of ".."; the kernel asks us to try again. */
	do
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return (int)fd;
}

int gg_try_openat_in(int rootfd, const char *path, int flags, mode_t mode)
{
	return gg_openat2(rootfd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int gg_openat_in(int rootfd, const char *path, int flags, mode_t mode, struct gg_err *err)
{
	int fd = gg_try_openat_in(rootfd, path, flags, mode);

	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", path);
	return fd;
}

int gg_write_all(int fd, const void *bytes, size_t len, struct gg_err *err)
{
	const char *p = bytes;

	while (len > 0) {
		/* In steps: a write of a gigabyte would not notice an interrupt. */
		ssize_t n = gg_interrupted(err) < 0
				    ? -1
				    : write(fd, p, len < WRITE_STEP ? len : WRITE_STEP);

		if (n < 0) {
			if (err->kind != GG_OK)
				return -1;
			if (errno == EINTR)
				continue;
			return gg_fail_errno(err, "write");
		}
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t gg_read_full(int fd, void *bytes, size_t len, struct gg_err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = gg_interrupted(err) < 0 ? -1 : read(fd, (char *)bytes + got, len - got);

		if (n < 0) {
			if (err->kind != GG_OK)
				return -1;
			if (errno == EINTR)
				continue;
			return gg_fail_errno(err, "read");
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static int early_end(uint64_t left, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "it ends %llu bytes early", (unsigned long long)left);
}

static ssize_t read_block(int from, const off_t *offset, void *to, size_t len, struct gg_err *err)
{
	ssize_t n;

	if (!offset)
		return gg_read_full(from, to, len, err);
	if (gg_interrupted(err) < 0)
		return -1;
	do
		n = pread(from, to, len, *offset);
	while (n < 0 && errno == EINTR);
	return n < 0 ? gg_fail_errno(err, "read") : n;
}

/* offset NULL: the position of `from`. */
static int copy(int from, off_t *offset, int to, uint64_t size, struct gg_err *err)
{
	while (size > 0) {
		ssize_t n;

		if (gg_interrupted(err) < 0)
			return -1;
		n = copy_file_range(from, offset, to, NULL, size < COPY_STEP ? size : COPY_STEP, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 &&
		    (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS))
			break;
		if (n < 0)
			return gg_fail_errno(err, "copy");
		if (n == 0)
			return early_end(size, err);
		size -= (uint64_t)n;
		/* The disk works on what is here while the rest is copied: the caller's fsync finds less. */
		sync_file_range(to, 0, 0, SYNC_FILE_RANGE_WRITE);
	}
	/* Between file systems that cannot: by hand. */
	while (size > 0) {
		char block[64 * 1024];
		ssize_t n = read_block(from, offset, block,
				       size < sizeof(block) ? size : sizeof(block), err);

		if (n < 0)
			return -1;
		if (n == 0)
			return early_end(size, err);
		if (gg_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		size -= (uint64_t)n;
		if (offset)
			*offset += n;
	}
	return 0;
}

int gg_copy_bytes(int from, int to, uint64_t size, struct gg_err *err)
{
	return copy(from, NULL, to, size, err);
}

int gg_copy_range(int from, uint64_t offset, int to, uint64_t size, struct gg_err *err)
{
	off_t at = (off_t)offset;

	return copy(from, &at, to, size, err);
}

int gg_read_fd(int fd, size_t max, struct gg_buf *ret, struct gg_err *err)
{
	size_t total = 0;

	for (;;) {
		gg_buf_reserve(ret, READ_STEP);
		ssize_t n =
			gg_interrupted(err) < 0 ? -1 : read(fd, ret->data + ret->len, READ_STEP);

		if (n < 0) {
			if (err->kind != GG_OK)
				return -1;
			if (errno == EINTR)
				continue;
			return gg_fail_errno(err, "read");
		}
		ret->len += (size_t)n;
		ret->data[ret->len] = '\0';
		total += (size_t)n;
		if (n == 0)
			return 0;
		if (total > max)
			return gg_fail(err, GG_USAGE, "larger than the limit of %zu bytes", max);
	}
}

int gg_read_file(int dirfd, const char *name, size_t max, struct gg_buf *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(dirfd, name, O_RDONLY, 0, err);

	if (fd < 0)
		return -1;
	if (gg_read_fd(fd, max, ret, err) < 0)
		return gg_context(err, "'%s'", name);
	return 0;
}

int gg_read_regular(int dirfd, const char *name, size_t max, struct gg_buf *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "stat '%s'", name);
	if (!S_ISREG(st.st_mode))
		return gg_fail(err, GG_USAGE, "'%s' is %s, not a file", name,
			       S_ISDIR(st.st_mode)    ? "a directory"
			       : S_ISFIFO(st.st_mode) ? "a fifo"
						      : "a device");
	if (max > (uint64_t)st.st_size)
		max = (size_t)st.st_size;
	gg_buf_reserve(ret, max);
	n = gg_read_full(fd, ret->data + ret->len, max, err);
	if (n < 0)
		return gg_context(err, "'%s'", name);
	ret->len += (size_t)n;
	ret->data[ret->len] = '\0';
	return 0;
}

int gg_mkdirs(int dirfd, const char *path, mode_t mode, struct gg_err *err)
{
	_cleanup_free_ char *copy = gg_strdup(path);

	for (char *p = copy + 1;; p++) {
		bool last = *p == '\0';

		if (*p != '/' && !last)
			continue;
		*p = '\0';
		if (mkdirat(dirfd, copy, mode) < 0 && errno != EEXIST)
			return gg_fail_errno(err, "mkdir '%s'", copy);
		if (last)
			return 0;
		*p = '/';
	}
}

/* A removal: the directory it began at, and whether something deep was moved into it. */
struct removal {
	int top;
	bool moved;
};

/* A user cannot read a directory that is closed to its owner. */
static int open_closed(int dirfd, const char *name, struct gg_err *err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, name, flags);

	if (fd < 0 && errno == EACCES && fchmodat(dirfd, name, 0700, 0) == 0)
		fd = openat(dirfd, name, flags);
	return fd >= 0 ? fd : gg_fail_errno(err, "open '%s'", name);
}

/* No nesting is too deep for the descriptors that there are. The move writes the directory's "..". */
static int move_up(struct removal *r, int fd, const char *name, struct gg_err *err)
{
	_cleanup_free_ char *to = gg_temp_name("deep");

	r->moved = true;
	if (renameat(fd, name, r->top, to) == 0 ||
	    (errno == EACCES && fchmodat(fd, name, 0700, 0) == 0 &&
	     renameat(fd, name, r->top, to) == 0))
		return 0;
	return gg_fail_errno(err, "move '%s'", name);
}

static int remove_children(struct removal *r, int fd, unsigned depth, struct gg_err *err);

static int remove_child(struct removal *r, int fd, const char *name, unsigned depth,
			struct gg_err *err)
{
	int sub;

	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return gg_fail_errno(err, "unlink '%s'", name);
	if (depth == REMOVE_DEPTH)
		return move_up(r, fd, name, err);
	sub = open_closed(fd, name, err);
	if (sub < 0 || remove_children(r, sub, depth + 1, err) < 0)
		return -1;
	if (unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return gg_fail_errno(err, "rmdir '%s'", name);
	return 0;
}

/* Takes fd. Descends by descriptor, so a directory that turns into a symlink under us is unlinked, not followed. */
static int remove_children(struct removal *r, int fd, unsigned depth, struct gg_err *err)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;
	struct stat st;
	int result = 0;

	if (!dir) {
		gg_close(fd);
		return gg_fail_errno(err, "opendir");
	}
	/* A user cannot unlink from a directory closed to writing; when the chmod is refused, unlinkat says why. */
	if (fstat(fd, &st) == 0 && (st.st_mode & 0300) != 0300)
		(void)fchmod(fd, 0700);
	while (result == 0 && (e = readdir(dir)))
		if (!gg_streq(e->d_name, ".") && !gg_streq(e->d_name, ".."))
			result = remove_child(r, fd, e->d_name, depth, err);
	closedir(dir);
	return result;
}

int gg_remove_tree(int dirfd, const char *name, struct gg_err *err)
{
	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return gg_fail_errno(err, "unlink '%s'", name);
	for (;;) {
		struct removal r = { .top = open_closed(dirfd, name, err) };

		if (r.top < 0)
			return -1;
		if (remove_children(&r, r.top, 0, err) < 0)
			return gg_context(err, "remove '%s'", name);
		if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (!r.moved || (errno != ENOTEMPTY && errno != EEXIST))
			return gg_fail_errno(err, "rmdir '%s'", name);
	}
}

char *gg_temp_name(const char *prefix)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		abort();
	return gg_asprintf("%s-%016llx", prefix, (unsigned long long)random);
}

int gg_newfile_open(struct gg_newfile *f, int dirfd, mode_t mode, struct gg_err *err)
{
	f->dirfd = dirfd;
	f->temp = gg_temp_name(".ggtmp");
	f->fd = gg_openat(dirfd, f->temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (f->fd < 0) {
		gg_freep(&f->temp);
		f->temp = NULL;
		return -1;
	}
	/* The umask must not reach the file. */
	if (fchmod(f->fd, mode) < 0)
		return gg_fail_errno(err, "chmod '%s'", f->temp);
	return 0;
}

int gg_fsync_dir(int dirfd, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, err);

	if (fd < 0)
		return -1;
	if (fsync(fd) < 0)
		return gg_fail_errno(err, "fsync of the directory");
	return 0;
}

int gg_newfile_commit(struct gg_newfile *f, const char *name, unsigned flags, struct gg_err *err)
{
	unsigned how = (flags & GG_COMMIT_REPLACE) ? 0 : RENAME_NOREPLACE;

	if (fsync(f->fd) < 0)
		return gg_fail_errno(err, "fsync '%s'", name);
	if (renameat2(f->dirfd, f->temp, f->dirfd, name, how) < 0) {
		if (errno != EEXIST)
			return gg_fail_errno(err, "rename to '%s'", name);
		unlinkat(f->dirfd, f->temp, 0);
	}
	free(f->temp);
	f->temp = NULL;
	return gg_fsync_dir(f->dirfd, err);
}

void gg_newfile_done(struct gg_newfile *f)
{
	if (f->temp)
		unlinkat(f->dirfd, f->temp, 0);
	free(f->temp);
	gg_close(f->fd);
	*f = (struct gg_newfile)GG_NEWFILE_INIT;
}

int gg_write_file(int dirfd, const char *name, const void *bytes, size_t len, mode_t mode,
		  unsigned flags, struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile f = GG_NEWFILE_INIT;

	if (gg_newfile_open(&f, dirfd, mode, err) < 0 || gg_write_all(f.fd, bytes, len, err) < 0)
		return gg_context(err, "'%s'", name);
	return gg_newfile_commit(&f, name, flags, err);
}
