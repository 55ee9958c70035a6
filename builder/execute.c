/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/execute.h"

#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/bundle_import.h"
#include "builder/download.h"
#include "builder/failure.h"
#include "builder/failure_report.h"
#include "builder/mirror.h"
#include "builder/progress.h"
#include "builder/pull.h"
#include "builder/results.h"
#include "builder/sandbox/trial.h"
#include "builder/sandbox/userns.h"
#include "builder/settle.h"

enum { LOCK_POLL_MS = 100, BATCH = 32 };

enum state {
	UNKNOWN,
	NEEDED, /* no result yet; its dependencies were asked for */
	LOCKED, /* another process is at it */
	RUNNING,
	DONE,
};

struct slot {
	enum state state;
	struct gg_json *record;
	bool blob_wanted; /* its blob is being downloaded */
	bool directory;   /* something mounts its tree */
	bool spared;      /* its record is enough */
	int lockfd;
};

struct execution {
	struct session *session;
	const struct recipe *recipe;
	const struct plan *plan;
	struct slot *slots;
	size_t *order; /* in which ready nodes are started */
	struct bundle_wants imports;
	struct downloads downloads;
	size_t *download_nodes; /* parallel to downloads */
	size_t cap_download_nodes;
	struct pulls pulls;
	unsigned downloading; /* jobs */
	bool looked;
	unsigned running, ran, cached;
	unsigned unpacking;     /* packages that are running */
	struct action *unsaved; /* packages that are done and wait to be saved together; a list */
	unsigned n_unsaved;
	uint64_t unpacking_done, unpacking_total; /* bytes of package archives */
	uint64_t unpacking_since;
	struct gg_err err; /* the first failure of an action */
	int (*watch)(void *ctx, struct gg_err *err);
	void *watch_ctx;
};

/* Packages after everything else, the largest first: the last to end should be a small one. */
static int by_start(const void *a, const void *b, void *ctx)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	const struct plan_node *x = &((const struct plan_node *)ctx)[i],
			       *y = &((const struct plan_node *)ctx)[j];

	if ((x->kind == PLAN_DEB) != (y->kind == PLAN_DEB))
		return x->kind == PLAN_DEB ? 1 : -1;
	if (x->kind == PLAN_DEB && x->blob_size != y->blob_size)
		return x->blob_size > y->blob_size ? -1 : 1;
	return i < j ? -1 : 1;
}

/* Commands run on directories; what is copied from and packed needs none. */
static void want_directories(struct execution *x)
{
	for (size_t i = 0; i < x->plan->n_nodes; i++) {
		const struct plan_node *n = &x->plan->nodes[i];
		bool runs = n->kind == PLAN_STEP || (n->kind == PLAN_TEST && !x->session->no_test);

		for (size_t j = 0; runs && j < n->n_deps; j++)
			x->slots[n->deps[j]].directory = true;
	}
}

struct execution *execution_new(struct session *s, const struct recipe *recipe,
				const struct plan *plan)
{
	struct execution *x = gg_zalloc(sizeof(*x));

	*x = (struct execution){ .session = s, .recipe = recipe, .plan = plan };
	x->slots = gg_calloc(plan->n_nodes, sizeof(*x->slots));
	x->order = gg_calloc(plan->n_nodes, sizeof(*x->order));
	for (size_t i = 0; i < plan->n_nodes; i++) {
		x->slots[i].lockfd = -1;
		x->order[i] = i;
	}
	qsort_r(x->order, plan->n_nodes, sizeof(*x->order), by_start, plan->nodes);
	want_directories(x);
	return x;
}

void execution_free(struct execution *x)
{
	struct action *a;

	if (!x)
		return;
	while ((a = x->unsaved)) {
		x->unsaved = a->next;
		action_free(a);
	}
	for (size_t i = 0; i < x->plan->n_nodes; i++) {
		gg_json_unref(x->slots[i].record);
		store_lock_release(x->slots[i].lockfd);
	}
	free(x->slots);
	free(x->order);
	downloads_done(&x->downloads);
	pulls_done(&x->pulls);
	bundle_wants_done(&x->imports);
	free(x->download_nodes);
	gg_err_done(&x->err);
	free(x);
}

void execution_freep(struct execution **x)
{
	execution_free(*x);
}

const struct gg_json *execution_record(const struct execution *x, size_t node)
{
	return x->slots[node].record;
}

