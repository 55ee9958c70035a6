/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/meta.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/scan.h"
#include "layers/tree.h"

static const char CAPABILITY[] = "security.capability", OPAQUE[] = "user.overlay.opaque";
/* struct vfs_cap_data and vfs_ns_cap_data: the second has a rootid more (linux/capability.h). */
enum { CAP_V2_LEN = 20, CAP_V3_LEN = 24, XATTR_MAX = 64 * 1024 };
_Static_assert(TREE_MTIME == OWNERS_SHOWN_TIME, "a recorded symlink shows another time");
static const struct timespec TIMES[2] = { { .tv_sec = TREE_MTIME }, { .tv_sec = TREE_MTIME } };

bool meta_keeps_xattr(const char *name)
{
	if (gg_streq(name, CAPABILITY))
		return true;
	return gg_starts(name, "user.") && !gg_starts(name, "user.overlay.") &&
	       !gg_streq(name, OWNERS_XATTR);
}

/* Revision 3 names the owner of a user namespace; what is meant is revision 2 with the same sets. */
static void normalise_capability(uint8_t *value, size_t *len)
{
	if (*len == CAP_V3_LEN && value[3] == 3) {
		value[3] = 2;
		*len = CAP_V2_LEN;
	}
}

size_t meta_filter_xattrs(const struct tree_xattr *from, size_t n, struct tree_xattr *to)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (!meta_keeps_xattr(from[i].name))
			continue;
		to[kept] = from[i];
		if (gg_streq(from[i].name, CAPABILITY))
			normalise_capability((uint8_t *)from[i].value, &to[kept].len);
		kept++;
	}
	return kept;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct tree_xattr *)a)->name, ((const struct tree_xattr *)b)->name);
}

static int read_overlay(int fd, const char *name, struct tree_entry *e, struct gg_err *err)
{
	char value[2] = "";

	if (gg_streq(name, "user.overlay.redirect") || gg_streq(name, "user.overlay.metacopy"))
		return gg_fail(err, GG_INTEGRITY, "unexpected overlay attribute '%s'", name);
	if (!gg_streq(name, OPAQUE))
		return 0;
	if (fgetxattr(fd, name, value, 1) < 0)
		return gg_fail_errno(err, "read attribute '%s'", name);
	e->opaque = value[0] == 'y';
	return 0;
}

static int drop(int fd, const char *name, unsigned flags, struct gg_err *err)
{
	/* The overlay's own stay where they are: opaque is content of a delta. */
	if (!(flags & META_WRITE) || gg_starts(name, "user.overlay.") ||
	    gg_starts(name, "trusted.overlay."))
		return 0;
	/* A security module puts its label back; only what can be removed is. */
	if (fremovexattr(fd, name) < 0 && errno != ENODATA && errno != EPERM && errno != EACCES &&
	    errno != ENOTSUP)
		return gg_fail_errno(err, "remove attribute '%s'", name);
	return 0;
}

/* Anything but a record is the step's own doing, and nobody's owner. */
static void read_owner(int fd, struct tree_entry *e)
{
	struct owners_ids ids;

	owners_read_fd(fd, &ids);
	e->uid = ids.uid;
	e->gid = ids.gid;
}

static int read_value(int fd, struct tree *t, const char *name, struct tree_xattr *ret,
		      struct gg_err *err)
{
	_cleanup_free_ uint8_t *value = gg_alloc(XATTR_MAX);
	ssize_t n = fgetxattr(fd, name, value, XATTR_MAX);
	size_t len;

	if (n < 0)
		return gg_fail_errno(err, "read attribute '%s'", name);
	len = (size_t)n;
	if (gg_streq(name, CAPABILITY))
		normalise_capability(value, &len);
	ret->name = gg_arena_strdup(t->arena, name);
	ret->value = gg_arena_strndup(t->arena, (const char *)value, len);
	ret->len = len;
	return 0;
}

int meta_read_xattrs(int fd, struct tree *t, struct tree_entry *e, unsigned flags,
		     struct gg_err *err)
{
	char fixed[512];
	_cleanup_free_ char *large = NULL;
	const char *names = fixed;
	ssize_t len = flistxattr(fd, fixed, sizeof(fixed));
	struct tree_xattr *xattrs;
	size_t n = 0;

	if (len < 0 && errno == ERANGE) {
		names = large = gg_alloc(XATTR_MAX);
		len = flistxattr(fd, large, XATTR_MAX);
	}
	if (len < 0 && errno == ENOTSUP)
		return 0;
	if (len < 0)
		return gg_fail_errno(err, "list attributes");
	for (const char *p = names; p < names + len; p += strlen(p) + 1)
		n += meta_keeps_xattr(p);
	xattrs = n ? gg_arena_calloc(t->arena, n, sizeof(*xattrs)) : NULL;
	n = 0;
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		int r = 0;

		if (meta_keeps_xattr(p))
			r = read_value(fd, t, p, &xattrs[n++], err);
		else if ((flags & META_RECORDED) && gg_streq(p, OWNERS_XATTR))
			read_owner(fd, e);
		else if ((flags & META_OVERLAY) && gg_starts(p, "user.overlay."))
			r = read_overlay(fd, p, e, err);
		else
			r = drop(fd, p, flags, err);
		if (r < 0)
			return -1;
	}
	if (n > 1)
		qsort(xattrs, n, sizeof(*xattrs), compare_names);
	e->xattrs = xattrs;
	e->n_xattrs = n;
	return 0;
}

