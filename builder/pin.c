/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/pin.h"

#include "builder/action.h"
#include "layers/base/fd.h"
#include "layers/tree.h"

int pin_give(struct action *a, const struct tree *content, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	tree_text(content, &text);
	return gg_write_file(a->tmp.fd, "pin", text.data, text.len, 0600, 0, err);
}

/* The first difference in words; owned by the caller. */
static char *difference(struct action *a, const struct gg_buf *text)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_tree_ struct tree *old = NULL, *new = NULL;
	_cleanup_free_ char *what = NULL;
	const char *path;

	if (store_tree_manifest(a->session->store, &a->node->pin, &old, &ignored) < 0)
		return gg_strdup(
			"what differs is not known: this store never held the pinned content");
	if (tree_parse(text->data, text->len, &new, &ignored) < 0 ||
	    !tree_first_difference(old, new, &path, &what))
		return gg_strdup("what differs is not known");
	return gg_asprintf("first difference: '%s': %s", path, what);
}

static int mismatch(struct action *a, const struct gg_digest *got, const struct gg_buf *text,
		    struct gg_err *err)
{
	const struct recipe_step *step = a->node->step;
	char is[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];
	_cleanup_free_ char *what = difference(a, text);

	gg_fail_at(err, GG_INTEGRITY, step->pos,
		   "fetch '%s' gave other content than the lock pins: %s instead of %s\n%s",
		   step->fetch, gg_digest_text(got, is), gg_digest_text(&a->node->pin, want), what);
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
