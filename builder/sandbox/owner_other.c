/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "layers/base/mem.h"

enum { LIST_MAX = 65536 };

/* Takes our name out; false when it is not there. */
static bool without_record(char *names, ssize_t *len)
{
	for (char *p = names; p < names + *len; p += strlen(p) + 1) {
		size_t own = sizeof(OWNERS_XATTR);

		if (!gg_streq(p, OWNERS_XATTR))
			continue;
		memmove(p, p + own, (size_t)(names + *len - p) - own);
		*len -= (ssize_t)own;
		return true;
	}
	return false;
}

static int64_t list_names(const struct owner_call *c, int r, const struct owner_place *p)
{
	_cleanup_free_ char *names = NULL;
	uint64_t to = c->args[1], size = c->args[2];
	struct stat st;
	ssize_t len;

	if (r < 0 || fstatat(AT_FDCWD, p->path, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ||
	    owner_is_ours(c, &st))
		return OWNER_PROCEED;
	names = gg_alloc(LIST_MAX);
	len = p->follow ? listxattr(p->path, names, LIST_MAX)
			: llistxattr(p->path, names, LIST_MAX);
	if (len <= 0 || !without_record(names, &len))
		return OWNER_PROCEED;
	if (size == 0)
		return len;
	if ((uint64_t)len > size)
		return -ERANGE;
	r = owner_write(c, to, names, (size_t)len);
	return r < 0 ? r : len;
}

/* Pretended: the time holds the record. */
static int64_t keep_time(int r, const struct owner_place *p)
{
	struct owners_ids ids;
	struct stat st;

	if (r < 0 || lstat(p->path, &st) < 0 || !S_ISLNK(st.st_mode) ||
	    !owners_marked(&st.st_mtim, &ids))
		return OWNER_PROCEED;
	return 0;
}

int64_t owner_call_other(struct owner_call *c)
{
	_cleanup_place_ struct owner_place p = { .fd = -1 };
	const uint64_t *a = c->args;

	switch (c->nr) {
	case SYS_listxattr:
		return list_names(c, owner_locate(c, AT_FDCWD, a[0], 0, &p), &p);
	case SYS_llistxattr:
		return list_names(c, owner_locate(c, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW, &p), &p);
	case SYS_flistxattr:
		return list_names(c, owner_locate_fd(c, (int)a[0], &p), &p);
	case SYS_utimensat:
		return keep_time(owner_locate(c, (int)a[0], a[1], (unsigned)a[3], &p), &p);
	case SYS_chroot:
		c->s->changed_root = true;
		return OWNER_PROCEED;
	default:
		return OWNER_PROCEED;
	}
}
