/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "builder/image_place.h"
#include "builder/job.h"
#include "builder/plan.h"
#include "builder/progress.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/image_source.h"
#include "layers/registry_settings.h"
#include "layers/store.h"

enum { BLOCK = 1 << 20 };

struct pull_job {
	struct session *session;
	const struct pull *pull;
	const char *platform;
	struct store_tmp tmp;
	int *fds; /* parallel to the pull's blobs */
	size_t n_fds;
	void (*arrived)(void *ctx, size_t id);
	void (*ended)(void *ctx, struct gg_err *err);
	void *ctx;
	uint64_t started;
	struct gg_err err;
	/* in the child */
	const struct job_port *port;
	uint64_t done, total;
};

void pulls_done(struct pulls *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->v[i].v);
	free(p->v);
	*p = (struct pulls){ 0 };
}

void pulls_add(struct pulls *p, const struct plan_node *n, size_t id)
{
	struct pull *pull = NULL;

	for (size_t i = 0; i < p->n && !pull; i++)
		if (p->v[i].image == n->image)
			pull = &p->v[i];
	if (!pull) {
		GG_GROW(p->v, p->n, p->cap);
		pull = &p->v[p->n++];
		*pull = (struct pull){ .image = n->image };
	}
	GG_GROW(pull->v, pull->n, pull->cap);
	pull->v[pull->n++] = (struct pull_blob){ .node = n, .id = id };
}

int pulls_refuse(const struct pulls *p, struct gg_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		if (!image_place_is_remote(p->v[i].image->reference))
			continue;
		gg_fail_at(err, GG_REMOTE, p->v[i].image->pos,
			   "%zu blob%s of '%s' %s not in the store and --offline forbids every "
			   "connection",
			   p->v[i].n, p->v[i].n == 1 ? "" : "s", p->v[i].image->reference,
			   p->v[i].n == 1 ? "is" : "are");
		return gg_hint(err, "run `ggbuild fetch` for this recipe where there is a network");
	}
	return 0;
}

/* ---- in the child ---- */

static void tell(void *ctx, uint64_t done, uint64_t total)
{
	struct pull_job *j = ctx;
	_cleanup_json_ struct gg_json *m = gg_json_object();

	(void)total;
	gg_json_set_int(m, "done", (int64_t)(j->done + done));
	gg_json_set_int(m, "total", (int64_t)j->total);
	job_send(j->port, m);
}

static void tell_arrived(struct pull_job *j, size_t index)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();

	gg_json_set_int(m, "arrived", (int64_t)index);
	job_send(j->port, m);
}

/* What the source calls it: by digest; a layer of a docker-archive by what it holds. */
static struct image_blob blob_of(const struct pull_job *j, const struct image_source *s,
				 const struct plan_node *n)
{
	const struct lock_image *lock = j->pull->image->lock;
	struct image_blob b = { .media_type = "application/octet-stream",
				.addressed = true,
				.digest = n->blob,
				.size = n->blob_size };

	for (size_t i = 0; i < lock->n_layers; i++) {
		if (!gg_digest_eq(&lock->layers[i].blob.digest, &n->blob))
			continue;
		b.media_type = lock->layers[i].blob.media_type;
		for (size_t k = 0; k < s->n_layers; k++)
			if (!s->layers[k].blob.addressed &&
			    gg_digest_eq(&s->layers[k].diff_id, &lock->layers[i].diff_id))
				b.member = s->layers[k].blob.member;
		return b;
	}
	if (gg_digest_eq(&n->blob, &s->config.blob.digest))
		b.member = s->config.blob.member;
	return b;
}

static int copy_bytes(struct pull_job *j, const struct image_bytes *bytes, int to,
		      struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(BLOCK);

	for (uint64_t done = 0; done < bytes->size;) {
		size_t want = bytes->size - done < BLOCK ? (size_t)(bytes->size - done) : BLOCK;
		ssize_t n = pread(bytes->fd, block, want, (off_t)(bytes->offset + done));

		if (n < 0)
			return gg_fail_errno(err, "read");
		if (n == 0)
			return gg_fail(err, GG_INTEGRITY, "it ends early");
		gg_hash_add(hash, block, (size_t)n);
		if (gg_write_all(to, block, (size_t)n, err) < 0)
			return -1;
		done += (uint64_t)n;
		tell(j, done, 0);
	}
	gg_hash_end(hash, ret);
	return 0;
}

