/* SPDX-License-Identifier: Apache-2.0
 *
 * mkroot [--scripts] [--arch ARCH] DIR DEB...: a root file system from archives, as the builder makes one, so that
 * it can be compared with what dpkg makes. Writes DIR/root, DIR/trees, and with --scripts DIR/script.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/debian/rootfs.h"
#include "layers/base/fd.h"
#include "layers/deb.h"
#include "layers/extract.h"
#include "layers/link.h"
#include "layers/place.h"

struct set {
	size_t n;
	struct debian_package *packages;
	struct deb **debs;
	struct tree **trees;
	int *dirs; /* one more than packages: the generated files */
};

static int read_file(void *ctx, size_t package, const char *path, struct gg_buf *ret,
		     struct gg_err *err)
{
	struct set *s = ctx;
	_cleanup_close_ int fd = gg_openat_in(s->dirs[package], path, O_RDONLY, 0, err);

	return fd < 0 ? -1 : gg_read_fd(fd, 64 << 20, ret, err);
}

static int fresh_dir(int at, const char *name, struct gg_err *err)
{
	if (mkdirat(at, name, 0755) < 0)
		return gg_fail_errno(err, "make '%s'", name);
	return gg_openat(at, name, O_RDONLY | O_DIRECTORY, 0, err);
}

static int open_package(struct set *s, size_t i, const char *path, int trees, struct gg_err *err)
{
	const struct deb_member *members;
	struct debian_member *copy;
	char name[32];
	int fd = gg_openat(AT_FDCWD, path, O_RDONLY, 0, err);

	snprintf(name, sizeof(name), "%zu", i);
	if (fd < 0 || deb_open(fd, &s->debs[i], err) < 0 ||
	    deb_control(s->debs[i], &members, &s->packages[i].n_members, err) < 0)
		return gg_context(err, "%s", path);
	copy = gg_calloc(s->packages[i].n_members, sizeof(*copy));
	for (size_t k = 0; k < s->packages[i].n_members; k++)
		copy[k] = (struct debian_member){ members[k].name, members[k].bytes, members[k].len,
						  members[k].mode };
	s->packages[i].members = copy;
	s->dirs[i] = fresh_dir(trees, name, err);
	if (s->dirs[i] < 0 || deb_extract(s->debs[i], s->dirs[i], NULL, &s->trees[i], err) < 0)
		return gg_context(err, "%s", path);
	s->packages[i].data = s->trees[i];
	return 0;
}

static int place(int dir, struct tree *t, const struct rootfs_file *f, struct gg_err *err)
{
	if (f->type == TREE_DIR)
		return place_dir(&(struct placing){ dir, t, OWNERS_ON_INODES }, f->path, f->mode,
				 f->uid, f->gid, err);
	if (f->type == TREE_SYMLINK)
		return place_symlink(&(struct placing){ dir, t, OWNERS_ON_INODES }, f->path, f->uid,
				     f->gid, f->target, err);
	return place_file(&(struct placing){ dir, t, OWNERS_ON_INODES }, f->path, f->mode, f->uid,
			  f->gid, f->bytes, f->len, err);
}

/* The generated tree over the packages' merge. */
static int join(const struct rootfs *r, const struct tree *generated, unsigned origin,
		struct tree **ret, struct gg_err *err)
{
	struct tree *t = tree_new();

	for (size_t i = 0; i < r->merged->n; i++) {
		const struct tree_entry *e = &r->merged->entries[i],
					*g = tree_find(generated, e->path);

		if (!g || g->type == TREE_DIR)
			tree_add_copy(t, e, NULL)->source = r->sources[i];
	}
	for (size_t i = 0; i < generated->n; i++) {
		const struct tree_entry *g = &generated->entries[i],
					*e = tree_find(r->merged, g->path);

		if (e && g->type == TREE_DIR)
			continue;
		tree_add_copy(t, g, NULL)->origin = origin;
	}
	*ret = t;
	return tree_sort(t, err);
}

static int write_root(struct set *s, const struct rootfs *r, int out, struct gg_err *err)
{
	struct tree *generated = tree_new(), *whole;
	int root;

	s->dirs[s->n] = fresh_dir(out, "generated", err);
	if (s->dirs[s->n] < 0 || tree_complete(generated, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n_files; i++)
		if (place(s->dirs[s->n], generated, &r->files[i], err) < 0)
			return gg_context(err, "generated '%s'", r->files[i].path);
	if (join(r, generated, (unsigned)s->n, &whole, err) < 0)
		return -1;
	root = fresh_dir(out, "root", err);
	if (root < 0 || link_tree(whole, s->dirs, root, 0, err) < 0)
		return -1;
	if (r->script)
		return gg_write_file(out, "script", r->script, strlen(r->script), 0644, 0, err);
	return 0;
}

static int run(char **debs, size_t n, const char *dir, const char *arch, unsigned flags,
	       struct gg_err *err)
{
	struct set s = { .n = n };
	struct rootfs *r = NULL;
	int out = fresh_dir(AT_FDCWD, dir, err),
	    trees = out < 0 ? -1 : fresh_dir(out, "trees", err);

	s.packages = gg_calloc(n, sizeof(*s.packages));
	s.debs = gg_calloc(n, sizeof(struct deb *));
	s.trees = gg_calloc(n, sizeof(struct tree *));
	s.dirs = gg_calloc(n + 1, sizeof(int));
	if (trees < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (open_package(&s, i, debs[i], trees, err) < 0)
			return -1;
	if (rootfs_make(s.packages, n, arch, 1700000000, flags, read_file, &s, &r, err) < 0)
		return -1;
	return write_root(&s, r, out, err);
}

int main(int argc, char **argv)
{
	struct gg_err err = GG_ERR_INIT;
	const char *arch = "amd64";
	unsigned flags = 0;
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (gg_streq(argv[i], "--scripts"))
			flags |= ROOTFS_SCRIPTS;
		else if (gg_streq(argv[i], "--arch") && i + 1 < argc)
			arch = argv[++i];
	}
	if (argc - i < 2) {
		fputs("usage: mkroot [--scripts] [--arch ARCH] DIR DEB...\n", stderr);
		return 2;
	}
	umask(0);
	if (run(argv + i + 1, (size_t)(argc - i - 1), argv[i], arch, flags, &err) == 0)
		return 0;
	fprintf(stderr, "mkroot: %s%s%s\n", err.text, err.hint ? "\nhint: " : "",
		err.hint ? err.hint : "");
	return err.kind;
}
