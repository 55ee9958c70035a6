/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/transport_rootfs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/flatten.h"
#include "layers/meta.h"
#include "layers/pack.h"
#include "layers/transport_private.h"
#include "layers/tree.h"

static int parse(struct transport_target *t, const char *rest, struct gg_err *err)
{
	if (transport_parse_path(t, rest, err) < 0)
		return -1;
	if (!t->ref)
		return 0;
	gg_fail(err, GG_USAGE, "output '%s': a root file system has no reference", t->text);
	return gg_hint(err, "write %s", t->transport->form);
}

/* ---- rootfs:DIR ---- */

static int not_empty(void *ctx, int dir, const char *name, struct gg_err *err)
{
	(void)dir;
	(void)name;
	(void)err;
	*(bool *)ctx = true;
	return 0;
}

static int refuse(const char *path, struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "'%s' exists and is not an empty directory", path);
	return gg_hint(err, "choose another directory, or remove this one");
}

static int check_free(const char *path, struct gg_err *err)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool full = false;

	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0 && (errno == ENOTDIR || errno == ELOOP))
		return refuse(path, err);
	if (dir < 0)
		return gg_fail_errno(err, "open '%s'", path);
	if (transport_each_name(dir, not_empty, &full, err) < 0)
		return -1;
	return full ? refuse(path, err) : 0;
}

static int check_directory(const struct transport_target *t, struct gg_err *err)
{
	_cleanup_free_ char *path = transport_without_slashes(t->place), *name = NULL;
	_cleanup_close_ int parent = -1;

	if (geteuid() != 0) {
		gg_fail(err, GG_SYSTEM,
			"only root can give files to the users that they belong to");
		return gg_hint(err, "run this as root, or write tar:FILE, which anybody can");
	}
	if (check_free(path, err) < 0)
		return -1;
	parent = transport_open_parent(path, &name, err);
	return parent < 0 ? -1 : transport_check_writable(parent, path, err);
}

/* In place of the empty file that stands for it. */
static int make_device(int rootfd, const struct tree_entry *e, struct gg_err *err)
{
	const struct timespec times[2] = { { .tv_sec = FLATTEN_TIME }, { .tv_sec = FLATTEN_TIME } };
	const char *slash = strrchr(e->path, '/'), *name = slash ? slash + 1 : e->path;
	_cleanup_free_ char *parent =
		slash ? gg_strndup(e->path, (size_t)(slash - e->path)) : gg_strdup(".");
	_cleanup_close_ int dir = gg_openat_in(rootfd, parent, O_RDONLY | O_DIRECTORY, 0, err);
	mode_t type = e->type == TREE_CHAR ? S_IFCHR : S_IFBLK;

	if (dir < 0)
		return -1;
	if (unlinkat(dir, name, 0) < 0 ||
	    mknodat(dir, name, type | 0600, makedev(e->major, e->minor)) < 0) {
		gg_fail_errno(err, "make device '%s'", e->path);
		return err->errnum == EPERM
			       ? gg_hint(err, "only the machine's own root can make devices; write "
					      "tar:FILE, or leave it out of the image")
			       : -1;
	}
	if (fchownat(dir, name, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(dir, name, e->mode, 0) < 0 ||
	    utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return gg_fail_errno(err, "make device '%s'", e->path);
	/* It has changed, and a directory's time is no news of the image. */
	return meta_touch(dir, err);
}

static int fill_directory(const struct transport_image *image, int rootfd, struct gg_err *err)
{
	_cleanup_tree_ struct tree *tree = NULL;

	if (flatten(image, rootfd, -1, OWNERS_ON_INODES, &tree, err) < 0)
		return -1;
	for (size_t i = 0; i < tree->n; i++) {
		const struct tree_entry *e = &tree->entries[i];

		if ((e->type == TREE_CHAR || e->type == TREE_BLOCK) &&
		    make_device(rootfd, e, err) < 0)
			return -1;
	}
	return syncfs(rootfd) < 0 ? gg_fail_errno(err, "sync") : 0;
}

static int write_directory(const struct transport_target *t, const struct transport_image *image,
			   struct gg_err *err)
{
	_cleanup_free_ char *path = transport_without_slashes(t->place), *name = NULL;
	_cleanup_close_ int parent = transport_open_parent(path, &name, err);
	_cleanup_transport_temp_ struct transport_temp temp = TRANSPORT_TEMP_INIT;

	if (parent < 0 || check_free(path, err) < 0 ||
	    transport_temp_open(parent, name, &temp, err) < 0 ||
	    fill_directory(image, temp.fd, err) < 0)
		return -1;
	/* Takes the place of an empty directory at most. */
	if (renameat(parent, temp.name, parent, name) < 0)
		return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
			       ? refuse(path, err)
			       : gg_fail_errno(err, "rename to '%s'", name);
	free(gg_steal(&temp.name));
	return gg_fsync_dir(parent, err);
}

const struct transport transport_rootfs = {
	.name = "rootfs",
	.form = "rootfs:DIR",
	.parse = parse,
	.identity = transport_directory_identity,
	.check = check_directory,
	.write = write_directory,
};

/* ---- tar:FILE ---- */

static int pack(const struct tree *tree, int rootfd, int fd, struct gg_err *err)
{
	struct pack_options how = { .compression = PACK_NONE, .mtime = FLATTEN_TIME };
	_cleanup_free_ struct pack_item *items = gg_calloc(tree->n, sizeof(*items));
	struct pack_result ignored;

	for (size_t i = 0; i < tree->n; i++)
		items[i] = (struct pack_item){ .entry = &tree->entries[i],
					       .rootfd = rootfd,
					       .source = tree->entries[i].path };
	return pack_layer(items, tree->n, &how, fd, &ignored, err);
}

static int fill_archive(void *ctx, int fd, int dir, struct gg_err *err)
{
	_cleanup_tree_ struct tree *tree = NULL;
	_cleanup_close_ int rootfd = -1;

	if (mkdirat(dir, "root", 0755) < 0)
		return gg_fail_errno(err, "mkdir 'root'");
	rootfd = gg_openat(dir, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (rootfd < 0 || flatten(ctx, rootfd, dir, OWNERS_NOWHERE, &tree, err) < 0)
		return -1;
	return pack(tree, rootfd, fd, err);
}

static int write_archive(const struct transport_target *t, const struct transport_image *image,
			 struct gg_err *err)
{
	return transport_write_file(t, fill_archive, (void *)image, err);
}

const struct transport transport_tar = {
	.name = "tar",
	.form = "tar:FILE",
	.parse = parse,
	.identity = transport_path_identity,
	.check = transport_check_file,
	.write = write_archive,
};
