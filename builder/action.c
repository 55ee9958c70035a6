/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/action.h"

#include <string.h>
#include <unistd.h>

#include "builder/bundle_import.h"
#include "builder/contents.h"
#include "builder/progress.h"
#include "builder/redact.h"
#include "builder/results.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/image_config.h"
#include "layers/image_source.h"
#include "layers/tree.h"

enum { TAIL_BYTES = 64 * 1024 };

static const struct action_ops *const ops_of[] = {
	[PLAN_DEB] = &action_deb,   [PLAN_DISTRO] = &action_distro, [PLAN_ROOTFS] = &action_rootfs,
	[PLAN_BLOB] = &action_blob, [PLAN_BASE] = &action_base,     [PLAN_IMAGE] = &action_image,
	[PLAN_FLAT] = &action_flat, [PLAN_LOCAL] = &action_local,   [PLAN_URL] = &action_url,
	[PLAN_STEP] = &action_step, [PLAN_USER] = &action_user,     [PLAN_LAYER] = &action_layer,
	[PLAN_PACK] = &action_pack, [PLAN_TEST] = &action_test,
};

void action_free(struct action *a)
{
	for (size_t i = 0; i < a->n_trees; i++) {
		gg_close(a->trees[i].fd);
		tree_free(a->trees[i].tree);
		contents_free(a->trees[i].contents);
	}
	for (size_t i = 0; i < a->n_fds; i++)
		gg_close(a->fds[i]);
	free(a->trees);
	free(a->fds);
	if (a->extra_free)
		a->extra_free(a->extra);
	gg_close(a->blobfd);
	gg_close(a->logfd);
	free(a->log_path);
	gg_buf_done(&a->tail);
	gg_json_unref(a->record);
	gg_json_unref(a->result);
	gg_json_unref(a->config);
	store_tmp_done(&a->tmp);
	free(a);
}

const struct action_ops *action_ops_of(const struct session *s, const struct plan_node *n)
{
	if (s->bundle && bundle_has_tree(n))
		return &action_bundle;
	return ops_of[n->kind];
}

int action_work(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct action *a = ctx;
	const struct action_ops *ops = a->ops;

	if (ops->bounded && job_bound_memory(err) < 0)
		return -1;
	return ops->work(a, port, result, err);
}

static void put_output(void *ctx, const char *bytes, size_t len)
{
	struct action *a = ctx;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	progress_job_output(a->session->progress, a->id, bytes, len);
	if (a->logfd >= 0 && gg_write_all(a->logfd, bytes, len, &err) < 0) {
		gg_context(&err, "%s: the log ends here", a->node->name);
		progress_note(a->session->progress, err.text);
		gg_close(a->logfd);
		a->logfd = -1;
	}
	gg_buf_add(&a->tail, bytes, len);
	if (a->tail.len > 2 * TAIL_BYTES) {
		memmove(a->tail.data, a->tail.data + a->tail.len - TAIL_BYTES, TAIL_BYTES);
		a->tail.len = TAIL_BYTES;
	}
}

void action_take_output(void *ctx, const char *bytes, size_t len)
{
	struct action *a = ctx;

	if (a->redact)
		redact_feed(a->redact, bytes, len, put_output, a);
	else
		put_output(a, bytes, len);
}

void action_end_output(struct action *a)
{
	if (a->redact)
		redact_end(a->redact, put_output, a);
}

/* A fetch that ran to be pinned has its key now: the plan with the pin finds the result under it. */
static int put_pinned(struct action *a, struct gg_err *err)
{
	const char *pin = gg_json_get_str(a->record, "pin", NULL);
	_cleanup_buf_ struct gg_buf text = { 0 };
	struct gg_digest tree, key;

	if (!pin)
		return 0;
	if (gg_digest_parse(pin, &tree, err) < 0)
		return -1;
	plan_pinned_text(a->node->step, &tree, &text);
	gg_digest_of(text.data, text.len, &key);
	return store_action_put(a->session->store, &key, text.data, a->record, err);
}

int action_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	const struct plan_node *n = a->node;

	a->record = gg_json_object();
	gg_json_set_str(a->record, "kind", plan_kind_name(n->kind));
	gg_json_set_str(a->record, "name", n->name);
	if (a->log_path)
		gg_json_set_str(a->record, "log", strrchr(a->log_path, '/') + 1);
	if (a->ops->commit(a, result, err) < 0)
		return -1;
	if (!n->keyed && put_pinned(a, err) < 0)
		return -1;
	if (n->keyed && store_action_put(a->session->store, &n->key, n->text, a->record, err) < 0)
		return -1;
	return results_remember(a->session->store, a->recipe, n, err);
}

