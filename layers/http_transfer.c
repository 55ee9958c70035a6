/* SPDX-License-Identifier: Apache-2.0
 *
 * One request from its first attempt to its last: what is asked, what of the answer is believed,
 * what is tried next.
 */
#include "layers/http_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TRIES = 5,
	TRIES_CONNECT = 3,
	REDIRECTS = 10,
	CONNECT_MS = 15000,
	LOW_SPEED = 1024,
	STALL_S = 60,
	RETRY_MS = 1000,
	RETRY_AFTER_MAX_S = 300,
	BUFFER = 256 * 1024,
};

const char http_hint_unreachable[] = "check the network and the proxy variables (https_proxy, "
				     "no_proxy); --mirror names another source, "
				     "--offline uses only what is in the store";

const char *http_transfer_url(const struct http_transfer *t)
{
	if (t->location)
		return t->location;
	return t->source == 0 ? t->request->url : t->request->alternates[t->source - 1];
}

void http_transfer_init(struct http_transfer *t, const struct http_curl *curl,
			const struct http_options *options, struct http_request *request)
{
	*t = (struct http_transfer){
		.curl = curl, .options = options, .request = request, .total = UINT64_MAX
	};
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
	free(t->location);
	gg_err_done(&t->first);
	gg_err_done(&t->problem);
	t->hash = NULL;
	t->location = NULL;
}

static int fail_url(const struct http_transfer *t, struct gg_err *err, enum gg_kind kind,
		    const char *what)
{
	_cleanup_free_ char *shown = http_url_show(http_transfer_url(t));

	return gg_fail(err, kind, "get '%s': %s", shown, what);
}

static int start_over(struct http_transfer *t, struct gg_err *err)
{
	struct gg_digest ignored;

	gg_hash_end(t->hash, &ignored);
	t->offset = 0;
	t->total = UINT64_MAX;
	t->resumed = false;
	t->etag[0] = '\0';
	if (ftruncate(t->request->outfd, 0) < 0 && errno != EINVAL)
		return gg_fail_errno(err, "truncate the download");
	return 0;
}

/* From the file to the hash: bytes read, or -1. */
static int64_t hash_file(struct http_transfer *t)
{
	_cleanup_free_ char *block = gg_alloc(BUFFER);
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(t->request->outfd, block, BUFFER, (off_t)at)) > 0) {
		gg_hash_add(t->hash, block, (size_t)n);
		at += (uint64_t)n;
	}
	return n < 0 ? -1 : (int64_t)at;
}

bool http_transfer_resume(struct http_transfer *t)
{
	struct http_request *r = t->request;
	uint64_t limit = r->size != UINT64_MAX ? r->size : r->max_size;
	struct stat st;
	int64_t n;

	if (!r->resume || !r->has_digest || fstat(r->outfd, &st) < 0 || st.st_size == 0 ||
	    (uint64_t)st.st_size > limit)
		return false;
	n = hash_file(t);
	if (n == st.st_size && (uint64_t)n < r->size && r->size != UINT64_MAX) {
		t->offset = (uint64_t)n;
		return false;
	}
	/* It may be all of it: asked for what follows, a server would say 416. */
	gg_hash_end(t->hash, &r->ret_digest);
	if (n == st.st_size && gg_digest_eq(&r->ret_digest, &r->digest)) {
		t->offset = r->ret_size = (uint64_t)n;
		return true;
	}
	if (n > 0 && r->size == UINT64_MAX && hash_file(t) == n)
		t->offset = (uint64_t)n;
	return false;
}

/* The answer's first byte: is this the body we asked for, from where we asked? */
static int begin_body(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	curl_off_t length = -1;
	long status = 0;

	t->body = true;
	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (status == 206 && (!t->has_range || t->range_start != t->asked || t->asked == 0)) {
		t->anew = true;
		return -1;
	}
	if (status != 206 && t->offset > 0 && start_over(t, &t->problem) < 0)
		return -1;
	if (status == 206 && t->range_total != UINT64_MAX)
		t->total = t->range_total;
	else if (length >= 0)
		t->total = t->offset + (uint64_t)length;
	snprintf(t->etag, sizeof(t->etag), "%s", t->new_etag);
	t->resumed |= status == 206;
	if (r->size != UINT64_MAX && t->total != UINT64_MAX && t->total != r->size) {
		_cleanup_free_ char *what =
			gg_asprintf("the body has %llu bytes, expected %llu",
				    (unsigned long long)t->total, (unsigned long long)r->size);

		return fail_url(t, &t->problem, GG_INTEGRITY, what);
	}
	return 0;
}

