/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a reference's registry is: containers-registries.conf(5), version 2, and certificates (certs_d.h). Files: settings'
 * registries_conf, else CONTAINERS_REGISTRIES_CONF, and then nothing else; else ~/.config/containers/registries.conf, or in its absence
 * /etc/containers/registries.conf and registries.conf.d beside it; then ~/.config/containers/registries.conf.d, then the short names that
 * podman's user has chosen. docker.io is spoken to as index.docker.io.
 * A short name is what an alias says; else each of unqualified-search-registries, where a file sets that; else docker.io's. Only when
 * pulling: what is pushed goes where the name says. The entry with the longest prefix counts.
 * Errors: GG_USAGE with "FILE:LINE: " for malformed files, and for blocked registries.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"
#include "layers/certs_d.h"

struct reference;
struct registry_settings;

/* One place to ask, in the order of asking. */
struct registry_place {
	char *host;   /* "index.docker.io", "mirror.example:5000"; all owned */
	char *domain; /* what its credentials are kept under: "docker.io" */
	char *path;   /* repository there, remapped by prefix and location */
	bool named; /* it is what the user named: credentials of the command line are meant for it */
	bool insecure; /* unchecked TLS, and http where TLS is not spoken: https is tried first */
	bool mirror;
	bool digest_only, tag_only;                 /* asked only for those */
	const char *ca_file, *cert_file, *key_file; /* in `certificates` */
	struct certificates certificates;
};
struct registry_places {
	struct registry_place *v;
	size_t n;
};
#define REGISTRY_PLACES_INIT                                                                       \
	{                                                                                          \
		0                                                                                  \
	}
void registry_places_done(struct registry_places *p);
#define _cleanup_registry_places_ GG_CLEANUP(registry_places_done)

/* push: the registry itself alone. */
int registry_places_find(const struct reference *r, const struct registry_settings *s, bool push,
			 struct registry_places *ret, struct gg_err *err) GG_MUST_USE;
