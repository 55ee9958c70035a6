/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/trial.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "builder/sandbox/ability.h"
#include "builder/sandbox/explain.h"
#include "builder/sandbox/userns.h"
#include "layers/base/mem.h"

/* Something lies over a part of /proc. systemd's automount of binfmt_misc does on every machine, and masks nothing. */
static bool proc_is_masked(void)
{
	_cleanup_free_ char *line = NULL;
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool masked = false;
	char point[256];
	size_t cap = 0;

	while (f && !masked && getline(&line, &cap, f) > 0)
		masked = sscanf(line, "%*s %*s %*s %*s %255s", point) == 1 &&
			 gg_starts(point, "/proc/") && !gg_streq(point, "/proc/sys/fs/binfmt_misc");
	if (f)
		fclose(f);
	return masked;
}

bool trial_in_doubt(const struct userns *ns)
{
	return ns->kind != USERNS_SHIFTED || explain_is_filtered() || proc_is_masked();
}

int trial_of_sandbox(struct userns *ns, int dir, struct gg_err *err)
{
	_cleanup_ability_found_ struct ability_found found = { 0 };
	struct ability_place place = { .ns = ns, .dir = dir };
	const struct ability *steps = sandbox_abilities;

	while (!gg_streq(steps->name, "steps"))
		steps++;
	ability_try(steps, &place, &found);
	if (found.state != ABILITY_MISSING)
		return 0;
	gg_fail(err, GG_SYSTEM, "a sandbox is needed, and cannot be had here: %s", found.text);
	return found.hint ? gg_hint(err, "%s", found.hint) : -1;
}
