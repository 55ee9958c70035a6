/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/http.h"

#include <string.h>

#include "layers/http_private.h"

enum { PARALLEL = 8, PARALLEL_MAX = 64, TICK_MS = 100 };

struct loop {
	struct http_curl curl;
	const struct http_options *options;
	struct http_hasher *hasher;
	struct http_transfer *v;
	size_t n, finished, first; /* first: everything before it is finished */
	CURLM *multi;
	CURL *idle[PARALLEL_MAX]; /* handles that nobody uses */
	size_t n_idle;
	struct gg_strv dead; /* origins where nothing listens */
	int64_t reported;    /* ms */
};

static void report(struct loop *l)
{
	uint64_t done = 0, total = 0;

	l->reported = http_now_ms();
	if (!l->options->progress)
		return;
	for (size_t i = 0; i < l->n; i++) {
		const struct http_transfer *t = &l->v[i];
		uint64_t is = t->state == HTTP_FINISHED ? t->request->ret_size : t->offset;

		done += is;
		if (t->request->size != UINT64_MAX)
			total += t->request->size;
		else
			total += t->total != UINT64_MAX ? t->total : is;
	}
	l->options->progress(l->options->ctx, done, total, (unsigned)l->finished);
}

static void finish(struct loop *l, struct http_transfer *t)
{
	t->state = HTTP_FINISHED;
	l->finished++;
	while (l->first < l->n && l->v[l->first].state == HTTP_FINISHED)
		l->first++;
	if (l->options->finished)
		l->options->finished(l->options->ctx, t->request);
	report(l);
}

static void settle(struct loop *l, struct http_transfer *t, enum http_next next)
{
	t->state = HTTP_WAITING;
	if (next != HTTP_NEXT_RETRY)
		finish(l, t);
}

static void handle_end(struct loop *l, CURL *easy, CURLcode code)
{
	struct http_transfer *t = NULL;
	_cleanup_free_ char *origin = NULL;
	enum http_next next;

	l->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	origin = http_origin(&l->curl, t->route.url);
	l->curl.multi_remove_handle(l->multi, easy);
	next = http_transfer_end(t, code);
	l->idle[l->n_idle++] = easy;
	if (next == HTTP_NEXT_DEAD_HOST && origin && !gg_strv_has(&l->dead, origin))
		gg_strv_add(&l->dead, origin);
	settle(l, t, next);
}

/* What one file waited for in vain, a hundred files need not wait for. */
static bool is_dead(struct loop *l, struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *origin = NULL, *shown = NULL;

	if (l->dead.n == 0)
		return false;
	origin = http_origin(&l->curl, t->route.url);
	if (!origin || !gg_strv_has(&l->dead, origin))
		return false;
	shown = http_url_show(t->route.url);
	gg_fail(&problem, GG_REMOTE, "get '%s': '%s' could not be reached before", shown, origin);
	gg_hint(&problem, "%s", http_hint_unreachable);
	settle(l, t, http_transfer_give_up(t, &problem));
	return true;
}

static int start_one(struct loop *l, struct http_transfer *t, struct gg_err *err)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	CURL *easy;
	CURLMcode c;

	if (is_dead(l, t))
		return 0;
	easy = l->idle[--l->n_idle];
	if (http_transfer_start(t, easy, &problem) < 0) {
		l->idle[l->n_idle++] = easy;
		t->easy = NULL;
		settle(l, t, http_transfer_give_up(t, &problem));
		return 0;
	}
	c = l->curl.multi_add_handle(l->multi, easy);
	if (c != CURLM_OK)
		return gg_fail(err, GG_SYSTEM, "start a transfer: %s", l->curl.multi_strerror(c));
	t->state = HTTP_RUNNING;
	return 0;
}

/* Starts what may start; returns how long to wait at most for the next one, in ms, or -1 with an
 * error. */
static int start_ready(struct loop *l, struct gg_err *err)
{
	int64_t now = http_now_ms(), wait = TICK_MS;

	for (size_t i = l->first; i < l->n && l->n_idle > 0; i++) {
		struct http_transfer *t = &l->v[i];

		if (t->state != HTTP_WAITING)
			continue;
		if (t->not_before > now)
			wait = t->not_before - now < wait ? t->not_before - now : wait;
		else if (start_one(l, t, err) < 0)
			return -1;
		else if (t->state == HTTP_WAITING)
			wait = 0;
	}
	return (int)wait;
}

