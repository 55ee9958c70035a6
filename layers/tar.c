/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "layers/base/mem.h"
#include "layers/tree.h"

enum { OCTAL_7 = 07777777, PAX_MODE = 0644, PLAIN_ROOT = 0755 };

static const uint64_t octal_11 = 077777777777;
const char tar_zeros[TAR_END];

struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[155];
	char rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a tar header is one block");

/* What a header says, whichever entry it comes from. */
struct member {
	const char *path;
	const char *link; /* or NULL */
	char type;
	uint32_t mode, uid, gid, major, minor;
	uint64_t size;
	int64_t mtime;
	const struct tree_xattr *xattrs;
	size_t n_xattrs;
};

size_t tar_padding(uint64_t size)
{
	return (size_t)(-size & (TAR_BLOCK - 1));
}

static void octal(char *field, size_t width, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%0*llo", (int)width - 1, (unsigned long long)value);
	memcpy(field, digits, width);
}

static void text(char *field, size_t width, const char *s, size_t len)
{
	memcpy(field, s, len < width ? len : width);
}

/* The length of the prefix, 0 when the path fits without one, -1 when it does not fit at all. */
static ssize_t split_path(const char *path, size_t len)
{
	const char *slash;

	if (len <= sizeof(((struct header *)0)->name))
		return 0;
	/* A slash before this place would leave more than a name field's worth. */
	slash = memchr(path + len - 101, '/', 100);
	if (!slash || slash == path || slash - path > 155)
		return -1;
	return slash - path;
}

/* "LEN key=value\n", where LEN counts itself. */
static void pax_record(struct gg_buf *records, const char *key, const void *value, size_t len)
{
	size_t rest = strlen(key) + len + 3;
	size_t total = rest + 1;
	char digits[24];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", total) + rest != total)
		total = rest + strlen(digits);
	gg_buf_printf(records, "%zu %s=", total, key);
	gg_buf_add(records, value, len);
	gg_buf_putc(records, '\n');
}

static void pax_number(struct gg_buf *records, const char *key, int64_t value)
{
	char digits[24];

	pax_record(records, key, digits,
		   (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)value));
}

static bool mtime_fits(int64_t mtime)
{
	return mtime >= 0 && (uint64_t)mtime <= octal_11;
}

static int pax_records(const struct member *m, struct gg_buf *records, struct gg_err *err)
{
	size_t len = strlen(m->path);

	if (split_path(m->path, len) < 0)
		pax_record(records, "path", m->path, len);
	if (m->link && strlen(m->link) > sizeof(((struct header *)0)->linkname))
		pax_record(records, "linkpath", m->link, strlen(m->link));
	if (m->size > octal_11)
		pax_number(records, "size", (int64_t)m->size);
	if (m->uid > OCTAL_7)
		pax_number(records, "uid", m->uid);
	if (m->gid > OCTAL_7)
		pax_number(records, "gid", m->gid);
	if (!mtime_fits(m->mtime))
		pax_number(records, "mtime", m->mtime);
	for (size_t i = 0; i < m->n_xattrs; i++) {
		const struct tree_xattr *x = &m->xattrs[i];
		_cleanup_free_ char *key = gg_asprintf("SCHILY.xattr.%s", x->name);

		if (strchr(x->name, '='))
			return gg_fail(
				err, GG_INTEGRITY,
				"tar '%s': the extended attribute '%s' has a '=' in its name",
				m->path, x->name);
		pax_record(records, key, x->value, x->len);
	}
	return 0;
}

