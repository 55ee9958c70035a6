/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/probes.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/openat2.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/scope.h"
#include "layers/base/fd.h"

PROBE(kernel)
{
	struct utsname u;

	(void)p;
	if (sandbox_check_kernel(NULL, err) < 0)
		return ABILITY_MISSING;
	if (uname(&u) == 0)
		gg_buf_printf(seen, "%s %s", u.sysname, u.release);
	return ABILITY_OK;
}

PROBE(openat2)
{
	_cleanup_close_ int proc = gg_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, err),
			    fd = -1;

	(void)p;
	if (proc < 0)
		return ABILITY_MISSING;
	fd = gg_openat_in(proc, "/self/stat", O_RDONLY, 0, err);
	if (fd < 0) {
		explain_filtered(err);
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, "paths of a tree are resolved inside of it");
	return ABILITY_OK;
}

PROBE(landlock)
{
	int abi = scope_abi();

	(void)p;
	(void)err;
	if (abi <= 0) {
		gg_buf_puts(seen, "none; ");
	} else {
		gg_buf_printf(seen, "version %d; ", abi);
	}
	gg_buf_puts(seen, scope_is_there()
				  ? "hides the host's abstract sockets from steps with "
				    "the host's network"
				  : "Linux 6.12 could hide the host's abstract sockets from "
				    "steps with the host's network");
	return scope_is_there() ? ABILITY_OK : ABILITY_UNUSED;
}

/* Older than this program's first release: the clock of a machine without a battery. */
enum { CLOCK_MIN = 1767225600 }; /* 2026-01-01 */

PROBE(clock)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];

	(void)p;
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &tm);
	if (now < CLOCK_MIN) {
		gg_fail(err, GG_SYSTEM, "it says %s", text);
		gg_hint(err, "set it: timedatectl set-ntp true, or date -s");
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, text);
	return ABILITY_OK;
}

PROBE(user_xattrs)
{
	static const char name[] = "user.ggbuild.doctor";
	char value[8];

	if (fsetxattr(p->dir, name, "text", 4, 0) < 0 ||
	    fgetxattr(p->dir, name, value, sizeof(value)) != 4) {
		gg_fail_errno(err, "set the attribute '%s' in the store", name);
		explain_xattrs(err);
		return ABILITY_MISSING;
	}
	gg_buf_puts(seen, "kept by the store's file system");
	return ABILITY_OK;
}

PROBE(reflink)
{
	_cleanup_close_ int from = gg_openat(p->dir, "from", O_RDWR | O_CREAT | O_EXCL, 0600, err),
			    to = gg_openat(p->dir, "to", O_RDWR | O_CREAT | O_EXCL, 0600, err);
	char block[4096] = "text";

	if (from < 0 || to < 0 || gg_write_all(from, block, sizeof(block), err) < 0)
		return ABILITY_MISSING;
	if (ioctl(to, FICLONE, from) == 0) {
		gg_buf_puts(seen, "copies share their blocks");
		return ABILITY_OK;
	}
	if (lseek(from, 0, SEEK_SET) == 0 &&
	    copy_file_range(from, NULL, to, NULL, sizeof(block), 0) == sizeof(block))
		gg_buf_puts(seen, "none on this file system; the kernel copies");
	else
		gg_buf_puts(seen, "none on this file system, nor copy_file_range");
	return ABILITY_UNUSED;
}
