/* SPDX-License-Identifier: Apache-2.0
 *
 * DISTRO: a stage's base from packages. The decoded trees of the packages are merged by hard links, the files that no
 * package ships are added; with scripts one sandbox step configures everything, and its changes are folded in, so that
 * a base is always one tree.
 */
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "builder/action.h"
#include "builder/command_run.h"
#include "builder/control.h"
#include "builder/debian/rootfs.h"
#include "builder/mirror.h"
#include "layers/base/fd.h"
#include "layers/ignore.h"
#include "layers/ignore_tree.h"
#include "layers/link.h"
#include "layers/place.h"
#include "layers/scan.h"
#include "layers/tree.h"
#include "layers/unlock.h"

/* What prepare reads for the child: one package's control files each. */
struct packages {
	size_t n;
	struct gg_buf control[];
};

static void packages_free(void *extra)
{
	struct packages *p = extra;

	for (size_t i = 0; i < p->n; i++)
		gg_buf_done(&p->control[i]);
	free(p);
}

static int distro_prepare(struct action *a, struct gg_err *err)
{
	const struct plan_node *n = a->node;
	struct packages *p = gg_zalloc(sizeof(*p) + n->n_deps * sizeof(p->control[0]));

	a->extra = p;
	a->extra_free = packages_free;
	p->n = n->n_deps;
	if (action_open_trees(a, n->deps, n->n_deps, true, err) < 0)
		return -1;
	for (size_t i = 0; i < n->n_deps; i++) {
		struct gg_digest d;

		if (execution_digest(a->execution, n->deps[i], "control", &d, err) < 0 ||
		    store_blob_read(a->session->store, &d, 16 << 20, &p->control[i], err) < 0)
			return gg_context(err, "control files of '%s'",
					  a->plan->nodes[n->deps[i]].name);
	}
	return 0;
}

static int read_package_file(void *ctx, size_t package, const char *path, struct gg_buf *ret,
			     struct gg_err *err)
{
	const struct action *a = ctx;
	_cleanup_close_ int fd = unlock_open(a->trees[package].fd, path, O_RDONLY | O_NOFOLLOW,
					     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", path);
	return gg_read_fd(fd, 64 << 20, ret, err);
}

static int place(const struct placing *in, const struct rootfs_file *f, struct gg_err *err)
{
	if (f->type == TREE_DIR)
		return place_dir(in, f->path, f->mode, f->uid, f->gid, err);
	if (f->type == TREE_SYMLINK)
		return place_symlink(in, f->path, f->uid, f->gid, f->target, err);
	return place_file(in, f->path, f->mode, f->uid, f->gid, f->bytes, f->len, err);
}

/* Generated files are many (four a package): they are laid out in a tree of their own and merged by links. */
static int make_generated(struct action *a, const struct rootfs *r, struct tree **ret, int *ret_fd,
			  struct gg_err *err)
{
	_cleanup_close_ int dir = action_mkdir(a, "generated", err);
	_cleanup_tree_ struct tree *t = tree_new();

	if (dir < 0)
		return -1;
	if (tree_complete(t, err) < 0)
		return -1;
	struct placing in = { .rootfd = dir, .tree = t, .owners = action_owners(a) };

	for (size_t i = 0; i < r->n_files; i++)
		if (place(&in, &r->files[i], err) < 0)
			return gg_context(err, "generated file '%s'", r->files[i].path);
	*ret = gg_steal(&t);
	*ret_fd = gg_steal_fd(&dir);
	return 0;
}

/* Adds the generated entries over the packages' merge. Their origin is one past the last package. */
static int join(struct tree *merged, const char *const *sources, const struct tree *generated,
		unsigned origin, struct tree **ret, struct gg_err *err)
{
	_cleanup_tree_ struct tree *t = tree_new();
	size_t i = 0, j = 0;

	while (i < merged->n || j < generated->n) {
		int order = i == merged->n      ? 1
			    : j == generated->n ? -1
						: tree_compare_paths(merged->entries[i].path,
								     generated->entries[j].path);
		struct tree_entry *e;

		/* A parent that exists keeps its own metadata; a generated file or link replaces. */
		if (order < 0 || (order == 0 && generated->entries[j].type == TREE_DIR)) {
			e = tree_add_copy(t, &merged->entries[i], NULL);
			e->origin = merged->entries[i].origin;
			e->source = sources[i];
		} else {
			e = tree_add_copy(t, &generated->entries[j], NULL);
			e->origin = origin;
		}
		i += order <= 0;
		j += order >= 0;
	}
	if (tree_sort(t, err) < 0)
		return -1;
	*ret = gg_steal(&t);
	return 0;
}

static int configure(struct action *a, const struct job_port *port, int base,
		     const struct tree *base_tree, const char *script, struct gg_json *result,
		     struct gg_err *err)
{
	const char *const argv[] = { "/bin/sh", "-eu", "-c", script, NULL };
	_cleanup_strv_ struct gg_strv env = { 0 };
	struct command_run run = { .lowers = &base,
				   .n_lowers = 1,
				   .argv = argv,
				   .env = &env,
				   .workdir = "/",
				   .port = port };
	_cleanup_tree_ struct tree *delta = NULL, *merged = NULL;
	_cleanup_close_ int upper = -1, final = -1;

