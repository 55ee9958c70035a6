/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/bundle_import.h"

#include <string.h>
#include <unistd.h>

#include "builder/bundle_job.h"
#include "builder/job.h"
#include "builder/plan.h"
#include "builder/progress.h"
#include "builder/project.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/bundle.h"
#include "layers/store.h"
#include "recipes/recipe.h"

enum {
	GROUP_BYTES =
		256 << 20, /* adopted together: what is in the store stays if the rest fails */
	NAMED_MAX = 10,
	REPORT_STEP = 16 << 20,
};

/* ---- before the plan ---- */

struct checking {
	const struct bundle *bundle;
	const struct job_port *port;
	uint64_t told;
};

static void tell(void *ctx, uint64_t done, uint64_t total)
{
	struct checking *c = ctx;
	_cleanup_json_ struct gg_json *m = NULL;

	if (done - c->told < REPORT_STEP && done < total)
		return;
	c->told = done;
	m = gg_json_object();
	gg_json_set_int(m, "done", (int64_t)done);
	gg_json_set_int(m, "total", (int64_t)total);
	job_send(c->port, m);
}

static int check_work(void *ctx, const struct job_port *port, struct gg_json *result,
		      struct gg_err *err)
{
	struct checking c = { .bundle = ctx, .port = port };

	(void)result;
	if (job_bound_memory(err) < 0)
		return -1;
	return bundle_verify(c.bundle, tell, &c, err);
}

int bundle_check(struct session *s, struct gg_err *err)
{
	GG_CLEANUP(bundle_job_done)
	struct bundle_job job = { .name = "verify the bundle",
				  .run = check_work,
				  .ctx = s->bundle };

	if (bundle_job_start(s, &job, err) < 0)
		return -1;
	return bundle_job_wait(s, &job, err);
}

static int read_text(const struct bundle *b, enum bundle_role role, struct gg_buf *ret,
		     const struct bundle_part **ret_part, struct gg_err *err)
{
	*ret_part = bundle_find(b, role, NULL);
	if (!*ret_part || !(*ret_part)->file)
		return gg_fail(err, GG_INTEGRITY, "bundle '%s' has no %s", b->path,
			       bundle_role_names[role]);
	if (bundle_read(*ret_part, ret, err) < 0)
		return gg_context(err, "bundle '%s'", b->path);
	if (!ret->data)
		gg_buf_puts(ret, "");
	return 0;
}

static const char *find_piece(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len)
{
	const struct bundle_part *p = bundle_find(ctx, BUNDLE_PIECE, name);
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (!p || !p->file || bundle_read(p, &text, &ignored) < 0)
		return NULL;
	*ret_len = text.len;
	return gg_arena_strndup(arena, text.data ? text.data : "", text.len);
}

static int take_strings(const struct gg_json *o, const char *key, struct gg_strv *ret,
			struct gg_err *err)
{
	const struct gg_json *list = gg_json_get(o, key);

	for (size_t i = 0; i < gg_json_len(list); i++) {
		if (!gg_json_is_string(gg_json_at(list, i)))
			return gg_fail(err, GG_INTEGRITY, "the bundle's settings are damaged");
		gg_strv_add(ret, gg_json_text(gg_json_at(list, i)));
	}
	return 0;
}

static int read_settings(const struct bundle *b, struct gg_strv *args, struct gg_strv *allowed,
			 struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = NULL;
	_cleanup_buf_ struct gg_buf text = { 0 };
	const struct bundle_part *p;

	if (read_text(b, BUNDLE_SETTINGS, &text, &p, err) < 0)
		return -1;
	o = gg_json_parse(text.data, text.len, err);
	if (!o) {
		err->kind = GG_INTEGRITY;
		return gg_context(err, "bundle '%s': settings", b->path);
	}
	if (take_strings(o, "args", args, err) < 0)
		return -1;
	return take_strings(o, "allow", allowed, err);
}

int bundle_project(const struct bundle *b, struct project *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf recipe = { 0 }, lock = { 0 };
	_cleanup_strv_ struct gg_strv args = { 0 }, allowed = { 0 };
	struct project_options options = { .args = &args, .allowed = &allowed };
	struct project_texts texts = { .piece = find_piece, .ctx = (void *)b };
	const struct bundle_part *r, *l;

	if (read_settings(b, &args, &allowed, err) < 0 ||
	    read_text(b, BUNDLE_RECIPE, &recipe, &r, err) < 0 ||
	    read_text(b, BUNDLE_LOCK, &lock, &l, err) < 0)
		return -1;
	texts.path = r->title;
	texts.lock_name = l->title;
	texts.recipe = recipe.data;
	texts.recipe_len = recipe.len;
	texts.lock = lock.data;
	texts.lock_len = lock.len;
	return project_load(&texts, &options, ret, err);
}

/* ---- what lies beside a recipe ---- */

struct gg_digest bundle_local(const struct bundle *b, const struct recipe_input *in)
{
	const struct bundle_part *p = bundle_find(b, BUNDLE_INPUT, in->name);

	return p ? p->tree : (struct gg_digest){ 0 };
}

int bundle_rootfs(const struct bundle *b, const struct recipe_stage *stage, struct gg_digest *ret,
		  struct gg_err *err)
{
	const struct bundle_part *p = bundle_find(b, BUNDLE_ROOTFS, stage->name);

	if (!p)
		return gg_fail_at(err, GG_INTEGRITY, stage->from.pos,
				  "the bundle has no root file system of '%s'", stage->name);
	*ret = p->digest;
	return 0;
}

int bundle_keyring(const struct bundle *b, const struct recipe_from *from, struct gg_digest *ret,
		   struct gg_err *err)
{
	const struct bundle_part *p = bundle_find(b, BUNDLE_KEYRING, from->keyring);