static int copy_blob(struct pull_job *j, const struct image_source *s, const struct plan_node *n,
		     int to, struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;
	struct image_blob b = blob_of(j, s, n);
	char text[GG_DIGEST_TEXT];
	struct gg_digest found;

	if (s->open(s->ctx, &b, &bytes, err) < 0)
		return -1;
	if (bytes.size != n->blob_size)
		return gg_fail(err, GG_INTEGRITY,
			       "it has %" PRIu64 " bytes, and the lock says %" PRIu64, bytes.size,
			       n->blob_size);
	if (copy_bytes(j, &bytes, to, &found, err) < 0)
		return -1;
	if (gg_digest_eq(&found, &n->blob))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "its digest is %s", gg_digest_text(&found, text));
}

/* Documents that opening the image has brought. */
static bool take_document(const struct image_source *s, const struct plan_node *n, int to, int *ret,
			  struct gg_err *err)
{
	const struct image_document *docs[] = { &s->manifest, &s->config };

	for (size_t i = 0; i < GG_LEN(docs); i++) {
		if (!docs[i]->bytes || !gg_digest_eq(&docs[i]->blob.digest, &n->blob))
			continue;
		*ret = gg_write_all(to, docs[i]->bytes, docs[i]->len, err);
		return true;
	}
	return false;
}

static int pull_one(struct pull_job *j, const struct image_source *s, size_t i, struct gg_err *err)
{
	const struct plan_node *n = j->pull->v[i].node;
	int r;

	if (!take_document(s, n, j->fds[i], &r, err))
		r = copy_blob(j, s, n, j->fds[i], err);
	if (r < 0)
		return gg_context(err, "%s", n->name);
	j->done += n->blob_size;
	tell_arrived(j, i);
	return 0;
}

static int pull_together(struct pull_job *j, const struct image_source *s, struct gg_err *err)
{
	_cleanup_free_ struct image_blob *blobs = gg_calloc(j->pull->n, sizeof(*blobs));
	_cleanup_free_ struct image_get *gets = gg_calloc(j->pull->n, sizeof(*gets));
	_cleanup_free_ size_t *which = gg_calloc(j->pull->n, sizeof(*which));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < j->pull->n && r == 0; i++) {
		const struct plan_node *node = j->pull->v[i].node;

		if (take_document(s, node, j->fds[i], &r, err)) {
			tell_arrived(j, i);
			continue;
		}
		blobs[n] = blob_of(j, s, node);
		gets[n] = (struct image_get){ .blob = &blobs[n], .outfd = j->fds[i] };
		which[n++] = i;
	}
	if (r == 0 && n)
		r = s->get(s->ctx, gets, n, err);
	for (size_t i = 0; i < n; i++)
		if (gets[i].done)
			tell_arrived(j, which[i]);
	return r;
}

static int run(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct pull_job *j = ctx;
	const struct plan_image *image = j->pull->image;
	const struct gg_digest *manifest = &image->lock->manifest.digest;
	_cleanup_image_place_ struct image_place place = IMAGE_PLACE_INIT;
	struct registry_settings registry = { 0 };
	struct session session = *j->session;
	int r = 0;

	(void)result;
	j->port = port;
	for (size_t i = 0; i < j->pull->n; i++)
		j->total += j->pull->v[i].node->blob_size;
	if (session.registry)
		registry = *session.registry;
	registry.progress = tell;
	registry.ctx = j;
	session.registry = &registry;
	if (image_place_open(&session, image->reference, j->platform,
			     gg_digest_is_zero(manifest) ? NULL : manifest, &place, err) < 0)
		return -1;
	if (place.source->get)
		r = pull_together(j, place.source, err);
	else
		for (size_t i = 0; i < j->pull->n && r == 0; i++)
			r = pull_one(j, place.source, i, err);
	if (r == 0)
		return 0;
	if (err->kind == GG_INTEGRITY && place.source->manifest.bytes &&
	    !gg_digest_eq(manifest, &place.source->manifest.blob.digest))
		gg_hint(err, "the reference leads to another image now: `ggbuild lock --update "
			     "NAME` takes that");
	return gg_context(err, "image '%s'", image->reference);
}

/* ---- in the scheduler ---- */

