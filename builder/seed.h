/* SPDX-License-Identifier: Apache-2.0
 *
 * A second store that has what is pinned by content and nothing else: the archives of packages, the URLs, and what
 * fetches gave, copied (reflinks where there are any, never links). Everything else has to be made there anew.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct plan;
struct session;

/* `path`, absolute, is a store that does not exist yet. `reached`: parallel to the plan's nodes, what the build needs.
 * The session's store must have it: GG_SYSTEM names what it lacks. In a process of its own: the caller stays as it is. */
int seed_store(struct session *s, const struct plan *p, const bool *reached, const char *path,
	       struct gg_err *err) GG_MUST_USE;
