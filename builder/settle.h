/* SPDX-License-Identifier: Apache-2.0
 *
 * Once it is clear that something has to be made, or removed: the user namespace is made, and the store told what ids
 * mean in it.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct store;
struct userns;

/* What a store is to be opened with for a kind that was chosen: store.h's IDS, owned by the caller. */
char *settle_ids(const struct userns *ns);
/* Costs nothing the second time. *ret_changed: ids mean something else than before, so the store may lack what it had;
 * may be NULL. */
int settle(struct userns *ns, struct store *store, bool *ret_changed,
	   struct gg_err *err) GG_MUST_USE;
