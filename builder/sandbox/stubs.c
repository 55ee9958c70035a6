/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/stubs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/fd.h"
#include "layers/base/log.h"

enum { MAX_LINKS = 40 };

void stubs_done(struct stubs *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->v[i].parent);
		free(s->v[i].name);
	}
	free(s->v);
	*s = (struct stubs){ 0 };
}

/* Below the upper directory every step of a remembered path was a real directory; a symlink there is the step's. */
static int open_plain(int upper, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, upper, path, &how, sizeof(how));
}

/* `parent` is a descriptor on the root mount; its path there is its path in the upper directory. */
static int remember(struct stubs *s, int parent, int upper, const char *name, bool is_dir,
		    struct gg_err *err)
{
	_cleanup_close_ int dir = -1;
	char link[64], path[PATH_MAX];
	struct stat st;
	ssize_t len;

	if (upper < 0)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", parent);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return gg_fail_errno(err, "find the path of a mount point's parent");
	path[len] = '\0';
	dir = open_plain(upper, path);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "find '%s/%s' in the upper directory", path, name);
	GG_GROW(s->v, s->n, s->cap);
	s->v[s->n++] = (struct stub){ .parent = gg_strdup(path),
				      .name = gg_strdup(name),
				      .is_dir = is_dir,
				      .dev = st.st_dev,
				      .ino = st.st_ino };
	return 0;
}

static int make(int parent, const char *name, bool is_dir)
{
	int fd;

	/* The name is new and ours; the caller's umask must not show in what a step may keep. */
	if (is_dir)
		return mkdirat(parent, name, 0755) < 0 ? -1 : fchmodat(parent, name, 0755, 0);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	gg_close(fd);
	return fd < 0 ? -1 : 0;
}

static int fail_read_only(struct gg_err *err, const char *path)
{
	gg_fail_errno(err, "make the mount point '%s'", path);
	if (err->errnum == EROFS)
		gg_hint(err, "the root is read-only and has no '%s'", path);
	return -1;
}

static int ensure(struct stubs *s, int root, int upper, const char *path, bool is_dir,
		  unsigned links, struct gg_err *err);

/* path leads nowhere, but its last part is a symlink: what the symlink names is made. (Ubuntu's /etc/resolv.conf.) */
static int ensure_behind_link(struct stubs *s, int root, int upper, int parent,
			      const char *parent_path, const char *name, bool is_dir,
			      unsigned links, struct gg_err *err)
{
	_cleanup_free_ char *next = NULL;
	char target[PATH_MAX];
	ssize_t len = readlinkat(parent, name, target, sizeof(target) - 1);

	if (len < 0)
		return gg_fail_errno(err, "make the mount point '%s/%s'", parent_path, name);
	target[len] = '\0';
	next = target[0] == '/' ? gg_strdup(target) : gg_asprintf("%s/%s", parent_path, target);
	return ensure(s, root, upper, next, is_dir, links + 1, err);
}

static int create(struct stubs *s, int root, int upper, const char *path, bool is_dir,
		  unsigned links, struct gg_err *err)
{
	_cleanup_free_ char *copy = gg_strdup(path);
	_cleanup_close_ int parent = -1;
	const char *parent_path;
	char *name;

	for (size_t len = strlen(copy); len > 1 && copy[len - 1] == '/'; len--)
		copy[len - 1] = '\0';
	name = strrchr(copy, '/');
	if (!name || gg_streq(name, "/") || gg_streq(name, "/.") || gg_streq(name, "/.."))
		return gg_fail(err, GG_RECIPE,
			       "make the mount point '%s': it must be an absolute path", path);
	*name++ = '\0';
	parent_path = *copy ? copy : "/";
	if (ensure(s, root, upper, parent_path, true, links, err) < 0)
		return -1;
	parent = gg_openat_in(root, parent_path, O_RDONLY | O_DIRECTORY, 0, err);
	if (parent < 0)
		return -1;
	if (make(parent, name, is_dir) == 0)
		return remember(s, parent, upper, name, is_dir, err);
	if (errno == EEXIST)
		return ensure_behind_link(s, root, upper, parent, parent_path, name, is_dir, links,
					  err);
	return fail_read_only(err, path);
}

static int ensure(struct stubs *s, int root, int upper, const char *path, bool is_dir,
		  unsigned links, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_try_openat_in(root, path, O_PATH, 0);
	struct stat st;

	if (fd < 0 && errno == ENOENT && links < MAX_LINKS)
		return create(s, root, upper, path, is_dir, links, err);
	if (fd < 0 || fstat(fd, &st) < 0) {
		if (links >= MAX_LINKS)
			errno = ELOOP;
		return gg_fail_errno(err, "find the mount point '%s'", path);
	}
	if (S_ISDIR(st.st_mode) != is_dir)
		return gg_fail(err, GG_RECIPE,
			       "mount on '%s': it is %s directory there, and what is mounted is %s",
			       path, is_dir ? "no" : "a", is_dir ? "one" : "none");
	return 0;
}

int stubs_ensure(struct stubs *s, int root, int upper, const char *path, bool is_dir,
		 struct gg_err *err)
{
	return ensure(s, root, upper, path, is_dir, 0, err);
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return "a symbolic link";
	case S_IFREG:
		return "a file";
	case S_IFIFO:
		return "a fifo";
	default:
		return "a special file";
	}
}

int stubs_ensure_top(struct stubs *s, int root, int upper, const char *name, struct gg_err *err)
{
	struct stat st;

	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		gg_fail(err, GG_STEP,
			"mount on '/%s': it is %s in the root, and must be a directory", name,
			type_name(st.st_mode));
		return gg_hint(err, "the image or an earlier step made it; remove it there");
	}
	if (errno != ENOENT)
		return gg_fail_errno(err, "find the mount point '/%s'", name);
	if (make(root, name, true) < 0)
		return fail_read_only(err, name);
	return remember(s, root, upper, name, true, err);
}

static void remove_one(const struct stub *stub, int upper)
{
	_cleanup_close_ int parent = open_plain(upper, stub->parent);
	struct stat st;

	if (parent < 0 || fstatat(parent, stub->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (st.st_dev != stub->dev || st.st_ino != stub->ino || S_ISDIR(st.st_mode) != stub->is_dir)
		return;
	if (!stub->is_dir && st.st_size > 0)
		return;
	/* A directory in which the step left something stays. */
	if (unlinkat(parent, stub->name, stub->is_dir ? AT_REMOVEDIR : 0) < 0 && errno != ENOTEMPTY)
		gg_log(GG_LOG_WARNING, "remove the mount point '%s/%s': %s", stub->parent,
		       stub->name, strerror(errno));
}

void stubs_remove(struct stubs *s, int upper)
{
	if (upper < 0)
		return;
	for (size_t i = s->n; i-- > 0;)
		remove_one(&s->v[i], upper);
}
