/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/download.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/job.h"
#include "builder/progress.h"
#include "builder/session.h"
#include "builder/table.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "layers/http.h"
#include "layers/store.h"

/* Where a body goes: a partial download of the store, or where it has no digest or another builder is at it, a file of
 * the job's own. */
struct place {
	int fd;
	bool partial;
	struct gg_digest digest; /* of the partial */
};

struct download_job {
	struct session *session;
	struct downloads *list;
	struct store_tmp tmp;
	struct place *places;
	size_t n_places;             /* the list may be gone when a killed job is released */
	const struct job_port *port; /* in the child */
	struct http_request *requests;
	void (*arrived)(void *ctx, struct download *d);
	void (*ended)(void *ctx, struct gg_err *err);
	void *ctx;
	uint64_t started;
	struct gg_err err;
};

void downloads_done(struct downloads *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].url);
		free(d->v[i].label);
	}
	free(d->v);
	*d = (struct downloads){ 0 };
}

struct download *downloads_add(struct downloads *d, char *take_url, char *take_label)
{
	GG_GROW(d->v, d->n, d->cap);
	d->v[d->n] = (struct download){
		.url = take_url, .label = take_label, .size = UINT64_MAX, .max_size = UINT64_MAX
	};
	return &d->v[d->n++];
}

static uint64_t job_id(const struct download_job *j)
{
	return (uint64_t)(uintptr_t)j;
}

static void send_progress(void *ctx, uint64_t done, uint64_t total, unsigned finished)
{
	struct download_job *j = ctx;
	_cleanup_json_ struct gg_json *m = gg_json_object();

	(void)finished;
	gg_json_set_int(m, "done", (int64_t)done);
	gg_json_set_int(m, "total", (int64_t)total);
	job_send(j->port, m);
}

static void send_finished(void *ctx, struct http_request *r)
{
	struct download_job *j = ctx;
	struct download *d = &j->list->v[r - j->requests];
	_cleanup_json_ struct gg_json *m = gg_json_object();
	char text[GG_DIGEST_TEXT];

	if (r->error.kind != GG_OK) {
		if (!d->optional || r->ret_status != 404)
			return;
		gg_json_set_bool(m, "absent", true);
	}
	gg_json_set_int(m, "arrived", r - j->requests);
	gg_json_set_str(m, "digest", gg_digest_text(&r->ret_digest, text));
	gg_json_set_int(m, "size", (int64_t)r->ret_size);
	job_send(j->port, m);
}

static bool is_gone(const struct http_request *r)
{
	return r->error.kind != GG_OK && (r->ret_status == 404 || r->ret_status == 410);
}

static void hint_gone(const struct download *d, struct gg_err *err)
{
	switch (d->kind) {
	case DOWNLOAD_URL:
		gg_hint(err, "check the URL in the recipe");
		return;
	case DOWNLOAD_RELEASE:
		gg_hint(err, "check the suite's name, and that the mirror's URL is the directory "
			     "that holds dists/");
		return;
	case DOWNLOAD_INDEX:
		gg_hint(err, "the mirror is incomplete or being updated: try again, or pass "
			     "another one with --mirror");
		return;
	case DOWNLOAD_PACKAGE:
		gg_hint(err,
			"`ggbuild lock --update %s` resolves its packages anew, --relock "
			"everything; --mirror may "
			"name a mirror that still has it",
			d->stage);
		return;
	}
}

static void hint_changed(const struct download *d, struct gg_err *err)
{
	switch (d->kind) {
	case DOWNLOAD_URL:
		gg_hint(err, "the server has other bytes than the recipe's sha256 names: look at "
			     "them before you "
			     "change it");
		return;
	case DOWNLOAD_RELEASE:
		return;
	case DOWNLOAD_INDEX:
		gg_hint(err, "the mirror is broken or being updated: try again, or pass another "
			     "one with --mirror");
		return;
	case DOWNLOAD_PACKAGE:
		gg_hint(err, "the mirror has other bytes than the lock names: pass another one "
			     "with --mirror");
		return;
	}
}

