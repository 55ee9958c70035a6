/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compare_private.h"

#include <ctype.h>
#include <string.h>

#define INFLATE_MAX (1ull << 30) /* bytes of all that is decompressed for one file */

enum {
	DEPTH_MAX = 5,    /* an ELF file in an ar archive in a gzip stream in a zip file … */
	REGIONS_MAX = 64, /* that are looked at in one content */
	PARTS_MAX = 1000, /* that differ and are looked into, of one file with all that is in it */
	GAP = 8,          /* equal bytes between two differences that are two */
	EXCERPT = 40,
};

/* What is known of two contents so far. */
struct look {
	struct compare *c;
	const char *path;
	struct gg_buf where; /* of the first difference: "ar member x.o, ELF section .data" */
	struct gg_buf text;  /* what led to the cause */
	struct gg_buf a, b;  /* excerpts at the first difference */
	const char *cause;
	enum cause_rank rank;
	bool first; /* the first difference was found */
	unsigned parts;
	uint64_t inflate; /* that are left */
};

/* One content in the other. */
struct level {
	struct look *look;
	const struct level *above;
	const struct part *part; /* that this is the content of; NULL at the top */
	unsigned depth;
	bool has_parts; /* that differ */
};

static void look_into(struct level *level, const struct span *a, const struct span *b);

/* ---- words ---- */

static void put_part(struct gg_buf *b, const struct part *p)
{
	gg_buf_puts(b, p->label);
	if (p->name_len)
		gg_buf_printf(b, " %.*s", (int)(p->name_len < 200 ? p->name_len : 200), p->name);
	if (p->field)
		gg_buf_printf(b, ", %s", p->field);
}

static void put_where(struct gg_buf *b, const struct level *level)
{
	if (!level->part)
		return;
	put_where(b, level->above);
	if (b->len)
		gg_buf_puts(b, ", ");
	put_part(b, level->part);
}

/* The text around a byte, or bytes from it on. */
static void put_excerpt(struct gg_buf *b, const struct span *s, size_t at)
{
	size_t from = at, to = at;

	while (from > 0 && at - from < EXCERPT / 2 && isprint(s->p[from - 1]))
		from--;
	while (to < s->len && to - at < EXCERPT && isprint(s->p[to]))
		to++;
	if (at == s->len && from == at) {
		gg_buf_puts(b, "end of file");
	} else if (to - from >= 4 && (to > at || at == s->len)) {
		gg_buf_putc(b, '\'');
		gg_buf_add(b, s->p + from, to - from);
		gg_buf_putc(b, '\'');
	} else {
		for (size_t i = at; i < s->len && i - at < 8; i++)
			gg_buf_printf(b, "%s%02x", i > at ? " " : "", s->p[i]);
	}
}

static void put_value(struct gg_buf *b, const struct part *part, const struct span *s, size_t at)
{
	_cleanup_free_ char *said = part && part->say ? part->say(s) : NULL;

	if (said)
		gg_buf_puts(b, said);
	else
		put_excerpt(b, s, at);
}

static void found(struct level *level, const struct span *a, const struct span *b, size_t at,
		  const char *cause, enum cause_rank rank, const char *text)
{
	struct look *k = level->look;

	if (!k->first) {
		k->first = true;
		put_where(&k->where, level);
		put_value(&k->a, level->part, a, at);
		put_value(&k->b, level->part, b, at);
	}
	if (k->cause && rank <= k->rank)
		return;
	k->cause = cause;
	k->rank = rank;
	k->text.len = 0;
	if (text && *text)
		gg_buf_puts(&k->text, text);
	if (level->part && k->text.len) {
		_cleanup_buf_ struct gg_buf where = { 0 };

		put_where(&where, level);
		gg_buf_printf(&k->text, ", in %s", where.data);
	}
}

/* ---- one content without parts ---- */

static size_t first_difference(const struct span *a, const struct span *b, size_t from)
{
	size_t n = a->len < b->len ? a->len : b->len;

	while (from + 64 <= n && memcmp(a->p + from, b->p + from, 64) == 0)
		from += 64;
	while (from < n && a->p[from] == b->p[from])
		from++;
	return from;
}

