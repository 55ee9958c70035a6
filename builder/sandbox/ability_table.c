/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/ability.h"

#include "builder/sandbox/probes.h"

const struct ability sandbox_abilities[] = {
	{ "kernel", ABILITY_VITAL, "nothing is built", probe_kernel },
	{ "other namespaces", ABILITY_INSIDE, ABILITY_NO_STEPS, probe_namespaces },
	{ "mount api", ABILITY_INSIDE, ABILITY_NO_STEPS, probe_mount_api },
	{ "/proc", ABILITY_INSIDE, ABILITY_NO_STEPS, probe_proc },
	{ "overlayfs", ABILITY_INSIDE | ABILITY_ON_STORE, ABILITY_NO_STEPS, probe_overlay },
	{ "seccomp", ABILITY_INSIDE, ABILITY_NO_STEPS, probe_filter },
	{ "seccomp listener", ABILITY_INSIDE, ABILITY_NO_STEPS, probe_notification },
	{ "steps", ABILITY_INSIDE | ABILITY_ON_STORE, ABILITY_NO_STEPS, probe_step },
	{ "openat2", ABILITY_VITAL, "nothing is built", probe_openat2 },
	{ "user xattrs", ABILITY_ON_STORE, ABILITY_NO_STEPS, probe_user_xattrs },
	{ "reflinks", ABILITY_ON_STORE, NULL, probe_reflink },
	{ "landlock", 0, NULL, probe_landlock },
	{ "cgroups", 0, NULL, probe_cgroups },
	{ "clock", 0, "signatures and TLS certificates look outdated or not yet valid",
	  probe_clock },
};
const size_t n_sandbox_abilities = GG_LEN(sandbox_abilities);