int execution_digest(const struct execution *x, size_t node, const char *field,
		     struct gg_digest *ret, struct gg_err *err)
{
	return gg_digest_parse(gg_json_get_str(x->slots[node].record, field, ""), ret, err);
}

void execution_counts(const struct execution *x, unsigned *ret_ran, unsigned *ret_cached)
{
	*ret_ran = x->ran;
	*ret_cached = x->cached;
}

size_t execution_pins(const struct execution *x, struct lock *lock, const char *platform)
{
	size_t n = 0;

	for (size_t i = 0; i < x->plan->n_nodes; i++) {
		const struct plan_node *node = &x->plan->nodes[i];
		struct lock_fetch f = { .definition = node->definition };
		const char *pin = gg_json_get_str(x->slots[i].record, "pin", NULL);

		if (node->kind != PLAN_STEP || !node->step->fetch || node->pinned || !pin)
			continue;
		if (gg_digest_from_hex(pin + strlen("sha256:"), &f.tree) < 0)
			continue;
		f.name = node->step->fetch;
		lock_put_fetch(lock, lock_platform(lock, platform), &f);
		n++;
	}
	return n;
}

void execution_spare(struct execution *x, size_t node)
{
	x->slots[node].spared = true;
}

void execution_watch(struct execution *x, int (*watch)(void *ctx, struct gg_err *err), void *ctx)
{
	x->watch = watch;
	x->watch_ctx = ctx;
}

/* --no-cache runs again what is not pinned by its content. */
static bool may_reuse(const struct execution *x, const struct plan_node *n)
{
	if (!n->keyed)
		return false;
	if (!x->session->no_cache)
		return true;
	return n->kind == PLAN_DEB || n->kind == PLAN_LOCAL || n->kind == PLAN_URL ||
	       n->kind == PLAN_ROOTFS || n->kind == PLAN_BLOB || n->kind == PLAN_BASE ||
	       n->kind == PLAN_IMAGE || n->kind == PLAN_FLAT ||
	       (n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH && n->pinned);
}

static int lookup(struct execution *x, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &x->plan->nodes[id];
	struct slot *slot = &x->slots[id];

	if (!may_reuse(x, n))
		return 0;
	if (results_find(x->session->store, n, &slot->record, err) < 0)
		return -1;
	if (!slot->record && slot->spared &&
	    store_action_get(x->session->store, &n->key, &slot->record, err) < 0)
		return -1;
	if (slot->record && slot->directory && gg_json_get(slot->record, "tree") &&
	    !results_has_directory(x->session->store, slot->record)) {
		gg_json_unref(slot->record);
		slot->record = NULL;
	}
	if (slot->record)
		slot->state = DONE;
	return 0;
}

static bool has_blob(const struct plan_node *n)
{
	return !gg_digest_is_zero(&n->blob);
}

static int want_blob(struct execution *x, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &x->plan->nodes[id];

	if (!has_blob(n) || store_blob_has(x->session->store, &n->blob))
		return 0;
	if (x->session->bundle) {
		bundle_want(x->session, &x->imports, n);
		return 0;
	}
	if (n->kind == PLAN_BLOB) {
		pulls_add(&x->pulls, n, id);
		x->slots[id].blob_wanted = true;
		return 0;
	}
	if (mirror_download(x->session, n, &x->downloads, err) < 0)
		return -1;
	if (x->downloads.n > x->cap_download_nodes) {
		x->cap_download_nodes = x->downloads.cap;
		x->download_nodes = gg_realloc_n(x->download_nodes, x->cap_download_nodes,
						 sizeof(*x->download_nodes));
	}
	x->download_nodes[x->downloads.n - 1] = id;
	x->slots[id].blob_wanted = true;
	return 0;
}

/* Marks a node and, when it has no result, what it reads. Chains are long but not deep: recursion is bounded by the
 * number of stages times their steps, which the recipe's size bounds. */
static int need(struct execution *x, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &x->plan->nodes[id];
	struct slot *slot = &x->slots[id];

	if (slot->state != UNKNOWN)
		return 0;
	if (lookup(x, id, err) < 0)
		return -1;
	if (slot->state == DONE) {
		x->cached++;
		return 0;
	}
	slot->state = NEEDED;
	if (x->session->bundle && bundle_has_tree(n))
		bundle_want(x->session, &x->imports, n);
	if (n->kind == PLAN_DEB)
		x->unpacking_total += n->blob_size;
	for (size_t i = 0; i < n->n_deps; i++)
		if (need(x, n->deps[i], err) < 0)
			return -1;
	return want_blob(x, id, err);
}

