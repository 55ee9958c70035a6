/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/owner_private.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "layers/base/fd.h"

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

	if (r < 0 || fstatat(AT_FDCWD, p->path, &st, p->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISLNK(st.st_mode) || !owners_marked(&st.st_mtim, &ids))
		return OWNER_PROCEED;
	return 0;
}

/* POSIX ACLs (linux/posix_acl_xattr.h): a version, then entries of tag, permissions and id, all little-endian. */
struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};
enum { ACL_NAMED_USER = 0x02, ACL_NAMED_GROUP = 0x08, ACL_BYTES = 4 };

/* The only id there is, for every id that would be taken where all are: what an ACL does to a mode does not depend on
 * whom it names, and no manifest holds one. */
static void without_ids(char *value, size_t len)
{
	for (size_t i = ACL_BYTES; i + sizeof(struct acl_entry) <= len;
	     i += sizeof(struct acl_entry)) {
		struct acl_entry e;

		memcpy(&e, value + i, sizeof(e));
		if ((le16toh(e.tag) == ACL_NAMED_USER || le16toh(e.tag) == ACL_NAMED_GROUP) &&
		    le32toh(e.id) < OWNERS_LIMIT)
			e.id = 0;
		memcpy(value + i, &e, sizeof(e));
	}
}

static int64_t set_acl(const struct owner_call *c, int dirfd, uint64_t path, unsigned flags)
{
	_cleanup_free_ char *value = NULL;
	_cleanup_close_ int fd = -1;
	uint64_t size = c->args[3];
	char name[PATH_MAX], buf[OWNER_FD_PATH];

	if (owner_read_string(c, c->args[1], name) < 0 || !gg_starts(name, "system.posix_acl_") ||
	    size < ACL_BYTES || size > LIST_MAX)
		return OWNER_PROCEED;
	fd = owner_open(c, dirfd, path, flags);
	value = gg_alloc(size);
	if (fd < 0 || owner_read(c, c->args[2], value, size) < 0)
		return OWNER_PROCEED;
	without_ids(value, size);
	return setxattr(owner_fd_path(fd, buf), name, value, size, (int)c->args[4]) < 0 ? -errno
											: 0;
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
	case SYS_setxattr:
		return set_acl(c, AT_FDCWD, a[0], 0);
	case SYS_lsetxattr:
		return set_acl(c, AT_FDCWD, a[0], AT_SYMLINK_NOFOLLOW);
	case SYS_fsetxattr:
		return set_acl(c, (int)a[0], 0, AT_EMPTY_PATH);
	case SYS_utimensat:
		return keep_time(owner_locate(c, (int)a[0], a[1], (unsigned)a[3], &p), &p);
	case SYS_chroot:
		c->s->changed_root = true;
		return OWNER_PROCEED;
	default:
		return OWNER_PROCEED;
	}
}
