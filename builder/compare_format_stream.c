/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are a header and one content: gzip (RFC 1952), zstd (RFC 8878), Python's .pyc (PEP 552).
 */
#include "builder/compare_private.h"

#include <string.h>
#include <sys/mman.h>

#include "layers/archive.h"
#include "layers/base/fd.h"

bool compare_inflate(const struct span *s, uint64_t *left, struct gg_buf *ret)
{
	_cleanup_close_ int fd = memfd_create("compare", MFD_CLOEXEC);
	_cleanup_archive_ struct archive_stream *stream = NULL;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (*left == 0 || fd < 0 || gg_write_all(fd, s->p, s->len, &ignored) < 0 ||
	    archive_open(fd, 0, s->len, &stream, &ignored) < 0)
		return false;
	for (;;) {
		const void *bytes;
		size_t len;

		if (archive_next(stream, &bytes, &len, &ignored) < 0)
			return false;
		if (len > *left) {
			*left = 0; /* nobody tries again */
			return false;
		}
		if (len == 0)
			return true;
		*left -= len;
		gg_buf_add(ret, bytes, len);
	}
}

/* Both decoded; what is equal then was compressed differently. */
static bool visit_inflated(const char *label, const struct span *a, const struct span *b,
			   const struct part_sink *to)
{
	_cleanup_buf_ struct gg_buf in_a = { 0 }, in_b = { 0 };
	struct part p = { .label = label };

	if (!compare_inflate(a, to->inflate, &in_a) || !compare_inflate(b, to->inflate, &in_b))
		return false;
	p.a = (struct span){ (const uint8_t *)in_a.data, in_a.len };
	p.b = (struct span){ (const uint8_t *)in_b.data, in_b.len };
	if (span_eq(&p.a, &p.b)) {
		p.a = *a;
		p.b = *b;
		p.cause = "compression";
	}
	to->visit(to->ctx, &p);
	return true;
}

/* ---- gzip ---- */

enum { GZIP_HEADER = 10, GZIP_EXTRA = 4, GZIP_NAME = 8 };

static bool is_gzip(const struct span *s)
{
	return s->len >= 18 && s->p[0] == 0x1f && s->p[1] == 0x8b && s->p[2] == 8;
}

/* FNAME, without its NUL. */
static struct span gzip_name(const struct span *s)
{
	size_t at = GZIP_HEADER;
	const uint8_t *end;

	if (!(s->p[3] & GZIP_NAME))
		return (struct span){ s->p, 0 };
	if (s->p[3] & GZIP_EXTRA)
		at += 2 + (size_t)(s->p[at] | s->p[at + 1] << 8);
	end = at < s->len ? memchr(s->p + at, '\0', s->len - at) : NULL;
	return end ? (struct span){ s->p + at, (size_t)(end - s->p) - at }
		   : (struct span){ s->p, 0 };
}

static bool gzip_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		       const char **ret_cause)
{
	static const struct field fields[] = {
		{ "flags", 3, 1, NULL, NULL },
		{ "mtime", 4, 4, "timestamp", compare_say_seconds },
		{ "level and system", 8, 2, "compression", NULL },
	};
	struct part p = { .label = "gzip header" };

	(void)ret_cause;
	for (size_t i = 0; i < GG_LEN(fields); i++) {
		p.field = fields[i].name;
		p.cause = fields[i].cause;
		p.say = fields[i].say;
		p.a = (struct span){ a->p + fields[i].at, fields[i].len };
		p.b = (struct span){ b->p + fields[i].at, fields[i].len };
		to->visit(to->ctx, &p);
	}
	p = (struct part){
		.label = "gzip header", .field = "name", .a = gzip_name(a), .b = gzip_name(b)
	};
	to->visit(to->ctx, &p);
	return visit_inflated("gzip content", a, b, to);
}

const struct format format_gzip = { .name = "gzip", .is = is_gzip, .parts = gzip_parts };

/* ---- zstd ---- */

static bool is_zstd(const struct span *s)
{
	return s->len >= 4 && archive_kind_of(s->p, s->len < 8 ? s->len : 8) == ARCHIVE_ZSTD;
}

static bool zstd_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		       const char **ret_cause)
{
	(void)ret_cause;
	return visit_inflated("zstd content", a, b, to);
}

const struct format format_zstd = { .name = "zstd", .is = is_zstd, .parts = zstd_parts };

/* ---- .pyc ---- */

enum { PYC_HEADER = 16 };

/* A version number between 3000 and 4000 (CPython 3.x), "\r\n", flags. */
static bool is_pyc(const struct span *s)
{
	unsigned version = s->len > PYC_HEADER ? (unsigned)(s->p[0] | s->p[1] << 8) : 0;

	return version >= 3000 && version < 4000 && s->p[2] == '\r' && s->p[3] == '\n' &&
	       s->p[4] < 4 && !s->p[5] && !s->p[6] && !s->p[7];
}

static bool pyc_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		      const char **ret_cause)
{
	static const struct field fields[] = {
		{ "version", 0, 4, NULL, NULL },
		{ "flags", 4, 4, NULL, NULL },
		{ "time of the source", 8, 4, "timestamp", compare_say_seconds },
		{ "size of the source", 12, 4, "layout", NULL },
	};
	/* Otherwise it is a digest of the source. */
	bool timed = a->p[4] == 0 && b->p[4] == 0;
	struct part p = { .label = "pyc header" };

	(void)ret_cause;
	for (size_t i = 0; i < GG_LEN(fields); i++) {
		p.field = !timed && i >= 2 ? "digest of the source" : fields[i].name;
		p.cause = !timed && i >= 2 ? "checksum" : fields[i].cause;
		p.say = timed ? fields[i].say : NULL;
		p.a = (struct span){ a->p + fields[i].at, fields[i].len };
		p.b = (struct span){ b->p + fields[i].at, fields[i].len };
		to->visit(to->ctx, &p);
	}
	p = (struct part){ .label = "pyc code",
			   .a = { a->p + PYC_HEADER, a->len - PYC_HEADER },
			   .b = { b->p + PYC_HEADER, b->len - PYC_HEADER } };
	to->visit(to->ctx, &p);
	return true;
}

const struct format format_pyc = { .name = "pyc", .is = is_pyc, .parts = pyc_parts };
