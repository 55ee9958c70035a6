/* SPDX-License-Identifier: Apache-2.0
 *
 * What resolve.c (the walk) and resolve_explain.c (the words when it ends badly) share.
 */
#pragma once

#include "builder/debian/relation.h"
#include "builder/debian/resolve.h"

#define RESOLVE_ROOT SIZE_MAX /* nobody's dependency: a request or Essential */

struct resolve_chosen {
	const struct index_package *package;
	int request;
	size_t by; /* index in chosen, or RESOLVE_ROOT */
};

struct resolver {
	const struct index *ix;
	struct resolve_chosen *chosen; /* in the order of the walk, which follows it */
	size_t n, cap;
	bool *is_chosen;                   /* by the package's number in the index */
	const struct index_package **pins; /* of NAME=VERSION requests */
	size_t n_pins;
	const struct index_package **wanted; /* by request */
};

size_t resolve_id(const struct resolver *r, const struct index_package *p);
bool resolve_chosen(const struct resolver *r, const struct index_package *p);
/* A chosen package, other than not_this, that the relation matches by name or through Provides; NULL when none. */
const struct index_package *resolve_satisfier(const struct resolver *r, const struct relation *rel,
					      const struct index_package *not_this);
bool resolve_clashes(const struct resolver *r, const struct index_package *p);
const struct index_package *resolve_virtual(const struct resolver *r, struct deb_slice name);

/* All fail with GG_RECIPE. */
int resolve_fail_request(const struct resolver *r, struct deb_slice name, struct deb_slice version,
			 struct gg_err *err);
int resolve_fail_clause(const struct resolver *r, size_t at, struct deb_slice clause,
			struct gg_err *err);
int resolve_fail_clash(const struct resolver *r, size_t at, const char *verb,
		       struct deb_slice clause, const struct index_package *other,
		       struct gg_err *err);
