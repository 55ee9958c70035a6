/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/store_private.h"

#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

/* Whether the name is the open file's still: who had it before may have made it a blob, or have removed it. */
static bool is_current(int dirfd, const char *name, int fd)
{
	struct stat is, named;

	return fstat(fd, &is) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       is.st_dev == named.st_dev && is.st_ino == named.st_ino;
}

int store_partial_open(struct store *s, const struct gg_digest *d, int *ret, struct gg_err *err)
{
	int dirfd = s->dirs[STORE_PARTIAL];
	char hex[GG_DIGEST_HEX];

	gg_digest_hex(d, hex);
	*ret = -1;
	for (;;) {
		_cleanup_close_ int fd = gg_openat(
			dirfd, hex, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600, err);

		if (fd < 0)
			return gg_context(err, "partial download");
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				return 0;
			return gg_fail_errno(err, "lock partial download '%s'", hex);
		}
		if (is_current(dirfd, hex, fd)) {
			*ret = gg_steal_fd(&fd);
			return 0;
		}
	}
}

int store_partial_adopt(struct store *s, const struct gg_digest *d, uint64_t size,
			struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];

	return store_blob_adopt(s, s->dirs[STORE_PARTIAL], gg_digest_hex(d, hex), d, size, err);
}

void store_partial_close(struct store *s, const struct gg_digest *d, int fd)
{
	int dirfd = s->dirs[STORE_PARTIAL];
	char hex[GG_DIGEST_HEX];
	struct stat st;

	gg_digest_hex(d, hex);
	if (fstat(fd, &st) == 0 && st.st_size == 0 && is_current(dirfd, hex, fd))
		unlinkat(dirfd, hex, 0);
	gg_close(fd);
}
