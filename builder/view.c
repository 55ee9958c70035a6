/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/view.h"

#include <string.h>

#include <linux/openat2.h>

#include "builder/action.h"
#include "builder/contents.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/unlock.h"

/* The kernel takes 500 lower layers; before 6.8 their names also had to fit into one page. */
enum { DATABASE_MAX = 1 << 20, ID_MAX_INSIDE = 65535, LOWERS_MAX = 100 };

void view_done(struct view *v)
{
	tree_free(v->merged);
	free(v->fds);
	free(v->digests);
	gg_close(v->flat);
	*v = (struct view)VIEW_INIT;
}

/* A file of a tree without a directory lies where that tree's manifest was told. */
static void relocate(struct view *v, const struct action_tree *const *trees, const size_t *first)
{
	for (size_t i = 0; i < v->merged->n; i++) {
		struct tree_entry *e = &v->merged->entries[i];
		const struct action_tree *t = trees[e->origin];
		const struct tree_entry *there;

		if (!t->contents || e->type != TREE_FILE)
			continue;
		there = tree_find(t->tree, e->source ? e->source : e->path);
		e->source = gg_arena_strdup(v->merged->arena, there->source);
		e->origin = (unsigned)(first[e->origin] + there->origin);
	}
}

static void add_fd(struct view *v, size_t at, int fd, const struct gg_digest *digest)
{
	v->fds[at] = fd;
	v->digests[at] = digest;
}

int view_make(const struct action *a, const size_t *nodes, size_t n, struct view *ret,
	      struct gg_err *err)
{
	_cleanup_free_ const struct tree **trees = gg_calloc(n + 1, sizeof(*trees));
	_cleanup_free_ const struct action_tree **from = gg_calloc(n + 1, sizeof(*from));
	_cleanup_free_ size_t *first = gg_calloc(n + 1, sizeof(*first));

	ret->n_fds = ret->n = n;
	for (size_t i = 0; i < n; i++) {
		from[i] = action_tree(a, nodes[i]);
		trees[i] = from[i]->tree;
		first[i] = ret->n_fds;
		ret->n_fds += from[i]->contents ? from[i]->contents->n : 0;
	}
	ret->fds = gg_calloc(ret->n_fds + 1, sizeof(*ret->fds));
	ret->digests = gg_calloc(ret->n_fds + 1, sizeof(*ret->digests));
	for (size_t i = 0; i < n; i++) {
		add_fd(ret, i, from[i]->fd, &from[i]->digest);
		for (size_t j = 0; from[i]->contents && j < from[i]->contents->n; j++)
			add_fd(ret, first[i] + j, from[i]->contents->fds[j],
			       &from[i]->contents->digests[j]);
	}
	if (n == 0) {
		ret->merged = tree_new();
		return tree_complete(ret->merged, err);
	}
	if (tree_merge(trees, n, 0, &ret->merged, err) < 0)
		return -1;
	relocate(ret, from, first);
	return 0;
}

int view_flatten(struct view *v, struct action *a, struct gg_err *err)
{
	if (v->n <= LOWERS_MAX)
		return 0;
	v->flat = action_mkdir(a, "flat", err);
	if (v->flat < 0 || link_tree(v->merged, v->fds, v->flat, action_link(a), err) < 0)
		return gg_context(err, "flatten %zu layers", v->n);
	v->fds[0] = v->flat;
	v->n = 1;
	for (size_t i = 0; i < v->merged->n; i++) {
		v->merged->entries[i].origin = 0;
		v->merged->entries[i].source = NULL;
	}
	return 0;
}

int view_open(const struct view *v, const struct tree_entry *e, struct gg_err *err)
{
	const char *path = e->source ? e->source : e->path;
	int fd = unlock_open(v->fds[e->origin], path, O_RDONLY | O_NOFOLLOW,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);

	return fd >= 0 ? fd : gg_fail_errno(err, "open '%s'", path);
}

int view_read(const struct view *v, const char *path, size_t max, struct gg_buf *ret,
	      bool *ret_found, struct gg_err *err)
{
	const struct tree_entry *e = tree_resolve(v->merged, path, true, NULL);
	_cleanup_close_ int fd = -1;

	*ret_found = e && e->type == TREE_FILE;
	if (!*ret_found)
		return 0;
	fd = view_open(v, e, err);
	if (fd < 0 || gg_read_fd(fd, max, ret, err) < 0) {
		/* Too large: the stage's fault. */
		if (err->kind == GG_USAGE)
			err->kind = GG_RECIPE;
		return gg_context(err, "'%s'", path);
	}
	return 0;
}

/* Splits "a:b:c" in place; returns the number of fields, at most `max`. */
static size_t split(char *line, char **fields, size_t max)
{
	size_t n = 0;

	while (n < max) {
		fields[n++] = line;
		line = strchr(line, ':');
		if (!line)
			break;
		*line++ = '\0';
	}
	return n;
}

static bool parse_id(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return false;
	v = strtoul(text, &end, 10);
	*ret = (uint32_t)v;
	return *end == '\0' && v <= ID_MAX_INSIDE;
}

/* Finds the line whose first field is `name` or, when name is NULL, whose third is `id`. */
static bool find_line(char *text, const char *name, uint32_t id, size_t want, char **fields)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		uint32_t have;

		if (split(l, fields, want) < 4)
			continue;
		if (name ? gg_streq(fields[0], name) : parse_id(fields[2], &have) && have == id)
			return true;
	}
	return false;
}

static int find_user(const struct view *v, const char *user, struct owner *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *fields[7] = { 0 };
	bool found, numeric = parse_id(user, &ret->uid);

	if (view_read(v, "/etc/passwd", DATABASE_MAX, &text, &found, err) < 0)
		return -1;
	ret->gid = numeric ? ret->uid : 0;
	if (found && text.len &&
	    find_line(text.data, numeric ? NULL : user, ret->uid, GG_LEN(fields), fields)) {
		if (!parse_id(fields[2], &ret->uid) || !parse_id(fields[3], &ret->gid))
			return gg_fail(err, GG_RECIPE, "/etc/passwd has no usable ids for '%s'",
				       user);
		ret->home = fields[5] ? gg_strdup(fields[5]) : NULL;
		return 0;
	}
	if (numeric)
		return 0;
	gg_fail(err, GG_RECIPE, "there is no user '%s' in /etc/passwd", user);
	return gg_hint(err, "make it in a step, declare it under image.user, or write its ids, as "
			    "\"1000:1000\"");
}

static int find_group(const struct view *v, const char *group, uint32_t *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *fields[4] = { 0 };
	bool found;

	if (parse_id(group, ret))
		return 0;
	if (view_read(v, "/etc/group", DATABASE_MAX, &text, &found, err) < 0)
		return -1;
	if (found && text.len && find_line(text.data, group, 0, GG_LEN(fields), fields) &&
	    parse_id(fields[2], ret))
		return 0;
	return gg_fail(err, GG_RECIPE, "there is no group '%s' in /etc/group", group);
}

int view_owner(const struct view *v, const char *owner, struct owner *ret, struct gg_err *err)
{
	_cleanup_free_ char *user = gg_strdup(owner);
	char *group = strchr(user, ':');

	*ret = (struct owner){ 0 };
	if (group)
		*group++ = '\0';
	if (find_user(v, user, ret, err) < 0)
		return -1;
	if (group && find_group(v, group, &ret->gid, err) < 0) {
		free(ret->home);
		ret->home = NULL;
		return -1;
	}
	return 0;
}
