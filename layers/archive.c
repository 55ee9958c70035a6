/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/digest.h"
#include "layers/base/fd.h"
#include "layers/inflate.h"

enum { BLOCK = 128 * 1024, INFLATED = 256 * 1024, MAGIC = 6, GZIP_MAGIC = 0x1f };

/* A gzip stream on its way. */
struct gunzip {
	struct inflate *state; /* NULL: the stream is of another kind */
	const uint8_t *in;     /* in `block` */
	size_t in_len;
	bool member; /* one has begun and not ended */
	uint8_t *out;
};

struct archive_stream {
	int fd; /* borrowed */
	struct archive_source source;
	uint64_t at, start, end;
	struct gg_hash *hash; /* borrowed, may be NULL */
	uint64_t hashed;      /* the input up to here is in it: some is read twice */
	int read_errno;       /* of a pread below libarchive, which keeps the text only */
	struct archive_library lib;
	struct archive *reader; /* NULL: not compressed, or gzip */
	struct gunzip gunzip;
	struct archive_ahead *ahead; /* NULL: nobody decodes ahead */
	uint64_t next_offset; /* where the next decoded block must begin: there are no holes */
	bool ended;
	char *block;
};

int archive_load(struct gg_err *err)
{
	struct archive_library lib;

	return archive_library_find(&lib, err);
}

static ssize_t read_fd(void *ctx, void *bytes, size_t len, uint64_t offset)
{
	const int *fd = ctx;

	return pread(*fd, bytes, len, (off_t)offset);
}

static ssize_t read_some(struct archive_stream *s)
{
	uint64_t want = s->end - s->at < BLOCK ? s->end - s->at : BLOCK;
	ssize_t n;

	do
		n = s->source.read(s->source.ctx, s->block, want, s->at);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n;
	if (s->hash && s->at + (uint64_t)n > s->hashed) {
		uint64_t known = s->hashed - s->at;

		gg_hash_add(s->hash, s->block + known, (size_t)((uint64_t)n - known));
		s->hashed = s->at + (uint64_t)n;
	}
	s->at += (uint64_t)n;
	return n;
}

static la_ssize_t give_bytes(struct archive *reader, void *data, const void **ret)
{
	struct archive_stream *s = data;
	ssize_t n = read_some(s);

	(void)reader;
	if (n < 0) {
		s->read_errno = errno;
		return ARCHIVE_FATAL;
	}
	*ret = s->block;
	return n;
}

enum archive_kind archive_kind_of(const void *bytes, size_t len)
{
	static const struct {
		unsigned char bytes[MAGIC];
		size_t len;
		enum archive_kind kind;
	} magics[] = {
		{ { 0x1f, 0x8b }, 2, ARCHIVE_GZIP },
		{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, ARCHIVE_XZ },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, ARCHIVE_ZSTD },
		{ { 'B', 'Z', 'h' }, 3, ARCHIVE_BZIP2 },
	};
	const unsigned char *p = bytes;

	for (size_t i = 0; i < GG_LEN(magics); i++)
		if (len >= magics[i].len && !memcmp(p, magics[i].bytes, magics[i].len))
			return magics[i].kind;
	/* A zstd stream may begin with a skippable frame. */
	if (len >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)
		return ARCHIVE_ZSTD;
	return ARCHIVE_PLAIN;
}

/* An xz stream without a block: header, an index of nothing, footer. To libarchive's raw format that is an unknown one,
 * and its format for nothing takes damaged streams too. */
static bool is_empty_xz(const unsigned char *p, size_t len)
{
	static const unsigned char no_blocks[] = { 0, 0, 0, 0, 0x1c, 0xdf, 0x44, 0x21 };

	return len == 32 && !memcmp(p + 12, no_blocks, sizeof(no_blocks)) && p[30] == 'Y' &&
	       p[31] == 'Z';
}

static int reader_fail(struct archive_stream *s, struct gg_err *err)
{
	const char *text = s->lib.archive_error_string(s->reader);

	if (s->read_errno) {
		errno = s->read_errno;
		return gg_fail_errno(err, "read the archive");
	}
	return gg_fail(err, GG_INTEGRITY, "decompress: %s", text ? text : "damaged stream");
}