/* The labels of what is gone, from `first` on. */
static char *list_gone(const struct download_job *j, size_t first, size_t *ret_n)
{
	struct gg_buf b = { 0 };

	*ret_n = 0;
	for (size_t i = first; i < j->list->n; i++)
		if (is_gone(&j->requests[i]) && !j->list->v[i].optional)
			gg_buf_printf(&b, "%s%s", (*ret_n)++ ? ", " : "", j->list->v[i].label);
	return gg_buf_steal(&b);
}

/* The first real failure of a file, an optional one that is absent being none; else, when some file was not even tried,
 * what kept all of them from being. */
static int judge(struct download_job *j, struct gg_err *first, struct gg_err *err)
{
	bool tried = true;

	for (size_t i = 0; i < j->list->n; i++) {
		struct http_request *r = &j->requests[i];
		const struct download *d = &j->list->v[i];
		_cleanup_free_ char *gone = NULL;
		size_t n = 1;

		if (r->error.kind == GG_OK || (d->optional && r->ret_status == 404)) {
			tried = tried && r->ret_status != 0;
			continue;
		}
		if (is_gone(r)) {
			gone = list_gone(j, i, &n);
			gg_err_move(err, &r->error);
			hint_gone(d, err);
		} else {
			gg_err_move(err, &r->error);
			if (err->kind == GG_INTEGRITY)
				hint_changed(d, err);
		}
		err->pos = d->pos;
		if (n > 1)
			return gg_context(err, "%zu files have left their server: %s; the first", n,
					  gone);
		return gg_context(err, "%s", d->label);
	}
	if (tried)
		return 0;
	gg_err_move(err, first);
	return -1;
}

/* What turned out to be something else is no beginning of it. */
static void forget_wrong(const struct download_job *j)
{
	for (size_t i = 0; i < j->list->n; i++)
		if (j->requests[i].error.kind == GG_INTEGRITY && ftruncate(j->places[i].fd, 0) < 0)
			gg_log(GG_LOG_WARNING, "truncate the download of %s: %m",
			       j->list->v[i].label);
}

static int run(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct download_job *j = ctx;
	struct http_options options = { .progress = send_progress,
					.finished = send_finished,
					.ctx = j };
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;

	(void)result;
	j->port = port;
	j->requests = gg_calloc(j->list->n, sizeof(*j->requests));
	for (size_t i = 0; i < j->list->n; i++) {
		const struct download *d = &j->list->v[i];

		j->requests[i] = (struct http_request){
			.url = d->url,
			.has_digest = d->has_digest,
			.digest = d->digest,
			.size = d->size,
			.max_size = d->max_size,
			.outfd = j->places[i].fd,
			.resume = j->places[i].partial,
		};
	}
	if (http_fetch(j->requests, j->list->n, &options, &first) == 0)
		return 0;
	forget_wrong(j);
	return judge(j, &first, err);
}

static int adopt(struct download_job *j, size_t index, uint64_t size, struct gg_err *err)
{
	const struct gg_digest *digest = &j->list->v[index].digest;
	char name[32];

	if (j->places[index].partial)
		return store_partial_adopt(j->session->store, digest, size, err);
	snprintf(name, sizeof(name), "%zu", index);
	return store_blob_adopt(j->session->store, j->tmp.fd, name, digest, size, err);
}

static void take_message(void *ctx, const struct gg_json *m)
{
	struct download_job *j = ctx;
	int64_t index = gg_json_get_int(m, "arrived", -1);
	struct gg_err *err = &j->err;
	struct download *d;

	if (index < 0 || (size_t)index >= j->list->n) {
		progress_job_bytes(j->session->progress, job_id(j),
				   (uint64_t)gg_json_get_int(m, "done", 0),
				   (uint64_t)gg_json_get_int(m, "total", 0));
		return;
	}
	d = &j->list->v[index];
	if (err->kind != GG_OK || d->done)
		return;
	if (gg_json_get_bool(m, "absent", false)) {
		d->absent = d->done = true;
	} else {
		if (gg_digest_parse(gg_json_get_str(m, "digest", ""), &d->digest, err) < 0 ||
		    adopt(j, (size_t)index, (uint64_t)gg_json_get_int(m, "size", 0), err) < 0)
			return;
		d->done = true;
	}
	if (j->arrived)
		j->arrived(j->ctx, d);
}

