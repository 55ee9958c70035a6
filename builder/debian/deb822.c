/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/deb822.h"

#include <assert.h>
#include <strings.h>

enum { MAX_NAMES = 64 };

int deb_slice_compare(struct deb_slice a, struct deb_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct deb_slice deb_slice_trim(struct deb_slice s)
{
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	while (s.len && is_blank(*s.p)) {
		s.p++;
		s.len--;
	}
	return s;
}

char *deb_slice_dup(struct deb_slice s)
{
	return gg_strndup(s.p ? s.p : "", s.len);
}

bool deb_slice_word(struct deb_slice *rest, struct deb_slice *ret)
{
	struct deb_slice s = deb_slice_trim(*rest);
	size_t n = 0;

	while (n < s.len && !is_blank(s.p[n]))
		n++;
	*ret = (struct deb_slice){ s.p, n };
	*rest = n ? (struct deb_slice){ s.p + n, s.len - n } : s;
	return n > 0;
}

bool deb_slice_split(struct deb_slice *rest, char by, struct deb_slice *ret)
{
	if (!rest->p)
		return false;
	const char *end = rest->len ? memchr(rest->p, by, rest->len) : NULL;
	size_t n = end ? (size_t)(end - rest->p) : rest->len;

	*ret = deb_slice_trim((struct deb_slice){ rest->p, n });
	*rest = end ? (struct deb_slice){ end + 1, rest->len - n - 1 } : (struct deb_slice){ 0 };
	return true;
}

bool deb_slice_number(struct deb_slice s, uint64_t *ret)
{
	uint64_t n = 0;

	if (!s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s.p[i] - '0'), &n))
			return false;
	}
	*ret = n;
	return true;
}

void deb822_init(struct deb822 *d, const char *name, const char *text, size_t len, unsigned flags)
{
	static const char empty[] = "";

	*d = (struct deb822){ .name = name, .line = 1, .flags = flags };
	d->p = text ? text : empty;
	d->end = d->p + len;
}

static const char *line_end(const struct deb822 *d)
{
	const char *end = memchr(d->p, '\n', (size_t)(d->end - d->p));

	return end ? end : d->end;
}

static void next_line(struct deb822 *d, const char *end)
{
	d->p = end < d->end ? end + 1 : end;
	d->line++;
}

/* A line of blanks alone ends a stanza like an empty one (policy 5.1). */
static bool line_empty(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p == end;
}

static bool is_comment(const struct deb822 *d)
{
	return (d->flags & DEB822_COMMENTS) && *d->p == '#';
}

bool deb822_begin(struct deb822 *d)
{
	while (d->p < d->end) {
		const char *end = line_end(d);

		if (!line_empty(d->p, end) && !is_comment(d))
			return true;
		next_line(d, end);
	}
	return false;
}

static int fail(const struct deb822 *d, struct gg_err *err, const char *what)
{
	return gg_fail(err, GG_INTEGRITY, "parse '%s' line %u: %s", d->name, d->line, what);
}

/* Steps over the continuation lines; returns the end of the last. */
static const char *continuation(struct deb822 *d, const char *end)
{
	while (d->p < d->end) {
		const char *stop;

		if (is_comment(d)) {
			next_line(d, line_end(d));
			continue;
		}
		if (*d->p != ' ' && *d->p != '\t')
			break;
		stop = line_end(d);
		if (line_empty(d->p, stop))
			break;
		next_line(d, stop);
		end = stop;
	}
	return end;
}

int deb822_field(struct deb822 *d, struct deb822_field *ret, struct gg_err *err)
{
	const char *end, *name, *p;

	while (d->p < d->end && is_comment(d))
		next_line(d, line_end(d));
	if (d->p >= d->end)
		return 0;
	end = line_end(d);
	if (*d->p == ' ' || *d->p == '\t') {
		if (line_empty(d->p, end))
			return 0;
		return fail(d, err, "a continuation line without a field");
	}
	if (d->p == end)
		return 0;
	for (p = name = d->p; p < end && *p != ':'; p++)
		if (*p <= ' ' || *p > '~')
			return fail(d, err, "a field name with a blank or a control character");
	if (p == end)
		return fail(d, err, "no ':' after the field name");
	if (p == name || *name == '-' || *name == '#')
		return fail(d, err, "no field name");
	ret->name = (struct deb_slice){ name, (size_t)(p - name) };
	ret->line = d->line;
	next_line(d, end);
	p++;
	end = continuation(d, end);
	if (memchr(p, '\0', (size_t)(end - p)))
		return fail(d, err, "a NUL byte");
	ret->value = deb_slice_trim((struct deb_slice){ p, (size_t)(end - p) });
	return 1;
}

/* The index of the wanted field of that name, or n. First letter and length decide nearly always. */
static size_t wanted(struct deb_slice name, const char *const *names, const uint8_t *lengths,
		     size_t n)
{
	char first = *name.p | 0x20;

	for (size_t i = 0; i < n; i++)
		if (lengths[i] == name.len && (*names[i] | 0x20) == first &&
		    !strncasecmp(names[i], name.p, name.len))
			return i;
	return n;
}

int deb822_stanza(struct deb822 *d, const char *const *names, size_t n, struct deb_slice *values,
		  struct deb_slice *ret_whole, struct gg_err *err)
{
	uint8_t lengths[MAX_NAMES];
	struct deb822_field f;
	const char *start;
	int more;

	assert(n <= MAX_NAMES);
	for (size_t i = 0; i < n; i++) {
		lengths[i] = (uint8_t)strlen(names[i]);
		values[i] = (struct deb_slice){ 0 };
	}
	if (!deb822_begin(d))
		return 0;
	start = d->p;
	while ((more = deb822_field(d, &f, err)) > 0) {
		size_t i = wanted(f.name, names, lengths, n);

		if (i == n)
			continue;
		if (values[i].p)
			return gg_fail(err, GG_INTEGRITY,
				       "parse '%s' line %u: field '%s' twice in a stanza", d->name,
				       f.line, names[i]);
		values[i] = f.value;
	}
	if (more < 0)
		return -1;
	if (ret_whole) {
		*ret_whole = (struct deb_slice){ start, (size_t)(d->p - start) };
		while (ret_whole->len && ret_whole->p[ret_whole->len - 1] == '\n')
			ret_whole->len--;
	}
	return 1;
}
