/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's process: session, limits, directory, ids, capabilities, filter, execve. In the sandbox's root.
 */
#pragma once

#include "layers/base/err.h"

struct filter;
struct sandbox_spec;

/* Opens the working directory, making it (0755) when it is missing. The caller is root of the sandbox. */
int command_open_workdir(const struct sandbox_spec *spec, struct gg_err *err) GG_MUST_USE;
/* Returns only when something is wrong. Standard descriptors are set; everything else is CLOEXEC. With
 * SANDBOX_OWNERSHIP the filter's listener goes to `sock`, and who reads there must answer from then on. */
int command_exec(const struct sandbox_spec *spec, int workdir, const struct filter *filter,
		 int sock, struct gg_err *err);
