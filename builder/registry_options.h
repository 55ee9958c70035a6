/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of commands that speak to registries, and the settings that they mean. A command's struct embeds struct
 * registry_options and names REGISTRY_OPTIONS_GROUP; what reads its registries out of a recipe names REGISTRY_RECIPE_GROUP, which
 * has no --creds: a password on the command line is for the registry that is named there. `copy` has the options of one side
 * besides (--src-… and --dest-…), which win over those of both.
 */
#pragma once

#include <stddef.h>

#include "builder/options.h"
#include "layers/registry_settings.h"

struct registry_options {
	const char *authfile, *cert_dir, *tls_verify, *registries_conf, *creds;
};

enum { REGISTRY_N_OPTIONS = 5, REGISTRY_N_RECIPE = 4, REGISTRY_N_SIDE = 4 };
extern const struct option_def registry_option_defs[REGISTRY_N_OPTIONS],
	registry_source_defs[REGISTRY_N_SIDE], registry_destination_defs[REGISTRY_N_SIDE];

/* `at`: offset of the struct registry_options in the command's. */
#define REGISTRY_OPTIONS_GROUP(at)                                                                 \
	{                                                                                          \
		.title = "Registry", .defs = registry_option_defs, .n_defs = REGISTRY_N_OPTIONS,   \
		.offset = (at)                                                                     \
	}
#define REGISTRY_RECIPE_GROUP(at)                                                                  \
	{                                                                                          \
		.title = "Registry", .defs = registry_option_defs, .n_defs = REGISTRY_N_RECIPE,    \
		.offset = (at)                                                                     \
	}
#define REGISTRY_SOURCE_GROUP(at)                                                                  \
	{                                                                                          \
		.title = "Registry of the source", .defs = registry_source_defs,                   \
		.n_defs = REGISTRY_N_SIDE, .offset = (at)                                          \
	}
#define REGISTRY_DESTINATION_GROUP(at)                                                             \
	{                                                                                          \
		.title = "Registry of the destination", .defs = registry_destination_defs,         \
		.n_defs = REGISTRY_N_SIDE, .offset = (at)                                          \
	}

/* Settings that borrow from the options and from `creds`. */
struct registry_access_options {
	struct registry_settings settings;
	char *creds; /* owned; wiped when done. NULL: none were given */
};
void registry_access_options_done(struct registry_access_options *a);
#define _cleanup_registry_access_options_ GG_CLEANUP(registry_access_options_done)

/* What `side` (may be NULL) says, else what `o` does. --creds without a password asks for it on the terminal; without a
 * terminal that is GG_USAGE. */
int registry_options_take(const struct registry_options *o, const struct registry_options *side,
			  struct registry_access_options *ret, struct gg_err *err) GG_MUST_USE;

/* Credentials that name no host, --creds or the environment's, are for one registry: GG_USAGE when the command line names two
 * ("docker://…" among `places`; others are passed over). */
int registry_options_check(const struct registry_settings *s, const char *const *places, size_t n,
			   struct gg_err *err) GG_MUST_USE;
