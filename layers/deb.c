/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/deb.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/extract.h"
#include "layers/untar.h"

static const char GLOBAL_MAGIC[] = "!<arch>\n";
enum {
	GLOBAL_LEN = 8,
	HEADER_LEN = 60,
	MAGIC_MAX = 6,
	CONTROL_MAX = 10 << 20,
	CONTROL_STREAM_MAX = 40 << 20, /* with headers and padding */
	CONTROL_FILES_MAX = 10000
};

/* ar(5): blank-padded text. */
struct ar_header {
	char name[16];
	char date[12];
	char uid[6];
	char gid[6];
	char mode[8];
	char size[10];
	char end[2];
};
_Static_assert(sizeof(struct ar_header) == HEADER_LEN, "an ar header has 60 bytes");

struct part {
	uint64_t offset, size;
};

struct deb {
	int fd; /* borrowed */
	struct part control, data;
	struct gg_arena *arena;
	struct deb_member *members; /* NULL until somebody asks */
	size_t n_members, cap_members;
};

/* What a suffix promises about the first bytes. */
static const struct kind {
	const char *suffix;
	size_t len;
	char magic[MAGIC_MAX + 1];
	bool control;
} kinds[] = {
	{ "", 0, "", true },
	{ ".gz", 2, "\x1f\x8b", true },
	{ ".xz", 6,
	  "\xfd"
	  "7zXZ",
	  true },
	{ ".zst", 4, "\x28\xb5\x2f\xfd", true },
	{ ".bz2", 3, "BZh", false },
};

static int read_at(int fd, uint64_t offset, void *to, size_t len, struct gg_err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, (char *)to + got, len - got, (off_t)(offset + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gg_fail_errno(err, "read the package");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "not a Debian package: it ends early");
		got += (size_t)n;
	}
	return 0;
}

/* Digits of a base, then blanks, and nothing else; at least one digit where `needed`. */
static bool number(const char *p, size_t len, unsigned base, bool needed, uint64_t *ret)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < len && p[i] >= '0' && (unsigned)(p[i] - '0') < base; i++)
		n = n * base + (unsigned)(p[i] - '0');
	if (needed && i == 0)
		return false;
	for (; i < len; i++)
		if (p[i] != ' ')
			return false;
	*ret = n;
	return true;
}

static bool header_fits(const struct ar_header *h, uint64_t *ret_size)
{
	uint64_t ignored;

	return !memcmp(h->end, "`\n", 2) && number(h->date, sizeof(h->date), 10, false, &ignored) &&
	       number(h->uid, sizeof(h->uid), 10, false, &ignored) &&
	       number(h->gid, sizeof(h->gid), 10, false, &ignored) &&
	       number(h->mode, sizeof(h->mode), 8, false, &ignored) &&
	       number(h->size, sizeof(h->size), 10, true, ret_size);
}

/* The member's name without padding, and without the slash that some writers put behind it. */
static void member_name(const struct ar_header *h, char ret[17])
{
	size_t len = sizeof(h->name);

	memcpy(ret, h->name, len);
	while (len > 0 && ret[len - 1] == ' ')
		len--;
	if (len > 1 && ret[len - 1] == '/')
		len--;
	ret[len] = '\0';
}

static int unexpected(const char *name, const char *want, struct gg_err *err)
{
	bool text = true;

	for (const char *p = name; *p; p++)
		text = text && *p > ' ' && *p < 0x7f;
	return gg_fail(err, GG_INTEGRITY, "not a Debian package: member '%s' where %s must be",
		       text ? name : "?", want);
}

/* The member that begins at *at, which moves behind it. */
static int next_member(struct deb *d, uint64_t *at, uint64_t end, char ret_name[17],
		       struct part *ret, struct gg_err *err)
{
	struct ar_header h;
	char pad;

	if (end - *at < HEADER_LEN)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package: it ends early");
	if (read_at(d->fd, *at, &h, HEADER_LEN, err) < 0)
		return -1;
	member_name(&h, ret_name);
	if (memchr(h.name, '\0', sizeof(h.name)) || !header_fits(&h, &ret->size))
		return gg_fail(err, GG_INTEGRITY,
			       "not a Debian package: malformed header at byte %llu",
			       (unsigned long long)*at);
	ret->offset = *at + HEADER_LEN;
	if (ret->size > end - ret->offset)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package: it ends early");
	*at = ret->offset + ret->size;
	if (ret->size % 2 == 0)
		return 0;
	if (*at == end)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package: it ends early");
	if (read_at(d->fd, (*at)++, &pad, 1, err) < 0)
		return -1;
	if (pad != '\n')
		return gg_fail(err, GG_INTEGRITY,
			       "not a Debian package: malformed padding at byte %llu",
			       (unsigned long long)*at - 1);
	return 0;
}

static int check_archive(struct deb *d, const char *name, const char *base, const struct part *p,
			 struct gg_err *err)
{
	bool control = gg_streq(base, "control.tar");
	char magic[MAGIC_MAX];

	for (size_t i = 0; gg_starts(name, base) && i < GG_LEN(kinds); i++) {
		const struct kind *k = &kinds[i];

		if (!gg_streq(name + strlen(base), k->suffix) || (control && !k->control))
			continue;
		if (p->size < k->len)
			return gg_fail(err, GG_INTEGRITY, "not a Debian package: '%s' is empty",
				       name);
		if (read_at(d->fd, p->offset, magic, k->len, err) < 0)
			return -1;
		if (memcmp(magic, k->magic, k->len) != 0)
			return gg_fail(err, GG_INTEGRITY,
				       "not a Debian package: '%s' is not what its name says",
				       name);
		return 0;
	}
	return unexpected(name, base, err);
}