/* Who is killed loses a moment's bytes, however slowly they come; and what is late ends. */
static void tick(struct loop *l)
{
	int64_t now = http_now_ms();

	for (size_t i = l->first; i < l->n; i++) {
		struct http_transfer *t = &l->v[i];

		if (t->state != HTTP_RUNNING)
			continue;
		if (http_body_flush(t) == 0 && t->deadline > now)
			continue;
		l->curl.multi_remove_handle(l->multi, t->easy);
		l->idle[l->n_idle++] = t->easy;
		settle(l, t, http_transfer_late(t));
	}
}

static int run(struct loop *l, struct gg_err *err)
{
	while (l->finished < l->n) {
		int wait = start_ready(l, err), running = 0, left = 0;
		CURLMcode c;
		CURLMsg *m;

		if (wait < 0)
			return -1;
		c = l->curl.multi_perform(l->multi, &running);
		if (c != CURLM_OK)
			return gg_fail(err, GG_SYSTEM, "transfers: %s", l->curl.multi_strerror(c));
		while ((m = l->curl.multi_info_read(l->multi, &left))) {
			if (m->msg != CURLMSG_DONE)
				continue;
			handle_end(l, m->easy_handle, m->data.result);
			wait = 0;
		}
		if (http_now_ms() - l->reported >= TICK_MS) {
			tick(l);
			report(l);
		}
		if (wait > 0 && l->finished < l->n)
			l->curl.multi_poll(l->multi, NULL, 0, wait, NULL);
	}
	return 0;
}

static int set_up(struct loop *l, struct gg_err *err)
{
	unsigned parallel = l->options->parallel ? l->options->parallel : PARALLEL;

	if (parallel > PARALLEL_MAX)
		parallel = PARALLEL_MAX;
	l->multi = l->curl.multi_init();
	if (!l->multi)
		return gg_fail(err, GG_SYSTEM, "libcurl has no memory");
	l->curl.multi_setopt(l->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	l->curl.multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)parallel);
	while (l->n_idle < parallel && l->n_idle < l->n) {
		l->idle[l->n_idle] = l->curl.easy_init();
		if (!l->idle[l->n_idle])
			return gg_fail(err, GG_SYSTEM, "libcurl has no memory");
		l->n_idle++;
	}
	return 0;
}

static void take_over(struct loop *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (http_transfer_resume(&l->v[i]))
			settle(l, &l->v[i], HTTP_NEXT_DONE);
	report(l);
}

static void tear_down(struct loop *l)
{
	http_hasher_free(l->hasher);
	for (size_t i = 0; i < l->n; i++) {
		struct http_transfer *t = &l->v[i];

		/* Only after an error of the loop itself. */
		if (t->easy) {
			l->curl.multi_remove_handle(l->multi, t->easy);
			l->curl.easy_cleanup(t->easy);
		}
		http_transfer_done(t);
	}
	while (l->n_idle > 0)
		l->curl.easy_cleanup(l->idle[--l->n_idle]);
	if (l->multi)
		l->curl.multi_cleanup(l->multi);
	http_curl_unload(&l->curl);
	gg_strv_done(&l->dead);
	free(l->v);
}

static void copy_error(struct gg_err *to, const struct gg_err *from)
{
	gg_fail(to, from->kind, "%s", from->text);
	to->errnum = from->errnum;
	if (from->hint)
		gg_hint(to, "%s", from->hint);
}

int http_load(struct gg_err *err)
{
	struct http_curl curl;

	if (http_curl_load(&curl, err) < 0)
		return -1;
	http_curl_unload(&curl);
	return 0;
}

int http_fetch(struct http_request *requests, size_t n, const struct http_options *options,
	       struct gg_err *err)
{
	static const struct http_options defaults;
	struct loop l = { .options = options ? options : &defaults, .n = n };
	int r;

	if (n == 0)
		return 0;
	if (http_curl_load(&l.curl, err) < 0)
		return -1;
	l.v = gg_calloc(n, sizeof(*l.v));
	l.hasher = http_hasher_new();
	for (size_t i = 0; i < n; i++)
		http_transfer_init(&l.v[i], &l.curl, l.options, l.hasher, &requests[i]);
	r = set_up(&l, err);
	if (r == 0)
		take_over(&l);
	if (r == 0)
		r = run(&l, err);
	tear_down(&l);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (requests[i].error.kind == GG_OK)
			continue;
		copy_error(err, &requests[i].error);
		r = -1;
	}
	return r;
}
