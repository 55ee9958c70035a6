/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside: pid 1, which builds the sandbox around itself, starts the command and reaps until the command has
 * ended, then ends everything else; and the command's process up to its execve.
 */
#pragma once

#include <stddef.h>

#include "builder/sandbox/filter.h"
#include "builder/sandbox/mounts.h"

struct init_plan {
	const struct sandbox_spec *spec;
	int root; /* detached mount */
	const struct mounts_source *sources;
	size_t n_sources;
	const struct filter *filter;
	int sock; /* reports go here; one byte comes in when the caller knows us */
};

_Noreturn void init_run(struct init_plan *plan);