	if (!p)
		return gg_fail_at(err, GG_INTEGRITY, from->pos, "the bundle has no keyring '%s'",
				  from->keyring);
	*ret = p->digest;
	return 0;
}

/* ---- what a plan needs ---- */

static bool is_pinned_fetch(const struct plan_node *n)
{
	return n->kind == PLAN_STEP && n->step->kind == RECIPE_STEP_FETCH && n->pinned;
}

bool bundle_has_tree(const struct plan_node *n)
{
	return n->kind == PLAN_LOCAL || is_pinned_fetch(n);
}

const struct bundle_part *bundle_tree_of(const struct bundle *b, const struct plan_node *n)
{
	if (n->kind == PLAN_LOCAL)
		return bundle_find(b, BUNDLE_INPUT, n->input->name);
	return bundle_find_tree(b, BUNDLE_FETCH, &n->pin);
}

void bundle_wants_done(struct bundle_wants *w)
{
	free(w->v);
	gg_strv_done(&w->missing);
}

static void want(struct bundle_wants *w, const struct bundle_part *p)
{
	for (size_t i = 0; i < w->n; i++)
		if (gg_digest_eq(&w->v[i]->digest, &p->digest))
			return;
	GG_GROW(w->v, w->n, w->cap);
	w->v[w->n++] = p;
}

void bundle_want(const struct session *s, struct bundle_wants *w, const struct plan_node *n)
{
	bool tree = bundle_has_tree(n);
	const struct bundle_part *p =
		tree ? bundle_tree_of(s->bundle, n) : bundle_find_digest(s->bundle, &n->blob);
	const struct bundle_part *manifest =
		tree && p ? bundle_find_digest(s->bundle, &p->tree) : p;

	if (!p)
		gg_strv_add(&w->missing, n->name);
	else if (!p->file || !manifest || !manifest->file)
		gg_strv_addf(&w->missing, "%s '%s'", bundle_role_names[p->role], p->title);
	else if (!tree)
		want(w, p);
}

static int fail_missing(const struct bundle *b, const struct bundle_wants *w, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf names = { 0 };
	char base[GG_DIGEST_TEXT];

	for (size_t i = 0; i < w->missing.n && i < NAMED_MAX; i++)
		gg_buf_printf(&names, "%s%s", i ? ", " : "", w->missing.v[i]);
	if (w->missing.n > NAMED_MAX)
		gg_buf_printf(&names, " and %zu more", w->missing.n - NAMED_MAX);
	gg_fail(err, GG_INTEGRITY, "neither the bundle '%s' nor the store has: %s", b->path,
		names.data);
	if (gg_digest_is_zero(&b->own.base))
		return gg_hint(err, "the bundle was not made for this: make it again");
	return gg_hint(
		err, "it is a delta: add --base FILE, the bundle %s",
		gg_digest_text(b->n_bases ? &b->bases[b->n_bases - 1]->own.base : &b->own.base,
			       base));
}

/* Copies parts [from, to) and adopts them together. */
static int import_group(struct session *s, const struct bundle_wants *w, size_t from, size_t to,
			struct gg_err *err)
{
	_cleanup_store_tmp_ struct store_tmp tmp = STORE_TMP_INIT;

	if (store_tmp_new(s->store, geteuid(), &tmp, err) < 0)
		return -1;
	for (size_t i = from; i < to; i++) {
		char hex[GG_DIGEST_HEX];
		_cleanup_close_ int fd = gg_openat(tmp.fd, gg_digest_hex(&w->v[i]->digest, hex),
						   O_WRONLY | O_CREAT | O_EXCL, 0600, err);

		if (fd < 0 || bundle_copy(w->v[i], fd, err) < 0)
			return -1;
	}
	if (store_batch_begin(s->store, err) < 0)
		return -1;
	for (size_t i = from; i < to; i++) {
		char hex[GG_DIGEST_HEX];

		if (store_blob_adopt(s->store, tmp.fd, gg_digest_hex(&w->v[i]->digest, hex),
				     &w->v[i]->digest, w->v[i]->size, err) < 0)
			return -1;
	}
	return store_batch_end(s->store, err);
}

static int import_all(struct session *s, const struct bundle_wants *w, uint64_t id, uint64_t total,
		      struct gg_err *err)
{
	uint64_t done = 0;

	for (size_t from = 0, to = 0; from < w->n; from = to) {
		uint64_t bytes = 0;

		while (to < w->n && (to == from || bytes + w->v[to]->size <= GROUP_BYTES))
			bytes += w->v[to++]->size;
		if (import_group(s, w, from, to, err) < 0)
			return -1;
		done += bytes;
		progress_job_bytes(s->progress, id, done, total);
		progress_tick(s->progress, job_now_ns());
	}
	return 0;
}

int bundle_import(struct session *s, struct bundle_wants *w, struct gg_err *err)
{
	uint64_t id = (uint64_t)(uintptr_t)w, total = 0, start = job_now_ns();
	int r;

	if (w->missing.n)
		return fail_missing(s->bundle, w, err);
	if (w->n == 0)
		return 0;
	for (size_t i = 0; i < w->n; i++)
		total += w->v[i]->size;
	progress_job_start(s->progress, id, "import from the bundle");
	progress_tick(s->progress, start);
	r = import_all(s, w, id, total, err);
	progress_job_end(s->progress, id, r == 0 ? PROGRESS_DONE : PROGRESS_FAILED,
			 job_now_ns() - start);
	return r == 0 ? 0 : gg_context(err, "bundle '%s'", s->bundle->path);
}
