/* SPDX-License-Identifier: Apache-2.0
 *
 * What one invocation works with: the store, the view, the jobs, and what the user allowed. Plain data that commands
 * fill in; nothing here enters a key.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "builder/sandbox/userns.h"
#include "layers/base/mem.h"

struct bundle;
struct config;
struct jobs;
struct local_trees;
struct mirror_cache;
struct policy;
struct progress;
struct registry_settings;
struct sandbox_perturb;
struct store;

struct session {
	struct store *store;
	struct userns userns;
	struct jobs *jobs;
	struct progress *progress;
	int recipe_dirfd;       /* the directory that relative paths of the recipe start from */
	const char *recipe_dir; /* for messages */
	struct bundle *bundle;  /* the build's only source, NULL: there is none; owned */
	unsigned n_jobs;        /* actions at once */
	bool offline;           /* no connection at all */
	bool locked;            /* the lock is complete and final */
	bool no_cache;          /* run again what is not pinned by content */
	bool no_test;
	bool read_only;     /* nothing is made: the store may be NULL, there is no user namespace */
	const char *report; /* failure_report.h: where a failed action is to be told, or NULL */
	const struct sandbox_perturb
		*perturb; /* rebuilds that verify: what steps see otherwise; or NULL */
	/* How registries are spoken to, as the command line has it; NULL: as files and environment say. Borrowed. */
	const struct registry_settings *registry;
	bool allow_network;    /* steps with `network: true` may run */
	struct policy *policy; /* what a build may consist of, NULL: anything; owned */
	struct config *config; /* the user's, NULL when there is none; owned */
	/* What the command line adds to it. */
	struct gg_strv mirrors; /* "debian=URL" */
	struct mirror_cache
		*mirror_cache; /* what mirror_find found; owned, see mirror_cache_free */
	struct local_trees
		*locals;          /* local inputs as they were found; owned, see local_trees_free */
	struct gg_strv fetch_env; /* "[STEP:]NAME=value" */
	unsigned fetch_network;   /* enum step_network */
	struct gg_strv fetch_mounts; /* "[STEP:]HOSTDIR=DIR" */
	struct gg_strv secrets;      /* "id=ID,env=NAME" or "id=ID,src=FILE" */
};
