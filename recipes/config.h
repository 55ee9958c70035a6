/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's configuration, as text: where things come from on this machine, and nothing that a result depends on.
 * YAML as recipes have it, but nothing is expanded: `${` is two characters.
 *
 *   mirrors: { debian: URL, debian-security: URL, ubuntu: URL, ubuntu-security: URL }   # may hold user:password@
 *   fetch-env: { NAME: value, "STEP:NAME": value }         # variables of fetch steps, or of that one
 *   fetch-mount: { HOSTDIR: DIR, "STEP:HOSTDIR": DIR }     # read-only directories for them
 *   store: DIR
 *   policy: FILE                                           # recipes/policy.h; --policy goes before it
 *   jobs: N
 *
 * Complaints are a recipe's (recipes/recipe.h): all at once, with line, column and the nearest key. Pure.
 */
#pragma once

#include "recipes/recipe.h"

enum { CONFIG_MAX_JOBS = 4096 };

struct config {
	struct gg_arena *arena;      /* owns the texts */
	struct gg_strv mirrors;      /* "NAME=URL" */
	struct gg_strv fetch_env;    /* "[STEP:]NAME=value" */
	struct gg_strv fetch_mounts; /* "[STEP:]HOSTDIR=DIR" */
	const char *store, *policy;  /* absolute, or NULL */
	int64_t jobs;                /* 0: not said */
};

/* `file` is what complaints call the text. On -1 there is at least one of them. */
int config_parse(const char *file, const char *text, size_t len, struct config **ret,
		 struct recipe_errors *ret_errors) GG_MUST_USE;
void config_free(struct config *c);
void config_freep(struct config **c);
#define _cleanup_config_ GG_CLEANUP(config_freep)
/* That a --mirror option is NAME=URL with a name that there is; GG_USAGE. */
int config_check_mirror(const char *option, struct gg_err *err) GG_MUST_USE;
