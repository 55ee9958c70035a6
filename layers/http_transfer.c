/* SPDX-License-Identifier: Apache-2.0
 *
 * One request from its first attempt to its last: what is asked, what of the answer is believed,
 * what is tried next.
 */
#include "layers/http_private.h"

#include <stdio.h>
#include <string.h>

const char http_hint_unreachable[] = "check the network and the proxy variables (https_proxy, "
				     "no_proxy); --mirror names another source, "
				     "--offline uses only what is in the store";

static void begin_source(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	const struct http_access *access = r->access;

	if (t->source > 0)
		access = r->alternate_access ? r->alternate_access[t->source - 1] : NULL;
	http_route_begin(&t->route, t->source ? r->alternates[t->source - 1] : r->url, access);
}

void http_transfer_init(struct http_transfer *t, const struct http_curl *curl,
			const struct http_options *options, struct http_hasher *hasher,
			struct http_request *request)
{
	*t = (struct http_transfer){ .curl = curl,
				     .options = options,
				     .request = request,
				     .hasher = hasher,
				     .total = UINT64_MAX,
				     .deadline = INT64_MAX };
	begin_source(t);
	t->hash = gg_hash_new();
	request->ret_size = 0;
	request->ret_status = 0;
	request->error = (struct gg_err)GG_ERR_INIT;
}

void http_transfer_done(struct http_transfer *t)
{
	if (t->headers)
		t->curl->slist_free_all(t->headers);
	t->headers = NULL;
	gg_hash_free(t->hash);
	free(t->block);
	http_route_done(&t->route);
	gg_buf_done(&t->answer);
	gg_err_done(&t->first);
	gg_err_done(&t->problem);
	t->hash = NULL;
	t->block = NULL;
}

int http_transfer_fail(const struct http_transfer *t, struct gg_err *err, enum gg_kind kind,
		       const char *what)
{
	_cleanup_free_ char *shown = http_url_show(t->route.url);

	return gg_fail(err, kind, "get '%s': %s", shown, what);
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;

	if (!t->body)
		t->headed = http_header_ends(bytes, size * n);
	if (!t->body && http_answer_add(&t->answer, bytes, size * n) < 0) {
		http_transfer_fail(t, &t->problem, GG_REMOTE,
				   "the answer's headers are larger than 64 KiB");
		return 0;
	}
	return size * n;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode _c = t->curl->easy_setopt(t->easy, (option), (value));                    \
		if (_c != CURLE_OK)                                                                \
			return _c;                                                                 \
	} while (0)

static CURLcode set_range(struct http_transfer *t)
{
	char range[64];

	t->asked = t->offset;
	if (t->offset == 0)
		return CURLE_OK;
	/* Not CURLOPT_RESUME_FROM: libcurl would end the transfer on any answer but 206, and 200 is
	 * as good. */
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)t->offset);
	SET(CURLOPT_RANGE, range);
	if (t->etag[0]) {
		_cleanup_free_ char *header = gg_asprintf("If-Range: %s", t->etag);

		t->headers = t->curl->slist_append(t->headers, header);
	}
	return CURLE_OK;
}

static CURLcode set_up(struct http_transfer *t, bool own)
{
	const struct http_options *o = t->options;
	CURLcode c =
		http_easy_limits(t->curl, t->easy, t->route.url, o->user_agent, o->stall_s, true);

	if (c == CURLE_OK && o->ca_file)
		c = t->curl->easy_setopt(t->easy, CURLOPT_CAINFO, o->ca_file);
	if (c == CURLE_OK && own)
		c = http_easy_access(t->curl, t->easy, t->route.access);
	if (c == CURLE_OK)
		c = set_range(t);
	if (c != CURLE_OK)
		return c;
	t->headers = http_route_header(&t->route, t->curl, t->headers);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_ERRORBUFFER, t->reason);
	SET(CURLOPT_WRITEFUNCTION, http_body_take);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	return CURLE_OK;
}

