/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/http_client.h"

#include <poll.h>

#include "layers/base/interrupt.h"
#include "layers/http_client_private.h"

enum { TICK_MS = 200 };

int http_client_new(const struct http_client_options *options, struct http_client **ret,
		    struct gg_err *err)
{
	_cleanup_http_client_ struct http_client *c = gg_zalloc(sizeof(*c));
	unsigned *connections = &c->options.connections;

	if (options)
		c->options = *options;
	if (c->options.user_agent)
		c->user_agent = gg_strdup(c->options.user_agent);
	if (*connections == 0)
		*connections = HTTP_CONNECTIONS;
	if (*connections > HTTP_CONNECTIONS_MAX)
		*connections = HTTP_CONNECTIONS_MAX;
	if (http_curl_load(&c->curl, err) < 0)
		return -1;
	c->multi = c->curl.multi_init();
	if (!c->multi)
		return gg_fail(err, GG_SYSTEM, "libcurl has no memory");
	c->curl.multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	c->curl.multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)*connections);
	*ret = gg_steal(&c);
	return 0;
}

/* Takes an exchange out of libcurl's hands and out of the list; what remains is its memory. */
static void take_out(struct http_client *c, struct http_private *p)
{
	size_t i = 0;

	if (p->running) {
		c->curl.multi_remove_handle(c->multi, p->easy);
		c->idle[c->n_idle++] = p->easy;
		c->running--;
		p->running = false;
	}
	while (c->v[i] != p)
		i++;
	for (c->n--; i < c->n; i++)
		c->v[i] = c->v[i + 1];
	p->x->private = NULL;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	while (c->n > 0) {
		struct http_private *p = c->v[c->n - 1];

		take_out(c, p);
		http_attempt_free(p);
	}
	while (c->n_idle > 0)
		c->curl.easy_cleanup(c->idle[--c->n_idle]);
	if (c->multi)
		c->curl.multi_cleanup(c->multi);
	http_curl_unload(&c->curl);
	free(c->user_agent);
	free(c->v);
	free(c);
}

void http_client_freep(struct http_client **c)
{
	http_client_free(*c);
}

void http_client_start(struct http_client *c, struct http_exchange *x)
{
	GG_GROW(c->v, c->n, c->cap);
	c->v[c->n++] = http_attempt_new(c, x);
}

void http_exchange_done(struct http_exchange *x)
{
	struct http_private *p = x->private;

	if (p) {
		take_out(p->client, p);
		http_attempt_free(p);
	}
	gg_buf_done(&x->text);
	gg_buf_done(&x->answer);
	gg_err_done(&x->error);
	free(x->location);
	x->location = NULL;
}

/* The exchange is over: `done` may free it, or start it anew. */
static void finish(struct http_client *c, struct http_private *p)
{
	struct http_exchange *x = p->x;
	bool *called = p->called;

	take_out(c, p);
	free(x->location);
	x->location = gg_steal(&p->route.url);
	http_attempt_free(p);
	if (called)
		*called = true;
	else if (x->done)
		x->done(x->ctx, x);
}

static CURL *idle_handle(struct http_client *c)
{
	if (c->n_idle > 0)
		return c->idle[--c->n_idle];
	return c->curl.easy_init();
}

static int start_one(struct http_client *c, struct http_private *p, struct gg_err *err)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	CURL *easy = idle_handle(c);
	CURLMcode r;

	if (!easy)
		return gg_fail(err, GG_SYSTEM, "libcurl has no memory");
	if (http_attempt_start(p, easy, &problem) < 0) {
		c->idle[c->n_idle++] = easy;
		http_attempt_fail(p, &problem);
		finish(c, p);
		return 0;
	}
	r = c->curl.multi_add_handle(c->multi, easy);
	if (r != CURLM_OK) {
		c->idle[c->n_idle++] = easy;
		return gg_fail(err, GG_SYSTEM, "start an exchange: %s", c->curl.multi_strerror(r));
	}
	p->running = true;
	c->running++;
	return 0;
}

static struct http_private *next_ready(struct http_client *c, int64_t now, int64_t *ret_wait)
{
	*ret_wait = TICK_MS;
	if (c->running == c->options.connections)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		struct http_private *p = c->v[i];