static bool is_ready(const struct execution *x, size_t id)
{
	const struct plan_node *n = &x->plan->nodes[id];

	if (x->slots[id].blob_wanted)
		return false;
	for (size_t i = 0; i < n->n_deps; i++)
		if (x->slots[n->deps[i]].state != DONE)
			return false;
	return true;
}

/* Packages are many and small: they share one line of the view. */
static bool is_quiet(const struct plan_node *n)
{
	return n->kind == PLAN_DEB;
}

static void show_unpacking(struct execution *x, const struct plan_node *n)
{
	uint64_t id = (uint64_t)(uintptr_t)&x->unpacking_done;

	if (x->unpacking_since == 0) {
		x->unpacking_since = job_now_ns();
		progress_job_start(x->session->progress, id, "unpack packages");
	}
	x->unpacking_done += n ? n->blob_size : 0;
	progress_job_bytes(x->session->progress, id, x->unpacking_done, x->unpacking_total);
	if (x->unpacking_done == x->unpacking_total)
		progress_job_end(x->session->progress, id, PROGRESS_DONE,
				 job_now_ns() - x->unpacking_since);
}

static void complete(struct execution *x, size_t id, struct gg_json *record)
{
	struct slot *slot = &x->slots[id];

	slot->record = record;
	slot->state = DONE;
	store_lock_release(slot->lockfd);
	slot->lockfd = -1;
}

static void failed(struct action *a, struct gg_err *err)
{
	struct execution *x = a->execution;

	if (x->err.kind != GG_OK)
		return;
	store_explain(x->session->store, err);
	failure_describe(a, err);
	failure_report(x->session->report, err->kind, a->node->step);
	gg_err_move(&x->err, err);
}

static void saved(struct action *a)
{
	a->execution->ran++;
	complete(a->execution, a->id, gg_json_ref(a->record));
}

/* Packages are saved together: syncing each would cost more than unpacking it. */
static void package_done(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	struct execution *x = a->execution;

	x->unpacking--;
	show_unpacking(x, a->node);
	if (err->kind != GG_OK) {
		failed(a, err);
		action_free(a);
		return;
	}
	a->result = gg_json_ref((struct gg_json *)result);
	a->next = x->unsaved;
	x->unsaved = a;
	x->n_unsaved++;
}

static void action_done(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct action *a = ctx;
	struct execution *x = a->execution;
	uint64_t ns = job_now_ns() - a->started;

	x->running--;
	action_end_output(a);
	if (is_quiet(a->node)) {
		package_done(a, result, err);
		return;
	}
	if (err->kind == GG_OK && action_commit(a, result, err) == 0)
		saved(a);
	progress_job_end(x->session->progress, a->id,
			 err->kind == GG_OK ? PROGRESS_DONE : PROGRESS_FAILED, ns);
	if (err->kind != GG_OK)
		failed(a, err);
	action_free(a);
}

/* When there are enough, or no more are coming. */
static bool should_save(const struct execution *x)
{
	return x->n_unsaved >= BATCH || (x->n_unsaved > 0 && x->unpacking == 0);
}

static int save_packages(struct execution *x, struct gg_err *err)
{
	struct action *a;

	if (store_batch_begin(x->session->store, err) < 0)
		return -1;
	for (a = x->unsaved; a; a = a->next)
		if (action_commit(a, a->result, err) < 0) {
			failure_describe(a, err);
			return -1;
		}
	if (store_batch_end(x->session->store, err) < 0)
		return -1;
	while ((a = x->unsaved)) {
		x->unsaved = a->next;
		saved(a);
		action_free(a);
	}
	x->n_unsaved = 0;
	return 0;
}

static void action_killed(void *ctx)
{
	action_free(ctx);
}