static int read_members(struct deb *d, uint64_t end, struct gg_err *err)
{
	char magic[GLOBAL_LEN], version[4], name[17];
	struct part first = { 0 };
	uint64_t at = GLOBAL_LEN;

	if (read_at(d->fd, 0, magic, GLOBAL_LEN, err) < 0)
		return -1;
	if (memcmp(magic, GLOBAL_MAGIC, GLOBAL_LEN) != 0)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package: no ar archive");
	if (next_member(d, &at, end, name, &first, err) < 0)
		return -1;
	if (!gg_streq(name, "debian-binary"))
		return unexpected(name, "debian-binary", err);
	if (first.size != sizeof(version) ||
	    read_at(d->fd, first.offset, version, sizeof(version), err) < 0 ||
	    memcmp(version, "2.0\n", sizeof(version)) != 0)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package of format version 2.0");
	if (next_member(d, &at, end, name, &d->control, err) < 0 ||
	    check_archive(d, name, "control.tar", &d->control, err) < 0 ||
	    next_member(d, &at, end, name, &d->data, err) < 0 ||
	    check_archive(d, name, "data.tar", &d->data, err) < 0)
		return -1;
	if (at != end)
		return gg_fail(err, GG_INTEGRITY,
			       "not a Debian package: something after its last member");
	return 0;
}

int deb_open(int fd, struct deb **ret, struct gg_err *err)
{
	_cleanup_deb_ struct deb *d = gg_zalloc(sizeof(*d));
	struct stat st;

	d->fd = fd;
	d->arena = gg_arena_new();
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "stat the package");
	if (st.st_size < GLOBAL_LEN)
		return gg_fail(err, GG_INTEGRITY, "not a Debian package: it ends early");
	if (read_members(d, (uint64_t)st.st_size, err) < 0)
		return -1;
	*ret = gg_steal(&d);
	return 0;
}

void deb_close(struct deb *d)
{
	if (!d)
		return;
	gg_arena_free(d->arena);
	free(d->members);
	free(d);
}

void deb_closep(struct deb **d)
{
	deb_close(*d);
}

static int add_member(struct deb *d, struct untar *u, const struct untar_entry *e, const char *name,
		      size_t *total, struct gg_err *err)
{
	struct deb_member *m;
	char *bytes;
	size_t len = 0, n;
	const void *piece;

	if (e->size > CONTROL_MAX - *total || d->n_members == CONTROL_FILES_MAX)
		return gg_fail(err, GG_INTEGRITY, "control archive: larger than %d bytes",
			       CONTROL_MAX);
	*total += (size_t)e->size;
	bytes = gg_arena_alloc(d->arena, (size_t)e->size + 1);
	for (;;) {
		if (untar_data(u, &piece, &n, err) < 0)
			return -1;
		if (n == 0)
			break;
		memcpy(bytes + len, piece, n);
		len += n;
	}
	GG_GROW(d->members, d->n_members, d->cap_members);
	m = &d->members[d->n_members++];
	*m = (struct deb_member){
		.name = gg_arena_strdup(d->arena, name), .bytes = bytes, .len = len, .mode = e->mode
	};
	return 0;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct deb_member *)a)->name, ((const struct deb_member *)b)->name);
}

static int read_control(struct deb *d, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *stream = NULL;
	_cleanup_untar_ struct untar *u = NULL;
	size_t total = 0;

	if (archive_open(d->fd, d->control.offset, d->control.size, &stream, err) < 0)
		return -1;
	u = untar_new(stream, CONTROL_STREAM_MAX, NULL);
	for (;;) {
		const struct untar_entry *e;
		const char *name;

		if (untar_next(u, &e, err) < 0)
			return -1;
		if (!e)
			return 0;
		name = gg_starts(e->name, "./") ? e->name + 2 : e->name;
		if (e->type == '5' && (gg_streq(name, "") || gg_streq(name, ".")))
			continue;
		if (e->type != '0' || strchr(name, '/') || gg_streq(name, "") ||
		    gg_streq(name, ".") || gg_streq(name, ".."))
			return gg_fail(err, GG_INTEGRITY,
				       "control archive: '%.200s' is not a file of the top level",
				       e->name);
		if (add_member(d, u, e, name, &total, err) < 0)
			return -1;
	}
}

int deb_control(struct deb *d, const struct deb_member **ret, size_t *ret_n, struct gg_err *err)
{
	bool found = false;

	if (d->n_members == 0) {
		if (read_control(d, err) < 0) {
			d->n_members = 0;
			return -1;
		}
		if (d->n_members > 1)
			qsort(d->members, d->n_members, sizeof(*d->members), compare_members);
		for (size_t i = 0; i < d->n_members; i++) {
			found = found || gg_streq(d->members[i].name, "control");
			if (i > 0 && gg_streq(d->members[i - 1].name, d->members[i].name)) {
				d->n_members = 0;
				return gg_fail(err, GG_INTEGRITY,
					       "control archive: '%s' comes twice",
					       d->members[i].name);
			}
		}
		if (!found) {
			d->n_members = 0;
			return gg_fail(err, GG_INTEGRITY, "control archive: it has no 'control'");
		}
	}
	*ret = d->members;
	*ret_n = d->n_members;
	return 0;
}

int deb_extract(struct deb *d, int destfd, const struct extract_options *options, struct tree **ret,
		struct gg_err *err)
{
	struct tree *t = NULL;

	if (extract_range(d->fd, d->data.offset, d->data.size, destfd, options, &t, NULL, err) < 0)
		return -1;
	*ret = t;
	return 0;
}