static uint64_t job_id(const struct pull_job *j)
{
	return (uint64_t)(uintptr_t)j;
}

static void take_message(void *ctx, const struct gg_json *m)
{
	struct pull_job *j = ctx;
	int64_t index = gg_json_get_int(m, "arrived", -1);
	const struct plan_node *n;
	char name[32];

	if (index < 0 || (size_t)index >= j->pull->n) {
		progress_job_bytes(j->session->progress, job_id(j),
				   (uint64_t)gg_json_get_int(m, "done", 0),
				   (uint64_t)gg_json_get_int(m, "total", 0));
		return;
	}
	if (j->err.kind != GG_OK)
		return;
	n = j->pull->v[index].node;
	snprintf(name, sizeof(name), "%zu", (size_t)index);
	if (store_blob_adopt(j->session->store, j->tmp.fd, name, &n->blob, n->blob_size, &j->err) <
	    0)
		return;
	if (j->arrived)
		j->arrived(j->ctx, j->pull->v[index].id);
}

static void job_done(struct pull_job *j)
{
	for (size_t i = 0; i < j->n_fds; i++)
		gg_close(j->fds[i]);
	free(j->fds);
	store_tmp_done(&j->tmp);
	gg_err_done(&j->err);
	free(j);
}

static void finish(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct pull_job *j = ctx;

	(void)result;
	if (err->kind == GG_OK && j->err.kind != GG_OK)
		gg_err_move(err, &j->err);
	if (err->kind != GG_OK && !err->pos.file)
		err->pos = j->pull->image->pos;
	progress_job_end(j->session->progress, job_id(j),
			 err->kind == GG_OK ? PROGRESS_DONE : PROGRESS_FAILED,
			 job_now_ns() - j->started);
	j->ended(j->ctx, err);
	job_done(j);
}

static void killed(void *ctx)
{
	job_done(ctx);
}

int pull_start(struct session *s, const struct pull *p, const char *platform,
	       void (*arrived)(void *ctx, size_t id), void (*ended)(void *ctx, struct gg_err *err),
	       void *ctx, struct gg_err *err)
{
	struct pull_job *j = gg_zalloc(sizeof(*j));
	_cleanup_free_ char *title = gg_asprintf("pull %s", p->image->lock->name);
	const struct job_spec spec = { .run = run,
				       .message = take_message,
				       .done = finish,
				       .killed = killed,
				       .ctx = j,
				       .file = p->image->pos.file };

	*j = (struct pull_job){ .session = s,
				.pull = p,
				.platform = platform,
				.tmp = STORE_TMP_INIT,
				.arrived = arrived,
				.ended = ended,
				.ctx = ctx,
				.started = job_now_ns() };
	j->fds = gg_calloc(p->n, sizeof(*j->fds));
	if (store_tmp_new(s->store, (uint32_t)geteuid(), &j->tmp, err) < 0)
		goto fail;
	while (j->n_fds < p->n) {
		char name[32];

		snprintf(name, sizeof(name), "%zu", j->n_fds);
		j->fds[j->n_fds] = gg_openat(j->tmp.fd, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
		if (j->fds[j->n_fds] < 0)
			goto fail;
		j->n_fds++;
	}
	progress_job_start(s->progress, job_id(j), title);
	if (jobs_start(s->jobs, &spec, err) < 0)
		goto fail;
	return 0;
fail:
	job_done(j);
	return -1;
}

struct waiting {
	size_t running;
	struct gg_err err;
};

static void note_end(void *ctx, struct gg_err *err)
{
	struct waiting *w = ctx;

	w->running--;
	gg_err_move(&w->err, err);
}

int pulls_all(struct session *s, const struct pulls *p, const char *platform, struct gg_err *err)
{
	struct waiting w = { .err = GG_ERR_INIT };

	for (size_t i = 0; i < p->n; i++) {
		if (pull_start(s, &p->v[i], platform, NULL, note_end, &w, err) < 0)
			return -1;
		w.running++;
	}
	while (w.running && w.err.kind == GG_OK) {
		progress_tick(s->progress, job_now_ns());
		if (jobs_poll(s->jobs, 100, err) < 0)
			return -1;
	}
	if (w.err.kind == GG_OK)
		return 0;
	jobs_kill(s->jobs);
	gg_err_move(err, &w.err);
	return -1;
}
