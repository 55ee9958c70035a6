/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives' members: ar (ar(5), GNU and BSD long names), tar (ustar headers), zip (APPNOTE.TXT 4.3, without ZIP64).
 * What is malformed is not this format; nothing beyond the bytes is read.
 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 200000 };

/* One member of an archive. */
struct member {
	struct span name, header, content;
	struct span more;   /* of the header, without fields: zip's extra field */
	bool deflated;      /* the content, as zip has it */
	uint32_t crc, size; /* of what it inflates to; zip */
};

struct members {
	struct member *v;
	size_t n, cap;
};

static void members_done(struct members *m)
{
	free(m->v);
	m->v = NULL;
	m->n = m->cap = 0;
}

static bool add_member(struct members *m, const struct member *x)
{
	if (m->n == MEMBERS_MAX)
		return false;
	GG_GROW(m->v, m->n, m->cap);
	m->v[m->n++] = *x;
	return true;
}

/* ---- members of two archives ---- */

static int compare_spans(const struct span *a, const struct span *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int order = n ? memcmp(a->p, b->p, n) : 0;

	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_names(const void *a, const void *b)
{
	return compare_spans(&((const struct member *)a)->name, &((const struct member *)b)->name);
}

static bool same_names(const struct members *a, const struct members *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!span_eq(&a->v[i].name, &b->v[i].name))
			return false;
	return true;
}

static void sort(struct members *m)
{
	if (m->n)
		qsort(m->v, m->n, sizeof(*m->v), compare_names);
}

/* zip keeps raw deflate data: with a gzip header and trailer (RFC 1952) around it, any reader takes it. */
static bool inflate_member(const struct member *m, uint64_t *left, struct gg_buf *ret)
{
	static const char header[10] = { 0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 0, (char)0xff };
	_cleanup_buf_ struct gg_buf stream = { 0 };

	gg_buf_add(&stream, header, sizeof(header));
	gg_buf_add(&stream, m->content.p, m->content.len);
	for (int i = 0; i < 4; i++)
		gg_buf_putc(&stream, (char)(m->crc >> (8 * i)));
	for (int i = 0; i < 4; i++)
		gg_buf_putc(&stream, (char)(m->size >> (8 * i)));
	return compare_inflate(&(struct span){ (const uint8_t *)stream.data, stream.len }, left,
			       ret);
}

static void visit_content(struct part *p, const struct member *a, const struct member *b,
			  const struct part_sink *to)
{
	_cleanup_buf_ struct gg_buf in_a = { 0 }, in_b = { 0 };

	p->a = a->content;
	p->b = b->content;
	if (span_eq(&p->a, &p->b))
		return;
	if (a->deflated && b->deflated && inflate_member(a, to->inflate, &in_a) &&
	    inflate_member(b, to->inflate, &in_b)) {
		struct span x = { (const uint8_t *)in_a.data, in_a.len },
			    y = { (const uint8_t *)in_b.data, in_b.len };

		if (span_eq(&x, &y)) {
			p->cause = "compression";
		} else {
			p->a = x;
			p->b = y;
		}
	}
	to->visit(to->ctx, p);
}

static struct span field_of(const struct span *header, const struct field *f)
{
	if (f->at + f->len > header->len)
		return (struct span){ header->p, 0 };
	return (struct span){ header->p + f->at, f->len };
}

static void visit_member(const char *label, const struct field *fields, size_t n_fields,
			 const struct member *a, const struct member *b, const struct part_sink *to)
{
	const struct part base = { .label = label,
				   .name = (const char *)a->name.p,
				   .name_len = a->name.len };
	struct part p;

	for (size_t i = 0; i < n_fields; i++) {
		p = base;
		p.field = fields[i].name;
		p.cause = fields[i].cause;
		p.say = fields[i].say;
		p.a = field_of(&a->header, &fields[i]);
		p.b = field_of(&b->header, &fields[i]);
		to->visit(to->ctx, &p);
	}
	p = base;
	p.field = "extra field";
	p.a = a->more;
	p.b = b->more;
	to->visit(to->ctx, &p);
	p = base;
	visit_content(&p, a, b, to);
}

/* What differs, in the members' order; see struct format. Frees both. */
static bool visit_members(const char *label, const struct field *fields, size_t n_fields,
			  struct members *a, struct members *b, const struct part_sink *to,
			  const char **ret_cause)
{
	bool ordered = same_names(a, b), same;

	if (!ordered) {
		sort(a);
		sort(b);
	}
	same = ordered || same_names(a, b);
	if (same && !ordered)
		*ret_cause = "order";
	for (size_t i = 0; ordered && i < a->n; i++)
		visit_member(label, fields, n_fields, &a->v[i], &b->v[i], to);
	members_done(a);
	members_done(b);
	return ordered;
}

/* ---- ar ---- */

