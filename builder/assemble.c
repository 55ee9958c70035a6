/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/assemble_private.h"

#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/place.h"

static void add_origin(struct assembly *s, int fd, const struct gg_digest *digest)
{
	if (s->n_origins == s->cap_origins) {
		s->cap_origins = s->cap_origins ? s->cap_origins * 2 : 8;
		s->origins = gg_realloc_n(s->origins, s->cap_origins, sizeof(*s->origins));
		s->digests = gg_realloc_n(s->digests, s->cap_origins, sizeof(*s->digests));
	}
	s->origins[s->n_origins] = fd;
	s->digests[s->n_origins++] = digest;
}

struct assembly *assembly_new(struct action *a, const struct view *below)
{
	struct assembly *s = gg_zalloc(sizeof(*s));

	*s = (struct assembly){ .action = a, .below = below, .out = tree_new(), .made = -1 };
	add_origin(s, -1, NULL);
	return s;
}

void assembly_free(struct assembly *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_sources; i++) {
		view_done(&s->sources[i]->view);
		free(s->sources[i]);
	}
	free(s->sources);
	free(s->origins);
	free(s->digests);
	pathset_done(&s->names);
	tree_free(s->out);
	tree_free(s->made_tree);
	gg_close(s->made);
	free(s);
}

void assembly_freep(struct assembly **s)
{
	assembly_free(*s);
}

/* The nodes behind a name: a stage's chain or the input's node. */
static int nodes_of(const struct action *a, const char *name, const size_t **ret, size_t *ret_n,
		    size_t *input, struct gg_err *err)
{
	const struct plan_stage *stage = plan_stage(a->plan, name);

	if (stage) {
		*ret = stage->chain;
		*ret_n = stage->n_chain;
		return 0;
	}
	for (size_t i = 0; i < a->plan->n_nodes; i++) {
		const struct plan_node *n = &a->plan->nodes[i];

		if ((n->kind == PLAN_LOCAL || n->kind == PLAN_FLAT) &&
		    gg_streq(n->input->name, name)) {
			*input = i;
			*ret = input;
			*ret_n = 1;
			return 0;
		}
	}
	gg_fail(err, GG_RECIPE, "'%s' has no files to copy from", name);
	return gg_hint(err, "copy out of a stage, a directory or an image; mount a URL input into "
			    "a step instead");
}

int assembly_prepare(struct action *a, const struct recipe_copy *copies, size_t n,
		     struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const size_t *nodes;
		size_t n_nodes, input;

		if (nodes_of(a, copies[i].from, &nodes, &n_nodes, &input, err) < 0) {
			err->pos = copies[i].pos;
			return -1;
		}
		if (action_open_trees(a, nodes, n_nodes, true, err) < 0)
			return -1;
	}
	return 0;
}

struct source *assembly_source(struct assembly *s, const char *name, struct gg_err *err)
{
	const size_t *nodes;
	size_t n, input;
	struct source *fresh;

	for (size_t i = 0; i < s->n_sources; i++)
		if (gg_streq(s->sources[i]->name, name))
			return s->sources[i];
	if (nodes_of(s->action, name, &nodes, &n, &input, err) < 0)
		return NULL;
	fresh = gg_zalloc(sizeof(*fresh));
	fresh->name = name;
	if (view_make(s->action, nodes, n, &fresh->view, err) < 0) {
		free(fresh);
		return NULL;
	}
	fresh->first_origin = (unsigned)s->n_origins;
	for (size_t i = 0; i < fresh->view.n_fds; i++)
		add_origin(s, fresh->view.fds[i], fresh->view.digests[i]);
	GG_GROW(s->sources, s->n_sources, s->cap_sources);
	s->sources[s->n_sources++] = fresh;
	return fresh;
}

const char *assembly_relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

/* Where a destination really is: the longest existing part of its parent is resolved through symlinks below. */
char *assembly_destination(const struct assembly *s, const char *to)
{
	_cleanup_free_ char *path = gg_strdup(assembly_relative(to));
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	for (char *slash = strrchr(path, '/'); slash;
	     slash = memrchr(path, '/', (size_t)(slash - path))) {
		const char *real;

		*slash = '\0';
		const struct tree_entry *parent = tree_resolve(s->below->merged, path, true, &real);
		*slash = '/';
		if (parent && parent->type == TREE_DIR)
			return gg_streq(real, ".")
				       ? gg_strdup(slash + 1)
				       : gg_asprintf("%s%s", assembly_relative(real), slash);
	}
	return gg_strdup(path);
}

