/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/lone.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

bool lone_id(void)
{
	unsigned inside, outside, count;
	FILE *f = fopen("/proc/self/uid_map", "re");
	bool lone = f && fscanf(f, "%u %u %u", &inside, &outside, &count) == 3 && count == 1 &&
		    fscanf(f, "%u", &inside) == EOF;

	if (f)
		fclose(f);
	return lone;
}

bool lone_needed(const struct sandbox_spec *spec)
{
	return (spec->uid != 0 || spec->gid != 0) && lone_id();
}

static int write_map(const char *path, const char *text, struct gg_err *err)
{
	_cleanup_close_ int fd = gg_openat(AT_FDCWD, path, O_WRONLY, 0, err);

	if (fd < 0)
		return -1;
	if (write(fd, text, strlen(text)) < 0)
		return gg_fail_errno(err, "write '%s'", path);
	return 0;
}

int lone_enter(const struct sandbox_spec *spec, struct gg_err *err)
{
	_cleanup_free_ char *uid = gg_asprintf("%u 0 1\n", spec->uid);
	_cleanup_free_ char *gid = gg_asprintf("%u 0 1\n", spec->gid);

	if (unshare(CLONE_NEWUSER) < 0)
		return gg_fail_errno(err, "create a user namespace for uid %u", spec->uid);
	/* Else /proc/self is the host's root's. */
	if (prctl(PR_SET_DUMPABLE, 1) < 0)
		return gg_fail_errno(err, "prctl");
	/* Denied above already, a namespace with one id inherits that. */
	if (write_map("/proc/self/uid_map", uid, err) < 0 ||
	    write_map("/proc/self/gid_map", gid, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return gg_fail_errno(err, "prctl");
	return 0;
}
