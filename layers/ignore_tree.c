/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/ignore_tree.h"

#include <string.h>

#include "layers/ignore.h"
#include "layers/tree.h"

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

void ignore_tree(const struct ignore *ig, struct tree *t)
{
	const char *next =
		""; /* the kept entry that follows; a directory's children come after it */
	size_t kept = t->n;

	/* What stays moves to the end, and all of it back to the start. */
	for (size_t i = t->n; i-- > 0;) {
		const struct tree_entry *e = &t->entries[i];

		if (i > 0 && ignore_excludes(ig, e->path) &&
		    !(e->type == TREE_DIR && is_below(next, e->path)))
			continue;
		next = e->path;
		t->entries[--kept] = *e;
	}
	t->n -= kept;
	memmove(t->entries, t->entries + kept, t->n * sizeof(*t->entries));
	tree_promote_links(t);
}