/* One filter, named (which ends libarchive's guessing), and the raw format alone. */
static int open_reader(struct archive_stream *s, enum archive_kind kind, struct gg_err *err)
{
	static const int filters[] = {
		[ARCHIVE_XZ] = ARCHIVE_FILTER_XZ,
		[ARCHIVE_ZSTD] = ARCHIVE_FILTER_ZSTD,
		[ARCHIVE_BZIP2] = ARCHIVE_FILTER_BZIP2,
	};
	struct archive_entry *entry;

	if (archive_library_find(&s->lib, err) < 0)
		return -1;
	s->reader = s->lib.archive_read_new();
	if (!s->reader)
		abort();
	if (s->lib.archive_read_support_format_raw(s->reader) != ARCHIVE_OK ||
	    s->lib.archive_read_set_read_callback(s->reader, give_bytes) != ARCHIVE_OK ||
	    s->lib.archive_read_set_callback_data(s->reader, s) != ARCHIVE_OK ||
	    s->lib.archive_read_append_filter(s->reader, filters[kind]) != ARCHIVE_OK ||
	    s->lib.archive_read_open1(s->reader) != ARCHIVE_OK)
		return reader_fail(s, err);
	switch (s->lib.archive_read_next_header(s->reader, &entry)) {
	case ARCHIVE_OK:
		return 0;
	case ARCHIVE_EOF:
		s->ended = true;
		return 0;
	default:
		return reader_fail(s, err);
	}
}

static void open_gunzip(struct gunzip *g)
{
	g->state = inflate_new(NULL);
	g->out = gg_alloc(INFLATED);
}

static int open_stream(struct archive_stream *s, uint64_t offset, uint64_t size, struct gg_err *err)
{
	enum archive_kind kind;
	ssize_t n;

	s->at = s->start = s->hashed = offset;
	s->end = size == UINT64_MAX ? INT64_MAX : offset + size;
	s->block = gg_alloc(BLOCK);
	n = read_some(s);
	if (n < 0)
		return gg_fail_errno(err, "read the archive");
	kind = archive_kind_of(s->block, (size_t)n);
	if (kind == ARCHIVE_XZ && is_empty_xz((const unsigned char *)s->block, (size_t)n))
		s->ended = true;
	s->at = offset;
	if (kind == ARCHIVE_PLAIN || s->ended)
		return 0;
	if (kind != ARCHIVE_GZIP)
		return open_reader(s, kind, err);
	open_gunzip(&s->gunzip);
	return 0;
}

int archive_open(int fd, uint64_t offset, uint64_t size, struct archive_stream **ret,
		 struct gg_err *err)
{
	return archive_open_hashed(fd, offset, size, NULL, ret, err);
}

int archive_open_hashed(int fd, uint64_t offset, uint64_t size, struct gg_hash *hash,
			struct archive_stream **ret, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *s = gg_zalloc(sizeof(*s));

	s->fd = fd;
	s->source = (struct archive_source){ .read = read_fd, .ctx = &s->fd };
	s->hash = hash;
	if (open_stream(s, offset, size, err) < 0)
		return -1;
	*ret = gg_steal(&s);
	return 0;
}

int archive_open_source(const struct archive_source *source, uint64_t offset, uint64_t size,
			struct archive_stream **ret, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *s = gg_zalloc(sizeof(*s));

	s->source = *source;
	if (open_stream(s, offset, size, err) < 0)
		return -1;
	*ret = gg_steal(&s);
	return 0;
}

