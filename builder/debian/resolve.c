/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/resolve.h"

#include "builder/debian/relation.h"
#include "builder/debian/resolve_private.h"

static void add(struct resolver *r, const struct index_package *p, int request, size_t by)
{
	struct resolve_chosen *c;

	if (resolve_chosen(r, p))
		return;
	GG_GROW(r->chosen, r->n, r->cap);
	c = &r->chosen[r->n++];
	*c = (struct resolve_chosen){ .package = p, .request = request, .by = by };
	r->is_chosen[resolve_id(r, p)] = true;
}

bool resolve_chosen(const struct resolver *r, const struct index_package *p)
{
	return r->is_chosen[resolve_id(r, p)];
}

size_t resolve_id(const struct resolver *r, const struct index_package *p)
{
	return (size_t)(p - index_at(r->ix, 0));
}

/* The one version of a name that may be chosen: what a request pins, else the newest. */
static const struct index_package *candidate(const struct resolver *r, struct deb_slice name)
{
	for (size_t i = 0; i < r->n_pins; i++)
		if (deb_slice_eq(r->pins[i]->name, name))
			return r->pins[i];
	return index_find(r->ix, name);
}

static bool arch_fits(const struct resolver *r, struct deb_slice arch)
{
	return !arch.p || deb_slice_is(arch, "any") || deb_slice_is(arch, "native") ||
	       deb_slice_is(arch, index_arch(r->ix));
}

struct provider_search {
	const struct resolver *r;
	const struct relation *relation;
	const struct index_package *not_this; /* a package is no provider to its own conflicts */
	bool only_chosen;
	bool peaceful; /* only what does not clash with what is chosen */
	const struct index_package *found;
	unsigned count;
};

static bool see_provider(void *ctx, const struct index_package *p, struct deb_slice version)
{
	struct provider_search *s = ctx;

	if (p == s->not_this || p == s->found ||
	    !relation_matches(s->relation, s->relation->name, version))
		return true;
	if (s->only_chosen) {
		if (!resolve_chosen(s->r, p))
			return true;
		s->found = p;
		return false;
	}
	if (candidate(s->r, p->name) != p || (s->peaceful && resolve_clashes(s->r, p)))
		return true;
	s->count++;
	if (!s->found || p->priority < s->found->priority ||
	    (p->priority == s->found->priority && deb_slice_compare(p->name, s->found->name) < 0))
		s->found = p;
	return true;
}

const struct index_package *resolve_satisfier(const struct resolver *r, const struct relation *rel,
					      const struct index_package *not_this)
{
	struct provider_search s = {
		.r = r, .relation = rel, .not_this = not_this, .only_chosen = true
	};
	const struct index_package *p = index_find(r->ix, rel->name);

	for (; p; p = index_older(r->ix, p))
		if (p != not_this && resolve_chosen(r, p) &&
		    relation_matches(rel, p->name, p->version))
			return p;
	index_providers(r->ix, rel->name, see_provider, &s);
	return s.found;
}

/* Whether choosing p would break a Conflicts or Breaks of it or of something chosen. Only p's own fields and those
 * that name p directly are asked: enough to steer a choice; the full check is at the end. */
bool resolve_clashes(const struct resolver *r, const struct index_package *p)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	for (int k = 0; k < 2; k++) {
		struct deb_slice field = k ? p->breaks : p->conflicts, clause;
		struct relation rel;

		while (relation_clause(&field, &clause))
			if (relation_next(&clause, &rel, &ignored) > 0 && arch_fits(r, rel.arch) &&
			    resolve_satisfier(r, &rel, p))
				return true;
	}
	for (size_t i = 0; i < r->n; i++) {
		for (int k = 0; k < 2; k++) {
			const struct index_package *other = r->chosen[i].package;
			struct deb_slice field = k ? other->breaks : other->conflicts, clause;
			struct relation rel;

			if (!field.len || !memmem(field.p, field.len, p->name.p, p->name.len))
				continue;
			while (relation_clause(&field, &clause))
				if (relation_next(&clause, &rel, &ignored) > 0 &&
				    arch_fits(r, rel.arch) &&
				    relation_matches(&rel, p->name, p->version))
					return true;
		}
	}
	return false;
}

