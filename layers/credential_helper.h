/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs that keep credentials: docker-credential-NAME of docker-credential-helpers' protocol, found in PATH, started
 * without a shell in a process group of its own, which is killed after `limit_ms`. Its answer is at most 64 KiB; what it writes to
 * standard error is dropped, since it may be a secret. Errors: GG_SYSTEM, with nothing of what it said; GG_USAGE for a name
 * with other characters than a-z 0-9 . _ -.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct credentials;

struct credential_helper {
	const char *name, *server;
	unsigned limit_ms; /* 0: 30 s */
};

/* *ret_found false: it has none for the server. *ret_there false: there is no such program, which is no error here. */
int credential_helper_get(const struct credential_helper *h, struct credentials *ret,
			  bool *ret_found, bool *ret_there, struct gg_err *err) GG_MUST_USE;
int credential_helper_store(const struct credential_helper *h, const char *user,
			    const char *password, struct gg_err *err) GG_MUST_USE;
int credential_helper_erase(const struct credential_helper *h, bool *ret_found,
			    struct gg_err *err) GG_MUST_USE;
