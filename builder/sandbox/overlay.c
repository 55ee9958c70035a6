/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "builder/sandbox/explain.h"
#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/sandbox.h"
#include "layers/base/fd.h"

enum { OPTIONS_MAX = 4095, FD_PATH = 32 };

/* userxattr comes first: other defaults depend on it. redirect_dir=off would follow redirects; nofollow does not. */
static const struct mountapi_option overlay_options[] = {
	{ "userxattr", NULL }, { "redirect_dir", "nofollow" },
	{ "metacopy", "off" }, { "index", "off" },
	{ "xino", "off" },
};

static const char *fd_path(char ret[FD_PATH], int fd)
{
	snprintf(ret, FD_PATH, "/proc/self/fd/%d", fd);
	return ret;
}

static int set_layers(int fs, const int *lowers, size_t n, int upper, int work, struct gg_err *err)
{
	char path[FD_PATH];

	for (size_t i = n; i-- > 0;)
		if (mountapi_set(fs, "overlay", "lowerdir+", fd_path(path, lowers[i]), err) < 0)
			return -1;
	if (upper < 0)
		return 0;
	if (mountapi_set(fs, "overlay", "upperdir", fd_path(path, upper), err) < 0 ||
	    mountapi_set(fs, "overlay", "workdir", fd_path(path, work), err) < 0)
		return -1;
	return mountapi_set(fs, "overlay", "volatile", NULL, err);
}

int overlay_mount(const int *lowers, size_t n, int upper, int work, struct gg_err *err)
{
	_cleanup_close_ int fs = mountapi_open("overlay", err);

	if (fs < 0)
		return -1;
	for (size_t i = 0; i < GG_LEN(overlay_options); i++)
		if (mountapi_set(fs, "overlay", overlay_options[i].key, overlay_options[i].value,
				 err) < 0)
			return -1;
	if (set_layers(fs, lowers, n, upper, work, err) < 0)
		return -1;
	return mountapi_create(fs, "overlay", MOUNT_ATTR_NODEV, err);
}

static void one_page_options(const int *lowers, size_t n, int upper, int work, struct gg_buf *ret)
{
	for (size_t i = 0; i < GG_LEN(overlay_options); i++) {
		const struct mountapi_option *o = &overlay_options[i];

		gg_buf_printf(ret, "%s%s%s,", o->key, o->value ? "=" : "",
			      o->value ? o->value : "");
	}
	if (upper >= 0)
		gg_buf_printf(ret, "upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d,volatile,",
			      upper, work);
	gg_buf_puts(ret, "lowerdir=");
	for (size_t i = n; i-- > 0;)
		gg_buf_printf(ret, "/proc/self/fd/%d%s", lowers[i], i ? ":" : "");
}

/* mount(2) has no detached mounts: it is attached for a moment on /proc of the caller's own mount namespace, which is
 * the one directory that is there for certain. */
int overlay_mount_one_page(const int *lowers, size_t n, int upper, int work, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf options = { 0 };
	int mount_fd;

	one_page_options(lowers, n, upper, work, &options);
	if (options.len > OPTIONS_MAX) {
		gg_fail(err, GG_SYSTEM, "mount %zu layers: their names do not fit into one page",
			n);
		return gg_hint(err, "Linux 6.8 or newer takes up to %d layers", ROOTFS_MAX_LOWERS);
	}
	if (mount("overlay", "/proc", "overlay", MS_NODEV, options.data) < 0)
		return gg_fail_errno(err, "mount file system 'overlay'");
	mount_fd = mountapi_clone(AT_FDCWD, "/proc", err);
	if (umount2("/proc", MNT_DETACH) < 0 && mount_fd >= 0) {
		gg_fail_errno(err, "take the overlay off its place");
		gg_close(mount_fd);
		return -1;
	}
	return mount_fd;
}

int overlay_mount_layers(const int *lowers, size_t n, int upper, int work, struct gg_err *err)
{
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;
	int mount_fd;

	if (n > ROOTFS_MAX_LOWERS)
		return gg_fail(err, GG_SYSTEM, "mount %zu layers: the kernel takes at most %d", n,
			       ROOTFS_MAX_LOWERS);
	mount_fd = overlay_mount(lowers, n, upper, work, &first);
	if (mount_fd < 0 && first.errnum == EINVAL) {
		_cleanup_err_ struct gg_err second = GG_ERR_INIT;

		mount_fd = overlay_mount_one_page(lowers, n, upper, work, &second);
	}
	if (mount_fd < 0) {
		explain_overlay(&first);
		gg_err_move(err, &first);
	}
	return mount_fd;
}

/* Changes, and the stubs of mounts, go to memory and vanish. tmpfs can be an upper layer since Linux 6.6, and one that
 * is not attached since 6.15; before that the root is what the lowers are, and read-only. */
static int overlay_on_memory(const struct sandbox_spec *spec, struct overlay *ret,
			     struct gg_err *err)
{
	static const struct mountapi_option options[] = { { "mode", "0755" } };
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;
	_cleanup_close_ int tmpfs = -1, upper = -1, work = -1;

	tmpfs = mountapi_new("tmpfs", options, GG_LEN(options), MOUNT_ATTR_NODEV, err);
	if (tmpfs < 0)
		return -1;
	if (mkdirat(tmpfs, "upper", 0755) < 0 || mkdirat(tmpfs, "work", 0755) < 0)
		return gg_fail_errno(err, "make the directories of a private upper layer");
	upper = gg_openat(tmpfs, "upper", O_RDONLY | O_DIRECTORY, 0, err);
	work = gg_openat(tmpfs, "work", O_RDONLY | O_DIRECTORY, 0, err);
	if (upper < 0 || work < 0)
		return -1;
	ret->mount = overlay_mount_layers(spec->lowers, spec->n_lowers, upper, work, &first);
	if (ret->mount >= 0 || !(spec->flags & SANDBOX_READ_ONLY_ROOT)) {
		gg_err_move(err, &first);
		return ret->mount >= 0 ? 0 : -1;
	}
	if (spec->n_lowers == 1)
		ret->mount = mountapi_clone(spec->lowers[0], "", err);
	else
		ret->mount = overlay_mount_layers(spec->lowers, spec->n_lowers, -1, -1, err);
	return ret->mount >= 0 ? 0 : -1;
}

static int open_root(const struct sandbox_spec *spec, struct overlay *ret, struct gg_err *err)
{
	if (spec->n_lowers == 0 && spec->upper < 0)
		return gg_fail(err, GG_INTERNAL, "no layers and no upper directory");
	if (spec->upper < 0)
		return overlay_on_memory(spec, ret, err);
	ret->upper = fcntl(spec->upper, F_DUPFD_CLOEXEC, 3);
	if (ret->upper < 0)
		return gg_fail_errno(err, "duplicate the upper directory's descriptor");
	if (spec->n_lowers == 0)
		ret->mount = mountapi_clone(spec->upper, "", err);
	else
		ret->mount = overlay_mount_layers(spec->lowers, spec->n_lowers, spec->upper,
						  spec->work, err);
	return ret->mount >= 0 ? 0 : -1;
}

int overlay_open(const struct sandbox_spec *spec, struct overlay *ret, struct gg_err *err)
{
	*ret = (struct overlay)ROOTFS_INIT;
	if (open_root(spec, ret, err) == 0)
		return 0;
	overlay_done(ret);
	return gg_context(err, "mount the root of the sandbox");
}

void overlay_done(struct overlay *r)
{
	gg_close(r->mount);
	gg_close(r->upper);
	*r = (struct overlay)ROOTFS_INIT;
}