/* What a relation would bring in: the real package before providers; NULL when nothing can. */
static const struct index_package *choose(const struct resolver *r, const struct relation *rel,
					  bool peaceful)
{
	struct provider_search s = { .r = r, .relation = rel, .peaceful = peaceful };
	const struct index_package *p = candidate(r, rel->name);

	if (!arch_fits(r, rel->arch))
		return NULL;
	if (p && relation_matches(rel, p->name, p->version) && !(peaceful && resolve_clashes(r, p)))
		return p;
	index_providers(r->ix, rel->name, see_provider, &s);
	return s.found;
}

static int clause_satisfied(const struct resolver *r, struct deb_slice clause, struct gg_err *err)
{
	struct relation rel;
	int more;

	while ((more = relation_next(&clause, &rel, err)) > 0)
		if (arch_fits(r, rel.arch) && resolve_satisfier(r, &rel, NULL))
			return 1;
	return more;
}

/* The first alternative that has a candidate, at first only among those that clash with nothing. */
static const struct index_package *clause_choose(const struct resolver *r, struct deb_slice clause)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	for (int peaceful = 1; peaceful >= 0; peaceful--) {
		struct deb_slice rest = clause;
		struct relation rel;

		while (relation_next(&rest, &rel, &ignored) > 0) {
			const struct index_package *p = choose(r, &rel, peaceful);

			if (p)
				return p;
		}
	}
	return NULL;
}

static int follow_field(struct resolver *r, size_t at, struct deb_slice field, struct gg_err *err)
{
	struct deb_slice clause;

	while (relation_clause(&field, &clause)) {
		const struct index_package *p;
		int done = clause_satisfied(r, clause, err);

		if (done < 0)
			return gg_context(err, "package '%.*s'",
					  (int)r->chosen[at].package->name.len,
					  r->chosen[at].package->name.p);
		if (done)
			continue;
		p = clause_choose(r, clause);
		if (!p)
			return resolve_fail_clause(r, at, clause, err);
		add(r, p, r->chosen[at].request, at);
	}
	return 0;
}

/* "NAME", "NAME=VERSION", "NAME:ARCH" */
static int take_request(struct resolver *r, const char *text, int i, struct gg_err *err)
{
	struct deb_slice name = deb_slice(text), version = { 0 }, arch = { 0 };
	const char *equals = strchr(text, '='), *colon;
	const struct index_package *p;

	if (equals) {
		name.len = (size_t)(equals - text);
		version = deb_slice(equals + 1);
	}
	colon = name.len ? memchr(name.p, ':', name.len) : NULL;
	if (colon) {
		arch = (struct deb_slice){ colon + 1, (size_t)(name.p + name.len - colon - 1) };
		name.len = (size_t)(colon - name.p);
	}
	if (!relation_name_valid(name) || (equals && !version.len) || (colon && !arch.len))
		return gg_fail(err, GG_RECIPE, "'%s' is no package: NAME or NAME=VERSION is meant",
			       text);
	if (!arch_fits(r, arch))
		return gg_fail(err, GG_RECIPE, "package '%s': only packages for '%s' can be chosen",
			       text, index_arch(r->ix));
	p = index_find(r->ix, name);
	while (p && version.p && version_compare(p->version, version))
		p = index_older(r->ix, p);
	if (!p && (version.p || !(p = resolve_virtual(r, name))))
		return resolve_fail_request(r, name, version, err);
	if (version.p)
		r->pins[r->n_pins++] = p;
	r->wanted[i] = p;
	return 0;
}

/* The only candidate that provides a name that no package has; as apt, none when there are several. */
const struct index_package *resolve_virtual(const struct resolver *r, struct deb_slice name)
{
	struct relation rel = { .name = name };
	struct provider_search s = { .r = r, .relation = &rel };

	index_providers(r->ix, name, see_provider, &s);
	return s.count == 1 ? s.found : NULL;
}

