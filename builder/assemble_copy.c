/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/assemble_private.h"

#include <string.h>

#include "layers/base/glob.h"
#include "layers/libraries.h"

enum { NAMES_LISTED = 10, LISTED_LENGTH = 60 };

/* Sockets are in no tree: whoever makes trees leaves them out. */
static int check_type(const struct tree_entry *e, struct gg_err *err)
{
	const char *what = e->type == TREE_FIFO ? "a fifo" : "a device";

	if (e->type != TREE_CHAR && e->type != TREE_BLOCK && e->type != TREE_FIFO)
		return 0;
	gg_fail(err, GG_RECIPE, "'/%s' is %s and cannot be copied", e->path, what);
	return gg_hint(err, "leave it out with `exclude`, or copy something narrower");
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

static int copy_one(struct copying *k, const struct tree_entry *e, const char *to,
		    struct gg_err *err)
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

	if (mine && e->hardlink && strlen(e->hardlink) > prefix &&
	    !excluded(k, e->hardlink + prefix) && !strncmp(e->hardlink, e->path, prefix))
		mine->hardlink =
			gg_arena_printf(k->s->out->arena, "%s%s%s", gg_streq(to, ".") ? "" : to,
					gg_streq(to, ".") ? "" : "/", e->hardlink + prefix);
}

static int copy_directory(struct copying *k, const struct tree_entry *dir, const char *to,
			  struct gg_err *err)
{
	const struct tree *t = k->src->view.merged;
	bool root = gg_streq(dir->path, ".");
	size_t prefix = root ? 0 : strlen(dir->path) + 1;
	const struct tree_entry *e = dir, *end = t->entries + t->n;

	if (!gg_streq(to, ".") && copy_one(k, dir, to, err) < 0)
		return -1;
	for (e++; e < end && (root || (!strncmp(e->path, dir->path, prefix - 1) &&
				       e->path[prefix - 1] == '/'));
	     e++) {
		_cleanup_free_ char *path = NULL;

		if (excluded(k, e->path + prefix))
			continue;
		path = gg_streq(to, ".") ? gg_strdup(e->path + prefix)
					 : gg_asprintf("%s/%s", to, e->path + prefix);
		if (assembly_taken(k->s, path, e->type, err) < 0 || copy_one(k, e, path, err) < 0)
			return -1;
		keep_links(k, e, prefix, to, path);
	}
	return 0;
}

/* What is at e, to be known as `name` below a destination that is a directory, or NULL: as the destination itself. */
static int copy_to(struct copying *k, const struct tree_entry *e, const char *name,
		   struct gg_err *err)
{
	/* A destination that is a directory ends with its '/'. */
	_cleanup_free_ char *joined = gg_asprintf("%s%s", k->c->to, name ? name : "");
	_cleanup_free_ char *to = assembly_destination(k->s, joined);

	if (assembly_taken(k->s, to, e->type, err) < 0)
		return -1;
	return e->type == TREE_DIR ? copy_directory(k, e, to, err) : copy_one(k, e, to, err);
}

static const char *base_name(const struct tree_entry *e)
{
	const char *slash = strrchr(e->path, '/');

	return slash ? slash + 1 : e->path;
}

static bool can_be_listed(const char *name)
{
	if (strlen(name) > LISTED_LENGTH)
		return false;
	while (*name && (unsigned char)*name >= ' ')
		name++;
	return !*name;
}

/* Names right below the directory. */
static void names_in(const struct tree *t, const struct tree_entry *dir, struct gg_strv *ret)
{
	size_t len = gg_streq(dir->path, ".") ? 0 : strlen(dir->path);

	for (size_t i = 0; i < t->n; i++) {
		const char *p = t->entries[i].path, *last = strrchr(p, '/'),
			   *name = last ? last + 1 : p;
		bool inside = len ? last && (size_t)(last - p) == len && !strncmp(p, dir->path, len)
				  : !last && !gg_streq(p, ".");

		if (inside && can_be_listed(name))
			gg_strv_add(ret, name);
	}
}

