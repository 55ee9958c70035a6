/* SPDX-License-Identifier: Apache-2.0
 *
 * The two halves of `ggbuild bundle`.
 */
#pragma once

#include "builder/commands.h"
#include "builder/registry_options.h"

struct bundle_command {
	struct common_options common;
	struct step_options steps;
	struct registry_options registry;
	const char *output, *delta;
	uint64_t split;
	unsigned compression;
	bool with_self, json;
	struct gg_strv bases;
};

/* `word` is ls, verify, diff or extract; the files are args from 1 on. */
int cmd_bundle_look(const char *word, const struct bundle_command *o, const struct gg_strv *args,
		    struct gg_err *err) GG_MUST_USE;
