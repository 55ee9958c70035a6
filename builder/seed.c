/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/seed.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/job.h"
#include "builder/plan.h"
#include "builder/results.h"
#include "builder/session.h"
#include "builder/settle.h"
#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/store.h"
#include "layers/tree.h"

enum { MANIFEST_MAX = 1 << 30 };

struct seed {
	struct session *session;
	const struct plan *plan;
	const bool *reached;
	const char *path;
	struct store *to;
	struct jobs *jobs; /* of the process that seeds */
};

/* ---- blobs ---- */

static bool wants_blob(const struct seed *s, size_t i)
{
	const struct plan_node *n = &s->plan->nodes[i];

	if (!s->reached[i] || !plan_downloads(n))
		return false;
	/* Two nodes may be about one archive. */
	for (size_t j = 0; j < i; j++)
		if (s->reached[j] && plan_downloads(&s->plan->nodes[j]) &&
		    gg_digest_eq(&s->plan->nodes[j].blob, &n->blob))
			return false;
	return true;
}

static int stage_blob(struct seed *s, int dir, const struct gg_digest *d, uint64_t *ret_size,
		      struct gg_err *err)
{
	_cleanup_close_ int from = store_blob_open(s->session->store, d, ret_size, err);
	_cleanup_close_ int to = -1;
	char name[GG_DIGEST_TEXT];

	if (from < 0)
		return -1;
	to = gg_openat(dir, gg_digest_text(d, name), O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	return to < 0 ? -1 : gg_copy_bytes(from, to, *ret_size, err);
}

static int copy_blobs(struct seed *s, struct gg_err *err)
{
	_cleanup_free_ uint64_t *sizes = gg_calloc(s->plan->n_nodes + 1, sizeof(*sizes));
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;
	char name[GG_DIGEST_TEXT];

	if (store_tmp_new(s->to, geteuid(), &tmp, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan->n_nodes; i++)
		if (wants_blob(s, i) &&
		    stage_blob(s, tmp.fd, &s->plan->nodes[i].blob, &sizes[i], err) < 0)
			return gg_context(err, "copy '%s'", s->plan->nodes[i].name);
	if (store_batch_begin(s->to, err) < 0)
		return -1;
	for (size_t i = 0; i < s->plan->n_nodes; i++) {
		const struct gg_digest *d = &s->plan->nodes[i].blob;

		if (wants_blob(s, i) &&
		    store_blob_adopt(s->to, tmp.fd, gg_digest_text(d, name), d, sizes[i], err) < 0)
			return -1;
	}
	return store_batch_end(s->to, err);
}

/* ---- what fetches gave ---- */

struct copy {
	const struct tree *tree;
	int from, dir; /* a directory of the store, and one that gets its copy "tree" */
};

static int copy_tree(void *ctx, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct copy *c = ctx;
	_cleanup_close_ int to = -1;

	(void)port, (void)result;
	if (mkdirat(c->dir, "tree", 0755) < 0)
		return gg_fail_errno(err, "mkdir");
	to = gg_openat(c->dir, "tree", O_RDONLY | O_DIRECTORY, 0, err);
	return to < 0 ? -1 : link_tree_copy(c->tree, &c->from, to, 0, err);
}

static int take_tree(struct seed *s, const struct gg_digest *d, struct gg_err *err)
{
	_cleanup_close_ int from = store_tree_open(s->session->store, d, err);
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;
	_cleanup_buf_ struct gg_buf manifest = { 0 };
	_cleanup_tree_ struct tree *t = NULL;
	struct gg_digest got;
	struct copy c;
	/* In the store's namespace, where owners can be given. */
	const struct job_spec spec = { .run = copy_tree, .ctx = &c, .userns = &s->session->userns };

	if (from < 0 || store_tree_manifest(s->session->store, d, &t, err) < 0 ||
	    store_blob_read(s->session->store, d, MANIFEST_MAX, &manifest, err) < 0 ||
	    store_tmp_new(s->to, s->session->userns.base, &tmp, err) < 0)
		return -1;
	c = (struct copy){ .tree = t, .from = from, .dir = tmp.fd };
	if (jobs_call(s->jobs, &spec, NULL, err) < 0)
		return -1;
	return store_tree_adopt(s->to, tmp.fd, "tree", manifest.data, manifest.len, &got, err);
}

static int copy_fetch(struct seed *s, const struct plan_node *n, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *record = NULL;
	struct gg_digest tree, blob;
	_cleanup_buf_ struct gg_buf pin = { 0 };

	if (results_find(s->session->store, n, &record, err) < 0)
		return -1;
	if (!record)
		return gg_fail(err, GG_SYSTEM, "it is not in the store");
	if (gg_digest_parse(gg_json_get_str(record, "tree", ""), &tree, err) < 0 ||
	    take_tree(s, &tree, err) < 0)
		return -1;
	/* For the comparison with a later fetch (pin.h). */
	if (store_blob_has(s->session->store, &n->pin) &&
	    (store_blob_read(s->session->store, &n->pin, MANIFEST_MAX, &pin, err) < 0 ||
	     store_blob_put(s->to, pin.data, pin.len, &blob, err) < 0))
		return -1;
	return store_action_put(s->to, &n->key, n->text, record, err);
}

static int copy_fetches(struct seed *s, struct gg_err *err)
{
	for (size_t i = 0; i < s->plan->n_nodes; i++) {
		const struct plan_node *n = &s->plan->nodes[i];

		if (s->reached[i] && n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH &&
		    copy_fetch(s, n, err) < 0)
			return gg_context(err, "copy what fetch '%s' gave", n->step->fetch);
	}
	return 0;
}

/* In a process of its own, which may have to enter the user namespace for good. */
static int run(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct seed *s = ctx;
	_cleanup_free_ char *ids = NULL;
	struct store_options options = { 0 };
	int r;

	(void)port, (void)result;
	if (settle(&s->session->userns, s->session->store, NULL, err) < 0)
		return -1;
	options.ids = ids = settle_ids(&s->session->userns);
	s->jobs = jobs_new(err);
	if (!s->jobs || store_open(s->path, &options, &s->to, err) < 0)
		return -1;
	r = copy_blobs(s, err) < 0 ? -1 : copy_fetches(s, err);
	if (r < 0)
		store_explain(s->to, err);
	store_close(s->to);
	jobs_free(s->jobs);
	return r;
}

int seed_store(struct session *s, const struct plan *p, const bool *reached, const char *path,
	       struct gg_err *err)
{
	struct seed seed = { .session = s, .plan = p, .reached = reached, .path = path };
	const struct job_spec spec = { .run = run, .ctx = &seed };

	if (jobs_call(s->jobs, &spec, NULL, err) < 0)
		return gg_context(err, "copy the inputs into a second store");
	return 0;
}
