/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands: one file and one table each; main.c lists them. What several share is here: the options that every
 * build takes, and the session that they describe.
 */
#pragma once

#include "builder/options.h"
#include "builder/project.h"
#include "builder/sandbox/sandbox.h"
#include "builder/session.h"

struct config;

extern const struct command_def command_init, command_build, command_lock, command_fetch,
	command_bundle, command_plan, command_explain, command_verify, command_diff, command_store,
	command_copy, command_delete, command_inspect, command_ls, command_extract, command_login,
	command_logout, command_doctor, command_completion, command_man;
extern const struct program_def command_program;

struct common_options {
	const char *store;
	unsigned userns;   /* enum userns_choice */
	unsigned progress; /* enum progress_mode */
	bool offline;
	const char *policy;
	struct gg_strv args, mirrors, allow;
};
/* The group of those options; a command's struct begins with them. */
#define COMMAND_COMMON_GROUP                                                                       \
	{                                                                                          \
		.title = "Common", .defs = command_common_defs, .n_defs = COMMAND_N_COMMON         \
	}
enum { COMMAND_N_STORE = 2, COMMAND_N_LOOK = 4, COMMAND_N_COMMON = 8 };
/* The first of them: for commands that only know the store, and for those that make nothing. */
#define COMMAND_STORE_GROUP                                                                        \
	{                                                                                          \
		.title = "Common", .defs = command_common_defs, .n_defs = COMMAND_N_STORE          \
	}
#define COMMAND_LOOK_GROUP                                                                         \
	{                                                                                          \
		.title = "Common", .defs = command_common_defs, .n_defs = COMMAND_N_LOOK           \
	}
extern const struct option_def command_common_defs[COMMAND_N_COMMON];

/* The group of what commands take that run steps. */
struct step_options {
	unsigned jobs, fetch_network;
	bool locked;
	struct gg_strv fetch_env, fetch_mounts, secrets;
};
#define COMMAND_STEP_GROUP(at)                                                                     \
	{                                                                                          \
		.title = "Steps", .defs = command_step_defs, .n_defs = COMMAND_N_STEP,             \
		.offset = (at)                                                                     \
	}
enum { COMMAND_N_STEP = 6 };
extern const struct option_def command_step_defs[COMMAND_N_STEP];
void command_take_steps(struct session *s, const struct step_options *o);

struct command_session {
	struct session session;
	struct project project;
	struct sandbox_perturb perturb; /* session.perturb, when that is set */
	char *perturb_text;
};
/* Opens the store, the view and, unless `recipe` is NULL, the recipe with its lock. */
int command_open(struct command_session *c, const struct common_options *o, const char *recipe,
		 struct gg_err *err) GG_MUST_USE;
/* The same for a bundle, every byte of which is checked first: no connection, and the lock is final. `bases` are what a
 * delta needs besides. */
int command_open_bundle(struct command_session *c, const struct common_options *o, const char *file,
			const struct gg_strv *bases, struct gg_err *err) GG_MUST_USE;
/* The paths that --allow grants. */
int command_take_paths(const struct common_options *o, struct gg_strv *ret,
		       struct gg_err *err) GG_MUST_USE;
/* A bundle and those that it is a delta to. */
struct bundle;
int command_read_bundle(const char *file, const struct gg_strv *bases, struct bundle **ret,
			struct gg_err *err) GG_MUST_USE;
/* The view alone, without a store: for what only looks at a file. */
int command_open_view(struct command_session *c, const struct common_options *o,
		      struct gg_err *err) GG_MUST_USE;
/* The same for commands that make nothing: no user namespace is needed, and a store that does not exist stays NULL. */
int command_look(struct command_session *c, const struct common_options *o, const char *recipe,
		 struct gg_err *err) GG_MUST_USE;
/* Reads the recipe and its lock again: somebody else may have written the lock. */
int command_reload(struct command_session *c, const struct common_options *o, const char *recipe,
		   struct gg_err *err) GG_MUST_USE;
void command_close(struct command_session *c);
/* A command's run: `open`, which is one of the two, of its first argument, then `work`, and closes in any case. */
int command_within(int (*open)(struct command_session *c, const struct common_options *o,
			       const char *recipe, struct gg_err *err),
		   const void *options, const struct gg_strv *args,
		   int (*work)(struct command_session *c, const void *options,
			       const struct gg_strv *args, struct gg_err *err),
		   struct gg_err *err) GG_MUST_USE;
/* What --store says, else the user's configuration (may be NULL), else $XDG_CACHE_HOME/ggbuild or ~/.cache/ggbuild.
 * Owned by the caller; NULL with an error. */
char *command_store_path(const struct common_options *o, const struct config *config,
			 struct gg_err *err);
/* Results go to standard output. */
int command_print(const char *text, size_t len, struct gg_err *err) GG_MUST_USE;
const char *command_platform(void);
