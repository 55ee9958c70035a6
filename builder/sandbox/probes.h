/* SPDX-License-Identifier: Apache-2.0
 *
 * The probes behind sandbox_abilities (ability.h).
 */
#pragma once

#include "builder/sandbox/ability.h"

#define PROBE(name)                                                                                \
	enum ability_state probe_##name(const struct ability_place *p, struct gg_buf *seen,        \
					struct gg_err *err)

/* Of the kernel, outside of any namespace of ours. */
PROBE(kernel);
PROBE(openat2);
PROBE(landlock);
PROBE(clock);
PROBE(cgroups);
/* Inside the user namespace. */
PROBE(namespaces);
PROBE(mount_api);
PROBE(proc);
PROBE(filter);
PROBE(notification);
/* On the store's file system. */
PROBE(overlay);
PROBE(user_xattrs);
PROBE(reflink);
PROBE(step);
