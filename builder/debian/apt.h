/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a distribution's archive is: what the user passed, else the host's own apt configuration (sources.list(5):
 * one-line and deb822 style), read below a root descriptor. Only the archive's roots and keys are taken from it: a
 * bookworm host's mirror also serves trixie. No network; reads files only.
 */
#pragma once

#include "builder/debian/release.h"

struct apt_mirrors {
	char *main;     /* archive root without trailing '/': suites are below URL/dists */
	char *security; /* the archive that has SUITE-security; may equal main */
	struct release_keys keys;
};
void apt_mirrors_done(struct apt_mirrors *m);
#define _cleanup_apt_mirrors_ GG_CLEANUP(apt_mirrors_done)

/* What the user passed; NULL where nothing. */
struct apt_options {
	const char *main;     /* --mirror DISTRO=URL */
	const char *security; /* --mirror DISTRO-security=URL */
	const char *keyring;  /* recipe's or user's keyring: a path, used instead of the host's */
};
/* distro is "debian" or "ubuntu", arch Debian's name ("amd64"). GG_USAGE when neither the options nor the host say
 * where the archive is or which keys are its; the hint says what to pass. */
int apt_mirrors_find(int rootfd, const char *distro, const char *arch,
		     const struct apt_options *options, struct apt_mirrors *ret,
		     struct gg_err *err) GG_MUST_USE;

/* The root of the archive that serves `suite` ("trixie-security" → security); borrowed from m. */
const char *apt_archive_of(const struct apt_mirrors *m, const char *suite);
