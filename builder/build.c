/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/build.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/beside.h"
#include "builder/bundle_import.h"
#include "builder/compressor.h"
#include "builder/local.h"
#include "builder/publish.h"
#include "builder/results.h"
#include "builder/session.h"
#include "builder/stat_cache.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/tree.h"

enum { BLOCK = 1 << 20 };

void build_result_done(struct build_result *r)
{
	execution_free(r->execution);
	plan_free(r->plan);
	*r = (struct build_result)BUILD_RESULT_INIT;
}

/* It is read when the stat cache does not know it. */
static int digest_archive(struct session *s, int fd, struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_stat_cache_ struct stat_cache *cache = stat_cache_open(s->store, fd);
	const struct scan_memory *memory = stat_cache_memory(cache);
	struct stat st;

	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "stat");
	if (memory->known(memory->ctx, &st, ret))
		return 0;
	if (gg_digest_fd(fd, ret, NULL, err) < 0)
		return -1;
	memory->learned(memory->ctx, &st, ret);
	stat_cache_save(cache);
	return 0;
}

static int open_archive(struct session *s, const struct recipe_stage *stage, struct gg_err *err)
{
	_cleanup_close_ int fd =
		beside_open(s, "open", stage->from.rootfs, O_RDONLY | O_NONBLOCK | O_NOCTTY, err);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return gg_fail_errno(err, "stat");
	if (!S_ISREG(st.st_mode))
		return gg_fail(err, GG_RECIPE, "it is no regular file");
	return gg_steal_fd(&fd);
}

