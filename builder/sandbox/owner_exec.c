/* SPDX-License-Identifier: Apache-2.0
 *
 * Set-id programs, in steps that say `setuid`: to the kernel owner and caller are one id, so it changes nothing.
 */
#include "builder/sandbox/owner_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layers/base/fd.h"

/* A script's bits mean nothing (execve(2)). */
static bool is_script(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[2];

	return fd < 0 || read(fd, magic, 2) != 2 || (magic[0] == '#' && magic[1] == '!');
}

static bool takes_effect(int fd, const char *path, const struct stat *st)
{
	struct statvfs fs;

	return S_ISREG(st->st_mode) && (st->st_mode & 0111) &&
	       (st->st_mode & (S_ISUID | S_ISGID)) && fstatvfs(fd, &fs) == 0 &&
	       !(fs.f_flag & ST_NOSUID) && !is_script(path);
}

static int64_t execute(struct owner_call *c, int dirfd, uint64_t path, unsigned flags)
{
	_cleanup_close_ int fd = owner_open(c, dirfd, path, flags);
	struct owner_creds creds = *owner_creds_of(c);
	char buf[OWNER_FD_PATH];
	struct owners_ids ids;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !takes_effect(fd, owner_fd_path(fd, buf), &st))
		return OWNER_PROCEED;
	owners_read(buf, true, &st, &ids);
	if (st.st_mode & S_ISUID)
		creds.euid = creds.suid = creds.fsuid = ids.uid;
	/* Without the group's right to execute it, the bit was for mandatory locks. */
	if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP))
		creds.egid = creds.sgid = creds.fsgid = ids.gid;
	(void)owner_become(c, &creds);
	return OWNER_PROCEED;
}

int64_t owner_call_exec(struct owner_call *c)
{
	const uint64_t *a = c->args;

	switch (c->nr) {
	case SYS_execve:
		return execute(c, AT_FDCWD, a[0], 0);
	case SYS_execveat:
		return execute(c, (int)a[0], a[1], (unsigned)a[4]);
	default:
		return OWNER_PROCEED;
	}
}
