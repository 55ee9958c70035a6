/* SPDX-License-Identifier: Apache-2.0
 *
 * What containers-registries.conf(5) files say, read and joined: version 2. Later files replace what earlier ones say of the
 * same prefix or alias. Keys that are not ours are passed over, as by every reader of these files. Errors are GG_USAGE and begin
 * with "FILE:LINE: ".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

struct registries_mirror {
	const char *location;
	bool insecure, digest_only, tag_only;
};

struct registries_entry {
	const char *prefix;   /* "host", "host/ns", "*.example.org" */
	const char *location; /* NULL: the reference as it is */
	bool insecure, blocked;
	const struct registries_mirror *mirrors;
	size_t n_mirrors;
	const char *where; /* "FILE:LINE" */
};

struct registries_alias {
	const char *name, *target; /* target NULL: taken away */
};

/* All texts live in the arena. */
struct registries {
	struct gg_arena *arena;
	struct registries_entry *entries;
	size_t n_entries, cap_entries;
	struct registries_alias *aliases;
	size_t n_aliases, cap_aliases;
	struct gg_strv search; /* unqualified-search-registries */
	bool enforcing;        /* short-name-mode: several to search are an error */
};
void registries_done(struct registries *r);
#define _cleanup_registries_ GG_CLEANUP(registries_done)

/* `path` (for errors) need not outlive the call. */
int registries_add(struct registries *r, const char *path, const char *text, size_t len,
		   struct gg_err *err) GG_MUST_USE;
/* `named` alone, else CONTAINERS_REGISTRIES_CONF alone, else what registries_conf.h lists. */
int registries_read(const char *named, struct registries *ret, struct gg_err *err) GG_MUST_USE;