static int owner_fail(const struct tree_entry *e, struct gg_err *err)
{
	gg_fail_errno(err, "give to %u:%u", e->uid, e->gid);
	return err->errnum == EINVAL ? owners_hint(err) : -1;
}

int meta_touch(int fd, struct gg_err *err)
{
	if (futimens(fd, TIMES) < 0)
		return gg_fail_errno(err, "set the times");
	return 0;
}

static struct owners_ids ids_of(const struct tree_entry *e)
{
	return (struct owners_ids){ .uid = e->uid, .gid = e->gid };
}

/* The times of what has its record there. */
static void times_of(const struct tree_entry *e, enum owners_kept owners, struct timespec ret[2])
{
	ret[0] = ret[1] = TIMES[0];
	if (owners == OWNERS_RECORDED && (e->uid || e->gid))
		ret[1] = owners_mark(ids_of(e));
}

static bool recordable(const struct tree_entry *e, struct gg_err *err)
{
	if (e->uid < OWNERS_LIMIT && e->gid < OWNERS_LIMIT)
		return true;
	errno = EINVAL;
	owner_fail(e, err);
	return false;
}

static int apply_owner(int fd, const struct tree_entry *e, enum owners_kept owners,
		       struct gg_err *err)
{
	if (owners == OWNERS_ON_INODES)
		return fchown(fd, e->uid, e->gid) < 0 ? owner_fail(e, err) : 0;
	if (!recordable(e, err))
		return -1;
	if (e->type != TREE_FIFO && owners_write_fd(fd, ids_of(e)) < 0)
		return gg_fail_errno(err, "record the owner %u:%u", e->uid, e->gid);
	return 0;
}

static int apply_xattrs(int fd, const struct tree_entry *e, enum owners_kept owners,
			struct gg_err *err)
{
	for (size_t i = 0; i < e->n_xattrs; i++) {
		const struct tree_xattr *x = &e->xattrs[i];

		if (fsetxattr(fd, x->name, x->value, x->len, 0) == 0 ||
		    (owners == OWNERS_RECORDED && errno == EPERM && gg_streq(x->name, CAPABILITY)))
			continue;
		return gg_fail_errno(err, "set attribute '%s'", x->name);
	}
	if (e->opaque && fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
		return gg_fail_errno(err, "set attribute '%s'", OPAQUE);
	return 0;
}

int meta_apply(int fd, const struct tree_entry *e, enum owners_kept owners, struct gg_err *err)
{
	struct timespec times[2];

	if (owners == OWNERS_NOWHERE)
		return 0;
	times_of(e, owners, times);
	/* chown clears setuid and capabilities, so it comes first; attributes of a file that is closed to its owner
	 * can be set by root alone, so they come before the mode where that may be missing. */
	if (apply_owner(fd, e, owners, err) < 0 ||
	    (owners == OWNERS_RECORDED && apply_xattrs(fd, e, owners, err) < 0))
		return -1;
	if (fchmod(fd, e->mode) < 0)
		return gg_fail_errno(err, "set mode %04o", e->mode);
	if (owners == OWNERS_ON_INODES && apply_xattrs(fd, e, owners, err) < 0)
		return -1;
	if (e->type != TREE_FIFO)
		return meta_touch(fd, err);
	return futimens(fd, times) < 0 ? gg_fail_errno(err, "set the times") : 0;
}

int meta_apply_link(int dirfd, const char *name, const struct tree_entry *e,
		    enum owners_kept owners, struct gg_err *err)
{
	struct timespec times[2];

	if (owners == OWNERS_NOWHERE)
		return 0;
	times_of(e, owners, times);
	if (owners == OWNERS_RECORDED && !recordable(e, err))
		return -1;
	if (owners == OWNERS_ON_INODES &&
	    fchownat(dirfd, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return owner_fail(e, err);
	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "set the times");
	return 0;
}

static int make_whiteout(int dirfd, const char *name, struct gg_err *err)
{
	if (mknodat(dirfd, name, S_IFCHR, 0) < 0)
		return gg_fail_errno(err, "make whiteout '%s'", name);
	return 0;
}

int meta_make_special(int dirfd, const char *name, const struct tree_entry *e,
		      enum owners_kept owners, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;

	switch (e->type) {
	case TREE_WHITEOUT:
		return make_whiteout(dirfd, name, err);
	case TREE_SYMLINK:
		if (symlinkat(e->target, dirfd, name) < 0)
			return gg_fail_errno(err, "symlink '%s'", name);
		return meta_apply_link(dirfd, name, e, owners, err);
	case TREE_FIFO:
		if (mkfifoat(dirfd, name, 0600) < 0)
			return gg_fail_errno(err, "mkfifo '%s'", name);
		/* Read and write, so that the open waits for nobody. */
		fd = gg_openat(dirfd, name, O_RDWR | O_NONBLOCK | O_NOFOLLOW, 0, err);
		break;
	case TREE_CHAR:
	case TREE_BLOCK:
		fd = gg_openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
		break;
	case TREE_DIR:
	case TREE_FILE:
		return gg_fail(err, GG_INTERNAL, "'%s' is not a special file", name);
	}
	return fd < 0 ? -1 : meta_apply(fd, e, owners, err);
}
