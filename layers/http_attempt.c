/* SPDX-License-Identifier: Apache-2.0
 *
 * One exchange from its first attempt to its last: what is sent, to whom with what, and what follows from the answer.
 */
#include "layers/http_client_private.h"

#include <string.h>

enum { MAX_TEXT = 64 << 10, UPLOAD_BUFFER = 512 << 10 };

static const char hint_unreachable[] = "check the network and the proxy variables (https_proxy, "
				       "no_proxy)";
static const char hint_untrusted[] = "the certificate is not trusted here: add its authority to "
				     "the system's, or to the host's directory in "
				     "/etc/containers/certs.d";

static size_t max_text(const struct http_exchange *x)
{
	return x->max_text ? x->max_text : MAX_TEXT;
}

static bool has_body(const struct http_exchange *x)
{
	return x->read || x->body_len > 0 || gg_streq(x->method, "POST") ||
	       gg_streq(x->method, "PUT") || gg_streq(x->method, "PATCH");
}

static bool is_head(const struct http_exchange *x)
{
	return (x->flags & HTTP_NO_BODY) || gg_streq(x->method, "HEAD");
}

/* Both ways; what goes to a function is known when its answer has begun. */
static bool is_size_known(const struct http_exchange *x)
{
	return !x->write && x->body_len != UINT64_MAX;
}

struct http_private *http_attempt_new(struct http_client *c, struct http_exchange *x)
{
	struct http_private *p = gg_zalloc(sizeof(*p));

	*p = (struct http_private){ .client = c, .x = x, .deadline = INT64_MAX };
	p->not_before = x->delay_ms ? http_now_ms() + x->delay_ms : 0;
	http_route_begin(&p->route, x->url, x->access);
	x->private = p;
	x->status = 0;
	gg_err_done(&x->error);
	return p;
}

static void attempt_done(struct http_private *p)
{
	if (p->lines)
		p->client->curl.slist_free_all(p->lines);
	p->lines = NULL;
	p->easy = NULL;
}

void http_attempt_free(struct http_private *p)
{
	attempt_done(p);
	http_route_done(&p->route);
	gg_err_done(&p->problem);
	free(p);
}

static int fail(const struct http_private *p, struct gg_err *err, enum gg_kind kind,
		const char *what)
{
	_cleanup_free_ char *shown = http_url_show(p->route.url);
	_cleanup_free_ char *method = gg_strdup(p->x->method);

	for (char *c = method; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return gg_fail(err, kind, "%s '%s': %s", method, shown, what);
}

/* ---- callbacks ---- */

static size_t on_read(char *to, size_t size, size_t n, void *ctx)
{
	struct http_private *p = ctx;
	const struct http_exchange *x = p->x;
	size_t max = size * n;
	ssize_t len;

	if (x->body_len - p->sent < max)
		max = (size_t)(x->body_len - p->sent);
	if (max == 0)
		return 0;
	if (!x->read) {
		memcpy(to, (const char *)x->body + p->sent, max);
		len = (ssize_t)max;
	} else {
		len = x->read(x->ctx, to, max, p->sent, &p->problem);
	}
	if (len == 0 && x->body_len != UINT64_MAX)
		len = fail(p, &p->problem, GG_SYSTEM, "what is sent ended early");
	if (len < 0)
		return CURL_READFUNC_ABORT;
	p->sent += (uint64_t)len;
	return (size_t)len;
}

/* libcurl starts over by itself where a kept connection turns out to be closed. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
	struct http_private *p = ctx;

	if (origin != SEEK_SET || offset < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	p->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int take_text(struct http_private *p, const char *bytes, size_t len, bool good)
{
	struct gg_buf *text = &p->x->text;
	size_t room = max_text(p->x) - text->len;

	if (len <= room) {
		gg_buf_add(text, bytes, len);
		return 0;
	}
	if (good) {
		_cleanup_free_ char *what =
			gg_asprintf("the answer is larger than %zu bytes", max_text(p->x));

		return fail(p, &p->problem, GG_REMOTE, what);
	}
	gg_buf_add(text, bytes, room);
	p->cut = true;
	return -1;
}

static long status_of(const struct http_private *p)
{
	long status = 0;

	p->client->curl.easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_private *p = ctx;
	struct http_exchange *x = p->x;
	size_t len = size * n;
	long status = status_of(p);
	bool good = status >= 200 && status < 300;
	curl_off_t length = -1;

	if (!p->body && good && x->write && p->deadline == INT64_MAX) {
		p->client->curl.easy_getinfo(p->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
		if (length >= 0)
			p->deadline = http_now_ms() +
				      http_time_for((uint64_t)length, p->client->options.stall_s);
	}
	p->body = true;
	if (!good || !x->write)
		return take_text(p, bytes, len, good) < 0 ? 0 : len;
	if (x->write(x->ctx, bytes, len, p->got, &p->problem) < 0)
		return 0;
	p->got += len;
	return len;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_private *p = ctx;

	if (!p->body)
		p->headed = http_header_ends(bytes, size * n);
	if (!p->body && http_answer_add(&p->x->answer, bytes, size * n) < 0) {
		fail(p, &p->problem, GG_REMOTE, "the answer's headers are larger than 64 KiB");
		return 0;
	}
	return size * n;
}

/* ---- an attempt ---- */

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode _c = p->client->curl.easy_setopt(p->easy, (option), (value));             \
		if (_c != CURLE_OK)                                                                \
			return _c;                                                                 \
	} while (0)

