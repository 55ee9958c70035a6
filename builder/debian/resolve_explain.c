/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/resolve_private.h"

enum { PROVIDERS_SHOWN = 8 };

#define SLICE(s) (int)(s).len, (s).p ? (s).p : ""

static char *suites(const struct resolver *r)
{
	struct gg_buf b = { 0 };

	for (unsigned i = 0; i < index_suites(r->ix); i++) {
		const char *suite = index_suite(r->ix, i);
		bool seen = false;

		for (unsigned k = 0; k < i; k++)
			seen = seen || gg_streq(index_suite(r->ix, k), suite);
		if (!seen)
			gg_buf_printf(&b, "%s%s", b.len ? ", " : "", suite);
	}
	return gg_buf_steal(&b);
}

/* "1.2-3 (trixie), 1.2-2 (trixie-security)"; owned by the caller. */
static char *versions(const struct resolver *r, struct deb_slice name)
{
	const struct index_package *p = index_find(r->ix, name);
	struct gg_buf b = { 0 };

	for (; p; p = index_older(r->ix, p))
		gg_buf_printf(&b, "%s%.*s (%s)", b.len ? ", " : "", SLICE(p->version),
			      index_suite(r->ix, p->suite));
	return gg_buf_steal(&b);
}

static bool list_provider(void *ctx, const struct index_package *p, struct deb_slice version)
{
	struct gg_strv *l = ctx;
	_cleanup_free_ char *name = deb_slice_dup(p->name);

	(void)version;
	if (!gg_strv_has(l, name))
		gg_strv_take(l, gg_steal(&name));
	return true;
}

/* "gawk, mawk", at most a line of them; NULL when nothing provides the name. */
static char *providers(const struct resolver *r, struct deb_slice name)
{
	_cleanup_strv_ struct gg_strv l = { 0 };
	struct gg_buf b = { 0 };

	index_providers(r->ix, name, list_provider, &l);
	gg_strv_sort(&l);
	for (size_t i = 0; i < l.n && i < PROVIDERS_SHOWN; i++)
		gg_buf_printf(&b, "%s%s", i ? ", " : "", l.v[i]);
	if (l.n > PROVIDERS_SHOWN)
		gg_buf_printf(&b, " and %zu more", l.n - PROVIDERS_SHOWN);
	return l.n ? gg_buf_steal(&b) : NULL;
}

int resolve_fail_request(const struct resolver *r, struct deb_slice name, struct deb_slice version,
			 struct gg_err *err)
{
	_cleanup_free_ char *where = suites(r), *list = NULL;

	if (index_find(r->ix, name)) {
		list = versions(r, name);
		gg_fail(err, GG_RECIPE, "package '%.*s' has no version '%.*s' in %s", SLICE(name),
			SLICE(version), where);
		return gg_hint(err, "available: %s", list);
	}
	list = providers(r, name);
	if (list) {
		gg_fail(err, GG_RECIPE, "package '%.*s' is virtual in %s", SLICE(name), where);
		return gg_hint(err, "name one of the packages that provide it: %s", list);
	}
	gg_fail(err, GG_RECIPE, "no package '%.*s' in %s", SLICE(name), where);
	list = index_nearest(r->ix, name);
	return list ? gg_hint(err, "did you mean: %s", list) : -1;
}

/* "build-essential -> g++ -> g++-14": from the request (or an Essential package) to `at`. */
static char *chain(const struct resolver *r, size_t at)
{
	struct gg_buf b = { 0 };
	size_t path[64], n = 0;

	for (; at != RESOLVE_ROOT && n < GG_LEN(path); at = r->chosen[at].by)
		path[n++] = at;
	while (n-- > 0)
		gg_buf_printf(&b, "%s%.*s", b.len ? " -> " : "",
			      SLICE(r->chosen[path[n]].package->name));
	return gg_buf_steal(&b);
}

static char *origin(const struct resolver *r, size_t at)
{
	_cleanup_free_ char *path = chain(r, at);
	bool essential = r->chosen[at].request == RESOLVE_NO_REQUEST;

	return gg_asprintf("%s: %s", essential ? "essential" : "requested", path);
}

int resolve_fail_clause(const struct resolver *r, size_t at, struct deb_slice clause,
			struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_free_ char *from = origin(r, at), *list = NULL;
	const struct index_package *p = r->chosen[at].package;
	struct deb_slice rest = clause;
	struct relation rel;

	gg_fail(err, GG_RECIPE, "package '%.*s' %.*s depends on '%.*s', which no suite has (%s)",
		SLICE(p->name), SLICE(p->version), SLICE(clause), from);
	if (relation_next(&rest, &rel, &ignored) <= 0)
		return -1;
	if (index_find(r->ix, rel.name)) {
		list = versions(r, rel.name);
		return gg_hint(err, "available: %.*s %s", SLICE(rel.name), list);
	}
	return gg_hint(err,
		       "add the suite or the component that has it (`suites:`, `components:`)");
}

static size_t find_chosen(const struct resolver *r, const struct index_package *p)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->chosen[i].package == p)
			return i;
	return 0;
}

int resolve_fail_clash(const struct resolver *r, size_t at, const char *verb,
		       struct deb_slice clause, const struct index_package *other,
		       struct gg_err *err)
{
	const struct index_package *p = r->chosen[at].package;
	_cleanup_free_ char *from = origin(r, at), *to = origin(r, find_chosen(r, other));

	gg_fail(err, GG_RECIPE, "package '%.*s' %.*s %s '%.*s', and that is '%.*s' %.*s (%s; %s)",
		SLICE(p->name), SLICE(p->version), verb, SLICE(clause), SLICE(other->name),
		SLICE(other->version), from, to);
	return gg_hint(
		err,
		"leave one of the two out, or name another package that provides what is needed");
}
