/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets as users pass them: --secret id=ID,env=NAME or id=ID,src=FILE, for secrets that the recipe declares. Values are
 * read when a step that asks for one starts; no error text holds one, nor anything of an option that may be one.
 */
#pragma once

#include "layers/base/err.h"

struct recipe;
struct session;

/* Before anything runs: each option is well formed, names a declared secret, and no secret is passed twice. GG_USAGE. */
int secret_check(const struct session *s, const struct recipe *r, struct gg_err *err) GG_MUST_USE;
/* At most 1 MiB and not empty. GG_USAGE when it was not passed or is not where the option says. */
int secret_value(const struct session *s, const char *id, struct gg_buf *ret,
		 struct gg_err *err) GG_MUST_USE;
