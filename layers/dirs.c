/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/dirs.h"

#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/fd.h"
#include "layers/unlock.h"

/* One system call takes PATH_MAX (4096) bytes, NUL included. */
enum { PIECE = 4000, SLOTS = 64 };

static int open_piece(int dirfd, const char *path)
{
	return unlock_open(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
			   RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int dirs_open(int rootfd, const char *path, struct gg_err *err)
{
	_cleanup_close_ int at = -1;
	const char *p = path;

	while (strlen(p) > PIECE) {
		_cleanup_free_ char *piece = NULL;
		size_t len = PIECE;
		int next;

		while (len > 0 && p[len] != '/')
			len--;
		piece = gg_strndup(p, len);
		next = open_piece(at < 0 ? rootfd : at, piece);
		if (next < 0)
			return gg_fail_errno(err, "open directory '%.200s…'", path);
		gg_close(at);
		at = next;
		p += len + 1;
	}
	int last = open_piece(at < 0 ? rootfd : at, p);
	if (last < 0)
		return gg_fail_errno(err, "open directory '%.200s'", path);
	return last;
}

struct slot {
	int rootfd;
	int fd;
	char *path;
};

struct dirs {
	struct slot slots[SLOTS];
};

struct dirs *dirs_new(void)
{
	struct dirs *d = gg_zalloc(sizeof(*d));

	for (size_t i = 0; i < SLOTS; i++)
		d->slots[i].fd = -1;
	return d;
}

void dirs_flush(struct dirs *d)
{
	for (size_t i = 0; i < SLOTS; i++) {
		gg_close(d->slots[i].fd);
		free(d->slots[i].path);
		d->slots[i] = (struct slot){ .fd = -1 };
	}
}

void dirs_free(struct dirs *d)
{
	if (!d)
		return;
	dirs_flush(d);
	free(d);
}

void dirs_freep(struct dirs **d)
{
	dirs_free(*d);
}

int dirs_parent(struct dirs *d, int rootfd, const char *path, const char **ret_name,
		struct gg_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	struct slot *s = &d->slots[(unsigned)rootfd % SLOTS];

	*ret_name = slash ? slash + 1 : path;
	if (s->fd >= 0 && s->rootfd == rootfd && strlen(s->path) == len &&
	    !memcmp(s->path, path, len))
		return s->fd;
	gg_close(s->fd);
	free(s->path);
	*s = (struct slot){ .rootfd = rootfd, .path = gg_strndup(path, len) };
	s->fd = dirs_open(rootfd, len ? s->path : ".", err);
	return s->fd;
}
