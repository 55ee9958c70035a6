/* SPDX-License-Identifier: Apache-2.0
 *
 * LAYER: a declared layer, assembled over the layers below it. PACK: a tree as a layer blob; a tree of the same
 * content that was packed the same way before is not packed again, whatever its key is. LOCAL: a local input, copied
 * into the store. URL: its blob is all there is.
 */
#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/assemble.h"
#include "builder/contents.h"
#include "builder/local.h"
#include "layers/base/fd.h"
#include "layers/pack.h"
#include "layers/tree.h"

static int layer_prepare(struct action *a, struct gg_err *err)
{
	const struct recipe_layer *l = a->node->layer;

	if (action_open_trees(a, a->plan->layers, a->node->below, true, err) < 0)
		return -1;
	return assembly_prepare(a, l->copies, l->n_copies, err);
}

static int layer_work(struct action *a, const struct job_port *port, struct gg_json *result,
		      struct gg_err *err)
{
	const struct recipe_layer *l = a->node->layer;
	_cleanup_view_ struct view below = VIEW_INIT;
	_cleanup_assembly_ struct assembly *s = NULL;

	(void)port;
	if (view_make(a, a->plan->layers, a->node->below, &below, err) < 0)
		return -1;
	s = assembly_new(a, &below);
	for (size_t i = 0; i < l->n_copies; i++)
		if (assembly_copy(s, &l->copies[i], err) < 0)
			return -1;
	for (size_t i = 0; i < l->n_makes; i++)
		if (assembly_make(s, &l->makes[i], err) < 0)
			return -1;
	return assembly_give(s, "tree", result, err);
}

const struct action_ops action_layer = { .prepare = layer_prepare,
					 .work = layer_work,
					 .commit = action_take_tree };

struct packing {
	struct gg_digest
		content_key; /* tree digest and options, without the history that the node's key holds */
	struct gg_json *known; /* the record under that key */
};

static void packing_free(void *extra)
{
	struct packing *p = extra;

	gg_json_unref(p->known);
	free(p);
}

static struct pack_options pack_options(const struct action *a)
{
	static const enum pack_compression map[] = { [RECIPE_GZIP] = PACK_GZIP,
						     [RECIPE_ZSTD] = PACK_ZSTD,
						     [RECIPE_UNCOMPRESSED] = PACK_NONE };
	const struct recipe_image *image = &a->recipe->image;

	return (struct pack_options){ .compression = map[image->compression],
				      .level = image->level,
				      .mtime = a->plan->epoch };
}

/* The node's text with the tree's key replaced by the tree itself. */
static char *content_text(const struct action *a, const struct gg_digest *tree)
{
	char text[GG_DIGEST_TEXT];
	const char *line = strstr(a->node->text, "\ntree ") + 1;

	return gg_asprintf("%.*scontent %s%s", (int)(line - a->node->text), a->node->text,
			   gg_digest_text(tree, text), strchr(line, '\n'));
}

static int pack_prepare(struct action *a, struct gg_err *err)
{
	struct packing *p = gg_zalloc(sizeof(*p));
	_cleanup_free_ char *text = NULL;
	struct gg_digest tree, blob;

	a->extra = p;
	a->extra_free = packing_free;
	if (execution_digest(a->execution, a->node->deps[0], "tree", &tree, err) < 0)
		return -1;
	text = content_text(a, &tree);
	gg_digest_of(text, strlen(text), &p->content_key);
	if (!a->session->no_cache &&
	    store_action_get(a->session->store, &p->content_key, &p->known, err) < 0)
		return -1;
	if (p->known && (gg_digest_parse(gg_json_get_str(p->known, "blob", ""), &blob, err) < 0 ||
			 !store_blob_has(a->session->store, &blob))) {
		gg_err_done(err);
		gg_json_unref(p->known);
		p->known = NULL;
	}
	return p->known ? 0 : action_load_tree(a, a->node->deps[0], NULL, err);
}

