/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of apt's source lists (sources.list(5)), both styles, as data. Reads files below a root descriptor.
 * What is malformed is skipped, as the host's administrator is not the one who runs us; only enabled "deb" entries.
 */
#pragma once

#include "builder/debian/release.h"

struct apt_source {
	char *uri; /* without trailing '/' */
	struct gg_strv suites, components;
	struct release_keys keys; /* Signed-By */
};
struct apt_sources {
	struct apt_source *v;
	size_t n, cap;
};
void apt_sources_done(struct apt_sources *s);
#define _cleanup_apt_sources_ GG_CLEANUP(apt_sources_done)

/* sources.list, then sources.list.d in the order of names. */
int apt_sources_read(int rootfd, struct apt_sources *ret, struct gg_err *err) GG_MUST_USE;
