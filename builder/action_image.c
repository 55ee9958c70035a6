/* SPDX-License-Identifier: Apache-2.0
 *
 * BLOB: it is in the store, which is all. BASE: an image's manifest and config, held against what the lock says of them.
 * IMAGE: a layer, unpacked as a delta over those below it. FLAT: an image's layers as one tree, by hard links.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/progress.h"
#include "builder/view.h"
#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/extract.h"
#include "layers/image_config.h"
#include "layers/image_source.h"
#include "layers/link.h"
#include "layers/tree.h"

static int nothing(struct action *a, const struct job_port *port, struct gg_json *result,
		   struct gg_err *err)
{
	(void)a, (void)port, (void)result, (void)err;
	return 0;
}

static int blob_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	(void)result, (void)err;
	gg_json_set_str(a->record, "blob", gg_digest_text(&a->node->blob, text));
	return 0;
}

const struct action_ops action_blob = { .work = nothing, .commit = blob_commit };

/* ---- documents ---- */

static int base_prepare(struct action *a, struct gg_err *err)
{
	for (size_t i = 0; i < a->node->n_deps; i++) {
		const struct plan_node *blob = &a->plan->nodes[a->node->deps[i]];
		int fd = store_blob_open(a->session->store, &blob->blob, NULL, err);

		if (fd < 0)
			return gg_context(err, "%s", blob->name);
		action_keep_fd(a, fd);
	}
	return 0;
}

/* The descriptors that prepare opened, in the order of the deps. */
static int open_document(void *ctx, const struct image_blob *b, struct image_bytes *ret,
			 struct gg_err *err)
{
	const struct action *a = ctx;

	for (size_t i = 0; i < a->n_fds; i++) {
		const struct plan_node *n = &a->plan->nodes[a->node->deps[i]];
		off_t size;

		if (!gg_digest_eq(&n->blob, &b->digest))
			continue;
		ret->fd = fcntl(a->fds[i], F_DUPFD_CLOEXEC, 0);
		size = ret->fd < 0 ? -1 : lseek(ret->fd, 0, SEEK_END);
		if (size < 0)
			return gg_fail_errno(err, "look at a document");
		ret->offset = 0;
		ret->size = (uint64_t)size;
		return 0;
	}
	return gg_fail(err, GG_INTEGRITY, "the lock does not have it");
}

static struct image_blob blob_of(const struct lock_blob *b)
{
	return (struct image_blob){
		.media_type = b->media_type, .addressed = true, .digest = b->digest, .size = b->size
	};
}

static int read_manifest(struct image_source *s, const struct lock_blob *b, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *list = gg_json_array();
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "mediaType", b->media_type);
	gg_json_set_str(o, "digest", gg_digest_text(&b->digest, text));
	gg_json_set_int(o, "size", (int64_t)b->size);
	gg_json_append_take(list, o);
	return image_source_resolve(s, list, err);
}

/* A config alone: its place had no manifest, so what layers there are the lock says. */
static int read_config(struct image_source *s, const struct lock_image *lock, struct gg_err *err)
{
	struct image_blob config = blob_of(&lock->config);

	s->n_layers = lock->n_layers;
	s->layers = gg_calloc(lock->n_layers + 1, sizeof(*s->layers));
	for (size_t i = 0; i < lock->n_layers; i++)
		s->layers[i].blob = blob_of(&lock->layers[i].blob);
	if (image_source_read(s, &config, &s->config, err) < 0)
		return -1;
	return image_source_take_diff_ids(s, err);
}

static bool same_blob(const struct image_blob *a, const struct lock_blob *b)
{
	return gg_digest_eq(&a->digest, &b->digest) && a->size == b->size &&
	       (!a->media_type || gg_streq(a->media_type, b->media_type));
}

static int compare(const struct image_source *s, const struct lock_image *lock, struct gg_err *err)
{
	const char *what = NULL;

	if (!same_blob(&s->config.blob, &lock->config))
		what = "config";
	if (s->n_layers != lock->n_layers)
		what = "number of layers";
	for (size_t i = 0; !what && i < lock->n_layers; i++)
		if (!same_blob(&s->layers[i].blob, &lock->layers[i].blob) ||
		    !gg_digest_eq(&s->layers[i].diff_id, &lock->layers[i].diff_id))
			what = "layers";
	if (!what && image_config_created(s->config.json) != lock->created)
		what = "time";
	if (!what)
		return 0;
	gg_fail(err, GG_INTEGRITY, "the lock says something else of its %s than its own documents",
		what);
	return gg_hint(err, "the lock was edited: restore it, or resolve the image anew with "
			    "`ggbuild lock --update NAME`");
}

