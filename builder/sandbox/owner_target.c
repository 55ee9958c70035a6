/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <linux/seccomp.h>

#include "layers/base/fd.h"

/* ---- memory ---- */

/* Where process_vm_readv is compiled out or filtered by an outer container. */
static ssize_t by_file(const struct owner_call *c, uint64_t at, void *bytes, size_t len, bool write)
{
	_cleanup_close_ int fd = -1;
	char path[32];

	if (at > INT64_MAX)
		return -EFAULT;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)c->pid);
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = write ? pwrite(fd, bytes, len, (off_t)at) : pread(fd, bytes, len, (off_t)at);

	return n < 0 ? (errno == EIO ? -EFAULT : -errno) : n;
}

static ssize_t transfer(const struct owner_call *c, uint64_t at, void *bytes, size_t len,
			bool write)
{
	struct iovec here = { .iov_base = bytes, .iov_len = len };
	struct iovec there = { .iov_base = (void *)(uintptr_t)at, .iov_len = len };
	ssize_t n = write ? process_vm_writev(c->pid, &here, 1, &there, 1, 0)
			  : process_vm_readv(c->pid, &here, 1, &there, 1, 0);

	if (n >= 0)
		return n;
	if (errno == ENOSYS || errno == EPERM)
		return by_file(c, at, bytes, len, write);
	return -errno;
}

int owner_read(const struct owner_call *c, uint64_t from, void *to, size_t len)
{
	ssize_t n = len ? transfer(c, from, to, len, false) : 0;

	return n < 0 ? (int)n : (size_t)n == len ? 0 : -EFAULT;
}

int owner_write(const struct owner_call *c, uint64_t to, const void *from, size_t len)
{
	/* What is written must not land in a process that has only the pid. */
	if (!owner_valid(c))
		return -ESRCH;
	ssize_t n = len ? transfer(c, to, (void *)(uintptr_t)from, len, true) : 0;

	return n < 0 ? (int)n : (size_t)n == len ? 0 : -EFAULT;
}

/* By parts that end with a page, since what follows the string may be unmapped. */
int owner_read_string(const struct owner_call *c, uint64_t from, char ret[PATH_MAX])
{
	size_t len = 0;

	while (len < PATH_MAX) {
		size_t part = 4096 - ((from + len) & 4095);
		ssize_t n;

		if (len == 0 && part > 256)
			part = 256;
		if (part > PATH_MAX - len)
			part = PATH_MAX - len;
		n = transfer(c, from + len, ret + len, part, false);
		if (n <= 0)
			return n < 0 ? (int)n : -EFAULT;
		if (memchr(ret + len, '\0', (size_t)n))
			return 0;
		len += (size_t)n;
	}
	return -ENAMETOOLONG;
}

