/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/dirs.h"
#include "layers/meta.h"
#include "layers/tree.h"

static struct tree_entry *insert(struct tree *t, const char *path, enum tree_type type)
{
	struct tree_entry e = *tree_add(t, path, type);
	size_t i = --t->n;

	while (i > 0 && tree_compare_paths(t->entries[i - 1].path, path) > 0)
		i--;
	memmove(&t->entries[i + 1], &t->entries[i], (t->n - i) * sizeof(e));
	t->n++;
	t->entries[i] = e;
	return &t->entries[i];
}

/* Takes path and what is below it out of the tree. */
static void take_out(struct tree *t, const char *path)
{
	struct tree_entry *e = tree_find(t, path);
	size_t from, to, len = strlen(path);

	if (!e)
		return;
	from = to = (size_t)(e - t->entries);
	do
		to++;
	while (to < t->n && !strncmp(t->entries[to].path, path, len) &&
	       t->entries[to].path[len] == '/');
	memmove(&t->entries[from], &t->entries[to], (t->n - to) * sizeof(*e));
	t->n -= to - from;
	tree_promote_links(t);
}

static int make_directory(const struct placing *in, const char *path, struct gg_err *err)
{
	_cleanup_dirs_ struct dirs *dirs = dirs_new();
	const struct tree_entry *old = tree_find(in->tree, path);
	bool hides = old && old->type == TREE_WHITEOUT;
	_cleanup_close_ int fd = -1;
	struct tree_entry *e;
	const char *name;
	int parent = dirs_parent(dirs, in->rootfd, path, &name, err);

	if (parent < 0)
		return -1;
	if (hides && unlinkat(parent, name, 0) < 0)
		return gg_fail_errno(err, "remove whiteout '%s'", name);
	if (mkdirat(parent, name, 0700) < 0)
		return gg_fail_errno(err, "mkdir '%s'", name);
	take_out(in->tree, path);
	e = insert(in->tree, path, TREE_DIR);
	e->mode = 0755;
	/* What the whiteout hid stays hidden. */
	e->opaque = hides;
	fd = gg_openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	if (fd < 0 || meta_apply(fd, e, in->owners, err) < 0)
		return -1;
	return meta_touch(parent, err);
}

/* One component below `at`, which is where we really are ("" at the root); `at` becomes where it leads. */
static int enter(const struct placing *in, struct gg_buf *at, const char *part, size_t len,
		 struct gg_err *err)
{
	const struct tree_entry *e;
	const char *real;

	if (at->len)
		gg_buf_putc(at, '/');
	gg_buf_add(at, part, len);
	e = tree_find(in->tree, at->data);
	if (!e || e->type == TREE_WHITEOUT)
		return make_directory(in, at->data, err);
	e = tree_resolve(in->tree, at->data, true, &real);
	if (!e)
		return gg_fail(err, GG_SYSTEM, "'%s' is a symlink that leads nowhere", at->data);
	if (e->type != TREE_DIR)
		return gg_fail(err, GG_SYSTEM, "'%s' is not a directory", at->data);
	at->len = 0;
	gg_buf_puts(at, gg_streq(real, ".") ? "" : real);
	return 0;
}

/* Where `path` really goes: parents followed and made, the last component as it is. "" is the root. */
static int locate(const struct placing *in, const char *path, bool make, struct gg_buf *ret,
		  struct gg_err *err)
{
	const char *p = path;

	gg_buf_puts(ret, "");
	if (!tree_find(in->tree, "."))
		insert(in->tree, ".", TREE_DIR)->mode = 0755;
	for (;;) {
		const char *part = p + strspn(p, "/");
		size_t len = strcspn(part, "/");

		if (len == 0)
			return 0;
		p = part + len;
		if (len == 1 && part[0] == '.')
			continue;
		if (len == 2 && part[0] == '.' && part[1] == '.')
			return gg_fail(err, GG_SYSTEM, "place '%s': '..' in the path", path);
		if (p[strspn(p, "/")] == '\0') {
			if (ret->len)
				gg_buf_putc(ret, '/');
			gg_buf_add(ret, part, len);
			return 0;
		}
		if (!make) {
			_cleanup_free_ char *dir =
				gg_asprintf("%s/%.*s", ret->data, (int)len, part);
			const char *real;
			const struct tree_entry *e = tree_resolve(in->tree, dir, true, &real);

			if (!e || e->type != TREE_DIR)
				return 1;
		}
		if (enter(in, ret, part, len, err) < 0)
			return gg_context(err, "place '%s'", path);
	}
}

/* A place for something that is no directory; the parent is opened. */
static int prepare(const struct placing *in, const char *path, struct dirs *dirs,
		   struct gg_buf *ret_path, const char **ret_name, struct gg_err *err)
{
	const struct tree_entry *e;

