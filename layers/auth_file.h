/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of files with credentials: containers-auth.json(5) and docker's config.json. Pure. What else such a file holds
 * stays as it is. Errors are GG_USAGE, name a line or a key, and never quote the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct credentials;
struct gg_json;

enum { AUTH_FILE_MAX = 1 << 20 };

/* Of an empty text: an empty file. */
int auth_file_parse(const char *text, size_t len, struct gg_json **ret,
		    struct gg_err *err) GG_MUST_USE;

/* "HOST" or "HOST/NAMESPACE" of a key as tools write them: without scheme, "/v1/" or "/v2/" at its end, the host in lower case, and
 * Docker Hub's names for itself all "docker.io". Owned by the caller. */
char *auth_key_normal(const char *key);
/* Whether credentials of `key` (normal) are for "HOST/PATH". */
bool auth_key_covers(const char *key, const char *repository);

/* Which helper to ask, by the name in docker-credential-NAME, and what to call the registry then. */
struct auth_helper {
	char *name, *server; /* owned; NULL: none */
};
void auth_helper_done(struct auth_helper *h);
#define _cleanup_auth_helper_ GG_CLEANUP(auth_helper_done)

/* What the file has for a repository, "HOST/PATH", or a key, both normal: credentials or a helper; neither: both stay
 * void. A helper for every registry (credsStore) comes last. */
int auth_file_find(const struct gg_json *file, const char *repository, struct credentials *ret,
		   struct auth_helper *ret_helper, struct gg_err *err) GG_MUST_USE;
/* The helper that keeps what is stored under a normal key; void for a namespace. */
void auth_file_helper(const struct gg_json *file, const char *key, struct auth_helper *ret);
/* Every spelling of the normal key is taken out first; `docker` is true for a file that docker reads. */
void auth_file_set(struct gg_json *file, const char *key, const char *user, const char *password,
		   bool docker);
bool auth_file_remove(struct gg_json *file, const char *key);
/* The normal keys that it has entries or helpers of their own for. */
void auth_file_keys(const struct gg_json *file, struct gg_strv *ret);