bool owner_valid(const struct owner_call *c)
{
	uint64_t id = c->id;

	return ioctl(c->s->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

bool owner_is_ours(const struct owner_call *c, const struct stat *st)
{
	return st->st_ino == c->s->ino && st->st_dev == c->s->dev;
}

mode_t owner_umask(const struct owner_call *c)
{
	_cleanup_close_ int fd = -1;
	char path[32], text[512];
	const char *at;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)c->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return 022;
	text[n] = '\0';
	at = strstr(text, "\nUmask:");
	return at ? (mode_t)strtoul(at + strlen("\nUmask:"), NULL, 8) & 0777 : 022;
}

/* A thread that leads no process has no pidfd. One of a process that has ended is of no other: ESRCH. */
int owner_get_fd(const struct owner_call *c, int number)
{
	struct owner_server *s = c->s;

	for (int fresh = 0; fresh < 2; fresh++) {
		int fd = -1;

		if (s->pid != c->pid || fresh) {
			gg_close(s->pidfd);
			s->pid = c->pid;
			s->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
		}
		if (s->pidfd >= 0)
			fd = (int)syscall(SYS_pidfd_getfd, s->pidfd, number, 0);
		if (fd >= 0 || errno != ESRCH)
			return fd;
	}
	return -1;
}

/* ---- paths ---- */

void owner_place_done(struct owner_place *p)
{
	gg_close(p->fd);
	p->fd = -1;
}

/* What "self" means to the caller. Other ways there (a symlink of the step's own) end with us, who own nothing. */
static const char *own_proc(const char *path, char prefix[48], pid_t pid)
{
	static const struct {
		const char *from, *to;
	} names[] = {
		{ "/proc/self", "" },      { "/proc/thread-self", "" }, { "/dev/fd", "/fd" },
		{ "/dev/stdin", "/fd/0" }, { "/dev/stdout", "/fd/1" },  { "/dev/stderr", "/fd/2" },
	};

	for (size_t i = 0; i < GG_LEN(names); i++) {
		size_t len = strlen(names[i].from);

		if (strncmp(path, names[i].from, len) != 0 || (path[len] && path[len] != '/'))
			continue;
		snprintf(prefix, 48, "/proc/%d%s", (int)pid, names[i].to);
		return path + len;
	}
	prefix[0] = '\0';
	return path;
}

static int base_of(const struct owner_call *c, int dirfd, char ret[48])
{
	if (dirfd == AT_FDCWD)
		snprintf(ret, 48, "/proc/%d/cwd", (int)c->pid);
	else if (dirfd >= 0)
		snprintf(ret, 48, "/proc/%d/fd/%d", (int)c->pid, dirfd);
	else
		return -EBADF;
	return 0;
}

/* Whether the caller's root is not ours; *ret is it then, in our words. */
static bool elsewhere(const struct owner_call *c, char ret[PATH_MAX])
{
	struct stat ours, theirs;
	char link[48];
	ssize_t n;

	if (!c->s->changed_root)
		return false;
	snprintf(link, sizeof(link), "/proc/%d/root", (int)c->pid);
	if (stat(link, &theirs) < 0 || stat("/", &ours) < 0 ||
	    (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino))
		return false;
	n = readlink(link, ret, PATH_MAX - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}

/* In a changed root the kernel resolves for us below that; relative paths start with where their directory is. */
static int locate_in(const struct owner_call *c, const char *root, const char *base,
		     const char *path, bool follow, struct owner_place *ret)
{
	_cleanup_free_ char *dir = gg_zalloc(PATH_MAX), *whole = NULL;
	_cleanup_close_ int rootfd = -1;
	size_t len = strlen(root);
	char link[48];

	if (path[0] != '/') {
		if (readlink(base, dir, PATH_MAX - 1) < 0)
			return -errno;
		if (strncmp(dir, root, len) != 0 || (dir[len] && dir[len] != '/'))
			return -ENOENT;
		whole = gg_asprintf("%s/%s", dir + len, path);
	} else {
		whole = gg_strdup(path);
	}
	snprintf(link, sizeof(link), "/proc/%d/root", (int)c->pid);
	rootfd = open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return -errno;
	ret->fd = gg_openat2(rootfd, whole, O_PATH | (follow ? 0 : O_NOFOLLOW), 0, RESOLVE_IN_ROOT);
	if (ret->fd < 0)
		return -errno;
	snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", ret->fd);
	ret->follow = true;
	return 0;
}

static int locate(const struct owner_call *c, int dirfd, const char *path, bool follow,
		  struct owner_place *ret)
{
	char base[48], root[PATH_MAX];
	int r = path[0] == '/' ? 0 : base_of(c, dirfd, base), n;

	ret->fd = -1;
	ret->follow = follow;
	/* To us they are open. */
	if (gg_starts(path, "/proc/1/"))
		return -EACCES;
	if (r < 0)
		return r;
	if (elsewhere(c, root))
		return locate_in(c, root, base, path, follow, ret);
	if (path[0] == '/') {
		path = own_proc(path, base, c->pid);
		n = snprintf(ret->path, sizeof(ret->path), "%s%s", base, path);
	} else {
		n = snprintf(ret->path, sizeof(ret->path), "%s/%s", base, path);
	}
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int owner_locate_fd(const struct owner_call *c, int fd, struct owner_place *ret)
{
	ret->fd = -1;
	ret->follow = true;
	return base_of(c, fd, ret->path);
}

int owner_locate(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags,
		 struct owner_place *ret)
{
	char text[PATH_MAX];
	int r = 0;

	text[0] = '\0';
	ret->fd = -1;
	/* A null pointer is an empty path since Linux 6.11. */
	if (path || !(flags & AT_EMPTY_PATH))
		r = owner_read_string(c, path, text);
	if (r < 0)
		return r;
	if (!text[0])
		return flags & AT_EMPTY_PATH ? owner_locate_fd(c, dirfd, ret) : -ENOENT;
	return locate(c, dirfd, text, !(flags & AT_SYMLINK_NOFOLLOW), ret);
}

/* Off with the last component: "" when there is none that can be made. mkdir takes "a/b/"; what is no directory has no
 * such name, as the kernel then says. */
static const char *split(char text[PATH_MAX], char name[NAME_MAX + 1])
{
	size_t len = strlen(text);
	char *last;

	while (len > 1 && text[len - 1] == '/')
		text[--len] = '\0';
	last = strrchr(text, '/');
	last = last ? last + 1 : text;
	if (!*last || strlen(last) > NAME_MAX || gg_streq(last, ".") || gg_streq(last, ".."))
		return NULL;
	memcpy(name, last, strlen(last) + 1);
	if (last == text)
		return ".";
	last[last == text + 1 ? 0 : -1] = '\0';
	return text;
}

int owner_locate_parent(const struct owner_call *c, int dirfd, uint64_t path,
			struct owner_place *ret)
{
	char text[PATH_MAX], name[NAME_MAX + 1];
	int r = owner_read_string(c, path, text);
	const char *dir = r < 0 ? NULL : split(text, name);

	ret->fd = -1;
	return dir ? locate(c, dirfd, dir, true, ret) : -EINVAL;
}

/* ---- descriptors ---- */

static int open_at(const struct owner_call *c, int dirfd, const char *path, bool follow)
{
	struct owner_place p = { .fd = -1 };
	_cleanup_close_ int base = -1;
	char link[48], root[PATH_MAX];
	int fd, r = 0;

	if (elsewhere(c, root)) {
		if (path[0] != '/')
			r = base_of(c, dirfd, link);
		if (r == 0)
			r = locate_in(c, root, link, path, follow, &p);
		return r < 0 ? r : p.fd;
	}
	if (path[0] != '/') {
		r = base_of(c, dirfd, link);
		base = r < 0 ? -1 : open(link, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (base < 0)
			return r < 0 ? r : -errno;
	}
	fd = gg_openat2(path[0] == '/' ? AT_FDCWD : base, path, O_PATH | (follow ? 0 : O_NOFOLLOW),
			0, RESOLVE_NO_MAGICLINKS);
	return fd < 0 ? -errno : fd;
}

/* The caller's own descriptors by the names that lead to them: a link that is taken on purpose. */
static bool is_own_fd(const char *path, bool follow, pid_t pid, char ret[48])
{
	const char *rest = own_proc(path, ret, pid);
	size_t len = strlen(ret);
	unsigned number;
	int end = 0;

	if (!follow || !len)
		return false;
	if (!*rest)
		return strstr(ret, "/fd/") != NULL;
	if (strstr(ret, "/fd"))
		return sscanf(rest, "/%u%n", &number, &end) == 1 && !rest[end] &&
		       snprintf(ret + len, 48 - len, "/%u", number) > 0;
	return sscanf(rest, "/fd/%u%n", &number, &end) == 1 && !rest[end] &&
	       snprintf(ret + len, 48 - len, "/fd/%u", number) > 0;
}

int owner_open(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags)
{
	bool follow = !(flags & AT_SYMLINK_NOFOLLOW);
	char text[PATH_MAX], link[48];
	int fd, r = 0;

	text[0] = '\0';
	if (path || !(flags & AT_EMPTY_PATH))
		r = owner_read_string(c, path, text);
	if (r < 0)
		return r;
	if (text[0] && !is_own_fd(text, follow, c->pid, link))
		return open_at(c, dirfd, text, follow);
	if (!text[0] && !(flags & AT_EMPTY_PATH))
		return -ENOENT;
	r = text[0] ? 0 : base_of(c, dirfd, link);
	fd = r < 0 ? -1 : open(link, O_PATH | O_CLOEXEC);
	return r < 0 ? r : fd < 0 ? -errno : fd;
}

int owner_open_parent(const struct owner_call *c, int dirfd, uint64_t path, char name[NAME_MAX + 1])
{
	char text[PATH_MAX];
	int r = owner_read_string(c, path, text);
	const char *dir = r < 0 ? NULL : split(text, name);

	return dir ? open_at(c, dirfd, dir, true) : -EINVAL;
}

const char *owner_fd_path(int fd, char ret[OWNER_FD_PATH])
{
	snprintf(ret, OWNER_FD_PATH, "/proc/self/fd/%d", fd);
	return ret;
}
