/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials of registries (containers-auth.json(5), docker's config.json). Looked for, the first that has any wins: settings'
 * creds; GGBUILD_REGISTRY_TOKEN, or GGBUILD_REGISTRY_USER with GGBUILD_REGISTRY_PASSWORD; settings' authfile or
 * REGISTRY_AUTH_FILE (then no other file); $XDG_RUNTIME_DIR/containers/auth.json; $XDG_CONFIG_HOME/containers/auth.json (~/.config);
 * $DOCKER_CONFIG/config.json or ~/.docker/config.json. In a file the most specific key wins: "host/ns/repo", "host/ns", "host";
 * credHelpers and credsStore are asked as docker-credential-NAME, without a shell, within 30 s.
 * Nothing here is ever part of an error, a log or a record. Files that others may read are warned of.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct reference;
struct registry_settings;

struct credentials {
	/* All NULL: anonymous. Owned; wiped when done. */
	char *user, *password;
	char *identity_token; /* OAuth2 refresh token */
	char *bearer;         /* sent as it is */
	char *from;           /* where they were found, for people */
};
#define CREDENTIALS_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}
void credentials_done(struct credentials *c);
#define _cleanup_credentials_ GG_CLEANUP(credentials_done)

/* named: it is the registry that the user named, so that settings' creds and GGBUILD_REGISTRY_… are meant for it; a mirror is not. */
int credentials_find(const struct reference *repository, bool named,
		     const struct registry_settings *s, struct credentials *ret,
		     struct gg_err *err) GG_MUST_USE;
/* key is "HOST" or "HOST/NAMESPACE". The file is authfile, REGISTRY_AUTH_FILE or the first of the search; made 0600, replaced by rename; a
 * credential helper that it names for the host is used instead of the file. *ret_where: owned by the caller. */
int credentials_store(const char *key, const struct registry_settings *s, const char *user,
		      const char *password, char **ret_where, struct gg_err *err) GG_MUST_USE;
/* *ret_found false: there were none. */
int credentials_erase(const char *key, const struct registry_settings *s, bool *ret_found,
		      char **ret_where, struct gg_err *err) GG_MUST_USE;
