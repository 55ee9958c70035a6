/* SPDX-License-Identifier: Apache-2.0
 *
 * What a step gets from outside its trees: inputs, secrets, for steps with a network the host's resolver and its
 * certificate authorities, and for fetches what the user passed by --fetch-env and --fetch-mount. Nothing here enters a
 * key, and the values that users pass must not be in what a fetch gives (leak.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "builder/leak.h"
#include "builder/redact.h"
#include "layers/base/err.h"

struct recipe;
struct recipe_step;
struct sandbox_mount;
struct session;
struct store_cache;

struct grants {
	struct sandbox_mount *mounts;
	size_t n_mounts, cap_mounts;
	struct gg_strv env;
	struct gg_strv texts; /* owns targets and secrets' bytes */
	int *fds;             /* owned */
	size_t n_fds, cap_fds;
	struct leak_value *leaks; /* values of secrets and --fetch-env */
	size_t n_leaks, cap_leaks;
	/* parallel to the step's; without a descriptor: an empty one, of its own */
	struct store_cache *caches;
	size_t n_caches;
	struct redact
		*redact; /* takes the secrets out of what the step prints; NULL: it has none */
	int tun;         /* a device node for the network's helper, or -1 */
	bool network;
	bool loopback; /* --fetch-env named something on the host's loopback to it */
};
/* Before anything runs: --fetch-env, --fetch-mount and --secret are well formed and name what the recipe has. GG_USAGE. */
int grants_check(const struct session *s, const struct recipe *r, struct gg_err *err) GG_MUST_USE;
struct grants *grants_new(void);
void grants_free(void *grants);
void grants_mount(struct grants *g, int fd, const char *at);
/* Takes the descriptor, or the text, which is what a file is; the last one given for a place counts. */
int grants_keep(struct grants *g, int fd);
void grants_bytes(struct grants *g, const char *at, char *text);
/* The declared secrets that the step asks for, from --secret. GG_USAGE when one was not passed. */
int grants_secrets(struct grants *g, struct session *s, const struct recipe *r,
		   const struct recipe_step *step, struct gg_err *err) GG_MUST_USE;
int grants_network(struct grants *g, struct session *s, const struct recipe_step *step,
		   struct gg_err *err) GG_MUST_USE;
void grants_environment(const struct grants *g, struct gg_strv *env);