	if (locate(in, path, true, ret_path, err) < 0)
		return -1;
	e = tree_find(in->tree, ret_path->len ? ret_path->data : ".");
	if (e && e->type == TREE_DIR)
		return gg_fail(err, GG_SYSTEM, "place '%s': it is a directory", path);
	return dirs_parent(dirs, in->rootfd, ret_path->data, ret_name, err);
}

static int write_file(int parent, const char *name, const struct tree_entry *e, const void *bytes,
		      enum owners_kept owners, struct gg_err *err)
{
	_cleanup_free_ char *temp = gg_temp_name(".ggtmp");
	_cleanup_close_ int fd =
		gg_openat(parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, err);

	if (fd < 0)
		return -1;
	if (gg_write_all(fd, bytes, e->size, err) == 0 && meta_apply(fd, e, owners, err) == 0) {
		if (renameat(parent, temp, parent, name) == 0)
			return meta_touch(parent, err);
		gg_fail_errno(err, "rename to '%s'", name);
	}
	unlinkat(parent, temp, 0);
	return -1;
}

int place_file(const struct placing *in, const char *path, uint32_t mode, uint32_t uid,
	       uint32_t gid, const void *bytes, size_t len, struct gg_err *err)
{
	_cleanup_dirs_ struct dirs *dirs = dirs_new();
	_cleanup_buf_ struct gg_buf at = { 0 };
	struct tree_entry fresh = { .type = TREE_FILE,
				    .mode = mode,
				    .uid = uid,
				    .gid = gid,
				    .size = len },
			  *e;
	const char *name, *kept;
	int parent = prepare(in, path, dirs, &at, &name, err);

	if (parent < 0)
		return -1;
	if (write_file(parent, name, &fresh, bytes, in->owners, err) < 0)
		return gg_context(err, "place '%s'", path);
	take_out(in->tree, at.data);
	e = insert(in->tree, at.data, TREE_FILE);
	kept = e->path;
	gg_digest_of(bytes, len, &fresh.content);
	*e = fresh;
	e->path = kept;
	return 0;
}

int place_symlink(const struct placing *in, const char *path, uint32_t uid, uint32_t gid,
		  const char *target, struct gg_err *err)
{
	_cleanup_dirs_ struct dirs *dirs = dirs_new();
	_cleanup_buf_ struct gg_buf at = { 0 };
	struct tree_entry fresh = { .type = TREE_SYMLINK,
				    .mode = 0777,
				    .uid = uid,
				    .gid = gid,
				    .target = target },
			  *e;
	const char *name, *kept;
	int parent = prepare(in, path, dirs, &at, &name, err);

	if (parent < 0)
		return -1;
	if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		return gg_fail_errno(err, "place '%s': remove what is there", path);
	if (meta_make_special(parent, name, &fresh, in->owners, err) < 0 ||
	    meta_touch(parent, err) < 0)
		return gg_context(err, "place '%s'", path);
	take_out(in->tree, at.data);
	e = insert(in->tree, at.data, TREE_SYMLINK);
	kept = e->path;
	*e = fresh;
	e->path = kept;
	e->target = gg_arena_strdup(in->tree->arena, target);
	return 0;
}

int place_dir(const struct placing *in, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
	      struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf at = { 0 }, deep = { 0 };
	_cleanup_close_ int fd = -1;
	struct tree_entry *e;

	/* As if something were to be placed in it: what is missing is made, symlinks are followed. */
	gg_buf_printf(&deep, "%s/.placed", path);
	if (locate(in, deep.data, true, &at, err) < 0)
		return -1;
	at.len -= strlen(".placed");
	at.len -= at.len > 0;
	at.data[at.len] = '\0';
	e = tree_find(in->tree, at.len ? at.data : ".");
	e->mode = mode;
	e->uid = uid;
	e->gid = gid;
	fd = dirs_open(in->rootfd, e->path, err);
	if (fd < 0 || meta_apply(fd, e, in->owners, err) < 0)
		return gg_context(err, "place '%s'", path);
	return 0;
}

int place_remove(const struct placing *in, const char *path, struct gg_err *err)
{
	_cleanup_dirs_ struct dirs *dirs = dirs_new();
	_cleanup_buf_ struct gg_buf at = { 0 };
	const char *name;
	int parent, r = locate(in, path, false, &at, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (at.len == 0)
		return gg_fail(err, GG_SYSTEM, "remove '%s': it is the root", path);
	if (!tree_find(in->tree, at.data))
		return 0;
	parent = dirs_parent(dirs, in->rootfd, at.data, &name, err);
	if (parent < 0 || gg_remove_tree(parent, name, err) < 0 || meta_touch(parent, err) < 0)
		return gg_context(err, "remove '%s'", path);
	take_out(in->tree, at.data);
	return 0;
}
