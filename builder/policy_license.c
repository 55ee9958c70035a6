/* SPDX-License-Identifier: Apache-2.0
 *
 * Licences: what the packages of the image's base say in their copyright files.
 */
#include <string.h>

#include "builder/debian/copyright.h"
#include "builder/policy_report.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/tree.h"

enum { COPYRIGHT_MAX = 8 << 20 };

#define DOCUMENTS "usr/share/doc"

/* What packages have below usr/share/doc, in one tree: a package's may be a symlink to another's. */
struct documents {
	const struct plan_node *base;
	struct gg_digest *trees; /* by origin */
	struct tree *merged;
};

static void documents_done(struct documents *d)
{
	free(d->trees);
	tree_free(d->merged);
}

static void free_trees(struct tree **v)
{
	for (size_t i = 0; v[i]; i++)
		tree_free(v[i]);
	free(v);
}

/* One package's documents; *ret stays NULL where it has none. */
static int read_documents(struct session *s, const struct gg_digest *digest, struct tree **ret,
			  struct gg_err *err)
{
	_cleanup_tree_ struct tree *whole = NULL;
	const struct tree_entry *dir;

	if (store_tree_manifest(s->store, digest, &whole, err) < 0)
		return -1;
	dir = tree_find(whole, DOCUMENTS);
	return dir && dir->type == TREE_DIR ? tree_subtree(whole, DOCUMENTS, ret, err) : 0;
}

static int collect(struct session *s, const struct execution *x, struct documents *d,
		   struct gg_err *err)
{
	struct tree **v = gg_calloc(d->base->n_deps + 1, sizeof(*v));
	size_t n = 0;
	int r = 0;

	d->trees = gg_calloc(d->base->n_deps + 1, sizeof(*d->trees));
	for (size_t i = 0; r == 0 && i < d->base->n_deps; i++) {
		r = execution_digest(x, d->base->deps[i], "tree", &d->trees[n], err);
		if (r == 0)
			r = read_documents(s, &d->trees[n], &v[n], err);
		n += v[n] != NULL;
	}
	if (r == 0)
		r = tree_merge((const struct tree *const *)v, n, 0, &d->merged, err);
	free_trees(v);
	return r;
}

/* 1: its expressions are in ret; 0: it does not say; -1. */
static int read_licenses(struct session *s, const struct documents *d, const char *package,
			 struct gg_strv *ret, struct gg_err *err)
{
	_cleanup_free_ char *name = gg_asprintf("%s/copyright", package), *path = NULL;
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int root = -1, fd = -1;
	const struct tree_entry *e;
	const char *real;

	e = tree_resolve(d->merged, name, true, &real);
	if (!e || e->type != TREE_FILE || e->size > COPYRIGHT_MAX)
		return 0;
	root = store_tree_open(s->store, &d->trees[e->origin], err);
	if (root < 0)
		return -1;
	path = gg_asprintf(DOCUMENTS "/%s", e->source ? e->source : e->path);
	fd = gg_openat_in(root, path, O_RDONLY | O_NOFOLLOW, 0, err);
	if (fd < 0 || gg_read_fd(fd, COPYRIGHT_MAX, &text, err) < 0)
		return gg_context(err, "copyright of package '%s'", package);
	return copyright_licenses(text.data ? text.data : "", text.len, ret);
}

/* Packages by what is wrong with them: an expression, or "" where there is none. */
struct finding {
	char *expression;
	struct gg_strv packages;
};
struct findings {
	struct finding *v;
	size_t n, cap;
};

static void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->v[i].expression);
		gg_strv_done(&f->v[i].packages);
	}
	free(f->v);
}

static void find_wrong(struct findings *f, const char *expression, const char *package)
{
	size_t i = 0;

	while (i < f->n && !gg_streq(f->v[i].expression, expression))
		i++;
	if (i == f->n) {
		GG_GROW(f->v, f->n, f->cap);
		f->v[f->n++] = (struct finding){ .expression = gg_strdup(expression) };
	}
	gg_strv_add(&f->v[i].packages, package);
}

static int check_package(struct session *s, const struct documents *d, const char *package,
			 struct findings *f, struct gg_err *err)
{
	const struct policy_licenses *rule = &s->policy->licenses;
	const char *known = policy_license_known(rule, package);
	_cleanup_strv_ struct gg_strv expressions = { 0 };
	int r = 1;

	if (known)
		gg_strv_add(&expressions, known);
	else
		r = read_licenses(s, d, package, &expressions, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		if (!rule->unknown_allowed)
			find_wrong(f, "", package);
		return 0;
	}
	for (size_t i = 0; i < expressions.n; i++)
		if (!policy_license_allows(rule, expressions.v[i]))
			find_wrong(f, expressions.v[i], package);
	return 0;
}

static char *list_packages(const struct gg_strv *l)
{
	enum { SHOWN = 8 };
	struct gg_buf b = { 0 };

	for (size_t i = 0; i < l->n && i < SHOWN; i++)
		gg_buf_printf(&b, "%s%s", i ? ", " : "", l->v[i]);
	if (l->n > SHOWN)
		gg_buf_printf(&b, " and %zu more", l->n - SHOWN);
	return gg_buf_steal(&b);
}

static void report(const struct findings *f, const struct recipe_from *from,
		   struct policy_report *r)
{
	const struct policy_licenses *rule = &r->policy->licenses;

	for (size_t i = 0; i < f->n; i++) {
		_cleanup_free_ char *names = list_packages(&f->v[i].packages);

		if (*f->v[i].expression)
			policy_violate(r, from->pos, rule->pos, "licenses", "licence '%s' of %s",
				       f->v[i].expression, names);
		else
			policy_violate(r, from->pos, rule->unknown_pos, "licenses",
				       "no licence that a program can read in the copyright of %s",
				       names);
	}
}

int policy_check_licenses(struct session *s, const struct plan *plan, const struct execution *x,
			  struct policy_report *r, struct gg_err *err)
{
	for (size_t i = 0; s->policy->licenses.pos.line && i < plan->n_layers; i++) {
		struct documents d GG_CLEANUP(
			documents_done) = { .base = &plan->nodes[plan->layers[i]] };
		struct findings f GG_CLEANUP(findings_done) = { 0 };

		if (d.base->kind != PLAN_DISTRO)
			continue;
		if (collect(s, x, &d, err) < 0)
			return -1;
		for (size_t j = 0; j < d.base->distro->n_packages; j++)
			if (check_package(s, &d, d.base->distro->packages[j].name, &f, err) < 0)
				return -1;
		report(&f, &d.base->stage->from, r);
	}
	return 0;
}
