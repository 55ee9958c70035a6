/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/local.h"

#include <errno.h>
#include <string.h>

#include "builder/beside.h"
#include "builder/session.h"
#include "builder/stat_cache.h"
#include "layers/base/fd.h"
#include "layers/ignore.h"
#include "layers/ignore_tree.h"
#include "layers/scan.h"
#include "layers/tree.h"

enum { IGNORE_FILE_MAX = 1 << 20 };

static const char *const ignore_files[] = { ".containerignore", ".dockerignore" };

int local_open(struct session *s, const struct recipe_input *in, struct gg_err *err)
{
	int fd = beside_open(s, "open directory", in->local, O_RDONLY | O_DIRECTORY, err);

	if (fd >= 0)
		return fd;
	err->pos = in->pos;
	return gg_context(err, "input '%s'", in->name);
}

static int read_ignore(int fd, const struct recipe_input *in, struct ignore **ret,
		       struct gg_err *err)
{
	_cleanup_ignore_ struct ignore *ig = NULL;

	for (size_t i = 0; i < GG_LEN(ignore_files) && !ig; i++) {
		_cleanup_close_ int file =
			openat(fd, ignore_files[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		_cleanup_buf_ struct gg_buf text = { 0 };

		if (file < 0 && errno == ENOENT)
			continue;
		if (file < 0)
			return gg_fail_errno(err, "open '%s'", ignore_files[i]);
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

struct local_trees {
	struct local_tree {
		const struct recipe_input *input;
		struct tree *tree;
	} * v;
	size_t n, cap;
};

static int scan_input(struct session *s, const struct recipe_input *in, int fd, struct tree **ret,
		      struct gg_err *err)
{
	_cleanup_stat_cache_ struct stat_cache *cache = stat_cache_open(s->store, fd);
	_cleanup_ignore_ struct ignore *ig = NULL;
	struct scan_options scan = { .flags = SCAN_MODES | SCAN_OWNERS | SCAN_NO_XATTRS |
					      SCAN_NO_HARDLINKS,
				     .skip = skip,
				     .memory = stat_cache_memory(cache) };

	if (read_ignore(fd, in, &ig, err) < 0)
		return -1;
	scan.ctx = ig;
	if (scan_tree(fd, &scan, ret, err) < 0)
		return -1;
	stat_cache_save(cache);
	/* Directories that were only walked because something below might come back, and nothing did. */
	ignore_tree(ig, *ret);
	return 0;
}

int local_manifest(struct session *s, const struct recipe_input *in, const struct tree **ret,
		   struct gg_err *err)
{
	struct local_trees *all = s->locals ? s->locals : (s->locals = gg_zalloc(sizeof(*all)));
	_cleanup_close_ int fd = -1;
	struct tree *t;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].input == in) {
			*ret = all->v[i].tree;
			return 0;
		}
	fd = local_open(s, in, err);
	if (fd < 0)
		return -1;
	if (scan_input(s, in, fd, &t, err) < 0) {
		if (!err->pos.file)
			err->pos = in->pos;
		return gg_context(err, "input '%s'", in->name);
	}
	GG_GROW(all->v, all->n, all->cap);
	all->v[all->n++] = (struct local_tree){ .input = in, .tree = t };
	*ret = t;
	return 0;
}

void local_trees_free(struct local_trees *t)
{
	for (size_t i = 0; t && i < t->n; i++)
		tree_free(t->v[i].tree);
	if (t)
		free(t->v);
	free(t);
}