static void job_done(struct download_job *j)
{
	for (size_t i = 0; i < j->n_places; i++)
		if (j->places[i].partial)
			store_partial_close(j->session->store, &j->places[i].digest,
					    j->places[i].fd);
		else
			gg_close(j->places[i].fd);
	free(j->places);
	store_tmp_done(&j->tmp);
	gg_err_done(&j->err);
	free(j);
}

static void finish(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct download_job *j = ctx;

	(void)result;
	if (err->kind == GG_OK && j->err.kind != GG_OK)
		gg_err_move(err, &j->err);
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

/* For the next of the list. */
static int find_place(struct download_job *j, struct gg_err *err)
{
	const struct download *d = &j->list->v[j->n_places];
	struct place p = { .fd = -1 };
	char name[32];

	if (d->has_digest) {
		p.digest = d->digest;
		if (store_partial_open(j->session->store, &d->digest, &p.fd, err) < 0)
			return -1;
		p.partial = p.fd >= 0;
	}
	if (p.fd < 0) {
		snprintf(name, sizeof(name), "%zu", j->n_places);
		p.fd = gg_openat(j->tmp.fd, name, O_RDWR | O_CREAT | O_EXCL, 0600, err);
	}
	if (p.fd < 0)
		return -1;
	j->places[j->n_places++] = p;
	return 0;
}

static void show_resumed(const struct download_job *j)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < j->n_places; i++)
		if (j->places[i].partial && fstat(j->places[i].fd, &st) == 0)
			bytes += (uint64_t)st.st_size;
	if (bytes == 0)
		return;
	gg_buf_puts(&text, "resumed: ");
	table_put_size(&text, bytes);
	gg_buf_puts(&text, " came before\n");
	progress_job_output(j->session->progress, job_id(j), text.data, text.len);
}

int download_start(struct session *s, struct downloads *list,
		   void (*arrived)(void *ctx, struct download *d),
		   void (*ended)(void *ctx, struct gg_err *err), void *ctx, struct gg_err *err)
{
	struct download_job *j = gg_zalloc(sizeof(*j));
	struct job_spec spec = { .run = run,
				 .message = take_message,
				 .done = finish,
				 .killed = killed,
				 .ctx = j,
				 .file = list->v[0].pos.file };
	_cleanup_free_ char *title =
		gg_asprintf("download %zu file%s", list->n, list->n == 1 ? "" : "s");

	*j = (struct download_job){ .session = s,
				    .list = list,
				    .tmp = STORE_TMP_INIT,
				    .arrived = arrived,
				    .ended = ended,
				    .ctx = ctx,
				    .started = job_now_ns() };
	if (store_tmp_new(s->store, (uint32_t)geteuid(), &j->tmp, err) < 0)
		goto fail;
	j->places = gg_calloc(list->n, sizeof(*j->places));
	while (j->n_places < list->n)
		if (find_place(j, err) < 0)
			goto fail;
	progress_job_start(s->progress, job_id(j), title);
	show_resumed(j);
	if (jobs_start(s->jobs, &spec, err) < 0)
		goto fail;
	return 0;
fail:
	job_done(j);
	return -1;
}

struct waiting {
	bool ended;
	struct gg_err err;
};

static void note_end(void *ctx, struct gg_err *err)
{
	struct waiting *w = ctx;

	w->ended = true;
	gg_err_move(&w->err, err);
}

int download_all(struct session *s, struct downloads *list, struct gg_err *err)
{
	struct waiting w = { .err = GG_ERR_INIT };

	if (list->n == 0)
		return 0;
	if (download_start(s, list, NULL, note_end, &w, err) < 0)
		return -1;
	while (!w.ended) {
		progress_tick(s->progress, job_now_ns());
		if (jobs_poll(s->jobs, 100, err) < 0)
			return -1;
	}
	if (w.err.kind != GG_OK) {
		gg_err_move(err, &w.err);
		return -1;
	}
	return 0;
}

int downloads_refuse(const struct downloads *d, struct gg_err *err)
{
	gg_fail(err, GG_REMOTE,
		"%zu file%s not in the store and --offline forbids every connection, first: %s",
		d->n, d->n == 1 ? " is" : "s are", d->v[0].label);
	return gg_hint(err, "run `ggbuild fetch` for this recipe where there is a network");
}
