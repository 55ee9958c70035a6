/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/relation.h"
#include "builder/debian/rootfs_private.h"

enum { LINKS_MAX = 40 };
#define NOBODY UINT32_MAX /* origin, while merging, of what is made here */

struct merge {
	struct rootfs_work *w;
	struct tree *tree;     /* unsorted while it grows */
	struct name_map paths; /* path → number in tree */
};

static struct tree_entry *at_path(const struct merge *m, const char *path)
{
	size_t i;

	return name_map_get(&m->paths, path, &i) ? &m->tree->entries[i] : NULL;
}

static void add_made(struct merge *m, const char *path, const char *target)
{
	struct tree_entry *e = tree_add(m->tree, path, target ? TREE_SYMLINK : TREE_DIR);

	e->mode = target ? 0777 : 0755;
	e->target = target ? gg_arena_strdup(m->tree->arena, target) : NULL;
	e->origin = NOBODY;
	name_map_put(&m->paths, e->path, m->tree->n - 1);
}

/* 1: `path` is a symlink, and `b` holds where it leads, unresolved. */
static int follow(const struct merge *m, const char *path, unsigned *links, struct gg_buf *b,
		  struct gg_err *err)
{
	const struct tree_entry *e = at_path(m, path);
	const char *slash = strrchr(path, '/');

	if (!e || e->type != TREE_SYMLINK)
		return 0;
	if (++*links > LINKS_MAX)
		return gg_fail(err, GG_INTEGRITY, "unpack '/%s': too many symlinks", path);
	if (*e->target != '/' && slash)
		gg_buf_add(b, path, (size_t)(slash - path + 1));
	gg_buf_puts(b, e->target);
	return 1;
}

/* The path of `path` when all its parents' symlinks, and with `last` its own, are followed: without "." or "..", relative.
 * Parents that are not there are taken as they are. */
static int real_path(const struct merge *m, const char *path, bool last, unsigned *links,
		     struct gg_buf *ret, struct gg_err *err)
{
	struct deb_slice rest = deb_slice(path), part;

	while (deb_slice_split(&rest, '/', &part)) {
		_cleanup_buf_ struct gg_buf target = { 0 };
		int link;

		if (!part.len || deb_slice_is(part, "."))
			continue;
		if (deb_slice_is(part, "..")) {
			const char *slash = ret->len ? strrchr(ret->data, '/') : NULL;

			ret->len = slash ? (size_t)(slash - ret->data) : 0;
			if (ret->data)
				ret->data[ret->len] = '\0';
			continue;
		}
		if (ret->len)
			gg_buf_putc(ret, '/');
		gg_buf_add(ret, part.p, part.len);
		if (!rest.p && !last)
			break;
		link = follow(m, ret->data, links, &target, err);
		if (link < 0)
			return -1;
		if (!link)
			continue;
		if (rest.p) {
			gg_buf_putc(&target, '/');
			gg_buf_add(&target, rest.p, rest.len);
		}
		gg_buf_done(ret);
		return real_path(m, target.data, last, links, ret, err);
	}
	gg_buf_add(ret, "", 0);
	return 0;
}

/* Whether the control file of `p` says that it replaces files of `other`. */
static int replaces(const struct rootfs_package *p, const struct rootfs_package *other,
		    struct gg_err *err)
{
	struct deb_slice field = p->replaces, clause;
	struct relation rel;

	while (relation_clause(&field, &clause)) {
		if (relation_next(&clause, &rel, err) < 0)
			return gg_context(err, "package '%s'", p->name);
		if (relation_matches(&rel, deb_slice(other->name), deb_slice(other->version)))
			return 1;
	}
	return 0;
}

static bool same_thing(const struct tree_entry *a, const struct tree_entry *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == TREE_SYMLINK)
		return gg_streq(a->target, b->target);
	return a->type == TREE_FILE && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       gg_digest_eq(&a->content, &b->content);
}

static void set_entry(struct merge *m, size_t i, const struct tree_entry *e, size_t package)
{
	struct tree_entry *to = &m->tree->entries[i];
	const char *path = to->path;

	*to = *e;
	to->path = path;
	to->origin = (unsigned)package;
	to->source = gg_arena_strdup(m->tree->arena, e->path);
	/* Marked for relink(); the first name of an inode is no mark, its path in the package is. */
	to->hardlink = e->hardlink;
}

/* Two packages have the path. A directory keeps whoever was first; of files the replacing package's stays. */
static int collide(struct merge *m, size_t i, const struct tree_entry *e, size_t package,
		   struct gg_err *err)
{
	struct tree_entry *old = &m->tree->entries[i];
	const struct rootfs_package *p = &m->w->packages[package], *other;
	int over, under;