static CURLcode set_body(struct http_private *p)
{
	const struct http_exchange *x = p->x;
	bool known = x->body_len != UINT64_MAX;
	uint64_t patience;

	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, on_read);
	SET(CURLOPT_READDATA, p);
	SET(CURLOPT_SEEKFUNCTION, on_seek);
	SET(CURLOPT_SEEKDATA, p);
	SET(CURLOPT_INFILESIZE_LARGE, known ? (curl_off_t)x->body_len : (curl_off_t)-1);
	/* Like CURLOPT_BUFFERSIZE. */
	p->client->curl.easy_setopt(p->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	/* Who took a large body may move it to its place before it answers. */
	patience = http_stall_s(p->client->options.stall_s) + (known ? x->body_len >> 25 : 0);
	SET(CURLOPT_LOW_SPEED_TIME, (long)patience);
	return CURLE_OK;
}

static CURLcode set_headers(struct http_private *p)
{
	const struct http_curl *c = &p->client->curl;
	const struct http_exchange *x = p->x;

	/* Waiting for 100 Continue is a round trip, and a second where nobody sends it. */
	p->lines = c->slist_append(NULL, "Expect:");
	for (size_t i = 0; x->headers && x->headers[i]; i++)
		p->lines = c->slist_append(p->lines, x->headers[i]);
	p->lines = http_route_header(&p->route, c, p->lines);
	SET(CURLOPT_HTTPHEADER, p->lines);
	return CURLE_OK;
}

static CURLcode set_up(struct http_private *p, bool own)
{
	const struct http_client *client = p->client;
	const struct http_exchange *x = p->x;
	CURLcode r = http_easy_limits(&client->curl, p->easy, p->route.url, client->user_agent,
				      client->options.stall_s, false);

	if (r == CURLE_OK && own)
		r = http_easy_access(&client->curl, p->easy, x->access);
	if (r != CURLE_OK)
		return r;
	SET(CURLOPT_PRIVATE, p);
	SET(CURLOPT_ERRORBUFFER, p->reason);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, p);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, p);
	if (x->unix_socket) {
		SET(CURLOPT_UNIX_SOCKET_PATH, x->unix_socket);
		SET(CURLOPT_PROXY, "");
	}
	if (has_body(x))
		r = set_body(p);
	else if (is_head(x))
		SET(CURLOPT_NOBODY, 1L);
	if (r != CURLE_OK)
		return r;
	SET(CURLOPT_CUSTOMREQUEST, x->method);
	return set_headers(p);
}

/* Redirects were judged when they came; this is about what the caller asks for. */
static int check_url(const struct http_private *p, struct gg_err *err)
{
	const struct http_curl *c = &p->client->curl;
	bool plain = http_url_has_scheme(p->route.url, "http");

	if (p->route.redirects > 0)
		return 0;
	if (!plain && !http_url_has_scheme(p->route.url, "https"))
		return fail(p, err, GG_USAGE, "not an http or https URL");
	if (http_has_user_info(c, p->route.url))
		return fail(p, err, GG_USAGE, "a URL with a user name or password");
	if (plain && !p->x->unix_socket && !http_access_covers(c, p->x->access, p->route.url))
		return fail(p, err, GG_REMOTE, "http, where only https may be spoken");
	return 0;
}