		if (p->running)
			continue;
		if (p->not_before <= now)
			return p;
		if (p->not_before - now < *ret_wait)
			*ret_wait = p->not_before - now;
	}
	return NULL;
}

/* Starts what may start; ms until there is more to start at the latest, or -1. */
static int start_ready(struct http_client *c, struct gg_err *err)
{
	struct http_private *p;
	int64_t wait;

	/* Each anew from the beginning: the end of one may have changed the list. */
	while ((p = next_ready(c, http_now_ms(), &wait)))
		if (start_one(c, p, err) < 0)
			return -1;
	return (int)wait;
}

static struct http_private *next_late(struct http_client *c)
{
	int64_t now = http_now_ms();

	for (size_t i = 0; i < c->n; i++)
		if (c->v[i]->running && c->v[i]->deadline < now)
			return c->v[i];
	return NULL;
}

static void end_late(struct http_client *c)
{
	struct http_private *p;

	while ((p = next_late(c))) {
		_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
		_cleanup_free_ char *shown = http_url_show(p->route.url);

		gg_fail(&problem, GG_REMOTE, "'%s' is too slow: not done within its time", shown);
		http_attempt_fail(p, &problem);
		finish(c, p);
	}
}

static void end_one(struct http_client *c, CURL *easy, CURLcode code)
{
	struct http_private *p = NULL;
	bool over;

	c->curl.easy_getinfo(easy, CURLINFO_PRIVATE, &p);
	c->curl.multi_remove_handle(c->multi, easy);
	c->running--;
	p->running = false;
	/* Not before it was asked what became of the attempt may the handle go to another. */
	over = http_attempt_end(p, code);
	c->idle[c->n_idle++] = easy;
	if (over)
		finish(c, p);
}

/* One round; *ret_wait: ms until the next at most. */
static int turn(struct http_client *c, int *ret_wait, struct gg_err *err)
{
	int running = 0, left = 0;
	CURLMcode r;
	CURLMsg *m;

	if (gg_interrupted(err) < 0)
		return -1;
	*ret_wait = start_ready(c, err);
	if (*ret_wait < 0)
		return -1;
	r = c->curl.multi_perform(c->multi, &running);
	if (r != CURLM_OK)
		return gg_fail(err, GG_SYSTEM, "exchanges: %s", c->curl.multi_strerror(r));
	while ((m = c->curl.multi_info_read(c->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		end_one(c, m->easy_handle, m->data.result);
		*ret_wait = 0;
	}
	end_late(c);
	return 0;
}

static bool can_read(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

static int run(struct http_client *c, int wake, const bool *until, bool *ret_idle,
	       struct gg_err *err)
{
	struct curl_waitfd extra = { .fd = wake, .events = CURL_WAIT_POLLIN };

	while (!*until) {
		int wait;

		if (turn(c, &wait, err) < 0)
			return -1;
		*ret_idle = c->n == 0;
		if (*ret_idle || *until || can_read(wake))
			break;
		if (wait > 0)
			c->curl.multi_poll(c->multi, &extra, wake >= 0, wait, NULL);
	}
	return 0;
}

int http_client_run(struct http_client *c, int wake, bool *ret_idle, struct gg_err *err)
{
	static const bool never;

	return run(c, wake, &never, ret_idle, err);
}

int http_client_call(struct http_client *c, struct http_exchange *x, struct gg_err *err)
{
	bool over = false, idle;

	http_client_start(c, x);
	x->private->called = &over;
	if (run(c, -1, &over, &idle, err) < 0) {
		/* The caller's `over` is gone with this call. */
		if (!over)
			http_exchange_done(x);
		return -1;
	}
	if (x->error.kind == GG_OK)
		return 0;
	gg_err_move(err, &x->error);
	return -1;
}

char *http_client_origin(const struct http_client *c, const char *url)
{
	return http_origin(&c->curl, url);
}

char *http_client_resolve(const struct http_client *c, const char *from, const char *reference)
{
	const char *why;

	return http_redirect(&c->curl, from, reference, &why);
}
