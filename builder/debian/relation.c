/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/relation.h"

bool relation_clause(struct deb_slice *field, struct deb_slice *ret)
{
	while (deb_slice_split(field, ',', ret))
		if (ret->len)
			return true;
	return false;
}

bool relation_name_valid(struct deb_slice name)
{
	if (name.len < 2)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		/* Old archives have names with capitals and underscores; they do no harm. */
		if (i && (c == '+' || c == '-' || c == '.' || c == '_'))
			continue;
		if (c >= 'A' && c <= 'Z')
			continue;
		return false;
	}
	return true;
}

static int malformed(struct deb_slice text, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "parse the relation '%.*s'",
		       (int)(text.len < 120 ? text.len : 120), text.p ? text.p : "");
}

/* "(>= 1.2)" */
static bool parse_version(struct deb_slice text, struct relation *ret)
{
	size_t n = 0;

	if (text.len < 2 || text.p[0] != '(' || text.p[text.len - 1] != ')')
		return false;
	text = deb_slice_trim((struct deb_slice){ text.p + 1, text.len - 2 });
	while (n < text.len && memchr("<=>", text.p[n], 3))
		n++;
	if (!version_op_parse((struct deb_slice){ text.p, n }, &ret->op))
		return false;
	ret->version = deb_slice_trim((struct deb_slice){ text.p + n, text.len - n });
	return ret->version.len && !memchr(ret->version.p, ' ', ret->version.len);
}

int relation_next(struct deb_slice *clause, struct relation *ret, struct gg_err *err)
{
	struct deb_slice text, rest;
	const char *colon;
	size_t n = 0;

	if (!deb_slice_split(clause, '|', &text))
		return 0;
	*ret = (struct relation){ 0 };
	while (n < text.len && text.p[n] > ' ' && text.p[n] != '(')
		n++;
	ret->name = (struct deb_slice){ text.p, n };
	rest = deb_slice_trim((struct deb_slice){ text.p + n, text.len - n });
	colon = n ? memchr(text.p, ':', n) : NULL;
	if (colon) {
		ret->name.len = (size_t)(colon - text.p);
		ret->arch = (struct deb_slice){ colon + 1, n - ret->name.len - 1 };
		if (!ret->arch.len)
			return malformed(text, err);
	}
	if (!relation_name_valid(ret->name) || (rest.len && !parse_version(rest, ret)))
		return malformed(text, err);
	return 1;
}

bool relation_matches(const struct relation *r, struct deb_slice name, struct deb_slice version)
{
	if (!deb_slice_eq(r->name, name))
		return false;
	if (r->op == VERSION_ANY)
		return true;
	return version.p && version_satisfies(version, r->op, r->version);
}
