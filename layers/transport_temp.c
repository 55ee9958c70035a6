/* SPDX-License-Identifier: Apache-2.0
 *
 * Work directories beside an output, which their owners hold by flock: what can be locked belongs to nobody any more.
 * Files that are made in one.
 */
#include "layers/transport_private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "layers/base/fd.h"

int transport_each_name(int dir, transport_name_fn *each, void *ctx, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	int fd = gg_openat(dir, ".", O_RDONLY | O_DIRECTORY, 0, err);
	const struct dirent *e;
	DIR *d;

	if (fd < 0)
		return -1;
	d = fdopendir(fd);
	if (!d) {
		gg_close(fd);
		return gg_fail_errno(err, "opendir");
	}
	while ((e = readdir(d)))
		if (!gg_streq(e->d_name, ".") && !gg_streq(e->d_name, ".."))
			gg_strv_add(&names, e->d_name);
	closedir(d);
	gg_strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		if (each(ctx, dir, names.v[i], err) < 0)
			return -1;
	return 0;
}

/* What cannot be removed is left: it is in nobody's way. */
static int reclaim(void *ctx, int dir, const char *name, struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_close_ int fd = -1;

	(void)err;
	if (!gg_starts(name, ctx))
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && gg_remove_tree(dir, name, &ignored) < 0)
		gg_context(&ignored, "'%s' was left behind", name);
	return 0;
}

/* Before it was locked another run may have taken it for a dead one's. Where there are no locks nothing is reclaimed. */
static bool hold(const struct transport_temp *t)
{
	struct stat there, ours;

	while (flock(t->fd, LOCK_EX) < 0 && errno == EINTR)
		;
	return fstatat(t->parent, t->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(t->fd, &ours) == 0 && there.st_ino == ours.st_ino;
}

int transport_temp_open(int parent, const char *name, struct transport_temp *ret,
			struct gg_err *err)
{
	_cleanup_free_ char *prefix = gg_asprintf(".%.200s.ggtmp", name);

	if (transport_each_name(parent, reclaim, prefix, err) < 0)
		return -1;
	for (;;) {
		_cleanup_transport_temp_ struct transport_temp t = { .parent = parent, .fd = -1 };

		t.name = gg_temp_name(prefix);
		if (mkdirat(parent, t.name, 0755) < 0)
			return gg_fail_errno(err, "mkdir '%s'", t.name);
		t.fd = openat(parent, t.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (t.fd < 0 && errno != ENOENT)
			return gg_fail_errno(err, "open '%s'", t.name);
		if (t.fd >= 0 && hold(&t)) {
			*ret = t;
			t = (struct transport_temp)TRANSPORT_TEMP_INIT;
			return 0;
		}
	}
}

void transport_temp_done(struct transport_temp *t)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (t->name && gg_remove_tree(t->parent, t->name, &ignored) < 0)
		gg_context(&ignored, "'%s' was left behind", t->name);
	free(t->name);
	gg_close(t->fd);
	*t = (struct transport_temp)TRANSPORT_TEMP_INIT;
}

int transport_check_file(const struct transport_target *t, struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int dir = transport_open_file(t->place, &name, err);

	return dir < 0 ? -1 : 0;
}

int transport_write_file(const struct transport_target *t, transport_fill_fn *fill, void *ctx,
			 struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int dir = transport_open_file(t->place, &name, err), fd = -1;
	_cleanup_transport_temp_ struct transport_temp temp = TRANSPORT_TEMP_INIT;

	if (dir < 0 || transport_temp_open(dir, name, &temp, err) < 0)
		return -1;
	fd = gg_openat(temp.fd, "archive", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);
	if (fd < 0 || fill(ctx, fd, temp.fd, err) < 0)
		return -1;
	/* The umask must not reach the file. */
	if (fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return gg_fail_errno(err, "fsync '%s'", t->place);
	if (renameat(temp.fd, "archive", dir, name) < 0)
		return gg_fail_errno(err, "rename to '%s'", t->place);
	return gg_fsync_dir(dir, err);
}
