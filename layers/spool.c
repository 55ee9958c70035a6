/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "layers/base/fd.h"

int spool_open(struct gg_err *err)
{
	const char *dir = getenv("TMPDIR");
	_cleanup_free_ char *name = NULL;
	int fd;

	dir = dir && dir[0] == '/' ? dir : "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	/* Some file systems have none. */
	name = gg_asprintf("%s/ggbuild.XXXXXX", dir);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0) {
		unlink(name);
		return fd;
	}
	gg_fail_errno(err, "make a temporary file in '%s'", dir);
	return gg_hint(err, "set TMPDIR to a directory that you may write to");
}

int spool_add(int fd, const void *bytes, size_t len, struct gg_err *err)
{
	if (gg_write_all(fd, bytes, len, err) == 0)
		return 0;
	gg_context(err, "temporary file");
	if (err->errnum == ENOSPC || err->errnum == EDQUOT)
		gg_hint(err, "free some space, or set TMPDIR to a directory with more of it");
	return -1;
}
