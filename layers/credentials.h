/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials of registries (containers-auth.json(5), docker's config.json). Looked for, the first that has any wins:
 *   settings' creds                                   for the registry that the command line names
 *   GGBUILD_REGISTRY_TOKEN, or GGBUILD_REGISTRY_USER with GGBUILD_REGISTRY_PASSWORD
 *                                                     for GGBUILD_REGISTRY_HOST ("HOST[/NAMESPACE]"); without that, as creds
 *   settings' authfile, else REGISTRY_AUTH_FILE       then nothing else
 *   DOCKER_AUTH_CONFIG                                a file's text
 *   $XDG_RUNTIME_DIR/containers/auth.json             root without that variable: /run/containers/0/auth.json
 *   $XDG_CONFIG_HOME/containers/auth.json             ~/.config
 *   $DOCKER_CONFIG/config.json                        ~/.docker
 * In a file the most specific key wins: "host/ns/repo", "host/ns", "host"; docker's own spellings are keys too ("https://host/v1/").
 * Helpers that it names (credHelpers, credsStore) are asked as credential_helper.h says.
 * Nothing of a secret is ever part of an error, a log or a record. Files that others may read are warned of.
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
bool credentials_anonymous(const struct credentials *c);

/* named: it is the registry that the user named; a mirror is not, nor anything where settings say `unnamed`. */
int credentials_find(const struct reference *repository, bool named,
		     const struct registry_settings *s, struct credentials *ret,
		     struct gg_err *err) GG_MUST_USE;
/* key is "HOST" or "HOST/NAMESPACE", docker's spellings included. The file is authfile, REGISTRY_AUTH_FILE or the first
 * auth.json of the search; made 0600, replaced by rename, behind its symlinks; a credential helper that it names for the host is used instead
 * of the file, but for namespaces, which helpers do not know. *ret_where: owned by the caller. */
int credentials_store(const char *key, const struct registry_settings *s, const char *user,
		      const char *password, char **ret_where, struct gg_err *err) GG_MUST_USE;
/* Out of that file and its helpers. key NULL: all of them. *ret_found false: there were none. */
int credentials_erase(const char *key, const struct registry_settings *s, bool *ret_found,
		      char **ret_where, struct gg_err *err) GG_MUST_USE;
