/* SPDX-License-Identifier: Apache-2.0
 *
 * Relations between packages (deb-control(5), policy 7.1): "a (>= 1) | b:any, c". Read piece by piece from a field's
 * slice, nothing is copied. Pure.
 */
#pragma once

#include "builder/debian/version.h"

struct relation {
	struct deb_slice name;
	struct deb_slice arch; /* after ':', p NULL where absent */
	enum version_op op;
	struct deb_slice version; /* p NULL with VERSION_ANY */
};

/* Takes the next clause (between commas) off the field; false at its end. Empty clauses are skipped. */
bool relation_clause(struct deb_slice *field, struct deb_slice *ret);
/* Takes the next alternative (between bars) off a clause: 1, 0 at its end, -1 (GG_INTEGRITY) when it is malformed. */
int relation_next(struct deb_slice *clause, struct relation *ret, struct gg_err *err) GG_MUST_USE;
/* Whether a package "name version" or something provided as "name version" (p NULL: without one) is what r wants. */
bool relation_matches(const struct relation *r, struct deb_slice name, struct deb_slice version);
/* Lower-case letters, digits, "+-." and two characters at least (policy 5.6.1). */
bool relation_name_valid(struct deb_slice name);