static int start(struct execution *x, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &x->plan->nodes[id];
	struct action *a = gg_zalloc(sizeof(*a));
	const struct action_ops *ops = action_ops_of(x->session, n);
	struct job_spec spec = { .run = action_work,
				 .output = action_take_output,
				 .done = action_done,
				 .killed = action_killed,
				 .ctx = a,
				 .userns = ops->outside ? NULL : &x->session->userns,
				 .file = x->recipe->file };

	*a = (struct action){ .ops = ops,
			      .execution = x,
			      .session = x->session,
			      .recipe = x->recipe,
			      .plan = x->plan,
			      .node = n,
			      .id = id,
			      .tmp = STORE_TMP_INIT,
			      .directory = x->slots[id].directory,
			      .blobfd = -1,
			      .logfd = -1,
			      .started = job_now_ns() };
	if (store_tmp_new(x->session->store, x->session->userns.base, &a->tmp, err) < 0)
		goto fail;
	if (has_blob(n)) {
		a->blobfd = store_blob_open(x->session->store, &n->blob, NULL, err);
		if (a->blobfd < 0)
			goto fail;
	}
	if (ops->prepare && ops->prepare(a, err) < 0)
		goto fail;
	if (is_quiet(n))
		show_unpacking(x, NULL);
	else if (n->kind != PLAN_BLOB && n->kind != PLAN_BASE)
		progress_job_start(x->session->progress, id, n->name);
	if (jobs_start(x->session->jobs, &spec, err) < 0)
		goto fail;
	x->slots[id].state = RUNNING;
	x->running++;
	x->unpacking += is_quiet(n);
	return 0;
fail:
	gg_context(err, "%s", n->name);
	action_free(a);
	return -1;
}

/* One execution per key among all processes: who gets the lock looks again before it starts. */
static int try_start(struct execution *x, size_t id, struct gg_err *err)
{
	const struct plan_node *n = &x->plan->nodes[id];
	struct slot *slot = &x->slots[id];

	if (n->keyed) {
		if (store_lock_try(x->session->store, &n->key, &slot->lockfd, err) < 0)
			return -1;
		if (slot->lockfd < 0) {
			slot->state = LOCKED;
			return 0;
		}
		/* Somebody may have made it since it was looked for, and be gone again. */
		if (lookup(x, id, err) < 0)
			return -1;
		if (slot->state == DONE) {
			x->cached++;
			store_lock_release(slot->lockfd);
			slot->lockfd = -1;
			return 0;
		}
	}
	return start(x, id, err);
}

static int start_ready(struct execution *x, struct gg_err *err)
{
	for (size_t i = 0; i < x->plan->n_nodes && x->running < x->session->n_jobs; i++) {
		size_t id = x->order[i];
		enum state s = x->slots[id].state;

		if ((s == NEEDED || s == LOCKED) && is_ready(x, id) && try_start(x, id, err) < 0)
			return -1;
	}
	return 0;
}

static void blob_arrived(void *ctx, struct download *d)
{
	struct execution *x = ctx;

	x->slots[x->download_nodes[d - x->downloads.v]].blob_wanted = false;
}

static void pull_arrived(void *ctx, size_t id)
{
	struct execution *x = ctx;

	x->slots[id].blob_wanted = false;
}

static void downloads_ended(void *ctx, struct gg_err *err)
{
	struct execution *x = ctx;

	x->downloading--;
	gg_err_move(&x->err, err);
}

static int start_pulls(struct execution *x, struct gg_err *err)
{
	if (x->session->offline && pulls_refuse(&x->pulls, err) < 0)
		return -1;
	for (size_t i = 0; i < x->pulls.n; i++) {
		if (pull_start(x->session, &x->pulls.v[i], x->plan->platform, pull_arrived,
			       downloads_ended, x, err) < 0)
			return -1;
		x->downloading++;
	}
	return 0;
}

static int start_downloads(struct execution *x, struct gg_err *err)
{
	if (x->downloads.n && x->session->offline)
		return downloads_refuse(&x->downloads, err);
	if (start_pulls(x, err) < 0)
		return -1;
	if (x->downloads.n == 0)
		return 0;
	x->downloading++;
	return download_start(x->session, &x->downloads, blob_arrived, downloads_ended, x, err);
}

static bool goals_done(const struct execution *x, const size_t *goals, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (x->slots[goals[i]].state != DONE)
			return false;
	return true;
}

static bool is_waiting(const struct execution *x)
{
	for (size_t i = 0; i < x->plan->n_nodes; i++)
		if (x->slots[i].state == LOCKED)
			return true;
	return false;
}

