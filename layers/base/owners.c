/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

enum { NANOSECONDS = 1000000000 };

/* Decimal without a leading zero, below the limit, up to `end`. */
static bool parse_id(const char *text, const char *end, uint32_t *ret)
{
	uint32_t value = 0;

	if (text == end || end - text > 5 || (*text == '0' && end - text > 1))
		return false;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint32_t)(*text - '0');
	}
	*ret = value;
	return value < OWNERS_LIMIT;
}

bool owners_parse(const char *text, size_t len, struct owners_ids *ret)
{
	const char *colon = memchr(text, ':', len);

	return colon && parse_id(text, colon, &ret->uid) &&
	       parse_id(colon + 1, text + len, &ret->gid) && (ret->uid || ret->gid);
}

size_t owners_format(struct owners_ids ids, char ret[OWNERS_TEXT])
{
	return (size_t)snprintf(ret, OWNERS_TEXT, "%u:%u", ids.uid & (OWNERS_LIMIT - 1),
				ids.gid & (OWNERS_LIMIT - 1));
}

struct timespec owners_mark(struct owners_ids ids)
{
	uint64_t ns = (uint64_t)ids.uid * OWNERS_LIMIT + ids.gid;

	return (struct timespec){ .tv_sec = (time_t)(OWNERS_EPOCH + ns / NANOSECONDS),
				  .tv_nsec = (long)(ns % NANOSECONDS) };
}

bool owners_marked(const struct timespec *mtime, struct owners_ids *ret)
{
	uint64_t ns;

	if (mtime->tv_sec < OWNERS_EPOCH || mtime->tv_sec > OWNERS_EPOCH + 4)
		return false;
	ns = (uint64_t)(mtime->tv_sec - OWNERS_EPOCH) * NANOSECONDS + (uint64_t)mtime->tv_nsec;
	if (ns == 0 || ns >= (uint64_t)OWNERS_LIMIT * OWNERS_LIMIT)
		return false;
	*ret = (struct owners_ids){ .uid = (uint32_t)(ns / OWNERS_LIMIT),
				    .gid = (uint32_t)(ns % OWNERS_LIMIT) };
	return true;
}

static bool has_xattrs(const struct stat *st)
{
	return S_ISREG(st->st_mode) || S_ISDIR(st->st_mode);
}

bool owners_read(const char *path, bool follow, const struct stat *st, struct owners_ids *ret)
{
	char text[OWNERS_TEXT];
	ssize_t len;

	*ret = (struct owners_ids){ 0 };
	if (!has_xattrs(st))
		return owners_marked(&st->st_mtim, ret);
	len = follow ? getxattr(path, OWNERS_XATTR, text, sizeof(text))
		     : lgetxattr(path, OWNERS_XATTR, text, sizeof(text));
	return len > 0 && owners_parse(text, (size_t)len, ret);
}

bool owners_read_fd(int fd, struct owners_ids *ret)
{
	char text[OWNERS_TEXT];
	ssize_t len = fgetxattr(fd, OWNERS_XATTR, text, sizeof(text));

	*ret = (struct owners_ids){ 0 };
	return len > 0 && owners_parse(text, (size_t)len, ret);
}

int owners_write_fd(int fd, struct owners_ids ids)
{
	char text[OWNERS_TEXT];

	if (ids.uid || ids.gid)
		return fsetxattr(fd, OWNERS_XATTR, text, owners_format(ids, text), 0);
	/* A file system without such attributes holds no record either. */
	return fremovexattr(fd, OWNERS_XATTR) == 0 || errno == ENODATA || errno == ENOTSUP ? 0 : -1;
}

static int write_mark(const char *path, bool follow, const struct stat *st, struct owners_ids ids)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_nsec = UTIME_NOW } };
	int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
	struct owners_ids now;
	struct stat after;

	if (ids.uid || ids.gid)
		times[1] = owners_mark(ids);
	else if (!owners_marked(&st->st_mtim, &now))
		return 0;
	if (utimensat(AT_FDCWD, path, times, flags) < 0)
		return -1;
	if (!ids.uid && !ids.gid)
		return 0;
	if (fstatat(AT_FDCWD, path, &after, flags) == 0 && owners_marked(&after.st_mtim, &now) &&
	    now.uid == ids.uid && now.gid == ids.gid)
		return 0;
	/* Coarser times: an error, since what is lost would not be noticed. */
	errno = EOVERFLOW;
	return -1;
}

int owners_write(const char *path, bool follow, const struct stat *st, struct owners_ids ids)
{
	char text[OWNERS_TEXT];
	size_t len = owners_format(ids, text);
	int r;

	if (!has_xattrs(st))
		return write_mark(path, follow, st, ids);
	if (ids.uid || ids.gid)
		return follow ? setxattr(path, OWNERS_XATTR, text, len, 0)
			      : lsetxattr(path, OWNERS_XATTR, text, len, 0);
	r = follow ? removexattr(path, OWNERS_XATTR) : lremovexattr(path, OWNERS_XATTR);
	return r == 0 || errno == ENODATA || errno == ENOTSUP ? 0 : -1;
}

/* How many ids there are from 0 on without a gap. A map's lines are in the order in which they were written. */
static unsigned long mapped(const char *path)
{
	unsigned long inside, outside, n, count = 0, before;

	do {
		FILE *f = fopen(path, "re");

		before = count;
		while (f && fscanf(f, "%lu %lu %lu", &inside, &outside, &n) == 3)
			if (inside <= count && inside + n > count)
				count = inside + n;
		if (f)
			fclose(f);
	} while (count > before);
	return count;
}

int owners_hint(struct gg_err *err)
{
	unsigned long uids = mapped("/proc/self/uid_map"), gids = mapped("/proc/self/gid_map");
	unsigned long count = uids < gids ? uids : gids;

	if (count <= 1 || count >= OWNERS_LIMIT)
		return gg_hint(err, "ids are from 0 to %d", OWNERS_LIMIT - 1);
	return gg_hint(err,
		       "this user has the ids from 0 to %lu: lengthen the ranges in /etc/subuid "
		       "and /etc/subgid to %d, or build with --userns single",
		       count - 1, OWNERS_LIMIT);
}