struct action_tree *action_tree(const struct action *a, size_t node)
{
	for (size_t i = 0; i < a->n_trees; i++)
		if (a->trees[i].node == node)
			return &a->trees[i];
	return NULL;
}

int action_open_log(struct action *a, struct gg_err *err)
{
	if (store_log_new(a->session->store, &a->node->key, &a->log_path, err) < 0)
		return -1;
	a->logfd = gg_openat(AT_FDCWD, a->log_path, O_WRONLY | O_CREAT | O_APPEND, 0600, err);
	return a->logfd < 0 ? -1 : 0;
}

/* A directory, or else the trees that hold the contents. */
static int open_tree(struct action *a, struct action_tree *t, struct gg_err *err)
{
	const struct gg_json *record = execution_record(a->execution, t->node);
	_cleanup_free_ struct gg_digest *parts = NULL;
	struct store *s = a->session->store;
	size_t n;

	if (contents_read(record, &parts, &n, err) < 0)
		return -1;
	if (parts && !store_tree_has(s, &t->digest))
		return contents_open(s, parts, n, &t->contents, err);
	t->fd = store_tree_open(s, &t->digest, err);
	return t->fd < 0 ? -1 : 0;
}

int action_open_tree(struct action *a, size_t node, struct action_tree **ret, struct gg_err *err)
{
	struct action_tree *t = action_tree(a, node), fresh = { .fd = -1, .node = node };

	if (!t) {
		if (execution_digest(a->execution, node, "tree", &fresh.digest, err) < 0)
			return -1;
		if (open_tree(a, &fresh, err) < 0)
			return gg_context(err, "tree of '%s'", a->plan->nodes[node].name);
		GG_GROW(a->trees, a->n_trees, a->cap_trees);
		a->trees[a->n_trees] = fresh;
		t = &a->trees[a->n_trees++];
	}
	if (ret)
		*ret = t;
	return 0;
}

int action_load_tree(struct action *a, size_t node, struct action_tree **ret, struct gg_err *err)
{
	struct action_tree *t;

	if (action_open_tree(a, node, &t, err) < 0)
		return -1;
	if (!t->tree && store_tree_manifest(a->session->store, &t->digest, &t->tree, err) < 0)
		return gg_context(err, "manifest of '%s'", a->plan->nodes[node].name);
	if (t->contents && contents_locate(t->contents, t->tree, 0) > 0)
		return gg_fail(err, GG_INTEGRITY, "the store lacks contents of '%s'",
			       a->plan->nodes[node].name);
	if (ret)
		*ret = t;
	return 0;
}