static int loop(struct execution *x, const size_t *goals, size_t n, struct gg_err *err)
{
	while (!goals_done(x, goals, n)) {
		int timeout;

		if (start_ready(x, err) < 0)
			return -1;
		if (x->watch && x->watch(x->watch_ctx, err) < 0)
			return -1;
		if (goals_done(x, goals, n))
			break;
		if (should_save(x)) {
			/* What it made ready is started before anything is waited for. */
			if (save_packages(x, err) < 0)
				return -1;
			continue;
		}
		if (x->running == 0 && !x->downloading && !is_waiting(x))
			return gg_fail(err, GG_INTERNAL, "nothing runs and the goals are not made");
		progress_tick(x->session->progress, job_now_ns());
		timeout = progress_timeout(x->session->progress);
		if (timeout < 0 || timeout > LOCK_POLL_MS)
			timeout = LOCK_POLL_MS;
		if (jobs_poll(x->session->jobs, timeout, err) < 0)
			return -1;
		progress_tick(x->session->progress, job_now_ns());
		if (x->err.kind != GG_OK) {
			gg_err_move(err, &x->err);
			return -1;
		}
	}
	return 0;
}

/* Where the recipe asks for a command to be run, NULL when the node runs none. */
static const struct gg_pos *runs_command(const struct execution *x, const struct plan_node *n)
{
	if (n->kind == PLAN_TEST)
		return x->session->no_test ? NULL : &n->test->pos;
	if (n->kind == PLAN_DISTRO)
		return n->stage->from.scripts ? &n->stage->from.pos : NULL;
	if (x->session->bundle && bundle_has_tree(n))
		return NULL;
	if (n->kind == PLAN_STEP &&
	    (n->step->kind == RECIPE_STEP_RUN || n->step->kind == RECIPE_STEP_FETCH))
		return &n->step->pos;
	return NULL;
}

static int try_sandbox(const struct execution *x, struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;
	struct userns *ns = &x->session->userns;

	if (userns_allows_sandbox(ns, err) < 0)
		return -1;
	if (!trial_in_doubt(ns))
		return 0;
	if (store_tmp_new(x->session->store, geteuid(), &tmp, err) < 0)
		return -1;
	return trial_of_sandbox(ns, tmp.fd, err);
}

/* What cannot be run here is told before anything is. */
static int check_commands(const struct execution *x, struct gg_err *err)
{
	const struct gg_pos *pos = NULL;
	size_t i = 0;

	for (; !pos && i < x->plan->n_nodes; i++)
		if (x->slots[i].state == NEEDED)
			pos = runs_command(x, &x->plan->nodes[i]);
	if (!pos || try_sandbox(x, err) == 0)
		return 0;
	err->pos = *pos;
	return gg_context(err, "%s", x->plan->nodes[i - 1].name);
}

static bool is_needed(const struct execution *x)
{
	for (size_t i = 0; i < x->plan->n_nodes; i++)
		if (x->slots[i].state == NEEDED)
			return true;
	return false;
}

static void forget(struct execution *x)
{
	for (size_t i = 0; i < x->plan->n_nodes; i++) {
		struct slot *slot = &x->slots[i];

		gg_json_unref(slot->record);
		slot->record = NULL;
		slot->state = UNKNOWN;
		slot->blob_wanted = false;
	}
	downloads_done(&x->downloads);
	x->downloads = (struct downloads){ 0 };
	pulls_done(&x->pulls);
	bundle_wants_done(&x->imports);
	x->imports = (struct bundle_wants){ 0 };
	x->cached = 0;
	x->unpacking_total = 0;
}

static int need_all(struct execution *x, const size_t *goals, size_t n, struct gg_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (need(x, goals[i], err) < 0)
			return -1;
	return 0;
}

/* The user namespace is made when there is something to be made in it, and no earlier. */
int execution_look(struct execution *x, const size_t *goals, size_t n, struct gg_err *err)
{
	bool changed;

	if (x->looked)
		return 0;
	x->looked = true;
	if (need_all(x, goals, n, err) < 0)
		return -1;
	if (!is_needed(x))
		return 0;
	if (settle(&x->session->userns, x->session->store, &changed, err) < 0)
		return -1;
	if (changed) {
		forget(x);
		if (need_all(x, goals, n, err) < 0)
			return -1;
	}
	return check_commands(x, err);
}

bool execution_packs(const struct execution *x)
{
	for (size_t i = 0; i < x->plan->n_nodes; i++)
		if (x->plan->nodes[i].kind == PLAN_PACK && x->slots[i].state == NEEDED)
			return true;
	return false;
}

int execution_run(struct execution *x, const size_t *goals, size_t n, struct gg_err *err)
{
	int r = execution_look(x, goals, n, err);

	if (r == 0)
		r = bundle_import(x->session, &x->imports, err);
	if (r == 0)
		r = start_downloads(x, err);
	if (r == 0)
		r = loop(x, goals, n, err);
	if (r < 0)
		jobs_kill(x->session->jobs);
	return r;
}
