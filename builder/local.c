/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/local.h"

#include <errno.h>
#include <string.h>

#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/ignore.h"
#include "layers/link.h"
#include "layers/scan.h"
#include "layers/tree.h"

enum { IGNORE_FILE_MAX = 1 << 20 };

static const char *const ignore_files[] = { ".containerignore", ".dockerignore" };

int local_open(struct session *s, const struct recipe_input *in, struct gg_err *err)
{
	int fd = openat(s->recipe_dirfd, in->local, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	gg_fail_at(err, GG_RECIPE, in->pos, "input '%s': open directory '%s': %s", in->name, in->local, strerror(errno));
	return gg_hint(err, "paths are relative to the recipe's directory");
}

static int read_ignore(int fd, const struct recipe_input *in, struct ignore **ret, struct gg_err *err)
{
	_cleanup_ignore_ struct ignore *ig = NULL;

	for (size_t i = 0; i < GG_LEN(ignore_files) && !ig; i++) {
		_cleanup_close_ int file = openat(fd, ignore_files[i], O_RDONLY | O_CLOEXEC);
		_cleanup_buf_ struct gg_buf text = { 0 };

		if (file < 0)
			continue;
		if (gg_read_fd(file, IGNORE_FILE_MAX, &text, err) < 0)
			return gg_context(err, "'%s'", ignore_files[i]);
		ig = ignore_parse(ignore_files[i], text.data ? text.data : "", text.len, err);
		if (!ig)
			return -1;
	}
	if (!ig)
		ig = ignore_parse(NULL, "", 0, err);
	for (size_t i = 0; ig && i < in->ignore.n; i++)
		if (ignore_add(ig, in->ignore.v[i], err) < 0)
			return -1;
	*ret = gg_steal(&ig);
	return 0;
}

static bool skip(void *ctx, const char *path, bool is_dir)
{
	const struct ignore *ig = ctx;

	return is_dir ? ignore_prunes(ig, path) : ignore_excludes(ig, path);
}

/* Directories that were only walked because something below might come back, and nothing did. */
static void drop_empty_excluded(struct tree *t, const struct ignore *ig)
{
	size_t kept = t->n;

	/* From the end: a directory's children come after it. */
	for (size_t i = t->n; i-- > 1;) {
		const struct tree_entry *e = &t->entries[i];
		size_t len = strlen(e->path);
		bool has_child = i + 1 < kept && !strncmp(t->entries[i + 1].path, e->path, len) &&
				 t->entries[i + 1].path[len] == '/';

		if (e->type == TREE_DIR && !has_child && ignore_excludes(ig, e->path)) {
			memmove(&t->entries[i], &t->entries[i + 1], (kept - i - 1) * sizeof(*t->entries));
			kept--;
		}
	}
	t->n = kept;
}

int local_manifest(struct session *s, const struct recipe_input *in, struct tree **ret, struct gg_err *err)
{
	_cleanup_close_ int fd = local_open(s, in, err);
	_cleanup_ignore_ struct ignore *ig = NULL;
	struct scan_options scan = { .flags = SCAN_MODES | SCAN_OWNERS | SCAN_NO_XATTRS, .skip = skip };

	if (fd < 0 || read_ignore(fd, in, &ig, err) < 0)
		return -1;
	scan.ctx = ig;
	if (scan_tree(fd, &scan, ret, err) < 0)
		return gg_context(err, "input '%s'", in->name);
	drop_empty_excluded(*ret, ig);
	return 0;
}

int local_copy(int fromfd, const struct tree *t, int destfd, struct gg_err *err)
{
	return link_tree_copy(t, &fromfd, destfd, LINK_VERIFY, err);
}