/* Where a difference in contents of one length ends: before GAP equal bytes. */
static size_t region_end(const struct span *a, const struct span *b, size_t at)
{
	size_t end = at + 1;

	for (size_t i = at + 1; i < a->len && i - end < GAP; i++)
		if (a->p[i] != b->p[i])
			end = i + 1;
	return end;
}

static size_t equal_tail(const struct span *a, const struct span *b, size_t at)
{
	size_t n = 0, most = (a->len < b->len ? a->len : b->len) - at;

	while (n < most && a->p[a->len - 1 - n] == b->p[b->len - 1 - n])
		n++;
	return n;
}

static void look_at_region(struct level *level, struct evidence *e)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	enum cause_rank rank;
	const char *cause = compare_cause(e, &rank, &text);

	found(level, &e->a, &e->b, e->at, cause, rank, text.data);
}

static bool look_at_whole(struct level *level, struct evidence *e)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	const char *cause = compare_cause_of_whole(e, &text);

	if (cause)
		found(level, &e->a, &e->b, e->at, cause, CAUSE_SURE, text.data);
	return cause != NULL;
}

static void look_at_bytes(struct level *level, const struct span *a, const struct span *b)
{
	_cleanup_free_ char *section =
		level->part && level->part->name_len
			? gg_strndup(level->part->name, level->part->name_len)
			: NULL;
	struct evidence e = { .options = level->look->c->options,
			      .path = level->look->path,
			      .section = section,
			      .a = *a,
			      .b = *b };

	size_t tail;

	e.at = first_difference(a, b, 0);
	tail = equal_tail(a, b, e.at);
	e.end_a = a->len - tail;
	e.end_b = b->len - tail;
	if (look_at_whole(level, &e))
		return;
	if (a->len != b->len) {
		look_at_region(level, &e);
		return;
	}
	for (int i = 0; i < REGIONS_MAX && e.at < a->len; i++) {
		e.end_a = e.end_b = region_end(a, b, e.at);
		look_at_region(level, &e);
		if (level->look->rank == CAUSE_SURE)
			return;
		e.at = first_difference(a, b, e.end_a);
	}
}

/* ---- contents with parts ---- */

static void visit_part(void *ctx, const struct part *part)
{
	struct level *above = ctx;
	struct level level = {
		.look = above->look, .above = above, .part = part, .depth = above->depth + 1
	};

	if (span_eq(&part->a, &part->b) || above->look->parts == PARTS_MAX)
		return;
	above->has_parts = true;
	above->look->parts++;
	if (part->cause)
		found(&level, &part->a, &part->b, first_difference(&part->a, &part->b, 0),
		      part->cause, compare_rank(part->cause), NULL);
	else
		look_into(&level, &part->a, &part->b);
}

static void look_into(struct level *level, const struct span *a, const struct span *b)
{
	struct part_sink sink = { visit_part, level, &level->look->inflate };

	for (size_t i = 0; compare_formats[i] && level->depth < DEPTH_MAX; i++) {
		const struct format *f = compare_formats[i];
		const char *cause = NULL;

		if (!f->is(a) || !f->is(b))
			continue;
		if (f->parts(a, b, &sink, &cause) && level->has_parts)
			return;
		if (cause) {
			_cleanup_free_ char *text =
				gg_asprintf("the same members in another order (%s)", f->name);

			found(level, a, b, first_difference(a, b, 0), cause, compare_rank(cause),
			      text);
			return;
		}
		break;
	}
	look_at_bytes(level, a, b);
}

static const char *keep_text(struct compare *c, const struct gg_buf *b)
{
	return b->len ? compare_keepf(c, "%.*s", (int)b->len, b->data) : NULL;
}

void compare_contents(struct compare *c, const struct span *a, const struct span *b,
		      struct difference *d)
{
	struct look k = { .c = c, .path = d->path, .inflate = INFLATE_MAX };
	struct level top = { .look = &k };

	d->located = true;
	d->offset = first_difference(a, b, 0);
	look_into(&top, a, b);
	d->where = keep_text(c, &k.where);
	d->text = keep_text(c, &k.text);
	d->a = keep_text(c, &k.a);
	d->b = keep_text(c, &k.b);
	d->cause = k.cause ? k.cause : "unknown";
	gg_buf_done(&k.where);
	gg_buf_done(&k.text);
	gg_buf_done(&k.a);
	gg_buf_done(&k.b);
}