static int store_body(struct http_transfer *t, const char *bytes, size_t len)
{
	const struct http_request *r = t->request;
	uint64_t limit = r->size != UINT64_MAX ? r->size : r->max_size;

	if (t->offset > limit || len > limit - t->offset) {
		_cleanup_free_ char *what = gg_asprintf("the body is larger than %llu bytes",
							(unsigned long long)limit);

		return fail_url(t, &t->problem, GG_INTEGRITY, what);
	}
	for (size_t done = 0; done < len;) {
		ssize_t n = pwrite(r->outfd, bytes + done, len - done, (off_t)(t->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gg_fail_errno(&t->problem, "write the download");
		done += (size_t)n;
	}
	gg_hash_add(t->hash, bytes, len);
	t->offset += len;
	return 0;
}

static bool is_body_status(const struct http_transfer *t)
{
	long status = 0;

	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 || status == 203 || status == 206 ||
	       (status == 0 && http_url_has_scheme(http_transfer_url(t), "file"));
}

static size_t on_body(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * n;

	/* The body of an error or a redirect is of no use; libcurl reads it to keep the connection,
	 * within its means. */
	if (!is_body_status(t))
		return len;
	if ((!t->body && begin_body(t) < 0) || store_body(t, bytes, len) < 0)
		return 0;
	return len;
}

static bool header_value(const char *line, const char *name, const char **ret)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return false;
	*ret = line + len + 1 + strspn(line + len + 1, " \t");
	return true;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	char line[512];
	const char *value;
	size_t len = size * n;

	if (len >= sizeof(line))
		return len;
	memcpy(line, bytes, len);
	line[len] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (gg_starts(line, "HTTP/")) {
		/* A new answer on this attempt: after 1xx, or after a proxy's. */
		t->has_range = false;
		t->new_etag[0] = '\0';
	} else if (header_value(line, "content-range", &value)) {
		t->has_range =
			http_parse_content_range(value, &t->range_start, &t->range_total) == 0;
	} else if (header_value(line, "etag", &value) && value[0] == '"' &&
		   strlen(value) < sizeof(t->new_etag)) {
		memcpy(t->new_etag, value, strlen(value) + 1);
	}
	return len;
}

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode _c = t->curl->easy_setopt(t->easy, (option), (value));                    \
		if (_c != CURLE_OK)                                                                \
			return _c;                                                                 \
	} while (0)

static CURLcode set_limits(struct http_transfer *t)
{
	/* CURLOPT_PROTOCOLS_STR came with 7.85; before, the same was a bit mask (HTTP 1, HTTPS 2,
	 * FILE 1024). */
	if (t->curl->easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https,file") != CURLE_OK)
		SET((CURLoption)181, (long)(1 | 2 | 1024));
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)LOW_SPEED);
	SET(CURLOPT_LOW_SPEED_TIME, (long)(t->options->stall_s ? t->options->stall_s : STALL_S));
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* A handle that could not resolve a name has a buffer still, and libcurl 7.88 then refuses. */
	t->curl->easy_setopt(t->easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
	/* A client library without HTTP/2 says so; HTTP/1.1 is then what it speaks anyway. */
	t->curl->easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_PIPEWAIT, 1L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (t->options->ca_file)
		SET(CURLOPT_CAINFO, t->options->ca_file);
	return CURLE_OK;
}

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

		t->headers = t->curl->slist_append(NULL, header);
		SET(CURLOPT_HTTPHEADER, t->headers);
	}
	return CURLE_OK;
}

