/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of credentials share.
 */
#pragma once

#include <stddef.h>

#include "layers/base/mem.h"
#include "layers/credentials.h"

struct gg_json;

enum { CREDENTIALS_FILES = 3, CREDENTIALS_MAX_FILE = 1 << 20, CREDENTIALS_MAX_ANSWER = 64 << 10 };

struct credentials_file {
	char *path; /* owned */
	bool given; /* the user named it: it is there */
};
struct credentials_files {
	struct credentials_file v[CREDENTIALS_FILES];
	size_t n;
};
void credentials_files(const struct registry_settings *s, struct credentials_files *ret);
void credentials_files_done(struct credentials_files *f);
/* *ret NULL: there is no such file. */
int credentials_read(const struct credentials_file *f, struct gg_json **ret,
		     struct gg_err *err) GG_MUST_USE;

void credentials_wipe(char **text);
/* "USER:PASSWORD"; 0 or -1, no error object. */
int credentials_split(const char *pair, size_t len, struct credentials *ret) GG_MUST_USE;
/* A key as files have it, without scheme, "/v1", and with Docker Hub's own name; owned by the caller. */
char *credentials_key(const char *key);

/* docker-credential-NAME (docker-credential-helpers' protocol). What a helper does not know leaves ret empty. */
int credentials_ask_helper(const char *name, const char *key, struct credentials *ret,
			   struct gg_err *err) GG_MUST_USE;
int credentials_tell_helper(const char *name, const char *key, const char *user,
			    const char *password, struct gg_err *err) GG_MUST_USE;
int credentials_clear_helper(const char *name, const char *key, bool *ret_found,
			     struct gg_err *err) GG_MUST_USE;