struct tree_entry *assembly_find(const struct assembly *s, const char *path)
{
	size_t i = pathset_get(&s->names, path);

	return i == SIZE_MAX ? NULL : &s->out->entries[i];
}

/* A directory may be declared several times (two copies into it): the last one's metadata counts. */
static struct tree_entry *remember(struct assembly *s)
{
	struct tree_entry *fresh = &s->out->entries[s->out->n - 1];
	size_t i = pathset_get(&s->names, fresh->path);

	if (i == SIZE_MAX) {
		pathset_put(&s->names, fresh->path, s->out->n - 1);
		return fresh;
	}
	fresh->path = s->out->entries[i].path;
	s->out->entries[i] = *fresh;
	s->out->n--;
	return &s->out->entries[i];
}

static struct tree_entry *add_copy(struct assembly *s, const struct tree_entry *e, const char *path)
{
	struct tree_entry *mine = tree_add_copy(s->out, e, path);

	/* Which tree has the content, and whether a link group is whole, is the caller's to say. */
	mine->origin = MADE_ORIGIN;
	mine->source = NULL;
	mine->hardlink = NULL;
	mine->opaque = false;
	return remember(s);
}

/* A parent that is a file or a symlink, here or below, cannot hold anything. */
static int check_parents(const struct assembly *s, const char *path, struct gg_err *err)
{
	_cleanup_free_ char *parent = gg_strdup(path);

	for (char *slash = strrchr(parent, '/'); slash; slash = strrchr(parent, '/')) {
		const struct tree_entry *e;

		*slash = '\0';
		e = assembly_find(s, parent);
		if (!e)
			e = tree_find(s->below->merged, parent);
		if (e && e->type == TREE_DIR)
			return 0;
		if (e && e->type == TREE_SYMLINK)
			return gg_fail(
				err, GG_RECIPE,
				"'/%s' is to go below '/%s', which is a symbolic link to '%s'",
				path, parent, e->target);
		if (e)
			return gg_fail(err, GG_RECIPE,
				       "'/%s' is to go below '/%s', which is a file", path, parent);
	}
	return 0;
}

int assembly_taken(const struct assembly *s, const char *path, enum tree_type type,
		   struct gg_err *err)
{
	const struct tree_entry *mine = assembly_find(s, path),
				*below = tree_find(s->below->merged, path);

	if (check_parents(s, path, err) < 0)
		return -1;
	if (mine && !(mine->type == TREE_DIR && type == TREE_DIR)) {
		gg_fail(err, GG_RECIPE, "'/%s' is written twice in this layer", path);
		return gg_hint(err, "leave one out, with `exclude` where it is part of a "
				    "directory, or use two layers");
	}
	if (below && (below->type == TREE_DIR) != (type == TREE_DIR) &&
	    below->type != TREE_SYMLINK) {
		gg_fail(err, GG_RECIPE, "'/%s' is a %s below and would become a %s", path,
			below->type == TREE_DIR ? "directory" : "file",
			type == TREE_DIR ? "directory" : "file");
		return below->type == TREE_DIR
			       ? gg_hint(err, "end `to` with '/' to copy into the directory")
			       : -1;
	}
	return 0;
}

struct tree_entry *assembly_add(struct assembly *s, const struct source *src,
				const struct tree_entry *e, const char *to)
{
	struct tree_entry *mine = add_copy(s, e, to);

	mine->origin = src->first_origin + e->origin;
	mine->source = gg_arena_strdup(s->out->arena, e->source ? e->source : e->path);
	return mine;
}

static int open_made(struct assembly *s, struct gg_err *err)
{
	if (s->made >= 0)
		return 0;
	s->made = action_mkdir(s->action, "made", err);
	if (s->made < 0)
		return -1;
	s->origins[MADE_ORIGIN] = s->made;
	s->made_tree = tree_new();
	return tree_complete(s->made_tree, err);
}

