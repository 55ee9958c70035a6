/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/command_run.h"

#include <string.h>

#include "builder/action.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"

static int judge(const struct command_run *r, const struct sandbox_result *result,
		 struct gg_err *err)
{
	unsigned long long ms = r->timeout / 1000000u;

	if (result->timed_out)
		return gg_fail(err, GG_STEP, "the command ran longer than its timeout of %llu %s",
			       ms % 1000 ? ms : ms / 1000, ms % 1000 ? "ms" : "s");
	if (!result->exited)
		return gg_fail(err, GG_STEP, "the command was ended by signal %d (%s)",
			       result->status, strsignal(result->status));
	if (result->status != 0)
		return gg_fail(err, GG_STEP, "the command ended with exit status %d",
			       result->status);
	return 0;
}

int command_run(struct action *a, const struct command_run *r, struct gg_err *err)
{
	_cleanup_close_ int upper = action_mkdir(a, "upper", err);
	_cleanup_close_ int work = upper < 0 ? -1 : action_mkdir(a, "work", err);
	_cleanup_sandbox_ struct sandbox *sandbox = NULL;
	struct sandbox_result result;
	struct sandbox_spec spec = {
		.lowers = r->lowers,
		.n_lowers = r->n_lowers,
		.upper = upper,
		.work = work,
		.mounts = r->mounts,
		.n_mounts = r->n_mounts,
		.argv = r->argv,
		.env = (const char *const *)r->env->v,
		.workdir = r->workdir,
		.uid = r->uid,
		.gid = r->gid,
		.groups = r->groups,
		.n_groups = r->n_groups,
		.flags = r->flags,
		.perturb = a->session->perturb,
		.timeout = r->timeout,
		.stdout_fd = r->stdout_fd > 0 ? r->stdout_fd : r->port->output,
		.stderr_fd = r->stderr_fd > 0 ? r->stderr_fd : r->port->output,
	};

	if (work < 0)
		return -1;
	if (sandbox_start(&spec, &sandbox, err) < 0 || sandbox_wait(sandbox, &result, err) < 0)
		return -1;
	if (r->result) {
		*r->result = result;
		return 0;
	}
	return judge(r, &result, err);
}
