/* SPDX-License-Identifier: Apache-2.0
 *
 * Where pinned bytes come from. Mirrors are the command line's, the recipe's, the user's configuration's, or the host's
 * own package configuration's, in that order; nothing of them enters the lock or a key. A recipe's mirror is there
 * because the usual ones lack something (a snapshot, a vendor's archive), so what a user usually takes does not replace
 * it. A security archive counts with the main one that it was given with, or when given at a higher place.
 */
#pragma once

#include "builder/debian/apt.h"
#include "builder/plan.h"

struct downloads;
struct session;
struct mirror_cache;

/* Adds the blob that a DEB, URL or ROOTFS node needs. */
int mirror_download(struct session *s, const struct plan_node *n, struct downloads *list,
		    struct gg_err *err) GG_MUST_USE;
/* The archive of a stage's distribution; borrowed from the session's cache. */
const struct apt_mirrors *mirror_find(struct session *s, const struct recipe_from *from,
				      struct gg_err *err);
void mirror_cache_free(struct mirror_cache *c);
const char *mirror_deb_arch(void); /* Debian's name of this machine's architecture */