/* Only zeros may follow the last member. */
static int check_rest(struct archive_stream *s, struct gg_err *err)
{
	ssize_t n;

	s->ended = true;
	while ((n = read_some(s)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (s->block[i])
				return gg_fail(
					err, GG_INTEGRITY,
					"decompress: something else after the end of the stream");
	if (n < 0)
		return gg_fail_errno(err, "read the archive");
	return 0;
}

/* Input for the inflater; *ret false at the end of the file. */
static int more_input(struct archive_stream *s, bool *ret, struct gg_err *err)
{
	struct gunzip *g = &s->gunzip;
	ssize_t n = 1;

	if (g->in_len == 0) {
		n = read_some(s);
		g->in = (const uint8_t *)s->block;
		g->in_len = n > 0 ? (size_t)n : 0;
	}
	*ret = n > 0;
	return n < 0 ? gg_fail_errno(err, "read the archive") : 0;
}

/* Where a member begins, or none does any more. */
static int next_member(struct archive_stream *s, struct gg_err *err)
{
	struct gunzip *g = &s->gunzip;
	bool more;

	if (more_input(s, &more, err) < 0)
		return -1;
	if (more && g->in[0] == GZIP_MAGIC) {
		g->member = true;
		return 0;
	}
	s->at -= g->in_len;
	return check_rest(s, err);
}

static int next_inflated(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
			 struct gg_err *err)
{
	struct gunzip *g = &s->gunzip;
	struct inflate_io io = { .out = g->out, .out_len = INFLATED };
	bool more;

	while (io.out_len && !s->ended) {
		enum inflate_result r;

		if (!g->member) {
			if (next_member(s, err) < 0)
				return -1;
			continue;
		}
		if (more_input(s, &more, err) < 0)
			return -1;
		io.in = g->in;
		io.in_len = g->in_len;
		r = inflate_step(g->state, &io);
		/* Without input there may still be output; a step that gives neither waits for what never comes. */
		if (r == INFLATE_DAMAGED || (r == INFLATE_GOES_ON && !more && io.out_len))
			return gg_fail(err, GG_INTEGRITY, "decompress: %s",
				       more ? "damaged gzip stream" : "truncated gzip stream");
		g->in = io.in;
		g->in_len = io.in_len;
		g->member = r != INFLATE_END;
	}
	*ret_bytes = g->out;
	*ret_len = INFLATED - io.out_len;
	return 0;
}

static int next_decoded(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
			struct gg_err *err)
{
	la_int64_t offset;

	do {
		int r = s->lib.archive_read_data_block(s->reader, ret_bytes, ret_len, &offset);

		if (r == ARCHIVE_EOF) {
			/* libarchive stops silently where the last member ends. */
			la_int64_t used = s->lib.archive_filter_bytes(
				s->reader, s->lib.archive_filter_count(s->reader) - 1);

			*ret_len = 0;
			s->at = s->start + (uint64_t)used;
			return check_rest(s, err);
		}
		if (r != ARCHIVE_OK)
			return reader_fail(s, err);
		if ((uint64_t)offset != s->next_offset)
			return gg_fail(err, GG_INTEGRITY, "decompress: a hole in the stream");
	} while (*ret_len == 0);
	s->next_offset += *ret_len;
	return 0;
}

int archive_decode(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
		   struct gg_err *err)
{
	ssize_t n;

	*ret_len = 0;
	if (s->ended)
		return 0;
	if (s->gunzip.state)
		return next_inflated(s, ret_bytes, ret_len, err);
	if (s->reader)
		return next_decoded(s, ret_bytes, ret_len, err);
	n = read_some(s);
	if (n < 0)
		return gg_fail_errno(err, "read the archive");
	*ret_bytes = s->block;
	*ret_len = (size_t)n;
	s->ended = n == 0;
	return 0;
}

int archive_next(struct archive_stream *s, const void **ret_bytes, size_t *ret_len,
		 struct gg_err *err)
{
	return s->ahead ? archive_ahead_next(s->ahead, ret_bytes, ret_len, err)
			: archive_decode(s, ret_bytes, ret_len, err);
}

int archive_read_ahead(struct archive_stream *s, struct gg_hash *hash, struct gg_err *err)
{
	assert(!s->ahead);
	return archive_ahead_start(s, hash, &s->ahead, err);
}

uint64_t archive_skip(struct archive_stream *s, uint64_t len)
{
	uint64_t left = s->end - s->at;

	if (s->reader || s->gunzip.state || s->ahead || s->ended || s->hash)
		return 0;
	len = len < left ? len : left;
	s->at += len;
	return len;
}

void archive_close(struct archive_stream *s)
{
	if (!s)
		return;
	archive_ahead_free(s->ahead);
	inflate_free(s->gunzip.state);
	free(s->gunzip.out);
	if (s->reader)
		s->lib.archive_read_free(s->reader);
	free(s->block);
	free(s);
}

void archive_closep(struct archive_stream **s)
{
	archive_close(*s);
}