/* The digest is what the plan was told: an archive that is being written must not get in under it. */
static int import_archive(struct session *s, int from, const struct gg_digest *digest,
			  struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(BLOCK);
	_cleanup_close_ int to = -1;
	struct gg_digest got;
	uint64_t size = 0;
	ssize_t n;

	if (store_tmp_new(s->store, s->userns.base, &tmp, err) < 0)
		return -1;
	to = gg_openat(tmp.fd, "blob", O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (to < 0)
		return -1;
	if (lseek(from, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "lseek");
	while ((n = gg_read_full(from, block, BLOCK, err)) > 0) {
		gg_hash_add(h, block, (size_t)n);
		if (gg_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		size += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	gg_hash_end(h, &got);
	if (!gg_digest_eq(&got, digest))
		return gg_fail(err, GG_INTEGRITY, "it changed while it was read");
	return store_blob_adopt(s->store, tmp.fd, "blob", digest, size, err);
}

/* An archive beside the recipe: its content is its identity, and it goes into the store like a downloaded one. */
static int import_rootfs(struct session *s, const struct recipe_stage *stage, struct gg_digest *ret,
			 struct gg_err *err)
{
	const char *name = stage->from.rootfs;
	const struct gg_digest *want = &stage->from.sha256;
	_cleanup_close_ int fd = s->bundle ? -1 : open_archive(s, stage, err);

	if (s->bundle) {
		if (bundle_rootfs(s->bundle, stage, ret, err) < 0)
			return -1;
	} else if (fd < 0 || digest_archive(s, fd, ret, err) < 0) {
		err->pos = stage->from.pos;
		return gg_context(err, "root file system '%s'", name);
	}
	if (!gg_digest_is_zero(want) && !gg_digest_eq(ret, want)) {
		char is_text[GG_DIGEST_TEXT], want_text[GG_DIGEST_TEXT];

		return gg_fail_at(err, GG_INTEGRITY, stage->from.pos,
				  "root file system '%s' is %s, the recipe wants %s", name,
				  gg_digest_text(ret, is_text), gg_digest_text(want, want_text));
	}
	if (s->bundle || s->read_only || store_blob_has(s->store, ret))
		return 0;
	if (import_archive(s, fd, ret, err) < 0)
		return gg_context(err, "import the root file system '%s'", name);
	return 0;
}

int build_plan(struct session *s, struct project *p, const char *platform, struct plan **ret,
	       struct gg_err *err)
{
	const struct recipe *r = p->recipe;
	_cleanup_free_ struct gg_digest *locals = gg_calloc(r->n_inputs + 1, sizeof(*locals));
	_cleanup_free_ struct gg_digest *files = gg_calloc(r->n_stages + 1, sizeof(*files));
	struct plan_input in = { .recipe = r,
				 .lock = p->lock,
				 .platform = platform,
				 .locals = locals,
				 .rootfs_files = files };

	for (size_t i = 0; i < r->n_inputs; i++) {
		const struct tree *t;

		if (r->inputs[i].kind != RECIPE_INPUT_LOCAL)
			continue;
		if (s->bundle) {
			locals[i] = bundle_local(s->bundle, &r->inputs[i]);
			continue;
		}
		if (local_manifest(s, &r->inputs[i], &t, err) < 0)
			return -1;
		tree_digest(t, &locals[i]);
	}
	for (size_t i = 0; i < r->n_stages; i++)
		if (r->stages[i].from.kind == RECIPE_FROM_ROOTFS &&
		    !plan_is_url(r->stages[i].from.rootfs) &&
		    import_rootfs(s, &r->stages[i], &files[i], err) < 0)
			return -1;
	return plan_make(&in, ret, err);
}

static int no_stage(const struct plan *p, const char *name, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	const char *near;

	for (size_t i = 0; i < p->n_stages; i++)
		gg_strv_add(&names, p->stages[i].stage->name);
	near = gg_nearest(name, (const char *const *)names.v, names.n);
	gg_fail(err, GG_USAGE, "there is no stage '%s'", name);
	return near ? gg_hint(err, "did you mean '%s'?", near) : -1;
}

void build_goals_done(struct build_goals *g)
{
	free(g->v);
}

static void add_goal(struct build_goals *g, size_t id)
{
	GG_GROW(g->v, g->n, g->cap);
	g->v[g->n++] = id;
}

static void add_stage(struct build_goals *g, const struct plan_stage *stage)
{
	if (stage->image)
		add_goal(g, stage->image->documents);
	for (size_t i = 0; i < stage->n_chain; i++)
		add_goal(g, stage->chain[i]);
}

static bool is_from_outside(const struct plan_node *n)
{
	return plan_downloads(n) || n->kind == PLAN_BASE ||
	       (n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH);
}

static bool *reach(const struct plan *p, const struct build_goals *g)
{
	bool *reached = gg_calloc(p->n_nodes + 1, sizeof(*reached));

	plan_reach(p, g->v, g->n, reached);
	return reached;
}

/* Instead of the goals, all that they need from outside. */
static void only_from_outside(const struct plan *p, struct build_goals *g)
{
	_cleanup_free_ bool *reached = reach(p, g);

	g->n = 0;
	for (size_t i = 0; i < p->n_nodes; i++)
		if (reached[i] && is_from_outside(&p->nodes[i]))
			add_goal(g, i);
}

int build_goals(const struct session *s, const struct plan *p, const struct build_options *o,
		struct build_goals *ret, struct gg_err *err)
{
	const struct plan_stage *stage = o->target ? plan_stage(p, o->target) : NULL;
	bool image = !stage && p->has_image;

	if (o->target && !stage)
		return no_stage(p, o->target, err);
	if (stage)
		add_stage(ret, stage);
	for (size_t i = 0; !stage && !image && i < p->n_stages; i++)
		add_stage(ret, &p->stages[i]);
	if (image && p->image)
		add_goal(ret, p->image->documents);
	for (size_t i = 0; image && i < p->n_layers; i++)
		add_goal(ret, p->packs[i]);
	for (size_t i = 0; image && !s->no_test && i < p->n_tests; i++)
		add_goal(ret, p->tests[i]);
	if (o->fetch_only)
		only_from_outside(p, ret);
	return 0;
}

static int begin(struct session *s, struct project *p, const struct build_options *o,
		 const struct build_goals *goals, struct build_result *ret, struct gg_err *err)
{
	ret->execution = execution_new(s, p->recipe, ret->plan);
	if (o->publish && publish_spare(o->publish, ret, err) < 0)
		return -1;
	return execution_look(ret->execution, goals->v, goals->n, err);
}

/* Looks what is to be done. When the lock knows another compressor, and may be left as it is, what this one gives has
 * keys of its own: whoever can keep the lock's promise must not find it. */
static int look(struct session *s, struct project *p, const struct build_options *o,
		const struct build_goals *goals, struct build_result *ret, struct gg_err *err)
{
	struct lock_formats *f = &p->lock->formats, kept = *f;
	struct lock_compressor own;
	bool other;
	int r;

	if (begin(s, p, o, goals, ret, err) < 0)
		return -1;
	if (!execution_packs(ret->execution))
		return 0;
	if (compressor_check(s, p, &own, &other, err) < 0)
		return -1;
	if (!other)
		return 0;
	execution_freep(&ret->execution);
	plan_freep(&ret->plan);
	ret->execution = NULL;
	ret->plan = NULL;
	compressor_set(f, compressor_kind(&p->recipe->image), &own);
	r = build_plan(s, p, o->platform, &ret->plan, err);
	*f = kept;
	if (r < 0)
		return -1;
	return begin(s, p, o, goals, ret, err);
}

static int run_rounds(struct session *s, struct project *p, const struct build_options *o,
		      struct build_result *ret, struct gg_err *err)
{
	_cleanup_build_goals_ struct build_goals goals = { 0 };
	bool known = true;

	if (build_lock(s, p, o, ret, err) < 0 || build_goals(s, ret->plan, o, &goals, err) < 0 ||
	    look(s, p, o, &goals, ret, err) < 0)
		return -1;
	if (!o->fetch_only &&
	    results_are_last(s->store, p->recipe, ret->plan, goals.v, goals.n, &known, err) < 0)
		return -1;
	if (o->publish && publish_begin(o->publish, p->recipe, ret, err) < 0)
		return -1;
	if (execution_run(ret->execution, goals.v, goals.n, err) < 0)
		return -1;
	return known ? 0
		     : results_remember_all(s->store, p->recipe, ret->plan, goals.v, goals.n, err);
}

int build_run(struct session *s, struct project *p, const struct build_options *o,
	      struct build_result *ret, struct gg_err *err)
{
	if (run_rounds(s, p, o, ret, err) == 0)
		return 0;
	store_explain(s->store, err);
	return -1;
}