static CURLcode set_up(struct http_transfer *t)
{
	const char *agent =
		t->options->user_agent ? t->options->user_agent : "ggbuild/" GGBUILD_VERSION;
	CURLcode c;

	SET(CURLOPT_URL, http_transfer_url(t));
	SET(CURLOPT_USERAGENT, agent);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_ERRORBUFFER, t->reason);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	c = set_limits(t);
	return c == CURLE_OK ? set_range(t) : c;
}

int http_transfer_start(struct http_transfer *t, CURL *easy, struct gg_err *err)
{
	const char *url = http_transfer_url(t);
	CURLcode c;

	if (!http_url_has_scheme(url, "http") && !http_url_has_scheme(url, "https") &&
	    !http_url_has_scheme(url, "file"))
		return fail_url(t, err, GG_USAGE, "not an http, https or file URL");
	/* Without a digest or a validator two halves may be of two files. */
	if (t->offset > 0 && !t->request->has_digest && !t->etag[0] && start_over(t, err) < 0)
		return -1;
	if (t->offset == 0 && start_over(t, err) < 0)
		return -1;
	t->easy = easy;
	t->reason[0] = '\0';
	t->body = t->anew = t->has_range = false;
	t->new_etag[0] = '\0';
	t->curl->easy_reset(easy);
	c = set_up(t);
	if (c != CURLE_OK)
		return fail_url(t, err, GG_SYSTEM, t->curl->easy_strerror(c));
	return 0;
}

enum http_next http_transfer_give_up(struct http_transfer *t, struct gg_err *problem)
{
	const char *const *alternates = t->request->alternates;

	if (t->first.kind == GG_OK)
		gg_err_move(&t->first, problem);
	else
		gg_err_done(problem);
	free(t->location);
	t->location = NULL;
	t->tries = t->redirects = 0;
	t->not_before = 0;
	t->restarted = false;
	t->offset = 0; /* another source starts from the beginning */
	/* A disk that is full is full for every source. */
	if (t->first.kind != GG_SYSTEM && alternates && alternates[t->source]) {
		t->source++;
		return HTTP_NEXT_RETRY;
	}
	gg_err_move(&t->request->error, &t->first);
	return HTTP_NEXT_DONE;
}

static int64_t retry_delay(const struct http_transfer *t, curl_off_t retry_after)
{
	int64_t base = t->options->retry_ms ? t->options->retry_ms : RETRY_MS;
	int64_t delay = base << (t->tries - 1);
	uint32_t random = 0;

	/* Jitter, so that parallel requests that failed together do not come back together. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
		delay += (int64_t)(random % 256) * delay / 1024;
	return delay > retry_after * 1000 ? delay : (int64_t)retry_after * 1000;
}

static enum http_next try_again(struct http_transfer *t, unsigned limit, struct gg_err *problem,
				int64_t now)
{
	curl_off_t after = 0;

	t->curl->easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
	if (++t->tries >= limit || after > RETRY_AFTER_MAX_S)
		return http_transfer_give_up(t, problem);
	gg_err_done(problem);
	free(t->location); /* a redirect's target may be good for one use */
	t->location = NULL;
	t->redirects = 0;
	t->not_before = now + retry_delay(t, after);
	return HTTP_NEXT_RETRY;
}

static enum http_next end_status(struct http_transfer *t, long status, int64_t now)
{
	bool transient = status == 408 || status == 429 || status >= 500;
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *what = gg_asprintf("the server answers %ld", status);

	if (status == 416 && t->asked > 0) {
		/* Our partial is no prefix of what is there now. */
		t->offset = 0;
		fail_url(t, &problem, GG_REMOTE, what);
		return try_again(t, TRIES, &problem, now);
	}
	fail_url(t, &problem, GG_REMOTE, what);
	if (status == 401 || status == 403 || status == 407)
		gg_hint(&problem, "the server or proxy wants credentials: put them into the URL or "
				  "the proxy variables");
	return transient ? try_again(t, TRIES, &problem, now) : http_transfer_give_up(t, &problem);
}