enum { AR_HEADER = 60 };

static bool is_ar(const struct span *s)
{
	return s->len >= 8 && memcmp(s->p, "!<arch>\n", 8) == 0;
}

static bool decimal(const uint8_t *p, size_t len, size_t *ret)
{
	size_t n = 0, i = 0;

	for (; i < len && isdigit(p[i]); i++)
		n = n * 10 + (size_t)(p[i] - '0');
	*ret = n;
	return i > 0 && len <= 15;
}

/* "name/", "name   ", "/12" into the table of GNU, "#1/20" of BSD. */
static struct span ar_name(const uint8_t *h, const struct span *table, struct span *content)
{
	struct span name = { h, 16 };
	size_t n;

	if (memcmp(h, "#1/", 3) == 0 && decimal(h + 3, 13, &n) && n <= content->len) {
		name = (struct span){ content->p, strnlen((const char *)content->p, n) };
		*content = (struct span){ content->p + n, content->len - n };
		return name;
	}
	if (h[0] == '/' && isdigit(h[1]) && decimal(h + 1, 15, &n) && n < table->len) {
		const uint8_t *p = table->p + n, *end = memchr(p, '/', table->len - n);

		return (struct span){ p, end ? (size_t)(end - p) : table->len - n };
	}
	while (name.len > 0 && name.p[name.len - 1] == ' ')
		name.len--;
	if (name.len > 1 && name.p[name.len - 1] == '/' && name.p[0] != '/')
		name.len--;
	return name;
}

static bool ar_members(const struct span *s, struct members *ret)
{
	struct span table = { s->p, 0 };
	size_t at = 8;

	while (at + AR_HEADER <= s->len) {
		const uint8_t *h = s->p + at;
		struct member m = { .header = { h, AR_HEADER } };
		size_t size;

		if (h[58] != '`' || h[59] != '\n' || !decimal(h + 48, 10, &size) ||
		    size > s->len - at - AR_HEADER)
			return false;
		m.content = (struct span){ h + AR_HEADER, size };
		if (memcmp(h, "// ", 3) == 0)
			table = m.content;
		m.name = ar_name(h, &table, &m.content);
		if (!add_member(ret, &m))
			return false;
		at += AR_HEADER + size + size % 2;
	}
	return ret->n > 0 && at >= s->len;
}

/* Decimal, with blanks after it. */
static char *say_decimal_seconds(const struct span *s)
{
	size_t n;

	return decimal(s->p, s->len, &n) ? compare_time((int64_t)n, 0) : NULL;
}

static bool ar_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		     const char **ret_cause)
{
	static const struct field fields[] = {
		{ "date", 16, 12, "timestamp", say_decimal_seconds },
		{ "owner", 28, 6, NULL, NULL },
		{ "group", 34, 6, NULL, NULL },
		{ "mode", 40, 8, NULL, NULL },
		{ "size", 48, 10, "layout", NULL },
	};
	struct members in_a = { 0 }, in_b = { 0 };

	if (!ar_members(a, &in_a) || !ar_members(b, &in_b)) {
		members_done(&in_a);
		members_done(&in_b);
		return false;
	}
	return visit_members("ar member", fields, GG_LEN(fields), &in_a, &in_b, to, ret_cause);
}

const struct format format_ar = { .name = "ar", .is = is_ar, .parts = ar_parts };

/* ---- tar ---- */

enum { TAR_HEADER = 512 };

static bool is_tar(const struct span *s)
{
	return s->len >= TAR_HEADER && memcmp(s->p + 257, "ustar", 5) == 0;
}

static size_t octal(const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		n = n * 8 + (size_t)(p[i] - '0');
	return n;
}

static bool tar_members(const struct span *s, struct members *ret)
{
	size_t at = 0;

	while (at + TAR_HEADER <= s->len && s->p[at]) {
		const uint8_t *h = s->p + at;
		size_t size = octal(h + 124, 12), room = s->len - at - TAR_HEADER;
		struct member m = { .header = { h, TAR_HEADER },
				    .name = { h, strnlen((const char *)h, 100) } };

		if (memcmp(h + 257, "ustar", 5) != 0 || size > room)
			return false;
		m.content = (struct span){ h + TAR_HEADER, size };
		if (!add_member(ret, &m))
			return false;
		size = (size + 511) / 512 * 512;
		at += TAR_HEADER + (size < room ? size : room);
	}
	return ret->n > 0;
}

static char *say_octal_seconds(const struct span *s)
{
	return compare_time((int64_t)octal(s->p, s->len), 0);
}