static void suggest_in(const struct tree *t, const struct tree_entry *dir, const char *name,
		       const char *rest, struct gg_err *err)
{
	bool root = gg_streq(dir->path, ".");
	const char *where = root ? "" : dir->path, *slash = root ? "" : "/", *near;
	_cleanup_strv_ struct gg_strv names = { 0 };
	_cleanup_buf_ struct gg_buf list = { 0 };

	names_in(t, dir, &names);
	near = gg_nearest(name, (const char *const *)names.v, names.n);
	if (near) {
		gg_hint(err, "did you mean '%s%s/%s%s'?", slash, where, near, rest);
		return;
	}
	for (size_t i = 0; i < names.n && i < NAMES_LISTED; i++)
		gg_buf_printf(&list, "%s%s", i ? ", " : "", names.v[i]);
	gg_hint(err, "'/%s' has no '%s'; it has: %s%s", where, name,
		names.n ? list.data : "nothing", names.n > NAMES_LISTED ? ", …" : "");
}

/* How far the path leads, and what is there: each component is looked up in the directory before it. */
static void suggest(const struct source *src, const char *path, struct gg_err *err)
{
	const struct tree *t = src->view.merged;
	_cleanup_free_ char *copy = gg_strdup(assembly_relative(path));
	const struct tree_entry *dir = tree_find(t, ".");

	for (char *name = copy; dir;) {
		size_t len = strcspn(name, "/");
		char end = name[len];
		const struct tree_entry *here, *there;

		name[len] = '\0';
		here = tree_resolve(t, copy, false, NULL);
		there = tree_resolve(t, copy, true, NULL);
		if (!here) {
			_cleanup_free_ char *rest =
				end ? gg_asprintf("/%s", name + len + 1) : gg_strdup("");

			suggest_in(t, dir, name, rest, err);
			return;
		}
		if (!there) {
			gg_hint(err, "'/%s' is a symbolic link to '%s', which leads nowhere", copy,
				here->target);
			return;
		}
		if (there->type != TREE_DIR) {
			gg_hint(err, "'/%s' is no directory", copy);
			return;
		}
		if (!end)
			return;
		name[len] = '/';
		name += len + 1;
		dir = there;
	}
}

static int copy_literal(struct copying *k, struct gg_err *err)
{
	const char *path = k->c->path;
	const struct tree_entry *e =
		tree_resolve(k->src->view.merged, assembly_relative(path), false, NULL);

	if (!e) {
		gg_fail(err, GG_RECIPE, "'%s' is not in '%s'", path, k->src->name);
		suggest(k->src, path, err);
		return -1;
	}
	/* A directory's content goes into the destination, a file keeps its name there. */
	return copy_to(k, e, e->type != TREE_DIR && gg_ends(k->c->to, "/") ? base_name(e) : NULL,
		       err);
}

static int copy_glob(struct copying *k, struct gg_err *err)
{
	const struct tree *t = k->src->view.merged;
	struct glob *g = glob_compile(assembly_relative(k->c->path));
	bool into = gg_ends(k->c->to, "/");
	size_t matches = 0;
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!glob_test(g, t->entries[i].path))
			continue;
		if (matches++ == 1 && !into) {
			r = gg_fail(err, GG_RECIPE,
				    "'%s' matches several paths, so `to` must be a directory",
				    k->c->path);
			gg_hint(err, "write to: \"%s/\"", k->c->to);
			break;
		}
		r = copy_to(k, &t->entries[i], into ? base_name(&t->entries[i]) : NULL, err);
	}
	glob_free(g);
	if (r == 0 && matches == 0) {
		r = gg_fail(err, GG_RECIPE, "nothing in '%s' matches '%s'", k->src->name,
			    k->c->path);
		if (strcspn(k->c->path, "*?[{") > (size_t)(strrchr(k->c->path, '/') - k->c->path))
			suggest(k->src, k->c->path, err);
	}
	return r;
}

static int open_in_view(void *ctx, const struct tree_entry *e, struct gg_err *err)
{
	return view_open(ctx, e, err);
}

static int copy_libraries(struct copying *k, struct gg_err *err)
{
	struct assembly *s = k->s;
	struct libraries_tree from = { .tree = k->src->view.merged,
				       .open = open_in_view,
				       .ctx = &k->src->view,
				       .stage = k->src->name };
	struct libraries_tree base = { .tree = s->below->merged,
				       .open = open_in_view,
				       .ctx = (void *)s->below,
				       .stage = "the image's base" };
	_cleanup_libraries_ struct libraries found = { 0 };

	if (libraries_find(&from, k->objects, k->n_objects, s->below->n ? &base : NULL, &found,
			   err) < 0)
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
	struct copying k = { .s = s,
			     .c = c,
			     .src = assembly_source(s, c->from, err),
			     .has_owner = c->owner != NULL };
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
