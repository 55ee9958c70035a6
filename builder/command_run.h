/* SPDX-License-Identifier: Apache-2.0
 *
 * One command in a sandbox, from inside an action's child: lower trees, a fresh "upper" and "work" in the action's
 * private directory, output to the job's port. A command that does not end as expected is a GG_STEP error that says how.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct action;
struct job_port;
struct sandbox_mount;
struct sandbox_result;

struct command_run {
	const int *lowers; /* bottom first */
	size_t n_lowers;
	const char *const *argv;
	const struct gg_strv *env;
	const char *workdir;
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t n_groups;
	const struct sandbox_mount *mounts;
	size_t n_mounts;
	unsigned flags;   /* enum sandbox_flags */
	uint64_t timeout; /* ns */
	const struct job_port *port;
	int stdout_fd, stderr_fd; /* instead of the port's output where > 0 */
	struct sandbox_result
		*result; /* when set, any exit status is success and this says which */
};

int command_run(struct action *a, const struct command_run *r, struct gg_err *err) GG_MUST_USE;
