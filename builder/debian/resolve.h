/* SPDX-License-Identifier: Apache-2.0
 *
 * From requested packages to the full set: what `apt-get install --no-install-recommends` would choose on an empty
 * system, by a greedy walk. Newest version per name over all suites; Essential packages and the requests first; each
 * clause of Pre-Depends and Depends that nothing chosen satisfies takes its first alternative that has a candidate,
 * the real package before providers, providers by priority and then name; Conflicts and Breaks are checked at the end.
 * Deterministic, pure.
 * Errors: GG_RECIPE, with the chain of dependencies; ret_request says which request began it.
 */
#pragma once

#include "builder/debian/index.h"

enum resolve_flags {
	RESOLVE_ESSENTIAL =
		1 << 0, /* Essential: yes packages are included, as on every normal system */
};
enum { RESOLVE_NO_REQUEST = -1 }; /* the error began with an Essential package */

struct resolve_package {
	const struct index_package *package;
	bool requested; /* by name or through Provides */
	int request;    /* index of the request that led here, or RESOLVE_NO_REQUEST */
	const struct index_package
		*by; /* whose dependency brought it in; NULL for requests and Essential */
};
struct resolution {
	const struct index *index;        /* borrowed */
	struct resolve_package *packages; /* sorted by name */
	size_t n;
	int64_t size; /* sum of the archives' sizes */
};

/* Requests are "NAME", "NAME=VERSION" or "NAME:ARCH" (arch: the index's, "any", "native"). */
int resolve(const struct index *ix, const char *const *requests, size_t n, unsigned flags,
	    struct resolution **ret, int *ret_request, struct gg_err *err) GG_MUST_USE;
void resolution_free(struct resolution *r);
void resolution_freep(struct resolution **r);
#define _cleanup_resolution_ GG_CLEANUP(resolution_freep)
