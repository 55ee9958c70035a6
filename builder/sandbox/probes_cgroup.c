/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/probes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* The mount point of the kind's hierarchy: "ID PARENT DEV ROOT POINT … - TYPE SOURCE OPTIONS". NULL: none. */
static char *mount_point(const char *type, const char *option)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	char *found = NULL;
	size_t cap = 0;

	while (f && !found && getline(&line, &cap, f) > 0) {
		char point[512], kind[32], options[256];
		const char *rest = strstr(line, " - ");

		if (rest && sscanf(line, "%*s %*s %*s %*s %511s", point) == 1 &&
		    sscanf(rest, " - %31s %*s %255s", kind, options) == 2 && gg_streq(kind, type) &&
		    strstr(options, option))
			found = gg_strdup(point);
	}
	if (f)
		fclose(f);
	return found;
}

/* Our own group below it: "0::/PATH" of the second kind, "N:CONTROLLERS:/PATH" of the first. cgroups(7) */
static char *own_group(const char *controller)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	_cleanup_free_ char *line = NULL;
	char *found = NULL;
	size_t cap = 0;

	while (f && !found && getline(&line, &cap, f) > 0) {
		char *colon = strchr(line, ':'), *path = colon ? strchr(colon + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		if (*controller ? strstr(colon, controller) != NULL : colon[1] == '\0')
			found = gg_strdup(path);
	}
	if (f)
		fclose(f);
	return found;
}

static bool can_make(const char *type, const char *controller)
{
	_cleanup_free_ char *point = mount_point(type, controller), *own = own_group(controller),
			    *name = gg_temp_name("ggbuild"), *path = NULL;

	if (!point || !own)
		return false;
	path = gg_asprintf("%s%s/%s", point, own, name);
	return mkdir(path, 0755) == 0 && rmdir(path) == 0;
}

PROBE(cgroups)
{
	(void)p;
	(void)err;
	gg_buf_puts(seen, can_make("cgroup2", "") || can_make("cgroup", "pids")
				  ? "could be made; "
				  : "cannot be made; ");
	gg_buf_puts(seen, "steps are limited by rlimits, which need none");
	return ABILITY_UNUSED;
}