static void put_header(const struct member *m, struct gg_buf *ret)
{
	struct header h = { .typeflag = m->type, .magic = "ustar", .version = { '0', '0' } };
	size_t len = strlen(m->path);
	ssize_t prefix = split_path(m->path, len);
	const unsigned char *bytes = (const unsigned char *)&h;
	unsigned sum = 0;

	if (prefix > 0) {
		text(h.prefix, sizeof(h.prefix), m->path, (size_t)prefix);
		text(h.name, sizeof(h.name), m->path + prefix + 1, len - (size_t)prefix - 1);
	} else {
		text(h.name, sizeof(h.name), m->path, len);
	}
	if (m->link)
		text(h.linkname, sizeof(h.linkname), m->link, strlen(m->link));
	octal(h.mode, sizeof(h.mode), m->mode);
	octal(h.uid, sizeof(h.uid), m->uid > OCTAL_7 ? 0 : m->uid);
	octal(h.gid, sizeof(h.gid), m->gid > OCTAL_7 ? 0 : m->gid);
	octal(h.size, sizeof(h.size), m->size > octal_11 ? 0 : m->size);
	octal(h.mtime, sizeof(h.mtime), mtime_fits(m->mtime) ? (uint64_t)m->mtime : 0);
	octal(h.devmajor, sizeof(h.devmajor), m->major);
	octal(h.devminor, sizeof(h.devminor), m->minor);
	memset(h.chksum, ' ', sizeof(h.chksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += bytes[i];
	octal(h.chksum, sizeof(h.chksum) - 1, sum);
	gg_buf_add(ret, &h, sizeof(h));
}

static int put_member(const struct member *m, struct gg_buf *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf records = { 0 };

	if (pax_records(m, &records, err) < 0)
		return -1;
	if (records.len > 0) {
		struct member pax = {
			.path = "PaxHeader", .type = 'x', .mode = PAX_MODE, .size = records.len
		};

		put_header(&pax, ret);
		gg_buf_add(ret, records.data, records.len);
		gg_buf_add(ret, tar_zeros, tar_padding(records.len));
	}
	put_header(m, ret);
	return 0;
}

static int check_path(const char *path, struct gg_err *err)
{
	const char *p = path, *base = path;

	if (gg_streq(path, "."))
		return 0;
	for (;;) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.'))))
			return gg_fail(err, GG_INTEGRITY, "tar '%s': not a canonical relative path",
				       path);
		base = p;
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
	if (gg_starts(base, ".wh.")) {
		gg_fail(err, GG_INTEGRITY,
			"tar '%s': a name that begins with '.wh.' would delete a file in a layer",
			path);
		return gg_hint(err, "rename the file, or leave it out of the image");
	}
	return 0;
}

static int put_whiteout(const struct tree_entry *e, int64_t mtime, struct gg_buf *ret,
			struct gg_err *err)
{
	const char *slash = strrchr(e->path, '/');
	int dir = slash ? (int)(slash + 1 - e->path) : 0;
	_cleanup_free_ char *path = gg_asprintf("%.*s.wh.%s", dir, e->path, e->path + dir);
	struct member m = { .path = path, .type = '0', .mtime = mtime };

	return put_member(&m, ret, err);
}

static int put_dir(const struct tree_entry *e, struct member *m, struct gg_buf *ret,
		   struct gg_err *err)
{
	bool root = gg_streq(e->path, ".");
	_cleanup_free_ char *path = gg_asprintf("%s/", e->path);
	_cleanup_free_ char *marker = gg_asprintf("%s.wh..wh..opq", root ? "" : path);
	struct member opaque = { .path = marker, .type = '0', .mtime = m->mtime };

	m->path = path;
	if (!root || m->mode != PLAIN_ROOT || m->uid != 0 || m->gid != 0 || m->n_xattrs > 0) {
		if (put_member(m, ret, err) < 0)
			return -1;
	}
	return e->opaque ? put_member(&opaque, ret, err) : 0;
}

static int put_device(const struct tree_entry *e, struct member *m, struct gg_buf *ret,
		      struct gg_err *err)
{
	if (e->major > OCTAL_7 || e->minor > OCTAL_7)
		return gg_fail(err, GG_INTEGRITY,
			       "tar '%s': device number %u:%u does not fit the format", e->path,
			       e->major, e->minor);
	m->major = e->major;
	m->minor = e->minor;
	return put_member(m, ret, err);
}

int tar_entry(const struct tree_entry *e, int64_t mtime, struct gg_buf *ret, struct gg_err *err)
{
	struct member m = {
		.path = e->path,
		.mode = e->mode & 07777,
		.uid = e->uid,
		.gid = e->gid,
		.mtime = mtime,
		.xattrs = e->xattrs,
		.n_xattrs = e->n_xattrs,
	};

	if (check_path(e->path, err) < 0)
		return -1;
	switch (e->type) {
	case TREE_DIR:
		m.type = '5';
		return put_dir(e, &m, ret, err);
	case TREE_FILE:
		m.type = e->hardlink ? '1' : '0';
		m.link = e->hardlink;
		m.size = e->hardlink ? 0 : e->size;
		m.n_xattrs = e->hardlink ? 0 : e->n_xattrs;
		return put_member(&m, ret, err);
	case TREE_SYMLINK:
		m.type = '2';
		m.link = e->target;
		return put_member(&m, ret, err);
	case TREE_CHAR:
		m.type = '3';
		return put_device(e, &m, ret, err);
	case TREE_BLOCK:
		m.type = '4';
		return put_device(e, &m, ret, err);
	case TREE_FIFO:
		m.type = '6';
		return put_member(&m, ret, err);
	case TREE_WHITEOUT:
		return put_whiteout(e, mtime, ret, err);
	}
	assert(!"a type that trees do not have");
	return -1;
}