	action_environment(a, &env);
	gg_strv_setenv(&env, "DEBIAN_FRONTEND", "noninteractive");
	gg_strv_setenv(&env, "DEBCONF_NONINTERACTIVE_SEEN", "true");
	if (command_run(a, &run, err) < 0)
		return gg_context(err, "configuring the packages");
	upper = gg_openat(a->tmp.fd, "upper", O_RDONLY | O_DIRECTORY, 0, err);
	if (upper < 0)
		return -1;
	struct scan_options scan = { .flags = SCAN_OVERLAY | SCAN_WRITE,
				     .owners = action_owners(a) };
	if (scan_tree(upper, &scan, &delta, err) < 0)
		return -1;
	const struct tree *both[] = { base_tree, delta };
	const int origins[] = { base, upper };
	if (tree_merge(both, 2, 0, &merged, err) < 0)
		return -1;
	final = action_mkdir(a, "final", err);
	if (final < 0 || link_tree(merged, origins, final, action_link(a), err) < 0)
		return -1;
	return action_give_tree(a, "final", merged, result, err);
}

/* As dpkg does with its path-exclude: what is not unpacked is listed all the same. */
static int exclude(const struct recipe_from *from, struct tree *t, struct gg_err *err)
{
	_cleanup_ignore_ struct ignore *ig = ignore_parse(NULL, "", 0, err);

	for (size_t i = 0; ig && i < from->exclude.n; i++)
		if (ignore_add(ig, from->exclude.v[i], err) < 0) {
			err->pos = from->pos;
			return -1;
		}
	if (!ig)
		return -1;
	ignore_tree(ig, t);
	return 0;
}

static int make_base(struct action *a, const struct rootfs *r, struct tree **ret, int *ret_dir,
		     struct gg_err *err)
{
	_cleanup_tree_ struct tree *generated = NULL, *joined = NULL;
	_cleanup_close_ int dir = -1, generated_dir = -1;
	_cleanup_free_ int *origins = gg_calloc(a->n_trees + 1, sizeof(*origins));

	if (make_generated(a, r, &generated, &generated_dir, err) < 0)
		return -1;
	if (join(r->merged, r->sources, generated, (unsigned)a->n_trees, &joined, err) < 0 ||
	    exclude(&a->node->stage->from, joined, err) < 0)
		return -1;
	for (size_t i = 0; i < a->n_trees; i++)
		origins[i] = a->trees[i].fd;
	origins[a->n_trees] = generated_dir;
	dir = action_mkdir(a, "base", err);
	if (dir < 0 || link_tree(joined, origins, dir, action_link(a), err) < 0)
		return -1;
	*ret = gg_steal(&joined);
	*ret_dir = gg_steal_fd(&dir);
	return 0;
}

static int distro_work(struct action *a, const struct job_port *port, struct gg_json *result,
		       struct gg_err *err)
{
	const struct packages *p = a->extra;
	const struct recipe_from *from = &a->node->stage->from;
	_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
	_cleanup_free_ struct debian_package *packages = gg_calloc(p->n, sizeof(*packages));
	_cleanup_rootfs_ struct rootfs *r = NULL;
	_cleanup_tree_ struct tree *base = NULL;
	_cleanup_close_ int dir = -1;

	for (size_t i = 0; i < p->n; i++) {
		const struct lock_package *lock = a->plan->nodes[a->node->deps[i]].package;
		struct debian_member *members;

		if (control_read(arena, p->control[i].data, p->control[i].len, &members,
				 &packages[i].n_members, err) < 0)
			return -1;
		packages[i].name = lock->name;
		packages[i].version = lock->version;
		packages[i].arch = lock->architecture;
		packages[i].members = members;
		packages[i].data = a->trees[i].tree;
	}
	if (rootfs_make(packages, p->n, mirror_deb_arch(), a->plan->epoch,
			from->scripts ? ROOTFS_SCRIPTS : 0, read_package_file, a, &r, err) < 0)
		return -1;
	if (make_base(a, r, &base, &dir, err) < 0)
		return -1;
	if (r->script)
		return configure(a, port, dir, base, r->script, result, err);
	return action_give_tree(a, "base", base, result, err);
}

const struct action_ops action_distro = { .prepare = distro_prepare,
					  .work = distro_work,
					  .commit = action_take_tree };