static int base_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct lock_image *lock = a->node->image->lock;
	_cleanup_image_source_ struct image_source *s = gg_zalloc(sizeof(*s));
	int r;

	(void)port, (void)result;
	s->name = gg_strdup(lock->name);
	s->platform = gg_strdup("");
	s->open = open_document;
	s->ctx = a;
	r = gg_digest_is_zero(&lock->manifest.digest) ? read_config(s, lock, err)
						      : read_manifest(s, &lock->manifest, err);
	if (r < 0 || image_config_check(s->config.json, err) < 0)
		return -1;
	return compare(s, lock, err);
}

static int base_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];

	(void)result, (void)err;
	gg_json_set_str(a->record, "blob",
			gg_digest_text(&a->node->image->lock->config.digest, text));
	return 0;
}

const struct action_ops action_base = {
	.bounded = true, .prepare = base_prepare, .work = base_work, .commit = base_commit
};

/* ---- layers ---- */

static int image_prepare(struct action *a, struct gg_err *err)
{
	const struct plan_node *n = a->node, *blob = &a->plan->nodes[n->deps[0]];
	int fd = store_blob_open(a->session->store, &blob->blob, NULL, err);

	if (fd < 0)
		return -1;
	action_keep_fd(a, fd);
	if (archive_load(err) < 0)
		return -1;
	return action_open_trees(a, n->image->layers, n->below, true, err);
}

static int open_below(void *ctx, const char *path, struct gg_err *err)
{
	const struct view *v = ctx;
	const struct tree_entry *e = tree_find(v->merged, path);

	if (!e || e->type != TREE_FILE)
		return gg_fail(err, GG_INTERNAL, "'%s' is no file below", path);
	return view_open(v, e, err);
}

static int image_work(struct action *a, const struct job_port *port, struct gg_json *result,
		      struct gg_err *err)
{
	const struct plan_node *n = a->node;
	const struct lock_image_layer *layer = &n->image->lock->layers[n->below];
	_cleanup_view_ struct view below = VIEW_INIT;
	_cleanup_close_ int dir = action_mkdir(a, "tree", err);
	_cleanup_tree_ struct tree *t = NULL;
	char is[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];
	const struct image_bytes blob = { .fd = a->fds[0], .size = layer->blob.size };
	struct extract_stats stats;
	struct extract_options how = {
		.flags = EXTRACT_LAYER | EXTRACT_LENIENT | EXTRACT_HASH | EXTRACT_AHEAD,
		.owners = action_owners(a),
		.open_below = open_below,
		.ctx = &below,
	};

	(void)port;
	if (dir < 0 || view_make(a, n->image->layers, n->below, &below, err) < 0 ||
	    layer_check_kind(&blob, err) < 0)
		return -1;
	how.below = n->below ? below.merged : NULL;
	if (extract_archive(a->fds[0], dir, &how, &t, &stats, err) < 0)
		return -1;
	if (!gg_digest_eq(&stats.stream_digest, &layer->diff_id))
		return gg_fail(err, GG_INTEGRITY, "its diffID is %s, the image says %s",
			       gg_digest_text(&stats.stream_digest, is),
			       gg_digest_text(&layer->diff_id, want));
	gg_json_set_int(result, "duplicates", (int64_t)stats.duplicates);
	return action_give_tree(a, "tree", t, result, err);
}

static int image_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	int64_t n = gg_json_get_int(result, "duplicates", 0);
	_cleanup_free_ char *note =
		gg_asprintf("%s: warning: names that come twice: %" PRId64
			    "; the later ones count, and other tools may differ",
			    a->node->name, n);

	if (n > 0)
		progress_note(a->session->progress, note);
	return action_take_tree(a, result, err);
}

const struct action_ops action_image = {
	.bounded = true, .prepare = image_prepare, .work = image_work, .commit = image_commit
};

/* ---- all of them ---- */

static int flat_prepare(struct action *a, struct gg_err *err)
{
	const struct plan_image *image = a->node->image;

	return action_open_trees(a, image->layers, image->lock->n_layers, true, err);
}

static int flat_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct plan_image *image = a->node->image;
	_cleanup_view_ struct view view = VIEW_INIT;
	_cleanup_close_ int dir = action_mkdir(a, "tree", err);

	(void)port;
	if (dir < 0 || view_make(a, image->layers, image->lock->n_layers, &view, err) < 0 ||
	    tree_complete(view.merged, err) < 0 ||
	    link_tree(view.merged, view.fds, dir, action_link(a), err) < 0)
		return -1;
	return action_give_tree(a, "tree", view.merged, result, err);
}

const struct action_ops action_flat = { .prepare = flat_prepare,
					.work = flat_work,
					.commit = action_take_tree };
