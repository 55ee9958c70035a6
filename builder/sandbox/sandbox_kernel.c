/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/sandbox.h"

#include <stdio.h>
#include <sys/utsname.h>

int sandbox_check_kernel(const char *release, struct gg_err *err)
{
	unsigned major, minor;
	struct utsname u;

	if (!release && uname(&u) < 0)
		return gg_fail_errno(err, "read the kernel's version");
	if (!release)
		release = u.release;
	if (sscanf(release, "%u.%u", &major, &minor) != 2)
		return gg_fail(err, GG_SYSTEM, "read the kernel's version: '%s'", release);
	if (major > 5 || (major == 5 && minor >= 11))
		return 0;
	gg_fail(err, GG_SYSTEM, "this machine's kernel is Linux %u.%u", major, minor);
	return gg_hint(err, "overlayfs in user namespaces needs Linux 5.11 or newer");
}