static enum http_next end_redirect(struct http_transfer *t)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const char *from = http_transfer_url(t);
	const char *to = NULL;

	t->curl->easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &to);
	if (!to) {
		fail_url(t, &problem, GG_REMOTE, "a redirect that leads nowhere");
	} else if (++t->redirects > REDIRECTS) {
		fail_url(t, &problem, GG_REMOTE, "more than 10 redirects");
	} else if (!http_url_has_scheme(to, "https") && !http_url_has_scheme(to, "http")) {
		fail_url(t, &problem, GG_REMOTE, "a redirect to what is neither http nor https");
	} else if (http_url_has_scheme(from, "https") && !http_url_has_scheme(to, "https")) {
		fail_url(t, &problem, GG_REMOTE, "a redirect from https to http, which is refused");
	} else {
		char *location = gg_strdup(to);

		free(t->location);
		t->location = location;
		t->not_before = 0;
		return HTTP_NEXT_RETRY;
	}
	return http_transfer_give_up(t, &problem);
}

static enum http_next end_other_range(struct http_transfer *t, int64_t now)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	t->offset = 0;
	fail_url(t, &problem, GG_REMOTE,
		 "the server answers with another range than was asked for");
	return try_again(t, TRIES, &problem, now);
}

static enum http_next end_body(struct http_transfer *t, int64_t now)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *what = NULL;
	struct http_request *r = t->request;

	if (!t->body && begin_body(t) < 0)
		return t->anew ? end_other_range(t, now) : http_transfer_give_up(t, &t->problem);
	if (r->size != UINT64_MAX && t->offset != r->size) {
		bool whole = t->total == t->offset;

		what = gg_asprintf("the body has %llu bytes, expected %llu",
				   (unsigned long long)t->offset, (unsigned long long)r->size);
		fail_url(t, &problem, GG_INTEGRITY, what);
		/* With no length of its own, a short body may be a connection that was cut. */
		return whole ? http_transfer_give_up(t, &problem)
			     : try_again(t, TRIES, &problem, now);
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
	fail_url(t, &problem, GG_INTEGRITY, what);
	return http_transfer_give_up(t, &problem);
}

static enum http_next end_failure(struct http_transfer *t, CURLcode code, int64_t now)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	const char *what = t->reason[0] ? t->reason : t->curl->easy_strerror(code);
	bool unreachable = code == CURLE_COULDNT_RESOLVE_HOST ||
			   code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT;
	curl_off_t connected = 0;
	enum http_next next;

	t->curl->easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected);
	unreachable |= code == CURLE_OPERATION_TIMEDOUT && connected == 0;
	fail_url(t, &problem, GG_REMOTE, what);
	if (unreachable)
		gg_hint(&problem, "%s", http_hint_unreachable);
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
		gg_hint(&problem, "the certificate is not trusted here: add its authority to the "
				  "system's, or name "
				  "another source with --mirror");
		return http_transfer_give_up(t, &problem);
	}
	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
	    code == CURLE_FILE_COULDNT_READ_FILE)
		return http_transfer_give_up(t, &problem);
	next = try_again(t, unreachable ? TRIES_CONNECT : TRIES, &problem, now);
	return next == HTTP_NEXT_DONE && unreachable ? HTTP_NEXT_DEAD_HOST : next;
}

static enum http_next end_attempt(struct http_transfer *t, CURLcode code, int64_t now)
{
	bool file = http_url_has_scheme(http_transfer_url(t), "file");
	long status = 0;

	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->request->ret_status = (int)status;
	if (t->problem.kind != GG_OK)
		return http_transfer_give_up(t, &t->problem);
	if (t->anew)
		return end_other_range(t, now);
	if (code != CURLE_OK)
		return end_failure(t, code, now);
	if (file || status == 200 || status == 203 || status == 206)
		return end_body(t, now);
	if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
		return end_redirect(t);
	return end_status(t, status, now);
}

enum http_next http_transfer_end(struct http_transfer *t, CURLcode code, int64_t now_ms)
{
	enum http_next next = end_attempt(t, code, now_ms);

	if (t->headers)
		t->curl->slist_free_all(t->headers);
	t->headers = NULL;
	t->easy = NULL;
	return next;
}
