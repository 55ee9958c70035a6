/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild extract SRC PATH`: a file of an image as it is, a directory as a tar archive.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/registry_options.h"
#include "layers/base/fd.h"
#include "layers/flatten.h"
#include "layers/image_source.h"
#include "layers/pack.h"
#include "layers/transfer.h"
#include "layers/tree.h"

struct options {
	const char *output, *platform;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, output),
	  .help = "where it goes; '-' is standard output (default: PATH's last name here, with "
		  ".tar for a directory)" },
	{ .name = "platform",
	  .arg = "OS/ARCH",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, platform),
	  .help = "which image of an index (default: this machine's)" },
};
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	REGISTRY_OPTIONS_GROUP(offsetof(struct options, registry)),
};

/* The image's root, in a directory that is gone afterwards. */
struct root {
	char *path;
	int fd;
	struct tree *tree;
};

static void root_done(struct root *r)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	gg_close(r->fd);
	if (r->path && gg_remove_tree(AT_FDCWD, r->path, &ignored) < 0)
		gg_context(&ignored, "'%s' was left behind", r->path);
	free(r->path);
	tree_free(r->tree);
}

static int make_root(struct root *r, const struct image_source *s, struct gg_err *err)
{
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *path = gg_asprintf("%s/ggbuild-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	_cleanup_transfer_ struct transfer t = TRANSFER_INIT;

	if (transfer_make(s, TRANSFER_AS_IT_IS, &t, err) < 0)
		return -1;
	if (!mkdtemp(path))
		return gg_fail_errno(err, "mkdir '%s'", path);
	r->path = gg_steal(&path);
	r->fd = gg_openat(AT_FDCWD, r->path, O_RDONLY | O_DIRECTORY, 0, err);
	if (r->fd < 0 || flatten(&t.image, r->fd, -1, OWNERS_NOWHERE, &r->tree, err) < 0)
		return gg_context(err, "image '%s'", s->name);
	return 0;
}

/* ---- what is found there ---- */

struct found {
	const struct root *root;
	const struct tree_entry *entry;
	const char *path; /* below the root, without symlinks */
};

static int find(const struct root *root, const struct image_source *s, const char *path,
		struct found *ret, struct gg_err *err)
{
	while (*path == '/')
		path++;
	*ret = (struct found){ .root = root };
	ret->entry = tree_resolve(root->tree, *path ? path : ".", true, &ret->path);
	if (!ret->entry) {
		gg_fail(err, GG_USAGE, "image '%s' has no '/%s'", s->name, path);
		return gg_hint(err, "`ggbuild ls SRC LAYER` lists the files of a layer");
	}
	if (ret->entry->type == TREE_FILE || ret->entry->type == TREE_DIR)
		return 0;
	return gg_fail(err, GG_USAGE, "'/%s' is neither a file nor a directory", path);
}

static int pack(const struct found *f, int fd, struct gg_err *err)
{
	struct pack_options how = { .compression = PACK_NONE, .mtime = FLATTEN_TIME };
	_cleanup_close_ int dir = -1;
	_cleanup_free_ struct pack_item *items = NULL;
	_cleanup_tree_ struct tree *tree = NULL;
	struct pack_result ignored;

	dir = gg_openat_in(f->root->fd, f->path, O_RDONLY | O_DIRECTORY, 0, err);
	if (dir < 0)
		return -1;
	if (tree_subtree(f->root->tree, f->path, &tree, err) < 0)
		return -1;
	items = gg_calloc(tree->n, sizeof(*items));
	for (size_t i = 0; i < tree->n; i++)
		items[i] = (struct pack_item){ .entry = &tree->entries[i],
					       .rootfd = dir,
					       .source = tree->entries[i].path };
	return pack_layer(items, tree->n, &how, fd, &ignored, err);
}

static int put(const struct found *f, int fd, struct gg_err *err)
{
	_cleanup_close_ int from = -1;

	if (f->entry->type == TREE_DIR)
		return pack(f, fd, err);
	from = gg_openat_in(f->root->fd, f->path, O_RDONLY, 0, err);
	if (from < 0)
		return -1;
	return gg_copy_bytes(from, fd, f->entry->size, err);
}

static char *default_name(const struct found *f)
{
	const char *slash = strrchr(f->path, '/'), *name = slash ? slash + 1 : f->path;

	if (f->entry->type == TREE_FILE)
		return gg_strdup(name);
	return gg_asprintf("%s.tar", gg_streq(name, ".") ? "root" : name);
}

static int write_file(const struct found *f, const char *output, struct gg_err *err)
{
	_cleanup_newfile_ struct gg_newfile file = GG_NEWFILE_INIT;
	const char *slash = strrchr(output, '/');
	_cleanup_free_ char *dir =
		slash ? gg_strndup(output, slash == output ? 1 : (size_t)(slash - output))
		      : gg_strdup(".");
	_cleanup_close_ int dirfd = gg_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	mode_t mode = f->entry->type == TREE_FILE ? f->entry->mode & 0777 : 0644;

	/* Nobody gets a file that is closed to whom it belongs to, or one that is another user's program. */
	if (dirfd < 0 || gg_newfile_open(&file, dirfd, mode | 0600, err) < 0 ||
	    put(f, file.fd, err) < 0)
		return -1;
	return gg_newfile_commit(&file, slash ? slash + 1 : output, GG_COMMIT_REPLACE, err);
}

static int extract(const struct options *o, const struct image_source *s, const char *path,
		   struct gg_err *err)
{
	GG_CLEANUP(root_done) struct root root = { .fd = -1 };
	_cleanup_free_ char *name = NULL;
	struct found f;

	if (make_root(&root, s, err) < 0 || find(&root, s, path, &f, err) < 0)
		return -1;
	if (o->output && gg_streq(o->output, "-"))
		return put(&f, STDOUT_FILENO, err);
	name = default_name(&f);
	return write_file(&f, o->output ? o->output : name, err);
}

static int look(struct command_session *c, const void *options, const struct gg_strv *args,
		struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_image_source_ struct image_source *s = NULL;
	struct image_source_options how = { .platform = o->platform, .registry = &access.settings };

	(void)c;
	if (registry_options_take(&o->registry, NULL, &access, err) < 0 ||
	    image_source_open(args->v[0], &how, &s, err) < 0)
		return -1;
	return extract(o, s, args->v[1], err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	struct common_options common = { 0 };
	struct command_session c;
	int r = command_open_view(&c, &common, err);

	/* The view makes an interrupt wait until what was begun is taken away. */
	if (r == 0)
		r = look(&c, options, args, err);
	command_close(&c);
	return r;
}

const struct command_def command_extract = {
	.name = "extract",
	.args = "SRC PATH",
	.summary = "take a file or directory out of an image",
	.text = "SRC is what `ggbuild inspect` takes, PATH a path in the file system that the "
		"image's layers make; symlinks are followed within it. A file is written as it is, "
		"with its mode but for setuid, a directory as a tar archive with owners and modes. "
		"Every layer is verified; the file system is made below TMPDIR meanwhile.\n\n"
		"  ggbuild extract docker://debian:12 /etc/os-release -o -\n"
		"  ggbuild extract oci:out /usr/share -o - | tar -x -C share",
	.min_args = 2,
	.max_args = 2,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