int http_attempt_start(struct http_private *p, CURL *easy, struct gg_err *err)
{
	struct http_exchange *x = p->x;
	bool own;
	CURLcode r;

	if (check_url(p, err) < 0 || http_route_prepare(&p->route, &p->client->curl, &own, err) < 0)
		return -1;
	if (p->deadline == INT64_MAX && is_size_known(x))
		p->deadline = http_now_ms() +
			      http_time_for(x->body_len + max_text(x), p->client->options.stall_s);
	p->easy = easy;
	p->reason[0] = '\0';
	p->sent = p->got = 0;
	p->body = p->cut = p->headed = false;
	gg_buf_done(&x->text);
	gg_buf_done(&x->answer);
	p->client->curl.easy_reset(easy);
	r = set_up(p, own);
	if (r != CURLE_OK)
		return fail(p, err, GG_SYSTEM, p->client->curl.easy_strerror(r));
	return 0;
}

/* ---- what follows ---- */

void http_attempt_fail(struct http_private *p, struct gg_err *problem)
{
	p->x->status = 0;
	gg_err_move(&p->x->error, problem);
}

static bool wait_again(struct http_private *p, enum http_cause cause)
{
	int64_t wait = -1;

	p->tries++;
	if (p->x->flags & HTTP_REPEAT)
		wait = http_retry_wait(&p->client->curl, p->easy, cause, p->tries,
				       p->client->options.retry_ms);
	if (wait < 0)
		return false;
	p->not_before = http_now_ms() + wait;
	if (p->deadline != INT64_MAX)
		p->deadline += wait;
	/* From the start: a redirect's target may be good for one use, and a token may have run out. */
	http_route_begin(&p->route, p->x->url, p->x->access);
	return true;
}

static bool end_failure(struct http_private *p, CURLcode code)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const struct http_curl *c = &p->client->curl;
	const char *what = p->reason[0] ? p->reason : c->easy_strerror(code);
	enum http_cause cause = http_cause_of(c, p->easy, code, p->reason);

	fail(p, &problem, GG_REMOTE, what);
	if (cause == HTTP_CAUSE_UNREACHABLE && !p->x->unix_socket)
		gg_hint(&problem, "%s", hint_unreachable);
	if (cause == HTTP_CAUSE_UNTRUSTED)
		gg_hint(&problem, "%s", hint_untrusted);
	if (wait_again(p, cause))
		return false;
	http_attempt_fail(p, &problem);
	return true;
}

static bool end_attempt(struct http_private *p, CURLcode code)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const struct http_curl *c = &p->client->curl;
	struct http_exchange *x = p->x;
	const char *why = NULL;
	bool more = false;

	x->status = (int)status_of(p);
	if (p->problem.kind != GG_OK) {
		http_attempt_fail(p, &p->problem);
		return true;
	}
	if (code == CURLE_OK && !p->headed) {
		snprintf(p->reason, sizeof(p->reason), "%s", http_unheaded);
		code = CURLE_GOT_NOTHING;
	}
	/* Who refuses a body may hang up on it; the refusal counts. */
	if (code != CURLE_OK && !p->cut && x->status < 400)
		return end_failure(p, code);
	if (x->status == 401)
		more = http_route_challenge(&p->route, c, &x->answer, &problem);
	else if ((x->flags & HTTP_FOLLOW) && http_status_redirect(x->status))
		more = http_route_follow(&p->route, c, &x->answer, &why);
	else if (http_status_transient(x->status))
		more = wait_again(p, HTTP_CAUSE_BROKEN);
	if (!more && why)
		fail(p, &problem, GG_REMOTE, why);
	if (problem.kind != GG_OK)
		http_attempt_fail(p, &problem);
	return !more;
}

bool http_attempt_end(struct http_private *p, CURLcode code)
{
	bool over = end_attempt(p, code);

	attempt_done(p);
	return over;
}