int action_open_trees(struct action *a, const size_t *nodes, size_t n, bool load,
		      struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = load ? action_load_tree(a, nodes[i], NULL, err)
			     : action_open_tree(a, nodes[i], NULL, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int action_keep_fd(struct action *a, int fd)
{
	GG_GROW(a->fds, a->n_fds, a->cap_fds);
	a->fds[a->n_fds++] = fd;
	return fd;
}

enum owners_kept action_owners(const struct action *a)
{
	switch (a->session->userns.kind) {
	case USERNS_SHIFTED:
	case USERNS_SUBUID:
		break;
	case USERNS_SINGLE:
	case USERNS_NONE:
		return OWNERS_RECORDED;
	}
	return OWNERS_ON_INODES;
}

unsigned action_link(const struct action *a)
{
	return action_owners(a) == OWNERS_RECORDED ? LINK_RECORDED : 0;
}

int action_mkdir(struct action *a, const char *name, struct gg_err *err)
{
	if (mkdirat(a->tmp.fd, name, 0755) < 0)
		return gg_fail_errno(err, "mkdir '%s'", name);
	/* mkdir's mode went through the umask, and this becomes the mode of a root directory. */
	if (fchmodat(a->tmp.fd, name, 0755, 0) < 0)
		return gg_fail_errno(err, "chmod '%s'", name);
	return gg_openat(a->tmp.fd, name, O_RDONLY | O_DIRECTORY, 0, err);
}

int action_give_tree(struct action *a, const char *dir, const struct tree *t,
		     struct gg_json *result, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd =
		gg_openat(a->tmp.fd, "manifest", O_WRONLY | O_CREAT | O_EXCL, 0600, err);

	if (fd < 0)
		return -1;
	tree_text(t, &text);
	if (gg_write_all(fd, text.data, text.len, err) < 0)
		return gg_context(err, "manifest");
	gg_json_set_str(result, "directory", dir);
	gg_json_set_int(result, "entries", (int64_t)t->n);
	return 0;
}

int action_give_contents(struct action *a, const struct tree *t, const struct gg_digest *parts,
			 size_t n, struct gg_json *result, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	tree_text(t, &text);
	if (gg_write_file(a->tmp.fd, "contents-manifest", text.data, text.len, 0600, 0, err) < 0)
		return -1;
	contents_write(result, parts, n);
	gg_json_set_int(result, "entries", (int64_t)t->n);
	return 0;
}

static int adopt_directory(struct action *a, const struct gg_json *result, struct gg_digest *ret,
			   struct gg_err *err)
{
	const char *dir = gg_json_get_str(result, "directory", "");
	_cleanup_buf_ struct gg_buf manifest = { 0 };

	if (gg_read_file(a->tmp.fd, "manifest", SIZE_MAX, &manifest, err) < 0)
		return -1;
	gg_digest_of(manifest.data, manifest.len, ret);
	if (store_blob_adopt(a->session->store, a->tmp.fd, "manifest", ret, manifest.len, err) < 0)
		return -1;
	return store_tree_adopt(a->session->store, a->tmp.fd, dir, manifest.data, manifest.len, ret,
				err);
}

static int take_contents(struct action *a, const struct gg_json *result, struct gg_digest *ret,
			 struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf manifest = { 0 };
	_cleanup_free_ struct gg_digest *given = NULL, *parts = NULL;
	size_t n = 0, n_given;

	if (contents_read(result, &given, &n_given, err) < 0)
		return -1;
	parts = gg_calloc(n_given + 1, sizeof(*parts));
	if (gg_json_get(result, "directory") && adopt_directory(a, result, &parts[n++], err) < 0)
		return -1;
	for (size_t i = 0; i < n_given; i++)
		parts[n++] = given[i];
	contents_write(a->record, parts, n);
	if (gg_read_file(a->tmp.fd, "contents-manifest", SIZE_MAX, &manifest, err) < 0)
		return -1;
	return store_blob_put(a->session->store, manifest.data, manifest.len, ret, err);
}

int action_take_tree(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];
	struct gg_digest d;
	int r = gg_json_get(result, "contents") ? take_contents(a, result, &d, err)
						: adopt_directory(a, result, &d, err);

	if (r == 0)
		gg_json_set_str(a->record, "tree", gg_digest_text(&d, text));
	return r;
}

int action_take_blob(struct action *a, const struct gg_json *result, const char *field,
		     struct gg_err *err)
{
	const struct gg_json *blob = gg_json_get(result, field);
	struct gg_digest d;

	if (gg_digest_parse(gg_json_get_str(blob, "digest", ""), &d, err) < 0)
		return -1;
	if (store_blob_adopt(a->session->store, a->tmp.fd, field, &d,
			     (uint64_t)gg_json_get_int(blob, "size", -1), err) < 0)
		return -1;
	gg_json_set_str(a->record, field, gg_json_get_str(blob, "digest", ""));
	return 0;
}

void action_environment(const struct action *a, struct gg_strv *ret)
{
	_cleanup_free_ char *epoch = gg_asprintf("%lld", (long long)a->plan->epoch);

	gg_strv_setenv(ret, "PATH", ACTION_PATH);
	gg_strv_setenv(ret, "HOME", "/root");
	gg_strv_setenv(ret, "LC_ALL", "C.UTF-8");
	gg_strv_setenv(ret, "TZ", "UTC");
	if (a->config)
		image_config_env(a->config, ret);
	/* Whatever an image says of it: the time of this build is one. */
	gg_strv_setenv(ret, "SOURCE_DATE_EPOCH", epoch);
}

int action_read_config(struct action *a, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	const struct plan_image *image = a->node->image;

	if (!image)
		return 0;
	if (store_blob_read(a->session->store, &image->lock->config.digest, IMAGE_MAX_DOCUMENT,
			    &text, err) < 0)
		return gg_context(err, "config of '%s'", image->reference);
	a->config = gg_json_parse(text.data, text.len, err);
	return a->config ? 0 : gg_context(err, "config of '%s'", image->reference);
}
