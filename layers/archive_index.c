/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_index.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/base/interrupt.h"
#include "layers/spool.h"
#include "layers/untar.h"

enum { NAME_MAX_BYTES = 4096 };
#define PLAIN_MAX (256ull << 30) /* bytes of an archive after decompression */

struct member {
	const char *name; /* cleaned */
	const char *link; /* cleaned target; NULL: none */
	char type;
	uint64_t offset, size;
};

struct archive_index {
	int fd;
	struct gg_arena *arena;
	struct member *v; /* by name */
	size_t n, cap;
};

void archive_index_free(struct archive_index *x)
{
	if (!x)
		return;
	gg_close(x->fd);
	gg_arena_free(x->arena);
	free(x->v);
	free(x);
}

void archive_index_freep(struct archive_index **x)
{
	archive_index_free(*x);
}

/* "./a//b/../c/" is "a/c"; NULL when it leaves the archive. `base` is the directory that it is relative to, "" for
 * the top. */
static const char *clean(struct gg_arena *arena, const char *base, const char *name)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	if (*name != '/')
		gg_buf_puts(&b, base);
	while (*name) {
		size_t len = strcspn(name, "/");

		if (len == 2 && name[0] == '.' && name[1] == '.') {
			if (b.len == 0)
				return NULL;
			while (b.len > 0 && b.data[--b.len] != '/')
				;
			b.data[b.len] = '\0';
		} else if (len > 1 || (len == 1 && name[0] != '.')) {
			if (b.len)
				gg_buf_putc(&b, '/');
			gg_buf_add(&b, name, len);
		}
		name += len + (name[len] == '/');
	}
	return gg_arena_strndup(arena, b.data ? b.data : "", b.len);
}

static const char *directory_of(struct gg_arena *arena, const char *name)
{
	const char *slash = strrchr(name, '/');

	return gg_arena_strndup(arena, name, slash ? (size_t)(slash - name) : 0);
}

static void add_member(struct archive_index *x, const struct untar *u, const struct untar_entry *e)
{
	struct member m = { .type = e->type, .size = e->size, .offset = untar_offset(u) };

	m.name = clean(x->arena, "", e->name);
	if (!m.name || !*m.name || e->type == '5')
		return; /* nobody asks for directories, or for what lies outside */
	if (e->link)
		m.link = clean(x->arena, e->type == '2' ? directory_of(x->arena, m.name) : "",
			       e->link);
	GG_GROW(x->v, x->n, x->cap);
	x->v[x->n++] = m;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->name, ((const struct member *)b)->name);
}

static int read_members(struct archive_index *x, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *s = NULL;
	_cleanup_untar_ struct untar *u = NULL;
	const struct untar_entry *e;
	size_t n = 0;

	if (archive_open(x->fd, 0, UINT64_MAX, &s, err) < 0)
		return -1;
	u = untar_new(s, PLAIN_MAX, NULL);
	for (;;) {
		if (gg_interrupted(err) < 0 || untar_next(u, &e, err) < 0)
			return -1;
		if (!e)
			break;
		if (++n > ARCHIVE_INDEX_MAX)
			return gg_fail(err, GG_INTEGRITY, "tar archive: more than %d members",
				       ARCHIVE_INDEX_MAX);
		if (strlen(e->name) > NAME_MAX_BYTES ||
		    (e->link && strlen(e->link) > NAME_MAX_BYTES))
			return gg_fail(err, GG_INTEGRITY,
				       "tar archive: a name of more than %d bytes", NAME_MAX_BYTES);
		add_member(x, u, e);
	}
	if (x->n)
		qsort(x->v, x->n, sizeof(*x->v), compare_members);
	for (size_t i = 1; i < x->n; i++)
		if (gg_streq(x->v[i - 1].name, x->v[i].name))
			return gg_fail(err, GG_INTEGRITY, "tar archive: '%.200s' comes twice",
				       x->v[i].name);
	return 0;
}

/* Replaces the descriptor by one of the plain archive. */
static int decompress(struct archive_index *x, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *s = NULL;
	_cleanup_close_ int plain = -1;
	uint64_t total = 0;
	char magic[8];
	ssize_t n = pread(x->fd, magic, sizeof(magic), 0);
	enum archive_kind kind;

	if (n < 0)
		return gg_fail_errno(err, "read");
	kind = archive_kind_of(magic, (size_t)n);
	if (kind == ARCHIVE_PLAIN)
		return 0;
	if (kind != ARCHIVE_GZIP && kind != ARCHIVE_ZSTD)
		return gg_fail(err, GG_INTEGRITY,
			       "an archive that is neither plain nor gzip nor zstd");
	plain = spool_open(err);
	if (plain < 0 || archive_open(x->fd, 0, UINT64_MAX, &s, err) < 0)
		return -1;
	for (;;) {
		const void *bytes;
		size_t len;

		if (gg_interrupted(err) < 0 || archive_next(s, &bytes, &len, err) < 0)
			return -1;
		if (len == 0)
			break;
		total += len;
		if (total > PLAIN_MAX)
			return gg_fail(err, GG_INTEGRITY, "the archive holds more than 256 GiB");
		if (spool_add(plain, bytes, len, err) < 0)
			return -1;
	}
	gg_close(x->fd);
	x->fd = gg_steal_fd(&plain);
	return 0;
}

int archive_index_take(int fd, struct archive_index **ret, struct gg_err *err)
{
	_cleanup_archive_index_ struct archive_index *x = gg_zalloc(sizeof(*x));

	x->fd = fd;
	x->arena = gg_arena_new();
	if (decompress(x, err) < 0 || read_members(x, err) < 0)
		return -1;
	*ret = gg_steal(&x);
	return 0;
}

static const struct member *find(const struct archive_index *x, const char *name)
{
	struct member key = { .name = name };

	return x->n ? bsearch(&key, x->v, x->n, sizeof(*x->v), compare_members) : NULL;
}

bool archive_index_has(const struct archive_index *x, const char *name)
{
	return find(x, name) != NULL;
}

int archive_index_open(const struct archive_index *x, const char *name, struct image_bytes *ret,
		       struct gg_err *err)
{
	const struct member *m = find(x, name);

	for (int links = 0; m && (m->type == '1' || m->type == '2'); links++) {
		if (links == ARCHIVE_INDEX_LINKS)
			return gg_fail(err, GG_INTEGRITY,
				       "'%.200s' is a link to a link without end", name);
		if (!m->link)
			return gg_fail(err, GG_INTEGRITY, "'%.200s' is a link out of the archive",
				       name);
		m = find(x, m->link);
	}
	if (!m)
		return gg_fail(err, GG_INTEGRITY, "there is no '%.200s' in it", name);
	if (m->type != '0')
		return gg_fail(err, GG_INTEGRITY, "'%.200s' is no regular file", name);
	ret->fd = fcntl(x->fd, F_DUPFD_CLOEXEC, 3);
	if (ret->fd < 0)
		return gg_fail_errno(err, "open '%.200s'", name);
	ret->offset = m->offset;
	ret->size = m->size;
	return 0;
}
