/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/redact.h"

#include <stdbool.h>
#include <string.h>

#include "layers/base/mem.h"

enum { LINE_MIN = 4 };

static const char MASK[] = "***";

struct value {
	char *bytes;
	size_t len;
};

struct redact {
	struct value *v;
	size_t n, cap;
	bool first[256]; /* some value begins with this byte */
	struct gg_buf held;
};

struct redact *redact_new(void)
{
	return gg_zalloc(sizeof(struct redact));
}

void redact_free(struct redact *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].bytes);
	free(r->v);
	gg_buf_done(&r->held);
	free(r);
}

static void add(struct redact *r, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	GG_GROW(r->v, r->n, r->cap);
	r->v[r->n++] = (struct value){ .bytes = gg_strndup(bytes, len), .len = len };
	r->first[(unsigned char)bytes[0]] = true;
}

void redact_add(struct redact *r, const char *value, size_t len)
{
	while (len && value[len - 1] == '\n')
		len--;
	add(r, value, len);
	if (!memchr(value, '\n', len))
		return;
	for (const char *p = value, *end = value + len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (n >= LINE_MIN)
			add(r, p, n);
		p += n + 1;
	}
}

/* The longest value at p, 0 when there is none. *ret_open: a longer one may yet turn out to be there. */
static size_t match(const struct redact *r, const char *p, size_t left, bool *ret_open)
{
	size_t longest = 0;

	*ret_open = false;
	for (size_t i = 0; r->first[(unsigned char)*p] && i < r->n; i++) {
		const struct value *v = &r->v[i];

		if (v->len <= left && v->len > longest && !memcmp(p, v->bytes, v->len))
			longest = v->len;
		else if (v->len > left && !memcmp(p, v->bytes, left))
			*ret_open = true;
	}
	return longest;
}

/* Returns how many bytes were dealt with. */
static size_t pass(const struct redact *r, const char *bytes, size_t len, bool last,
		   redact_out *out, void *ctx)
{
	size_t plain = 0, i = 0;

	while (i < len) {
		bool open;
		size_t n = match(r, bytes + i, len - i, &open);

		if (open && !last)
			break;
		if (n == 0) {
			i++;
			continue;
		}
		if (i > plain)
			out(ctx, bytes + plain, i - plain);
		out(ctx, MASK, sizeof(MASK) - 1);
		i += n;
		plain = i;
	}
	if (i > plain)
		out(ctx, bytes + plain, i - plain);
	return i;
}

void redact_feed(struct redact *r, const char *bytes, size_t len, redact_out *out, void *ctx)
{
	size_t done;

	gg_buf_add(&r->held, bytes, len);
	done = pass(r, r->held.data, r->held.len, false, out, ctx);
	memmove(r->held.data, r->held.data + done, r->held.len - done);
	r->held.len -= done;
}

void redact_end(struct redact *r, redact_out *out, void *ctx)
{
	pass(r, r->held.data, r->held.len, true, out, ctx);
	r->held.len = 0;
}