int assembly_file(struct assembly *s, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		  const void *bytes, size_t len, struct gg_err *err)
{
	_cleanup_free_ char *to = assembly_destination(s, path);

	if (assembly_taken(s, to, TREE_FILE, err) < 0 || open_made(s, err) < 0)
		return -1;
	struct placing in = { .rootfd = s->made,
			      .tree = s->made_tree,
			      .owners = action_owners(s->action) };

	if (place_file(&in, to, mode, uid, gid, bytes, len, err) < 0)
		return -1;
	add_copy(s, tree_find(s->made_tree, to), NULL);
	return 0;
}

static void make_plain(struct assembly *s, const struct recipe_make *m, const char *to,
		       const struct owner *o)
{
	bool dir = m->kind == RECIPE_MAKE_DIRECTORY;
	struct tree_entry *e;

	tree_add(s->out, to, dir ? TREE_DIR : TREE_SYMLINK);
	e = remember(s);
	e->mode = dir ? (uint32_t)m->mode : 0777;
	e->uid = o->uid;
	e->gid = o->gid;
	if (!dir)
		e->target = gg_arena_strdup(s->out->arena, m->target);
}

int assembly_make(struct assembly *s, const struct recipe_make *m, struct gg_err *err)
{
	_cleanup_free_ char *to = assembly_destination(s, m->path);
	struct owner owner = { 0 };
	int r = m->owner ? view_owner(s->below, m->owner, &owner, err) : 0;

	free(owner.home);
	if (r == 0 && m->kind == RECIPE_MAKE_FILE) {
		r = assembly_file(s, m->path, (uint32_t)m->mode, owner.uid, owner.gid,
				  m->content ? m->content : "", m->content_len, err);
	} else if (r == 0) {
		r = assembly_taken(s, to,
				   m->kind == RECIPE_MAKE_DIRECTORY ? TREE_DIR : TREE_SYMLINK, err);
		if (r == 0)
			make_plain(s, m, to, &owner);
	}
	if (r < 0 && !err->pos.file)
		err->pos = m->pos;
	return r;
}

static void add_directory(struct assembly *s, const char *path)
{
	tree_add(s->out, path, TREE_DIR)->mode = 0755;
	remember(s);
}

/* Parents that the delta needs: as they are below, else 0755 root. */
static void add_parents(struct assembly *s)
{
	size_t n = s->out->n;

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = gg_strdup(s->out->entries[i].path);

		for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
			const struct tree_entry *below;

			*slash = '\0';
			if (assembly_find(s, path))
				break;
			below = tree_find(s->below->merged, path);
			if (below && below->type == TREE_DIR)
				add_copy(s, below, NULL);
			else
				add_directory(s, path);
		}
	}
	if (!assembly_find(s, "."))
		add_copy(s, tree_find(s->below->merged, "."), NULL);
}

/* The trees that the delta's contents are in, when all of them are trees. */
static bool find_parts(const struct assembly *s, struct gg_digest *ret, size_t *ret_n)
{
	_cleanup_free_ bool *used = gg_calloc(s->n_origins, sizeof(*used));

	*ret_n = 0;
	for (size_t i = 0; i < s->out->n; i++)
		if (s->out->entries[i].type == TREE_FILE)
			used[s->out->entries[i].origin] = true;
	for (size_t i = 0; i < s->n_origins; i++)
		if (used[i] && s->digests[i])
			ret[(*ret_n)++] = *s->digests[i];
		else if (used[i])
			return false;
	return true;
}

int assembly_give(struct assembly *s, const char *dir, struct gg_json *result, struct gg_err *err)
{
	_cleanup_free_ struct gg_digest *parts = gg_calloc(s->n_origins, sizeof(*parts));
	_cleanup_close_ int fd = -1;
	size_t n;

	add_parents(s);
	if (tree_sort(s->out, err) < 0)
		return -1;
	if (!s->action->directory && find_parts(s, parts, &n))
		return action_give_contents(s->action, s->out, parts, n, result, err);
	fd = action_mkdir(s->action, dir, err);
	if (fd < 0 || link_tree(s->out, s->origins, fd, action_link(s->action), err) < 0)
		return -1;
	return action_give_tree(s->action, dir, s->out, result, err);
}