	if (old->origin == NOBODY) {
		if (old->type == e->type &&
		    (e->type == TREE_DIR || gg_streq(old->target, e->target)))
			set_entry(m, i, e, package);
		else if (old->type != TREE_SYMLINK || e->type != TREE_DIR)
			return gg_fail(err, GG_INTEGRITY,
				       "package '%s': '/%s' is in the way of a merged /usr",
				       p->name, e->path);
		return 0;
	}
	if (e->type == TREE_DIR && old->type == TREE_DIR)
		return 0;
	other = &m->w->packages[old->origin];
	if (same_thing(old, e))
		return 0;
	if ((over = replaces(p, other, err)) < 0 || (under = replaces(other, p, err)) < 0)
		return -1;
	if (e->type != TREE_DIR && old->type != TREE_DIR && (over || under)) {
		if (over)
			set_entry(m, i, e, package);
		return 0;
	}
	gg_fail(err, GG_RECIPE, "packages '%s' and '%s' both have '/%s'", other->name, p->name,
		old->path);
	return gg_hint(err, "leave one of the two out");
}

/* A directory entry whose path is a symlink to a directory leaves the symlink, as dpkg does. */
static int add_entry(struct merge *m, const struct tree_entry *e, size_t package,
		     struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf path = { 0 }, through = { 0 };
	unsigned links = 0;
	const char *where;
	size_t i;

	if (e->type == TREE_WHITEOUT)
		return gg_fail(err, GG_INTEGRITY, "package '%s': '/%s' is a whiteout",
			       m->w->packages[package].name, e->path);
	if (real_path(m, e->path, false, &links, &path, err) < 0)
		return -1;
	where = path.len ? path.data : ".";
	if (e->type == TREE_DIR && path.len) {
		const struct tree_entry *old = at_path(m, where);

		if (old && old->type == TREE_SYMLINK) {
			if (real_path(m, where, true, &links, &through, err) < 0)
				return -1;
			where = through.data;
		}
	}
	if (name_map_get(&m->paths, where, &i))
		return collide(m, i, e, package, err);
	tree_add(m->tree, where, e->type);
	name_map_put(&m->paths, m->tree->entries[m->tree->n - 1].path, m->tree->n - 1);
	set_entry(m, m->tree->n - 1, e, package);
	return 0;
}

static int add_package(struct merge *m, size_t package, struct gg_err *err)
{
	const struct tree *data = m->w->packages[package].in->data;

	for (size_t i = 0; i < data->n; i++)
		if (add_entry(m, &data->entries[i], package, err) < 0)
			return gg_context(err, "package '%s'", m->w->packages[package].name);
	return 0;
}

/* Where the dynamic loader is in /lib64, its link has to be there. */
static bool has_lib64(const char *arch)
{
	return gg_streq(arch, "amd64") || gg_streq(arch, "ppc64el") || gg_streq(arch, "loong64");
}

static void seed(struct merge *m)
{
	static const char *const links[][2] = {
		{ "bin", "usr/bin" },
		{ "sbin", "usr/sbin" },
		{ "lib", "usr/lib" },
		{ "lib64", "usr/lib64" },
	};
	bool base_files = rootfs_find(m->w, "base-files");

	add_made(m, ".", NULL);
	add_made(m, "usr", NULL);
	for (size_t i = 0; i < GG_LEN(links); i++) {
		if (gg_streq(links[i][0], "lib64") && !has_lib64(m->w->arch))
			continue;
		add_made(m, links[i][1], NULL);
		add_made(m, links[i][0], links[i][1]);
	}
	if (!base_files)
		return;
	/* base-files has directories in these places and makes them links when it is configured. */
	add_made(m, "var", NULL);
	add_made(m, "var/run", "/run");
	add_made(m, "var/lock", "/run/lock");
}

/* Names of one inode, of one package, that are all still here: the first in tree order is the one that the others name. */
static void relink(struct tree *t)
{
	struct name_map first = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		struct tree_entry *e = &t->entries[i];
		size_t leader;

		if (e->type != TREE_FILE || e->origin == NOBODY)
			continue;
		const char *key = gg_arena_printf(t->arena, "%u %s", e->origin,
						  e->hardlink ? e->hardlink : e->source);
		leader = name_map_put(&first, key, i);
		e->hardlink = leader == i ? NULL : t->entries[leader].path;
	}
	name_map_done(&first);
}

static int finish(struct merge *m, struct gg_err *err)
{
	struct rootfs *out = m->w->out;
	struct tree *t = m->tree;

	if (tree_complete(t, err) < 0)
		return -1;
	relink(t);
	out->sources = gg_calloc(t->n, sizeof(*out->sources));
	for (size_t i = 0; i < t->n; i++) {
		if (t->entries[i].origin == NOBODY)
			t->entries[i].origin = 0;
		out->sources[i] = t->entries[i].source;
	}
	return 0;
}

int rootfs_merge(struct rootfs_work *w, struct gg_err *err)
{
	struct merge m = { .w = w, .tree = tree_new() };
	const struct rootfs_package *base = rootfs_find(w, "base-files");
	int failed = 0;

	w->out->merged = m.tree;
	seed(&m);
	if (base)
		failed = add_package(&m, (size_t)(base - w->packages), err);
	for (size_t i = 0; i < w->n && !failed; i++)
		if (&w->packages[w->order[i]] != base)
			failed = add_package(&m, w->order[i], err);
	if (!failed)
		failed = finish(&m, err);
	name_map_done(&m.paths);
	return failed;
}
