/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/assemble_private.h"

#include <string.h>

#include "layers/base/glob.h"
#include "layers/libraries.h"

static int check_type(const struct tree_entry *e, struct gg_err *err)
{
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK || e->type == TREE_FIFO)
		return gg_fail(err, GG_RECIPE, "'/%s' is a device or a fifo and cannot be copied", e->path);
	return 0;
}

struct copying {
	struct assembly *s;
	const struct recipe_copy *c;
	struct source *src;
	bool has_owner;
	struct owner owner;
	struct libraries_object *objects;
	size_t n_objects, cap_objects;
};

static void set_metadata(const struct copying *k, struct tree_entry *e)
{
	if (k->has_owner) {
		e->uid = k->owner.uid;
		e->gid = k->owner.gid;
	}
	if (k->c->mode >= 0 && e->type == TREE_FILE)
		e->mode = (uint32_t)k->c->mode;
}

static int copy_one(struct copying *k, const struct tree_entry *e, const char *to, struct gg_err *err)
{
	struct assembly *s = k->s;
	struct tree_entry *mine;

	if (check_type(e, err) < 0)
		return -1;
	mine = assembly_add(s, k->src, e, to);
	set_metadata(k, mine);
	if (k->c->libraries && e->type == TREE_FILE) {
		GG_GROW(k->objects, k->n_objects, k->cap_objects);
		k->objects[k->n_objects++] = (struct libraries_object){
			.path = gg_arena_printf(s->out->arena, "/%s", e->path),
			.to = gg_arena_printf(s->out->arena, "/%s", mine->path),
		};
	}
	return 0;
}

static bool excluded(const struct copying *k, const char *below)
{
	for (size_t i = 0; i < k->c->exclude.n; i++)
		if (glob_match_prefix(k->c->exclude.v[i], below))
			return true;
	return false;
}

/* Hard links inside the copied directory stay hard links, under their new names. */
static void keep_links(struct copying *k, const struct tree_entry *e, size_t prefix, const char *to,
		       const char *path)
{
	struct tree_entry *mine = assembly_find(k->s, path);

	if (mine && e->hardlink && strlen(e->hardlink) > prefix && !excluded(k, e->hardlink + prefix) &&
	    !strncmp(e->hardlink, e->path, prefix))
		mine->hardlink = gg_arena_printf(k->s->out->arena, "%s%s%s", gg_streq(to, ".") ? "" : to,
						 gg_streq(to, ".") ? "" : "/", e->hardlink + prefix);
}

static int copy_directory(struct copying *k, const struct tree_entry *dir, const char *to, struct gg_err *err)
{
	const struct tree *t = k->src->view.merged;
	bool root = gg_streq(dir->path, ".");
	size_t prefix = root ? 0 : strlen(dir->path) + 1;
	const struct tree_entry *e = dir, *end = t->entries + t->n;

	if (!gg_streq(to, ".") && copy_one(k, dir, to, err) < 0)
		return -1;
	for (e++; e < end && (root || (!strncmp(e->path, dir->path, prefix - 1) && e->path[prefix - 1] == '/')); e++) {
		_cleanup_free_ char *path = NULL;

		if (excluded(k, e->path + prefix))
			continue;
		path = gg_streq(to, ".") ? gg_strdup(e->path + prefix) : gg_asprintf("%s/%s", to, e->path + prefix);
		if (copy_one(k, e, path, err) < 0)
			return -1;
		keep_links(k, e, prefix, to, path);
	}
	return 0;
}

static int copy_match(struct copying *k, const struct tree_entry *e, bool into, struct gg_err *err)
{
	const char *base = strrchr(e->path, '/');
	_cleanup_free_ char *joined = NULL, *to = NULL;

	base = base ? base + 1 : e->path;
	joined = into && e->type != TREE_DIR ? gg_asprintf("%s/%s", k->c->to, base) : gg_strdup(k->c->to);
	to = assembly_destination(k->s, joined);
	if (assembly_taken(k->s, to, e->type, err) < 0)
		return -1;
	return e->type == TREE_DIR ? copy_directory(k, e, to, err) : copy_one(k, e, to, err);
}

