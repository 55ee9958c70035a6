/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/leak.h"

#include <string.h>

#include "layers/base/fd.h"
#include "layers/dirs.h"
#include "layers/tree.h"

enum { BLOCK = 1 << 20 };

struct search {
	const struct leak_value *values;
	size_t n, longest;
	struct dirs *dirs;
	char *block; /* the end of what was read before, and BLOCK bytes more */
};

static void search_done(struct search *s)
{
	dirs_free(s->dirs);
	free(s->block);
}

static const struct leak_value *find(const struct search *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->values[i].len >= LEAK_MIN &&
		    memmem(bytes, len, s->values[i].bytes, s->values[i].len))
			return &s->values[i];
	return NULL;
}

static int find_in_file(struct search *s, int rootfd, const struct tree_entry *e,
			const struct leak_value **ret, struct gg_err *err)
{
	const char *name;
	int dir = dirs_parent(s->dirs, rootfd, e->path, &name, err);
	_cleanup_close_ int fd =
		dir < 0 ? -1 : gg_openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, err);
	size_t kept = 0;

	if (fd < 0)
		return -1;
	while (!*ret) {
		ssize_t n = gg_read_full(fd, s->block + kept, BLOCK, err);
		size_t all;

		if (n <= 0)
			return (int)n;
		all = kept + (size_t)n;
		*ret = find(s, s->block, all);
		kept = all < s->longest - 1 ? all : s->longest - 1;
		memmove(s->block, s->block + all - kept, kept);
	}
	return 0;
}

int leak_check(int rootfd, const struct tree *t, const struct leak_value *values, size_t n,
	       struct gg_err *err)
{
	GG_CLEANUP(search_done) struct search s = { .values = values, .n = n };

	for (size_t i = 0; i < n; i++)
		if (values[i].len >= LEAK_MIN && values[i].len > s.longest)
			s.longest = values[i].len;
	if (s.longest == 0)
		return 0;
	s.dirs = dirs_new();
	s.block = gg_alloc(s.longest + BLOCK);
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *e = &t->entries[i];
		const struct leak_value *found = find(&s, e->path, strlen(e->path));

		/* Without the name, which is the value. */
		if (found)
			return gg_fail(err, GG_STEP,
				       "the name of a file that it made holds the value of %s",
				       found->what);
		if (e->target)
			found = find(&s, e->target, strlen(e->target));
		if (!found && e->type == TREE_FILE && !e->hardlink &&
		    find_in_file(&s, rootfd, e, &found, err) < 0)
			return gg_context(err, "search '%.200s' for what must stay secret",
					  e->path);
		if (found)
			return gg_fail(err, GG_STEP, "the output '%.200s' holds the value of %s",
				       e->path, found->what);
	}
	return 0;
}
