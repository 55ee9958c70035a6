/* SPDX-License-Identifier: Apache-2.0
 *
 * USER: the image's user in the passwd, group and shadow (passwd(5), group(5), shadow(5)) of the layers below. An
 * entry that has the name or the id already is an error that names it, unless it says the same, or `replace` is set.
 */
#include <string.h>

#include "builder/action.h"
#include "builder/assemble.h"
#include "layers/tree.h"

enum { DATABASE_MAX = 1 << 20, SECONDS_A_DAY = 86400 };

struct database {
	const char *path;
	const char *name; /* first field of our line */
	const char *id;   /* third field of our line, NULL when this database has none */
	const char *line; /* without the newline */
	const char *name_word, *id_word; /* what the fields are, for errors */
	mode_t mode;                     /* when the file is new */
};

static bool field_is(const char *line, unsigned field, const char *value)
{
	size_t len;

	for (; field > 0; field--) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return false;
		line++;
	}
	len = strcspn(line, ":\n");
	return strlen(value) == len && !strncmp(line, value, len);
}

/* Copies the lines that may stay; a clash is reported. */
static int keep_lines(const struct recipe_user *u, const struct database *d, const char *text,
		      struct gg_buf *ret, struct gg_err *err)
{
	for (const char *line = text; line && *line;) {
		size_t len = strcspn(line, "\n"), next = len + (line[len] == '\n');
		bool name = field_is(line, 0, d->name), id = d->id && field_is(line, 2, d->id);

		if (!name && !id) {
			gg_buf_add(ret, line, len);
			gg_buf_putc(ret, '\n');
		} else if (!u->replace &&
			   !(strlen(d->line) == len && !strncmp(line, d->line, len))) {
			gg_fail_at(err, GG_RECIPE, u->pos,
				   "user '%s': %s%s is taken in %s by '%.*s'", u->name,
				   id ? d->id_word : d->name_word, id ? d->id : "", d->path,
				   (int)len, line);
			return gg_hint(err,
				       "choose another, or set `replace: true` to take it over");
		}
		line += next;
	}
	return 0;
}

static int update(struct assembly *s, const struct view *below, const struct recipe_user *u,
		  const struct database *d, bool only_existing, struct gg_err *err)
{
	const struct tree_entry *e = tree_resolve(below->merged, d->path, true, NULL);
	_cleanup_buf_ struct gg_buf old = { 0 }, fresh = { 0 };
	bool found;

	if (view_read(below, d->path, DATABASE_MAX, &old, &found, err) < 0)
		return -1;
	if (!found && only_existing)
		return 0;
	if (found && keep_lines(u, d, old.data, &fresh, err) < 0)
		return -1;
	gg_buf_printf(&fresh, "%s\n", d->line);
	return assembly_file(s, d->path, found ? e->mode : d->mode, found ? e->uid : 0,
			     found ? e->gid : 0, fresh.data, fresh.len, err);
}

static int user_prepare(struct action *a, struct gg_err *err)
{
	return action_open_trees(a, a->plan->layers, a->node->below, true, err);
}

static int user_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct recipe_user *u = &a->recipe->image.user;
	const char *group = u->group ? u->group : u->name;
	_cleanup_free_ char *uid = gg_asprintf("%u", u->uid), *gid = gg_asprintf("%u", u->gid);
	_cleanup_free_ char *passwd_line =
		gg_asprintf("%s:x:%u:%u::%s:%s", u->name, u->uid, u->gid, u->home ? u->home : "/",
			    u->shell ? u->shell : "/bin/sh");
	_cleanup_free_ char *group_line = gg_asprintf("%s:x:%u:", group, u->gid);
	_cleanup_free_ char *shadow_line = gg_asprintf("%s:!:%lld::::::", u->name,
						       (long long)(a->plan->epoch / SECONDS_A_DAY));
	const struct database passwd = { "/etc/passwd", u->name, uid, passwd_line,
					 "the name",    "uid ",  0644 };
	const struct database groups = { "/etc/group",       group,  gid, group_line,
					 "the group's name", "gid ", 0644 };
	const struct database shadow = { "/etc/shadow", u->name, NULL, shadow_line,
					 "the name",    NULL,    0640 };
	_cleanup_view_ struct view below = VIEW_INIT;
	_cleanup_assembly_ struct assembly *s = NULL;

	(void)port;
	if (view_make(a, a->plan->layers, a->node->below, &below, err) < 0)
		return -1;
	s = assembly_new(a, &below);
	if (update(s, &below, u, &passwd, false, err) < 0 ||
	    update(s, &below, u, &groups, false, err) < 0 ||
	    update(s, &below, u, &shadow, true, err) < 0)
		return -1;
	return assembly_give(s, "tree", result, err);
}

const struct action_ops action_user = { .prepare = user_prepare,
					.work = user_work,
					.commit = action_take_tree };