static int check_url(const struct http_transfer *t, struct gg_err *err)
{
	const struct http_route *r = &t->route;
	bool plain = http_url_has_scheme(r->url, "http");

	if (!plain && !http_url_has_scheme(r->url, "https") && !http_url_has_scheme(r->url, "file"))
		return http_transfer_fail(t, err, GG_USAGE, "not an http, https or file URL");
	if (plain && r->access && r->redirects == 0 &&
	    !http_access_covers(t->curl, r->access, r->url))
		return http_transfer_fail(t, err, GG_REMOTE,
					  "http, where only https may be spoken");
	return 0;
}

int http_transfer_start(struct http_transfer *t, CURL *easy, struct gg_err *err)
{
	const struct http_request *r = t->request;
	CURLcode c;
	bool own;

	if (check_url(t, err) < 0 || http_route_prepare(&t->route, t->curl, &own, err) < 0)
		return -1;
	/* Without a digest or a validator two halves may be of two files. */
	if (t->offset > 0 && !r->has_digest && !t->etag[0] && http_body_restart(t, err) < 0)
		return -1;
	if (t->offset == 0 && http_body_restart(t, err) < 0)
		return -1;
	if (t->deadline == INT64_MAX && r->size != UINT64_MAX)
		t->deadline = http_now_ms() + http_time_for(r->size, t->options->stall_s);
	t->easy = easy;
	t->reason[0] = '\0';
	t->body = t->anew = t->headed = false;
	t->skipped = 0;
	gg_buf_done(&t->answer);
	t->curl->easy_reset(easy);
	c = set_up(t, own);
	if (c != CURLE_OK)
		return http_transfer_fail(t, err, GG_SYSTEM, t->curl->easy_strerror(c));
	return 0;
}

enum http_next http_transfer_give_up(struct http_transfer *t, struct gg_err *problem)
{
	const char *const *alternates = t->request->alternates;

	if (t->first.kind == GG_OK)
		gg_err_move(&t->first, problem);
	else
		gg_err_done(problem);
	/* A disk that is full is full for every source. */
	if (t->first.kind == GG_SYSTEM || !alternates || !alternates[t->source]) {
		gg_err_move(&t->request->error, &t->first);
		return HTTP_NEXT_DONE;
	}
	t->source++;
	begin_source(t);
	t->tries = 0;
	t->not_before = 0;
	t->deadline = INT64_MAX;
	t->restarted = false;
	t->etag[0] = '\0';
	/* By a digest it will be seen whether one source's beginning is another's. */
	if (!t->request->has_digest)
		t->offset = 0;
	return HTTP_NEXT_RETRY;
}

static enum http_next try_again(struct http_transfer *t, enum http_cause cause,
				struct gg_err *problem)
{
	int64_t wait = http_retry_wait(t->curl, t->easy, cause, ++t->tries, t->options->retry_ms);

	if (wait < 0)
		return http_transfer_give_up(t, problem);
	gg_err_done(problem);
	begin_source(t); /* a redirect's target may be good for one use */
	t->not_before = http_now_ms() + wait;
	if (t->deadline != INT64_MAX)
		t->deadline += wait;
	return HTTP_NEXT_RETRY;
}

static enum http_next end_status(struct http_transfer *t, long status)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *what = gg_asprintf("the server answers %ld", status);

	http_transfer_fail(t, &problem, GG_REMOTE, what);
	if (status == 416 && t->asked > 0) {
		/* Our partial is no prefix of what is there now. */
		t->offset = 0;
		return try_again(t, HTTP_CAUSE_BROKEN, &problem);
	}
	if (!t->route.access && (status == 401 || status == 403 || status == 407))
		gg_hint(&problem, "the server or proxy wants credentials: put them into the URL or "
				  "the proxy variables");
	return try_again(t, http_status_transient(status) ? HTTP_CAUSE_BROKEN : HTTP_CAUSE_FINAL,
			 &problem);
}

static enum http_next end_redirect(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const char *why;

	t->not_before = 0;
	if (http_route_follow(&t->route, t->curl, &t->answer, &why))
		return HTTP_NEXT_RETRY;
	http_transfer_fail(t, &problem, GG_REMOTE, why);
	return http_transfer_give_up(t, &problem);
}

static enum http_next end_challenge(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	t->not_before = 0;
	if (http_route_challenge(&t->route, t->curl, &t->answer, &problem))
		return HTTP_NEXT_RETRY;
	return problem.kind == GG_OK ? end_status(t, 401) : http_transfer_give_up(t, &problem);
}

