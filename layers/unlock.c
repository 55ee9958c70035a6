/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/unlock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"

/* Others may be at the same file: they put its mode back while we open it. */
enum { ATTEMPTS = 100 };

struct opened {
	int fd; /* O_PATH */
	mode_t mode;
};

struct walk {
	struct opened *v; /* what has to be put back, in order */
	size_t n, cap;
};

static int set_mode(int fd, mode_t mode)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, mode);
}

/* The same bits for all, so that who comes second finds either all of them or none. False when it was not the mode. */
static bool open_mode(struct walk *w, int fd)
{
	struct stat st;
	mode_t want;
	int copy;

	if (fstat(fd, &st) < 0 || st.st_uid != geteuid())
		return false;
	want = S_ISDIR(st.st_mode) ? 0700 : S_ISREG(st.st_mode) ? 0600 : 0;
	if ((st.st_mode & want) == want)
		return true;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || set_mode(fd, (st.st_mode & 07777) | want) < 0) {
		gg_close(copy);
		return false;
	}
	GG_GROW(w->v, w->n, w->cap);
	w->v[w->n++] = (struct opened){ .fd = copy, .mode = st.st_mode & 07777 };
	return true;
}

static void put_back(struct walk *w)
{
	while (w->n > 0) {
		struct opened *o = &w->v[--w->n];

		(void)set_mode(o->fd, o->mode);
		gg_close(o->fd);
	}
	free(w->v);
	*w = (struct walk){ 0 };
}

static int step(struct walk *w, int dirfd, const char *name)
{
	const uint64_t plain = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	int fd = gg_openat2(dirfd, name, O_PATH | O_NOFOLLOW, 0, plain);

	if (fd < 0 && errno == EACCES && open_mode(w, dirfd))
		fd = gg_openat2(dirfd, name, O_PATH | O_NOFOLLOW, 0, plain);
	return fd;
}

/* From the top down: a directory that is closed hides what is below it. */
static bool walk(struct walk *w, int rootfd, const char *path)
{
	_cleanup_free_ char *copy = gg_strdup(path);
	_cleanup_close_ int at = step(w, rootfd, ".");
	char *rest = copy, *name;

	while (at >= 0 && (name = strsep(&rest, "/"))) {
		int next;

		if (!*name || gg_streq(name, "."))
			continue;
		next = step(w, at, name);
		gg_close(at);
		at = next;
	}
	return at >= 0 && open_mode(w, at);
}

int unlock_open(int rootfd, const char *path, int flags, uint64_t resolve)
{
	int fd = gg_openat2(rootfd, path, flags, 0, resolve);

	for (int i = 0; i < ATTEMPTS && fd < 0 && errno == EACCES; i++) {
		struct walk w = { 0 };
		bool ours = walk(&w, rootfd, path);
		int saved;

		errno = EACCES;
		if (ours)
			fd = gg_openat2(rootfd, path, flags, 0, resolve);
		saved = errno;
		put_back(&w);
		errno = saved;
		if (!ours)
			break;
	}
	return fd;
}
