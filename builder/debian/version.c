/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/version.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* '~' below the end of the text, the end below letters, letters below everything else. */
static int weight(struct deb_slice s, size_t i)
{
	if (i >= s.len || is_digit(s.p[i]))
		return 0;
	if (s.p[i] == '~')
		return -1;
	return is_alpha(s.p[i]) ? (unsigned char)s.p[i] : (unsigned char)s.p[i] + 256;
}

static size_t skip_zeros(struct deb_slice s, size_t i)
{
	while (i < s.len && s.p[i] == '0')
		i++;
	return i;
}

static size_t skip_digits(struct deb_slice s, size_t i)
{
	while (i < s.len && is_digit(s.p[i]))
		i++;
	return i;
}

/* Two runs of digits without leading zeros, of any length: the longer one is the greater number. */
static int compare_numbers(struct deb_slice a, size_t *i, struct deb_slice b, size_t *j)
{
	size_t from_a = skip_zeros(a, *i), from_b = skip_zeros(b, *j);

	*i = skip_digits(a, from_a);
	*j = skip_digits(b, from_b);
	size_t len_a = *i - from_a, len_b = *j - from_b;

	if (len_a != len_b)
		return len_a > len_b ? 1 : -1;
	return memcmp(a.p + from_a, b.p + from_b, len_a);
}

static int compare_part(struct deb_slice a, struct deb_slice b)
{
	size_t i = 0, j = 0;

	while (i < a.len || j < b.len) {
		while ((i < a.len && !is_digit(a.p[i])) || (j < b.len && !is_digit(b.p[j]))) {
			int difference = weight(a, i) - weight(b, j);

			if (difference)
				return difference;
			i++;
			j++;
		}
		int order = compare_numbers(a, &i, b, &j);
		if (order)
			return order;
	}
	return 0;
}

struct parts {
	struct deb_slice epoch, upstream, revision;
	bool has_epoch, has_revision;
};

static struct parts split(struct deb_slice v)
{
	const char *colon = v.len ? memchr(v.p, ':', v.len) : NULL;
	const char *dash;
	struct parts parts = { .epoch = deb_slice("") };

	if (colon) {
		size_t n = (size_t)(colon - v.p);

		parts.has_epoch = true;
		parts.epoch = (struct deb_slice){ v.p, n };
		v = (struct deb_slice){ colon + 1, v.len - n - 1 };
	}
	dash = v.len ? memrchr(v.p, '-', v.len) : NULL;
	parts.upstream = v;
	parts.revision = deb_slice("");
	if (dash) {
		size_t n = (size_t)(dash - v.p);

		parts.has_revision = true;
		parts.upstream.len = n;
		parts.revision = (struct deb_slice){ dash + 1, v.len - n - 1 };
	}
	return parts;
}

int version_compare(struct deb_slice a, struct deb_slice b)
{
	struct parts x, y;
	int order;

	if (!a.p)
		a = deb_slice("");
	if (!b.p)
		b = deb_slice("");
	x = split(a);
	y = split(b);
	order = compare_part(x.epoch, y.epoch);
	if (!order)
		order = compare_part(x.upstream, y.upstream);
	return order ? order : compare_part(x.revision, y.revision);
}

/* Letters, digits and the characters of `more`. */
static bool made_of(struct deb_slice s, const char *more)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_digit(s.p[i]) && !is_alpha(s.p[i]) && (!s.p[i] || !strchr(more, s.p[i])))
			return false;
	return true;
}

bool version_valid(struct deb_slice v)
{
	struct parts parts;

	if (!v.len)
		return false;
	parts = split(v);
	if (!parts.upstream.len || !is_digit(*parts.upstream.p))
		return false;
	if (parts.has_epoch && (!parts.epoch.len || skip_digits(parts.epoch, 0) != parts.epoch.len))
		return false;
	if (parts.has_revision && !parts.revision.len)
		return false;
	return made_of(parts.upstream, parts.has_epoch ? ".+-~:" : ".+-~") &&
	       made_of(parts.revision, ".+~");
}

bool version_op_parse(struct deb_slice text, enum version_op *ret)
{
	static const struct {
		const char *text;
		enum version_op op;
	} ops[] = { { "<<", VERSION_LT }, { "<=", VERSION_LE }, { "=", VERSION_EQ },
		    { ">=", VERSION_GE }, { ">>", VERSION_GT }, { "<", VERSION_LE },
		    { ">", VERSION_GE } };

	for (size_t i = 0; i < GG_LEN(ops); i++)
		if (deb_slice_is(text, ops[i].text)) {
			*ret = ops[i].op;
			return true;
		}
	return false;
}

const char *version_op_text(enum version_op op)
{
	switch (op) {
	case VERSION_ANY:
		return "";
	case VERSION_LT:
		return "<<";
	case VERSION_LE:
		return "<=";
	case VERSION_EQ:
		return "=";
	case VERSION_GE:
		return ">=";
	case VERSION_GT:
		return ">>";
	}
	return "";
}

bool version_satisfies(struct deb_slice have, enum version_op op, struct deb_slice want)
{
	if (op == VERSION_ANY)
		return true;
	int order = version_compare(have, want);

	switch (op) {
	case VERSION_ANY:
		return true;
	case VERSION_LT:
		return order < 0;
	case VERSION_LE:
		return order <= 0;
	case VERSION_EQ:
		return order == 0;
	case VERSION_GE:
		return order >= 0;
	case VERSION_GT:
		return order > 0;
	}
	return false;
}