static bool tar_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		      const char **ret_cause)
{
	static const struct field fields[] = {
		{ "mode", 100, 8, "umask", NULL },
		{ "owner", 108, 8, NULL, NULL },
		{ "group", 116, 8, NULL, NULL },
		{ "size", 124, 12, "layout", NULL },
		{ "mtime", 136, 12, "timestamp", say_octal_seconds },
		{ "checksum", 148, 8, "checksum", NULL },
		{ "type", 156, 1, NULL, NULL },
		{ "link", 157, 100, NULL, NULL },
		{ "owner's name", 265, 32, "user-name", NULL },
		{ "group's name", 297, 32, "user-name", NULL },
		{ "prefix", 345, 155, NULL, NULL },
	};
	struct members in_a = { 0 }, in_b = { 0 };

	if (!tar_members(a, &in_a) || !tar_members(b, &in_b)) {
		members_done(&in_a);
		members_done(&in_b);
		return false;
	}
	return visit_members("tar member", fields, GG_LEN(fields), &in_a, &in_b, to, ret_cause);
}

const struct format format_tar = { .name = "tar", .is = is_tar, .parts = tar_parts };

/* ---- zip ---- */

enum { ZIP_LOCAL = 30, ZIP_CENTRAL = 46, ZIP_END = 22, ZIP_COMMENT_MAX = 65535 };

static bool is_zip(const struct span *s)
{
	return s->len >= ZIP_END && memcmp(s->p, "PK\003\004", 4) == 0;
}

static uint32_t little(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n; i++)
		v |= (uint32_t)p[i] << (8 * i);
	return v;
}

static const uint8_t *zip_end(const struct span *s)
{
	size_t least = s->len > ZIP_END + ZIP_COMMENT_MAX ? s->len - ZIP_END - ZIP_COMMENT_MAX : 0;

	for (size_t at = s->len - ZIP_END + 1; at-- > least;)
		if (memcmp(s->p + at, "PK\005\006", 4) == 0)
			return s->p + at;
	return NULL;
}

/* The local header that an entry of the directory names. Its sizes may be 0; those of the directory count. */
static bool zip_member(const struct span *s, const uint8_t *entry, struct member *ret)
{
	size_t at = little(entry + 42, 4), size = little(entry + 20, 4), skip;
	const uint8_t *h = s->p + at;

	if (at > s->len || s->len - at < ZIP_LOCAL || memcmp(h, "PK\003\004", 4) != 0)
		return false;
	skip = ZIP_LOCAL + little(h + 26, 2) + little(h + 28, 2);
	if (skip > s->len - at || size > s->len - at - skip)
		return false;
	*ret = (struct member){ .header = { h, ZIP_LOCAL },
				.name = { h + ZIP_LOCAL, little(h + 26, 2) },
				.more = { h + ZIP_LOCAL + little(h + 26, 2), little(h + 28, 2) },
				.content = { h + skip, size },
				.deflated = little(entry + 10, 2) == 8,
				.crc = little(entry + 16, 4),
				.size = little(entry + 24, 4) };
	return true;
}

static bool zip_members(const struct span *s, struct members *ret)
{
	const uint8_t *end = zip_end(s);
	size_t n = end ? little(end + 10, 2) : 0, at = end ? little(end + 16, 4) : 0;

	for (size_t i = 0; i < n; i++) {
		const uint8_t *entry = s->p + at;
		struct member m;

		if (at > s->len || s->len - at < ZIP_CENTRAL ||
		    memcmp(entry, "PK\001\002", 4) != 0 || !zip_member(s, entry, &m) ||
		    !add_member(ret, &m))
			return false;
		at += ZIP_CENTRAL + little(entry + 28, 2) + little(entry + 30, 2) +
		      little(entry + 32, 2);
	}
	return n > 0;
}

/* MS-DOS: two seconds, minutes, hours; then day, month, years since 1980. */
static char *say_dos_time(const struct span *s)
{
	uint32_t t = little(s->p, 2), d = little(s->p + 2, 2);

	return gg_asprintf("%04u-%02u-%02u %02u:%02u:%02u", 1980 + (d >> 9), d >> 5 & 15, d & 31,
			   t >> 11, t >> 5 & 63, (t & 31) * 2);
}

static bool zip_parts(const struct span *a, const struct span *b, const struct part_sink *to,
		      const char **ret_cause)
{
	static const struct field fields[] = {
		{ "flags and method", 4, 6, NULL, NULL },
		{ "time", 10, 4, "timestamp", say_dos_time },
		{ "checksum", 14, 4, "checksum", NULL },
		{ "sizes", 18, 8, "layout", NULL },
	};
	struct members in_a = { 0 }, in_b = { 0 };

	if (!zip_members(a, &in_a) || !zip_members(b, &in_b)) {
		members_done(&in_a);
		members_done(&in_b);
		return false;
	}
	return visit_members("zip member", fields, GG_LEN(fields), &in_a, &in_b, to, ret_cause);
}

const struct format format_zip = { .name = "zip", .is = is_zip, .parts = zip_parts };