/* The existing path nearest to one that is missing: the longest existing parent and the nearest name in it. */
static void suggest(const struct source *src, const char *path, struct gg_err *err)
{
	const struct tree *t = src->view.merged;
	_cleanup_strv_ struct gg_strv names = { 0 };
	_cleanup_free_ char *dir = gg_strdup(assembly_relative(path));
	const char *base, *near, *real = NULL;
	char *slash = strrchr(dir, '/');
	const struct tree_entry *parent;
	bool at_root;

	base = slash ? slash + 1 : dir;
	if (slash)
		*slash = '\0';
	parent = slash ? tree_resolve(t, dir, true, &real) : tree_find(t, ".");
	if (!parent || parent->type != TREE_DIR) {
		gg_hint(err, "there is no directory '/%s' in '%s'", dir, src->name);
		return;
	}
	at_root = gg_streq(parent->path, ".");
	for (size_t i = 0; i < t->n; i++) {
		const char *p = t->entries[i].path, *last = strrchr(p, '/');
		size_t len = at_root ? 0 : strlen(parent->path);

		if (len ? (last && (size_t)(last - p) == len && !strncmp(p, parent->path, len)) : !last)
			gg_strv_add(&names, last ? last + 1 : p);
	}
	near = gg_nearest(base, (const char *const *)names.v, names.n);
	if (near)
		gg_hint(err, "did you mean '%s%s/%s'?", at_root ? "" : "/", at_root ? "" : parent->path, near);
	else
		gg_hint(err, "'/%s' in '%s' has %zu entries, none with a similar name",
			at_root ? "" : parent->path, src->name, names.n);
}

static int copy_literal(struct copying *k, struct gg_err *err)
{
	const char *path = k->c->path;
	const struct tree_entry *e = tree_resolve(k->src->view.merged, assembly_relative(path), false, NULL);

	if (!e) {
		gg_fail(err, GG_RECIPE, "'%s' is not in '%s'", path, k->src->name);
		suggest(k->src, path, err);
		return -1;
	}
	return copy_match(k, e, gg_ends(k->c->to, "/"), err);
}

static int copy_glob(struct copying *k, struct gg_err *err)
{
	const struct tree *t = k->src->view.merged;
	struct glob *g = glob_compile(assembly_relative(k->c->path));
	size_t matches = 0;
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!glob_test(g, t->entries[i].path))
			continue;
		if (matches++ == 1 && !gg_ends(k->c->to, "/")) {
			r = gg_fail(err, GG_RECIPE, "'%s' matches several paths, so `to` must be a directory",
				    k->c->path);
			gg_hint(err, "write to: \"%s/\"", k->c->to);
			break;
		}
		if (t->entries[i].type == TREE_DIR && gg_ends(k->c->to, "/")) {
			const char *base = strrchr(t->entries[i].path, '/');
			_cleanup_free_ char *joined =
				gg_asprintf("%s%s", k->c->to, base ? base + 1 : t->entries[i].path);
			_cleanup_free_ char *to = assembly_destination(k->s, joined);

			r = copy_directory(k, &t->entries[i], to, err);
		} else {
			r = copy_match(k, &t->entries[i], gg_ends(k->c->to, "/"), err);
		}
	}
	glob_free(g);
	if (r == 0 && matches == 0)
		r = gg_fail(err, GG_RECIPE, "nothing in '%s' matches '%s'", k->src->name, k->c->path);
	return r;
}

static int open_in_view(void *ctx, const struct tree_entry *e, struct gg_err *err)
{
	return view_open(ctx, e, err);
}

static int copy_libraries(struct copying *k, struct gg_err *err)
{
	struct assembly *s = k->s;
	struct libraries_tree from = { .tree = k->src->view.merged, .open = open_in_view, .ctx = &k->src->view,
				       .stage = k->src->name };
	struct libraries_tree base = { .tree = s->below->merged, .open = open_in_view, .ctx = (void *)s->below,
				       .stage = "the image's base" };
	_cleanup_libraries_ struct libraries found = { 0 };

	if (libraries_find(&from, k->objects, k->n_objects, s->below->n ? &base : NULL, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.n; i++) {
		const char *to = assembly_relative(found.v[i].to);
		const struct tree_entry *mine = assembly_find(s, to);

		/* Two programs of a layer share libraries; the same content at the same place is no clash. */
		if (mine && mine->type == found.v[i].entry->type &&
		    gg_digest_eq(&mine->content, &found.v[i].entry->content))
			continue;
		if (assembly_taken(s, to, found.v[i].entry->type, err) < 0)
			return -1;
		assembly_add(s, k->src, found.v[i].entry, to);
	}
	return 0;
}

int assembly_copy(struct assembly *s, const struct recipe_copy *c, struct gg_err *err)
{
	struct copying k = { .s = s, .c = c, .src = assembly_source(s, c->from, err), .has_owner = c->owner != NULL };
	int r;

	if (!k.src || (c->owner && view_owner(s->below, c->owner, &k.owner, err) < 0)) {
		if (!err->pos.file)
			err->pos = c->pos;
		return -1;
	}
	free(k.owner.home);
	r = glob_is_literal(c->path) ? copy_literal(&k, err) : copy_glob(&k, err);
	if (r == 0 && k.n_objects)
		r = copy_libraries(&k, err);
	free(k.objects);
	if (r < 0 && !err->pos.file)
		err->pos = c->path_pos.file ? c->path_pos : c->pos;
	return r;
}
