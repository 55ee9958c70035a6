/* SPDX-License-Identifier: Apache-2.0
 *
 * What a step gets from outside its trees: inputs, secrets, and for steps with a network the host's resolver, its
 * certificate authorities, and what the user passed by --fetch-env and --fetch-mount. Nothing here enters a key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct recipe;
struct recipe_step;
struct sandbox_mount;
struct session;

struct grants {
	struct sandbox_mount *mounts;
	size_t n_mounts, cap_mounts;
	struct gg_strv env;
	struct gg_strv texts; /* owns targets and secrets' bytes */
	int *fds;	      /* owned */
	size_t n_fds, cap_fds;
	bool network;
};
struct grants *grants_new(void);
void grants_free(void *grants);
void grants_mount(struct grants *g, int fd, const char *at);
/* The declared secrets that the step asks for, from --secret. GG_USAGE when one was not passed. */
int grants_secrets(struct grants *g, struct session *s, const struct recipe *r, const struct recipe_step *step,
		   struct gg_err *err) GG_MUST_USE;
/* `fetch` is the fetch's name, or NULL for a run step. */
int grants_network(struct grants *g, struct session *s, const char *fetch, struct gg_err *err) GG_MUST_USE;
void grants_environment(const struct grants *g, struct gg_strv *env);
