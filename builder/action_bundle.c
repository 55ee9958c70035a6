/* SPDX-License-Identifier: Apache-2.0
 *
 * A local input or a fetch whose content comes out of a bundle: the same tree, by the same digest, as what made it
 * first.
 */
#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/assemble.h"
#include "builder/bundle_import.h"
#include "builder/pin.h"
#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/bundle.h"
#include "layers/extract.h"
#include "layers/tree.h"

static bool is_fetch(const struct action *a)
{
	return a->node->kind == PLAN_STEP;
}

static int bundle_prepare(struct action *a, struct gg_err *err)
{
	const struct bundle_part *p = bundle_tree_of(a->session->bundle, a->node);

	if (p->zstd && archive_load(err) < 0)
		return -1;
	a->extra = (void *)p;
	return 0;
}

/* The tree's own text says how much there is to unpack. */
static int read_limits(const struct bundle *b, const struct bundle_part *p,
		       struct extract_options *ret, struct gg_err *err)
{
	const struct bundle_part *manifest = bundle_find_digest(b, &p->tree);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_tree_ struct tree *t = NULL;

	if (bundle_read(manifest, &text, err) < 0 ||
	    tree_parse(text.data ? text.data : "", text.len, &t, err) < 0)
		return -1;
	ret->max_entries = t->n + 1;
	ret->max_bytes = 1;
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].type == TREE_FILE)
			ret->max_bytes += t->entries[i].size;
	return 0;
}

static int unpack(const struct action *a, int dirfd, struct tree **ret, struct gg_err *err)
{
	const struct bundle_part *p = a->extra;
	struct extract_options options = { .flags = EXTRACT_UNIQUE };
	_cleanup_archive_ struct archive_stream *stream = NULL;
	char is[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];
	struct gg_digest digest;

	if (read_limits(a->session->bundle, p, &options, err) < 0 ||
	    bundle_content(p, &stream, err) < 0 ||
	    extract_stream(stream, dirfd, &options, ret, NULL, err) < 0)
		return gg_context(err, "part '%s' of the bundle", p->title);
	tree_digest(*ret, &digest);
	if (gg_digest_eq(&digest, &p->tree))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "part '%s' of the bundle is the tree %s, not %s",
		       p->title, gg_digest_text(&digest, is), gg_digest_text(&p->tree, want));
}

static int bundle_work(struct action *a, const struct job_port *port, struct gg_json *result,
		       struct gg_err *err)
{
	const char *output = is_fetch(a) ? assembly_relative(a->node->step->output) : ".";
	_cleanup_tree_ struct tree *content = NULL, *placed = NULL;
	_cleanup_close_ int top = action_mkdir(a, "tree", err), dir = -1;

	(void)port;
	if (top < 0 || gg_mkdirs(top, output, 0755, err) < 0)
		return -1;
	dir = gg_openat(top, output, O_RDONLY | O_DIRECTORY, 0, err);
	if (dir < 0 || unpack(a, dir, &content, err) < 0)
		return -1;
	if (!is_fetch(a))
		return action_give_tree(a, "tree", content, result, err);
	if (pin_give(a, content, err) < 0 || pin_place(content, output, &placed, err) < 0)
		return -1;
	return action_give_tree(a, "tree", placed, result, err);
}

static int bundle_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	if (is_fetch(a) && pin_take(a, err) < 0)
		return -1;
	return action_take_tree(a, result, err);
}

const struct action_ops action_bundle = {
	.bounded = true, .prepare = bundle_prepare, .work = bundle_work, .commit = bundle_commit
};