static struct pack_item item_of(const struct action_tree *t, const struct tree_entry *e)
{
	struct pack_item item = { .entry = e, .rootfd = t->fd, .source = e->path };

	if (t->contents && e->type == TREE_FILE) {
		item.rootfd = t->contents->fds[e->origin];
		item.source = e->source;
	}
	return item;
}

static int pack_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct packing *p = a->extra;
	const struct action_tree *t = &a->trees[0];
	struct pack_options options = pack_options(a);
	_cleanup_free_ struct pack_item *items = NULL;
	_cleanup_close_ int out = -1;
	struct pack_result r;
	struct gg_json *blob = gg_json_object();
	char text[GG_DIGEST_TEXT];

	(void)port;
	gg_json_take(result, "blob", blob);
	if (p->known)
		return 0;
	items = gg_calloc(t->tree->n, sizeof(*items));
	for (size_t i = 0; i < t->tree->n; i++)
		items[i] = item_of(t, &t->tree->entries[i]);
	out = gg_openat(a->tmp.fd, "blob", O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (out < 0 || pack_layer(items, t->tree->n, &options, out, &r, err) < 0)
		return -1;
	gg_json_set_str(blob, "digest", gg_digest_text(&r.digest, text));
	gg_json_set_int(blob, "size", (int64_t)r.size);
	gg_json_set_str(result, "diff-id", gg_digest_text(&r.diff_id, text));
	gg_json_set_int(result, "diff-size", (int64_t)r.diff_size);
	return 0;
}

static void copy_fields(struct action *a, const struct gg_json *from, int64_t size)
{
	gg_json_set_int(a->record, "size", size);
	gg_json_set_str(a->record, "diff-id", gg_json_get_str(from, "diff-id", ""));
	gg_json_set_int(a->record, "diff-size", gg_json_get_int(from, "diff-size", 0));
}

static int pack_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	const struct packing *p = a->extra;
	_cleanup_free_ char *text = NULL;
	struct gg_digest tree;

	if (p->known) {
		gg_json_set_str(a->record, "blob", gg_json_get_str(p->known, "blob", ""));
		copy_fields(a, p->known, gg_json_get_int(p->known, "size", 0));
		return 0;
	}
	if (action_take_blob(a, result, "blob", err) < 0 ||
	    execution_digest(a->execution, a->node->deps[0], "tree", &tree, err) < 0)
		return -1;
	copy_fields(a, result, gg_json_get_int(gg_json_get(result, "blob"), "size", 0));
	text = content_text(a, &tree);
	return store_action_put(a->session->store, &p->content_key, text, a->record, err);
}

const struct action_ops action_pack = { .prepare = pack_prepare,
					.work = pack_work,
					.commit = pack_commit };

static int local_prepare(struct action *a, struct gg_err *err)
{
	a->extra_free = local_import_free;
	return local_import_open(a->session, a->node->input, (struct local_import **)&a->extra,
				 err);
}

static int local_work(struct action *a, const struct job_port *port, struct gg_json *result,
		      struct gg_err *err)
{
	(void)port;
	return local_import_run(a, a->extra, result, err);
}

static int local_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	if (action_take_tree(a, result, err) < 0)
		return -1;
	return local_import_remember(a->session, a->extra, a->record, err);
}

const struct action_ops action_local = {
	.outside = true, .prepare = local_prepare, .work = local_work, .commit = local_commit
};

static int url_work(struct action *a, const struct job_port *port, struct gg_json *result,
		    struct gg_err *err)
{
	(void)a;
	(void)port;
	(void)result;
	(void)err;
	return 0;
}

static int url_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	(void)result;
	(void)err;
	gg_json_set_str(a->record, "blob", gg_digest_text(&a->node->blob, text));
	return 0;
}

const struct action_ops action_url = { .work = url_work, .commit = url_commit };
