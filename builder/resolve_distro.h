/* SPDX-License-Identifier: Apache-2.0
 *
 * A stage's packages: signed releases, their indexes, the resolver, and the lock's entry. With an entry of the same
 * suites in the lock and its releases still in the store, a changed package list is resolved against those, without
 * a network and without moving anything else.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct gg_digest;
struct lock;
struct lock_platform;
struct recipe_from;
struct recipe_stage;
struct session;

/* The sha256 of the recipe's own keyring, all zero when it names none: whom a stage trusts is part of the lock. */
int resolve_distro_keyring(const struct session *s, const struct recipe_from *from,
			   struct gg_digest *ret, struct gg_err *err) GG_MUST_USE;
int resolve_distro(struct session *s, const struct recipe_stage *stage, const char *key,
		   struct lock *lock, struct lock_platform *platform, bool fresh,
		   struct gg_err *err) GG_MUST_USE;
