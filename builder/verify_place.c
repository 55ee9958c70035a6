/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/verify_place.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "builder/sandbox/sandbox.h"
#include "builder/variation.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"

#define PREFIX "ggbuild-verify-"
#define MEMORY "/dev/shm"

/* An overlay's upper directory with `userxattr` can be there from Linux 6.6 on. */
static bool memory_can_be_upper(const char *release)
{
	unsigned major = 0, minor = 0;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 6));
}

static bool fits(uint64_t need)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	unsigned long long kb = 0;
	struct statvfs fs;
	const char *at;

	if (statvfs(MEMORY, &fs) < 0 ||
	    gg_read_file(AT_FDCWD, "/proc/meminfo", 1 << 16, &text, &ignored) < 0)
		return false;
	at = strstr(text.data, "MemAvailable:");
	if (!at || sscanf(at, "MemAvailable: %llu", &kb) != 1)
		return false;
	/* What compilers need beside it is memory, too. */
	return need < (uint64_t)fs.f_bavail * fs.f_frsize / 2 && need < kb * 1024 / 4;
}

void place_look(int storefd, uint64_t need, struct surroundings *ret)
{
	struct stat store, memory;

	ret->filesystem = NULL;
	if (fstat(storefd, &store) < 0 || stat(MEMORY, &memory) < 0 || access(MEMORY, W_OK) < 0)
		ret->why_no_filesystem = "there is no other one that can be written to; --scratch "
					 "names one";
	else if (store.st_dev == memory.st_dev)
		ret->why_no_filesystem = "the store is in memory already; --scratch names another";
	else if (!memory_can_be_upper(ret->release))
		ret->why_no_filesystem =
			"overlays in memory need Linux 6.6; --scratch names another";
	else if (!fits(need))
		ret->why_no_filesystem =
			"the build does not fit into memory; --scratch names another";
	else
		ret->filesystem = MEMORY;
}

static void remove_stale(int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
	    flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (gg_remove_tree(dir, name, &err) < 0)
		gg_log(GG_LOG_WARNING, "'%s', left by a killed verification: %s", name, err.text);
}

int place_make(const char *parent, char **ret_path, struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("%s/" PREFIX "XXXXXX", parent);
	DIR *dir = opendir(parent);
	struct dirent *e;
	int fd;

	if (!dir)
		return gg_fail_errno(err, "open the directory '%s'", parent);
	while ((e = readdir(dir)))
		if (gg_starts(e->d_name, PREFIX))
			remove_stale(dirfd(dir), e->d_name);
	closedir(dir);
	if (!mkdtemp(path))
		return gg_fail_errno(err, "make a directory in '%s'", parent);
	fd = gg_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, err);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		gg_fail_errno(err, "lock '%s'", path);
		gg_close(fd);
		return -1;
	}
	*ret_path = gg_steal(&path);
	return fd;
}
