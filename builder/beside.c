/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <linux/openat2.h>

#include "builder/session.h"
#include "layers/base/fd.h"

static bool is_granted(const char *path)
{
	if (*path == '/')
		return true;
	for (; path; path = strchr(path, '/')) {
		path += *path == '/';
		if (!strncmp(path, "..", 2) && (path[2] == '/' || !path[2]))
			return true;
	}
	return false;
}

int beside_open(const struct session *s, const char *what, const char *path, int flags,
		struct gg_err *err)
{
	int fd = is_granted(path) ? openat(s->recipe_dirfd, path, flags | O_CLOEXEC)
				  : gg_openat2(s->recipe_dirfd, path, flags, 0,
					       RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);

	if (fd >= 0)
		return fd;
	if (errno == EXDEV) {
		gg_fail(err, GG_RECIPE, "%s '%s': a symlink leads out of the recipe's directory",
			what, path);
		return gg_hint(err, "name the place itself and allow it: --allow path=PLACE");
	}
	gg_fail(err, GG_RECIPE, "%s '%s': %s", what, path, strerror(errno));
	return gg_hint(err, "paths are relative to the recipe's directory");
}
