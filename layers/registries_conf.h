/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a reference's registry is: containers-registries.conf(5), version 2 with registries.conf.d, and the directories of
 * certificates (containers-certs.d(5)). Searched: settings' registries_conf or CONTAINERS_REGISTRIES_CONF; ~/.config/containers/registries.conf, else
 * /etc/containers/registries.conf; then registries.conf.d beside it and short-name aliases. docker.io is spoken to as index.docker.io.
 * Unqualified names are docker.io's unless an alias says otherwise; unqualified-search-registries is used only where the user has set
 * it in a file, and then each is tried in its order. Errors: GG_USAGE with file and line for malformed files, for blocked registries.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct reference;
struct registry_settings;

/* One place to ask, in the order of asking. */
struct registry_place {
	char *host;   /* "index.docker.io", "mirror.example:5000"; all owned */
	char *domain; /* what its credentials are kept under: "docker.io" */
	bool named; /* it is what the user named: credentials of the command line are meant for it */
	char *path; /* repository there, remapped by `prefix`/`location` */
	bool insecure; /* registries.conf says so, or tls_verify does: unchecked TLS, and http when TLS is not spoken */
	bool mirror;      /* for pulling only */
	bool digest_only; /* pull-from-mirror = "digest-only" and the like: bit per kind */
	bool tag_only;
	char *ca_file; /* certs.d/HOST: *.crt in one PEM file or NULL (owned by a temporary of the list) */
	char *cert_file, *key_file;
};
struct registry_places {
	struct registry_place *v;
	size_t n;
	char *temporary; /* file of joined authorities; removed by _done */
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