static enum http_next end_other_range(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	t->offset = 0;
	http_transfer_fail(t, &problem, GG_REMOTE,
			   "the server answers with another range than was asked for");
	return try_again(t, HTTP_CAUSE_BROKEN, &problem);
}

static enum http_next end_body(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *what = NULL;
	struct http_request *r = t->request;

	if (!t->body && http_body_begin(t) < 0)
		return t->anew ? end_other_range(t) : http_transfer_give_up(t, &t->problem);
	if (r->size != UINT64_MAX && t->offset != r->size) {
		bool whole = t->total == t->offset;

		what = gg_asprintf("the body has %llu bytes, expected %llu",
				   (unsigned long long)t->offset, (unsigned long long)r->size);
		http_transfer_fail(t, &problem, GG_INTEGRITY, what);
		/* With no length of its own, a short body may be a connection that was cut. */
		return whole ? http_transfer_give_up(t, &problem)
			     : try_again(t, HTTP_CAUSE_BROKEN, &problem);
	}
	gg_hash_end(t->hash, &r->ret_digest);
	r->ret_size = t->offset;
	if (!r->has_digest || gg_digest_eq(&r->ret_digest, &r->digest))
		return HTTP_NEXT_DONE;
	if (t->resumed && !t->restarted) {
		t->restarted = true;
		t->offset = 0;
		return HTTP_NEXT_RETRY;
	}
	char is[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];

	what = gg_asprintf("the body is %s, expected %s", gg_digest_text(&r->ret_digest, is),
			   gg_digest_text(&r->digest, want));
	http_transfer_fail(t, &problem, GG_INTEGRITY, what);
	t->offset = 0;
	return http_transfer_give_up(t, &problem);
}

static enum http_next end_failure(struct http_transfer *t, CURLcode code)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const char *what = t->reason[0] ? t->reason : t->curl->easy_strerror(code);
	enum http_cause cause = http_cause_of(t->curl, t->easy, code, t->reason);
	enum http_next next;

	http_transfer_fail(t, &problem, GG_REMOTE, what);
	if (cause == HTTP_CAUSE_UNREACHABLE)
		gg_hint(&problem, "%s", http_hint_unreachable);
	if (cause == HTTP_CAUSE_UNTRUSTED)
		gg_hint(&problem, "the certificate is not trusted here: add its authority to the "
				  "system's, or name another source with --mirror");
	next = try_again(t, cause, &problem);
	return next == HTTP_NEXT_DONE && cause == HTTP_CAUSE_UNREACHABLE ? HTTP_NEXT_DEAD_HOST
									 : next;
}

static enum http_next end_attempt(struct http_transfer *t, CURLcode code)
{
	bool file = http_url_has_scheme(t->route.url, "file");
	long status = 0;

	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->request->ret_status = (int)status;
	if (t->problem.kind != GG_OK)
		return http_transfer_give_up(t, &t->problem);
	if (t->anew)
		return end_other_range(t);
	if (code == CURLE_OK && !t->headed && !file) {
		snprintf(t->reason, sizeof(t->reason), "%s", http_unheaded);
		code = CURLE_GOT_NOTHING;
	}
	if (code != CURLE_OK && !http_body_skipped(t))
		return end_failure(t, code);
	if (file || status == 200 || status == 203 || status == 206)
		return end_body(t);
	if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
		return end_redirect(t);
	return status == 401 ? end_challenge(t) : end_status(t, status);
}

static void attempt_done(struct http_transfer *t)
{
	if (t->headers)
		t->curl->slist_free_all(t->headers);
	t->headers = NULL;
	t->easy = NULL;
}

enum http_next http_transfer_end(struct http_transfer *t, CURLcode code)
{
	enum http_next next;

	http_body_settle(t);
	next = end_attempt(t, code);
	attempt_done(t);
	return next;
}

enum http_next http_transfer_late(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	http_body_settle(t);
	attempt_done(t);
	if (t->problem.kind != GG_OK)
		return http_transfer_give_up(t, &t->problem);
	http_transfer_fail(t, &problem, GG_REMOTE, "too slow: not done within its time");
	return http_transfer_give_up(t, &problem);
}