static int walk(struct resolver *r, int *ret_request, struct gg_err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct index_package *p = r->chosen[i].package;

		*ret_request = r->chosen[i].request;
		if (follow_field(r, i, p->pre_depends, err) < 0 ||
		    follow_field(r, i, p->depends, err) < 0)
			return -1;
	}
	return 0;
}

static int check_field(const struct resolver *r, size_t at, const char *verb,
		       struct deb_slice field, struct gg_err *err)
{
	struct deb_slice clause;
	struct relation rel;
	int more;

	while (relation_clause(&field, &clause)) {
		struct deb_slice rest = clause;

		while ((more = relation_next(&rest, &rel, err)) > 0) {
			const struct index_package *p;

			if (!arch_fits(r, rel.arch))
				continue;
			p = resolve_satisfier(r, &rel, r->chosen[at].package);
			if (p)
				return resolve_fail_clash(r, at, verb, clause, p, err);
		}
		if (more < 0)
			return -1;
	}
	return 0;
}

static int check(const struct resolver *r, int *ret_request, struct gg_err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct index_package *p = r->chosen[i].package;

		*ret_request = r->chosen[i].request;
		if (check_field(r, i, "conflicts with", p->conflicts, err) < 0 ||
		    check_field(r, i, "breaks", p->breaks, err) < 0)
			return -1;
	}
	return 0;
}

static int compare_packages(const void *a, const void *b)
{
	const struct resolve_package *x = a, *y = b;

	return deb_slice_compare(x->package->name, y->package->name);
}

static struct resolution *result(const struct resolver *r)
{
	struct resolution *out = gg_zalloc(sizeof(*out));

	out->index = r->ix;
	out->n = r->n;
	out->packages = gg_calloc(r->n, sizeof(*out->packages));
	for (size_t i = 0; i < r->n; i++) {
		const struct resolve_chosen *c = &r->chosen[i];

		out->packages[i] = (struct resolve_package){
			.package = c->package,
			.requested = c->by == RESOLVE_ROOT && c->request != RESOLVE_NO_REQUEST,
			.request = c->request,
			.by = c->by == RESOLVE_ROOT ? NULL : r->chosen[c->by].package,
		};
		out->size += (int64_t)c->package->size;
	}
	if (out->n)
		qsort(out->packages, out->n, sizeof(*out->packages), compare_packages);
	return out;
}

static int run(struct resolver *r, const char *const *requests, size_t n, unsigned flags,
	       int *ret_request, struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		*ret_request = (int)i;
		if (take_request(r, requests[i], (int)i, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++)
		add(r, candidate(r, r->wanted[i]->name), (int)i, RESOLVE_ROOT);
	*ret_request = RESOLVE_NO_REQUEST;
	for (size_t i = 0; (flags & RESOLVE_ESSENTIAL) && i < index_count(r->ix); i++) {
		const struct index_package *p = index_at(r->ix, i);

		if (p->essential && candidate(r, p->name) == p)
			add(r, p, RESOLVE_NO_REQUEST, RESOLVE_ROOT);
	}
	if (walk(r, ret_request, err) < 0)
		return -1;
	return check(r, ret_request, err);
}

int resolve(const struct index *ix, const char *const *requests, size_t n, unsigned flags,
	    struct resolution **ret, int *ret_request, struct gg_err *err)
{
	struct resolver r = { .ix = ix };
	int failed;

	r.is_chosen = gg_calloc(index_count(ix), sizeof(*r.is_chosen));
	r.pins = gg_calloc(n, sizeof(*r.pins));
	r.wanted = gg_calloc(n, sizeof(*r.wanted));
	failed = run(&r, requests, n, flags, ret_request, err);
	if (!failed)
		*ret = result(&r);
	free(r.is_chosen);
	free(r.pins);
	free(r.wanted);
	free(r.chosen);
	return failed;
}

void resolution_free(struct resolution *r)
{
	if (!r)
		return;
	free(r->packages);
	free(r);
}

void resolution_freep(struct resolution **r)
{
	resolution_free(*r);
}
