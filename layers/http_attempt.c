/* SPDX-License-Identifier: Apache-2.0
 *
 * One exchange from its first attempt to its last: what is sent, to whom with what, and what follows from the answer.
 */
#include "layers/http_client_private.h"

#include <string.h>
#include <strings.h>

enum { MAX_TEXT = 64 << 10, MAX_HEADERS = 64 << 10, UPLOAD_BUFFER = 512 << 10 };

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

	*p = (struct http_private){
		.client = c, .x = x, .deadline = INT64_MAX, .url = gg_strdup(x->url)
	};
	x->private = p;
	x->status = 0;
	gg_err_done(&x->error);
	return p;
}

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
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
	wipe(&p->used);
	gg_err_done(&p->problem);
	free(p->url);
	free(p);
}

static int fail(const struct http_private *p, struct gg_err *err, enum gg_kind kind,
		const char *what)
{
	_cleanup_free_ char *shown = http_url_show(p->url);
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

static void add_header(struct gg_buf *to, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const char *value;

	if (!colon)
		return;
	for (const char *c = line; c < colon; c++)
		gg_buf_putc(to, *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
	for (value = colon + 1; value < line + len && (*value == ' ' || *value == '\t'); value++)
		;
	gg_buf_puts(to, ": ");
	gg_buf_add(to, value, (size_t)(line + len - value));
	gg_buf_putc(to, '\n');
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_private *p = ctx;
	struct gg_buf *answer = &p->x->answer;
	size_t len = size * n, end = len;

	while (end > 0 && strchr("\r\n \t", bytes[end - 1]))
		end--;
	if (p->body || end == 0)
		return len;
	if (answer->len + end > MAX_HEADERS) {
		fail(p, &p->problem, GG_REMOTE, "the answer's headers are larger than 64 KiB");
		return 0;
	}
	if (end >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
		/* A new answer: after 1xx, or after a proxy's. */
		answer->len = 0;
	} else if ((bytes[0] == ' ' || bytes[0] == '\t') && answer->len > 0) {
		answer->len--; /* folded, RFC 9112 §5.2 */
		gg_buf_add(answer, bytes, end);
		gg_buf_putc(answer, '\n');
	} else {
		add_header(answer, bytes, end);
	}
	return len;
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
	if (p->used) {
		char *line = gg_asprintf("Authorization: %s", p->used);

		p->lines = c->slist_append(p->lines, line);
		wipe(&line);
	}
	SET(CURLOPT_HTTPHEADER, p->lines);
	return CURLE_OK;
}

static CURLcode set_up(struct http_private *p, bool own)
{
	const struct http_client *client = p->client;
	const struct http_exchange *x = p->x;
	CURLcode r = http_easy_limits(&client->curl, p->easy, client->user_agent,
				      client->options.stall_s, false);

	if (r == CURLE_OK && own)
		r = http_easy_access(&client->curl, p->easy, x->access);
	if (r != CURLE_OK)
		return r;
	SET(CURLOPT_URL, p->url);
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
static int check_url(const struct http_private *p, bool own, struct gg_err *err)
{
	const struct http_curl *c = &p->client->curl;
	bool plain = http_url_has_scheme(p->url, "http");

	if (p->redirects > 0)
		return 0;
	if (!plain && !http_url_has_scheme(p->url, "https"))
		return fail(p, err, GG_USAGE, "not an http or https URL");
	if (http_has_user_info(c, p->url))
		return fail(p, err, GG_USAGE, "a URL with a user name or password");
	if (plain && !own && !p->x->unix_socket)
		return fail(p, err, GG_REMOTE, "http, where only https may be spoken");
	return 0;
}

static int authorize(struct http_private *p, const char *challenge, struct gg_err *err)
{
	const struct http_access *a = p->x->access;
	const char *value = NULL;

	if (a->authorize(a->ctx, challenge, p->used, &value, err) < 0)
		return -1;
	value = value ? gg_strdup(value) : NULL;
	wipe(&p->used);
	p->used = (char *)(uintptr_t)value;
	return 0;
}

int http_attempt_start(struct http_private *p, CURL *easy, struct gg_err *err)
{
	struct http_exchange *x = p->x;
	bool own = !p->left && http_access_covers(&p->client->curl, x->access, p->url);
	CURLcode r;

	if (check_url(p, own, err) < 0)
		return -1;
	if (!own)
		wipe(&p->used);
	else if (x->access->authorize && !p->challenged && authorize(p, NULL, err) < 0)
		return -1;
	if (p->deadline == INT64_MAX && is_size_known(x))
		p->deadline = http_now_ms() +
			      http_time_for(x->body_len + max_text(x), p->client->options.stall_s);
	p->easy = easy;
	p->reason[0] = '\0';
	p->sent = p->got = 0;
	p->body = p->cut = false;
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
	free(p->url);
	p->url = gg_strdup(p->x->url);
	p->redirects = 0;
	p->left = p->challenged = false;
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

/* True: the exchange goes on. */
static bool answer_challenge(struct http_private *p, struct gg_err *err)
{
	const struct http_access *a = p->x->access;
	_cleanup_strv_ struct gg_strv values = { 0 };
	_cleanup_buf_ struct gg_buf challenge = { 0 };
	_cleanup_free_ char *before = NULL;

	if (!a || !a->authorize || p->challenged || p->left ||
	    !http_access_covers(&p->client->curl, a, p->url))
		return false;
	p->challenged = true;
	http_exchange_headers(p->x, "www-authenticate", &values);
	for (size_t i = 0; i < values.n; i++)
		gg_buf_printf(&challenge, "%s%s", i ? "\n" : "", values.v[i]);
	before = p->used ? gg_strdup(p->used) : NULL;
	if (authorize(p, challenge.data ? challenge.data : "", err) == 0 && p->used)
		p->not_before = 0;
	if (err->kind != GG_OK || !p->used || (before && gg_streq(before, p->used))) {
		wipe(&before);
		return false;
	}
	wipe(&before);
	return true;
}

static bool follow(struct http_private *p, struct gg_err *err)
{
	const struct http_curl *c = &p->client->curl;
	_cleanup_free_ char *location = http_exchange_header(p->x, "location");
	const char *why;
	char *to = http_redirect(c, p->url, location, &why);

	if (to && ++p->redirects > HTTP_REDIRECTS) {
		why = "more than 10 redirects";
		free(to);
		to = NULL;
	}
	if (!to) {
		fail(p, err, GG_REMOTE, why);
		return false;
	}
	free(p->url);
	p->url = to;
	p->left |= !http_access_covers(c, p->x->access, to);
	p->not_before = 0;
	return true;
}

static bool end_attempt(struct http_private *p, CURLcode code)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	struct http_exchange *x = p->x;
	bool more = false;

	x->status = (int)status_of(p);
	if (p->problem.kind != GG_OK) {
		http_attempt_fail(p, &p->problem);
		return true;
	}
	/* Who refuses a body may hang up on it; the refusal counts. */
	if (code != CURLE_OK && !p->cut && x->status < 400)
		return end_failure(p, code);
	if (x->status == 401)
		more = answer_challenge(p, &problem);
	else if ((x->flags & HTTP_FOLLOW) && http_status_redirect(x->status))
		more = follow(p, &problem);
	else if (http_status_transient(x->status))
		more = wait_again(p, HTTP_CAUSE_BROKEN);
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
