/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/pin.h"

#include "builder/action.h"
#include "layers/base/fd.h"
#include "layers/tree.h"

enum { DIFFERENCES_SHOWN = 5 };

int pin_give(struct action *a, const struct tree *content, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	tree_text(content, &text);
	return gg_write_file(a->tmp.fd, "pin", text.data, text.len, 0600, 0, err);
}

/* The first differences in words, one a line, and how many there are. */
static void put_differences(const struct tree *old, const struct tree *new, struct gg_buf *ret)
{
	_cleanup_buf_ struct gg_buf lines = { 0 };
	struct tree_places at = { 0 };
	const char *path;
	size_t n = 0;
	char *what;

	for (; tree_next_difference(old, new, &at, &path, &what); n++, free(what))
		if (n < DIFFERENCES_SHOWN)
			gg_buf_printf(&lines, "\n  | '%s': %s", path, what);
	if (n > DIFFERENCES_SHOWN)
		gg_buf_printf(ret, "%zu paths differ; the first %d:", n, DIFFERENCES_SHOWN);
	else
		gg_buf_puts(ret, n == 1 ? "one path differs:" : "what differs:");
	gg_buf_add(ret, lines.data, lines.len);
}

/* The pinned tree's manifest says it, even when its content is gone. */
static void explain(struct action *a, const struct gg_buf *text, struct gg_buf *ret)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_tree_ struct tree *old = NULL, *new = NULL;

	if (store_tree_manifest(a->session->store, &a->node->pin, &old, &ignored) < 0)
		gg_buf_puts(ret, "what differs is not known: this store never held the pinned "
				 "content");
	else if (tree_parse(text->data, text->len, &new, &ignored) < 0)
		gg_buf_puts(ret, "what differs is not known");
	else
		put_differences(old, new, ret);
}

static int mismatch(struct action *a, const struct gg_digest *got, const struct gg_buf *text,
		    struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	char is[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];
	_cleanup_buf_ struct gg_buf what = { 0 };

	explain(a, text, &what);
	gg_fail_at(err, GG_INTEGRITY, step->pos,
		   "fetch '%s' gave other content than the lock pins: %s instead of %s\n%s",
		   step->fetch, gg_digest_text(got, is), gg_digest_text(&a->node->pin, want),
		   what.data);
	return gg_hint(err,
		       "exclude files that record when or where something was fetched, or accept "
		       "the new content "
		       "with `ggbuild lock --update %s`",
		       step->fetch);
}

int pin_take(struct action *a, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char name[GG_DIGEST_TEXT];
	struct gg_digest got;

	if (gg_read_file(a->tmp.fd, "pin", SIZE_MAX, &text, err) < 0)
		return -1;
	gg_digest_of(text.data, text.len, &got);
	if (a->node->pinned && !gg_digest_eq(&got, &a->node->pin))
		return mismatch(a, &got, &text, err);
	if (store_blob_put(a->session->store, text.data, text.len, &got, err) < 0)
		return -1;
	gg_json_set_str(a->record, "pin", gg_digest_text(&got, name));
	return 0;
}

int pin_place(const struct tree *content, const char *output, struct tree **ret, struct gg_err *err)
{
	_cleanup_tree_ struct tree *placed = tree_new();

	for (size_t i = 0; i < content->n; i++) {
		const struct tree_entry *e = &content->entries[i];
		bool root = gg_streq(e->path, ".");
		_cleanup_free_ char *path =
			gg_asprintf("%s%s%s", output, root ? "" : "/", root ? "" : e->path);
		struct tree_entry *mine = tree_add_copy(placed, e, path);

		if (e->hardlink)
			mine->hardlink =
				gg_arena_printf(placed->arena, "%s/%s", output, e->hardlink);
	}
	if (tree_complete(placed, err) < 0)
		return -1;
	*ret = gg_steal(&placed);
	return 0;
}
