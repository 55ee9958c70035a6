/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/http_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "layers/base/digest.h"
#include "tests/unit/layers/http_fixture.h"

/* One client for a test, an access to the plain server, and an exchange with it. */
struct call {
	struct http_client *client;
	struct http_access access;
	struct http_exchange x;
	struct gg_err err;
	char *origin, *url;
	double seconds;
	int result;

	/* authorize */
	const char *const *tokens; /* what is given, one after the other */
	unsigned asked;
	char challenge[200], used[50];

	/* write */
	struct gg_buf got;
	unsigned starts;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int authorize(void *ctx, const char *challenge, const char *used, const char **ret,
		     struct gg_err *err)
{
	struct call *c = ctx;

	(void)err;
	if (challenge)
		snprintf(c->challenge, sizeof(c->challenge), "%s", challenge);
	if (used)
		snprintf(c->used, sizeof(c->used), "%s", used);
	*ret = c->tokens[c->asked];
	if (*ret)
		c->asked++;
	return 0;
}

static int take(void *ctx, const void *bytes, size_t len, uint64_t offset, struct gg_err *err)
{
	struct call *c = ctx;

	(void)err;
	if (offset == 0) {
		c->starts++;
		gg_buf_done(&c->got);
	}
	assert_int_equal(offset, c->got.len);
	gg_buf_add(&c->got, bytes, len);
	return 0;
}

static void call_init(struct call *c, const char *method, const char *path)
{
	struct http_client_options options = { .retry_ms = 5, .stall_s = 1 };

	*c = (struct call){ .origin = gg_asprintf("http://127.0.0.1:%d", port) };
	c->url = gg_starts(path, "/") ? gg_asprintf("%s%s", c->origin, path) : gg_strdup(path);
	c->access = (struct http_access){ .origin = c->origin, .ctx = c };
	c->x = (struct http_exchange){
		.method = method, .url = c->url, .access = &c->access, .ctx = c
	};
	assert_int_equal(http_client_new(&options, &c->client, &c->err), 0);
}

static void call_run(struct call *c)
{
	double start = now();

	c->result = http_client_call(c->client, &c->x, &c->err);
	c->seconds = now() - start;
	assert_int_equal(c->result == 0, c->err.kind == GG_OK);
}

static void call_done(struct call *c)
{
	http_exchange_done(&c->x);
	http_client_free(c->client);
	gg_buf_done(&c->got);
	gg_err_done(&c->err);
	free(c->origin);
	free(c->url);
}
#define _cleanup_call_ GG_CLEANUP(call_done)

static void assert_status(const struct call *c, int status)
{
	if (c->result != 0)
		fail_msg("%s", c->err.text);
	assert_int_equal(c->x.status, status);
}

static void assert_fails(const struct call *c, enum gg_kind kind, const char *text)
{
	assert_int_equal(c->result, -1);
	assert_int_equal(c->err.kind, kind);
	if (!strstr(c->err.text, text))
		fail_msg("'%s' is not in '%s'", text, c->err.text);
}

static void assert_says(const struct call *c, const char *text)
{
	if (!c->x.text.data || !strstr(c->x.text.data, text))
		fail_msg("'%s' is not in '%s'", text, c->x.text.data ? c->x.text.data : "");
}

static void assert_silent(const struct call *c, const char *text)
{
	assert_non_null(c->x.text.data);
	if (strstr(c->x.text.data, text))
		fail_msg("'%s' is in '%s'", text, c->x.text.data);
}

static int requests_of(const char *path)
{
	_cleanup_call_ struct call c;
	_cleanup_free_ char *count = gg_asprintf("/count%s", path);

	call_init(&c, "GET", count);
	call_run(&c);
	assert_status(&c, 200);
	return atoi(c.x.text.data);
}

static void test_methods(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(methods); i++) {
		_cleanup_call_ struct call c;
		_cleanup_free_ char *want = gg_asprintf("%s 0 ", methods[i]), *location = NULL;

		call_init(&c, methods[i], "/take");
		call_run(&c);
		assert_status(&c, 201);
		assert_says(&c, want);
		assert_silent(&c, "Transfer-Encoding");
		assert_silent(&c, "Expect");
		assert_int_equal(!!strstr(c.x.text.data, "Content-Length: 0"),
				 methods[i][0] == 'P');
		location = http_exchange_header(&c.x, "location");
		assert_string_equal(location, "/somewhere?_state=x");
		assert_string_equal(c.x.location, c.url);
	}
}

static void test_head(void **state)
{
	_cleanup_call_ struct call c;
	_cleanup_free_ char *length = NULL;

	(void)state;
	call_init(&c, "HEAD", "/ok/12345");
	c.x.flags = HTTP_NO_BODY;
	call_run(&c);
	assert_status(&c, 200);
	assert_int_equal(c.x.text.len, 0);
	length = http_exchange_header(&c.x, "content-length");
	assert_string_equal(length, "12345");
}

struct source {
	struct call call; /* first: the exchange's ctx is the call */
	size_t size, each;
	uint64_t end;
};

static ssize_t give(void *ctx, void *to, size_t max, uint64_t offset, struct gg_err *err)
{
	struct source *s = ctx;
	size_t n = s->end - offset < s->each ? (size_t)(s->end - offset) : s->each;

	(void)err;
	if (n > max)
		n = max;
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = (char)((offset + i) * 7 + ((offset + i) >> 8));
	return (ssize_t)n;
}

static void assert_took(const struct call *c, const char *method, size_t n)
{
	_cleanup_free_ char *bytes = gg_alloc(n + 1), *want = NULL;
	struct gg_digest d;
	char hex[GG_DIGEST_TEXT];

	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 + (i >> 8));
	gg_digest_of(bytes, n, &d);
	want = gg_asprintf("%s %zu %s", method, n, gg_digest_text(&d, hex) + strlen("sha256:"));
	assert_says(c, want);
}

/* Bytes, a function with and without a length; sent again from the start after a 503. */
static void test_bodies(void **state)
{
	static const uint64_t lengths[] = { 3000000, UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < 2 * GG_LEN(lengths); i++) {
		struct source s = { .end = 3000000, .each = i < 2 ? 1 << 20 : 1000 };
		_cleanup_free_ char *path = gg_asprintf("/take/503/2/%zu", i);

		call_init(&s.call, "PUT", path);
		s.call.x.flags = HTTP_REPEAT;
		s.call.x.ctx = &s;
		s.call.x.read = give;
		s.call.x.body_len = lengths[i % 2];
		call_run(&s.call);
		assert_status(&s.call, 201);
		assert_took(&s.call, "PUT", 3000000);
		assert_silent(&s.call, "Expect");
		assert_int_equal(requests_of(path), 3);
		call_done(&s.call);
	}
	_cleanup_call_ struct call bytes;

	call_init(&bytes, "POST", "/take");
	bytes.x.body = "\0\7\16";
	bytes.x.body_len = 3;
	call_run(&bytes);
	assert_status(&bytes, 201);
	assert_took(&bytes, "POST", 3);
}

static void test_short_body(void **state)
{
	struct source s = { .end = 500, .each = 1000 };

	(void)state;
	call_init(&s.call, "PUT", "/take/503/2/short");
	s.call.x.flags = HTTP_REPEAT;
	s.call.x.ctx = &s;
	s.call.x.read = give;
	s.call.x.body_len = 501;
	call_run(&s.call);
	assert_fails(&s.call, GG_SYSTEM, "ended early");
	call_done(&s.call);
}

static void test_repeat(void **state)
{
	_cleanup_call_ struct call once, always, gone, after, far;

	(void)state;
	call_init(&once, "GET", "/flaky/503/1/77");
	call_run(&once);
	assert_status(&once, 503);
	assert_int_equal(requests_of("/flaky/503/1/77"), 1);
	call_init(&always, "GET", "/status/502");
	always.x.flags = HTTP_REPEAT;
	call_run(&always);
	assert_status(&always, 502);
	assert_int_equal(requests_of("/status/502"), 5);
	call_init(&gone, "GET", "/drop/it");
	gone.x.flags = HTTP_REPEAT;
	call_run(&gone);
	assert_fails(&gone, GG_REMOTE, "get 'http://127.0.0.1");
	assert_int_equal(gone.x.status, 0);
	assert_int_equal(requests_of("/drop/it"), 5);
	call_init(&after, "GET", "/after/1/500");
	after.x.flags = HTTP_REPEAT;
	call_run(&after);
	assert_status(&after, 200);
	assert_true(after.seconds >= 0.95);
	call_init(&far, "GET", "/after/301/501");
	far.x.flags = HTTP_REPEAT;
	call_run(&far);
	assert_status(&far, 429);
	assert_true(far.seconds < 1);
}

static void test_write(void **state)
{
	_cleanup_call_ struct call cut, error;

	(void)state;
	call_init(&cut, "GET", "/cut/whole/200000");
	cut.x.flags = HTTP_REPEAT;
	cut.x.write = take;
	call_run(&cut);
	assert_status(&cut, 200);
	assert_int_equal(cut.starts, 2);
	assert_int_equal(cut.got.len, 200000);
	call_init(&error, "GET", "/status/404");
	error.x.write = take;
	call_run(&error);
	assert_status(&error, 404);
	assert_int_equal(error.got.len, 0);
	assert_says(&error, "some page");
}

static void test_limits(void **state)
{
	_cleanup_call_ struct call large, exact, headers, page;

	(void)state;
	call_init(&large, "GET", "/ok/5000");
	large.x.max_text = 4999;
	call_run(&large);
	assert_fails(&large, GG_REMOTE, "larger than 4999 bytes");
	call_init(&exact, "GET", "/ok/5000");
	exact.x.max_text = 5000;
	call_run(&exact);
	assert_status(&exact, 200);
	call_init(&page, "GET", "/status/400");
	page.x.max_text = 4;
	call_run(&page);
	assert_status(&page, 400);
	assert_string_equal(page.x.text.data, "some");
	call_init(&headers, "GET", "/headers/70000");
	headers.x.flags = HTTP_REPEAT;
	call_run(&headers);
	assert_fails(&headers, GG_REMOTE, "headers are larger");
	assert_int_equal(requests_of("/headers/70000"), 1);
}

/* A server that trickles just fast enough is given up all the same; so is one that stops. */
static void test_deadline(void **state)
{
	_cleanup_call_ struct call slow, stalled;

	(void)state;
	call_init(&slow, "GET", "/late/200/30");
	slow.x.write = take;
	slow.x.flags = HTTP_REPEAT;
	call_run(&slow);
	assert_fails(&slow, GG_REMOTE, "too slow");
	assert_true(slow.seconds < 30);
	call_init(&stalled, "GET", "/stall/30");
	call_run(&stalled);
	assert_fails(&stalled, GG_REMOTE, "get 'http://127.0.0.1");
	assert_true(stalled.seconds < 4);
}

static void test_authorize(void **state)
{
	static const char *const late[] = { "Bearer old", "Bearer new", NULL },
				 *const none[] = { NULL, "Bearer new", NULL },
				 *const bad[] = { "Bearer old", "Bearer wrong", "Bearer new",
						  NULL };
	_cleanup_call_ struct call c, first, refused, bare;
	_cleanup_free_ char *body = gg_zalloc(2000000);

	(void)state;
	call_init(&c, "PUT", "/secret/new/1");
	c.access.authorize = authorize;
	c.tokens = late;
	c.x.body = body;
	c.x.body_len = 2000000;
	call_run(&c);
	assert_status(&c, 200);
	assert_string_equal(c.x.text.data, "2000000");
	assert_string_equal(c.used, "Bearer old");
	assert_string_equal(c.challenge,
			    "Bearer realm=\"https://auth.invalid/\",scope=\"x\"\nBasic realm=y");
	assert_int_equal(requests_of("/secret/new/1"), 2);
	/* Nothing at first: only a challenge brings credentials out. */
	call_init(&first, "GET", "/secret/new/2");
	first.access.authorize = authorize;
	first.tokens = none;
	call_run(&first);
	assert_status(&first, 401);
	call_init(&refused, "GET", "/secret/new/3");
	refused.access.authorize = authorize;
	refused.tokens = bad;
	refused.x.flags = HTTP_REPEAT;
	call_run(&refused);
	assert_status(&refused, 401);
	assert_int_equal(requests_of("/secret/new/3"), 2);
	call_init(&bare, "GET", "/secret/new/4");
	call_run(&bare);
	assert_status(&bare, 401);
}

static void test_redirects(void **state)
{
	static const struct {
		const char *to, *why;
	} bad[] = {
		{ "file:///etc/hostname", "neither http nor https" },
		{ "ftp://127.0.0.1/x", "neither http nor https" },
		{ "http://user:pw@127.0.0.1/x", "user name or password" },
		{ "http://@127.0.0.1:1:2/", "leads nowhere" },
		{ "", "leads nowhere" },
	};
	_cleanup_call_ struct call ten, eleven, put, still;

	(void)state;
	call_init(&ten, "GET", "/hop/10/2222");
	ten.x.flags = HTTP_FOLLOW;
	call_run(&ten);
	assert_status(&ten, 200);
	assert_int_equal(ten.x.text.len, 2222);
	assert_true(gg_ends(ten.x.location, "/hop/0/2222"));
	call_init(&eleven, "HEAD", "/hop/11/2222");
	eleven.x.flags = HTTP_FOLLOW;
	call_run(&eleven);
	assert_fails(&eleven, GG_REMOTE, "more than 10 redirects");
	call_init(&put, "PUT", "/to?/take");
	call_run(&put);
	assert_status(&put, 307);
	call_init(&still, "GET", "/to?/take");
	call_run(&still);
	assert_status(&still, 307);
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_call_ struct call c;
		_cleanup_free_ char *path = gg_asprintf("/to?%s", bad[i].to);

		call_init(&c, "GET", path);
		c.x.flags = HTTP_FOLLOW | HTTP_REPEAT;
		call_run(&c);
		assert_fails(&c, GG_REMOTE, bad[i].why);
		assert_int_equal(requests_of(path), 1);
	}
}

/* Credentials and client certificate are the origin's: gone with a redirect out of it, and for good. */
static void test_origin(void **state)
{
	static const char *const tokens[] = { "Bearer secret", "Bearer secret", NULL };
	_cleanup_free_ char *ca = gg_asprintf("%s/cert", dir), *key = gg_asprintf("%s/key", dir),
			    *tls = gg_asprintf("https://127.0.0.1:%d", tls_port),
			    *here = gg_asprintf("http://127.0.0.1:%d", port),
			    *there = gg_asprintf("http://localhost:%d", port),
			    *inside = gg_asprintf("%s/to?%s/take", tls, tls),
			    *down = gg_asprintf("%s/to?%s/take/down", tls, here),
			    *out = gg_asprintf("/to?%s/take", there),
			    *back = gg_asprintf("/to?%s/to?%s/take", there, here),
			    *up = gg_asprintf("/to?%s/take", tls);
	_cleanup_call_ struct call own, other, again, secure, lost, strange;

	(void)state;
	setenv("no_proxy", "127.0.0.1,localhost", 1);
	call_init(&own, "GET", inside);
	own.access = (struct http_access){ .origin = tls,
					   .ca_file = ca,
					   .cert_file = ca,
					   .key_file = key,
					   .authorize = authorize,
					   .ctx = &own };
	own.tokens = tokens;
	own.x.flags = HTTP_FOLLOW;
	call_run(&own);
	assert_status(&own, 201);
	assert_says(&own, "Authorization: Bearer secret");
	assert_says(&own, "client certificate: True");

	call_init(&other, "GET", out);
	other.access.authorize = authorize;
	other.tokens = tokens;
	other.x.flags = HTTP_FOLLOW;
	call_run(&other);
	assert_status(&other, 201);
	assert_silent(&other, "Authorization");

	call_init(&again, "GET", back);
	again.access.authorize = authorize;
	again.tokens = tokens;
	again.x.flags = HTTP_FOLLOW;
	call_run(&again);
	assert_status(&again, 201);
	assert_silent(&again, "Authorization");

	/* What one origin's authorities vouch for is not vouched for elsewhere. */
	call_init(&secure, "GET", up);
	secure.access.ca_file = ca;
	secure.access.unverified = true;
	secure.x.flags = HTTP_FOLLOW;
	call_run(&secure);
	assert_fails(&secure, GG_REMOTE, "ertificate");

	call_init(&lost, "GET", down);
	lost.access = (struct http_access){ .origin = tls, .ca_file = ca };
	lost.x.flags = HTTP_FOLLOW;
	call_run(&lost);
	assert_fails(&lost, GG_REMOTE, "from https to http");
	assert_int_equal(requests_of("/take/down"), 0);

	call_init(&strange, "GET", "/take/strange");
	strange.access.origin = there;
	strange.access.authorize = authorize;
	strange.tokens = tokens;
	call_run(&strange);
	assert_fails(&strange, GG_REMOTE, "only https");
	assert_int_equal(strange.asked, 0);
	assert_int_equal(requests_of("/take/strange"), 0);
}

/* The same client carries the connection that a certificate opened; nobody else's exchange may ride on it. */
static void test_certificate_shared(void **state)
{
	_cleanup_free_ char *ca = gg_asprintf("%s/cert", dir), *key = gg_asprintf("%s/key", dir),
			    *tls = gg_asprintf("https://127.0.0.1:%d", tls_port),
			    *url = gg_asprintf("%s/take", tls);
	_cleanup_call_ struct call c;

	(void)state;
	call_init(&c, "GET", url);
	c.access = (struct http_access){
		.origin = tls, .ca_file = ca, .cert_file = ca, .key_file = key
	};
	call_run(&c);
	assert_says(&c, "client certificate: True");
	c.access.cert_file = c.access.key_file = NULL;
	call_run(&c);
	assert_status(&c, 201);
	assert_says(&c, "client certificate: False");
}

static void test_unix(void **state)
{
	_cleanup_free_ char *path = gg_asprintf("%s/socket", dir);
	_cleanup_call_ struct call c, nobody;

	(void)state;
	call_init(&c, "POST", "http://engine/take");
	c.x.access = NULL;
	c.x.unix_socket = path;
	c.x.body = "abc";
	c.x.body_len = 3;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	call_run(&c);
	unsetenv("http_proxy");
	assert_status(&c, 201);
	assert_says(&c, "POST 3 ");
	call_init(&nobody, "GET", "http://engine/take");
	nobody.x.access = NULL;
	nobody.x.unix_socket = "/nowhere/socket";
	call_run(&nobody);
	assert_fails(&nobody, GG_REMOTE, "get 'http://engine/take'");
}

static void test_refused(void **state)
{
	_cleanup_call_ struct call json, page, early;
	_cleanup_err_ struct gg_err first = GG_ERR_INIT, second = GG_ERR_INIT;
	_cleanup_free_ char *body = gg_zalloc(20000000), *want = NULL, *want2 = NULL;

	(void)state;
	call_init(&json, "GET", "/refuse/403?token=hidden");
	call_run(&json);
	assert_status(&json, 403);
	http_exchange_refused(&json.x, &first);
	want = gg_asprintf("HTTP 403 from 'http://127.0.0.1:%d/refuse/403?…': no way; OTHER", port);
	assert_string_equal(first.text, want);
	assert_int_equal(first.kind, GG_REMOTE);
	call_init(&page, "GET", "/status/410");
	call_run(&page);
	http_exchange_refused(&page.x, &second);
	want2 = gg_asprintf("HTTP 410 from 'http://127.0.0.1:%d/status/410': some page that is no "
			    "content",
			    port);
	assert_string_equal(second.text, want2);
	/* Refused before it was sent. */
	call_init(&early, "PUT", "/refuse/413");
	early.x.body = body;
	early.x.body_len = 20000000;
	call_run(&early);
	assert_status(&early, 413);
}

static void test_bad_urls(void **state)
{
	_cleanup_call_ struct call file, user, plain;

	(void)state;
	call_init(&file, "GET", "file:///etc/hostname");
	call_run(&file);
	assert_fails(&file, GG_USAGE, "not an http or https URL");
	call_init(&user, "GET", "https://user:secret@127.0.0.1/");
	call_run(&user);
	assert_fails(&user, GG_USAGE, "user name or password");
	assert_null(strstr(user.err.text, "secret"));
	call_init(&plain, "GET", "/take");
	plain.x.access = NULL;
	call_run(&plain);
	assert_fails(&plain, GG_REMOTE, "only https");
}

/* ---- many at once ---- */

struct many {
	struct http_client *client;
	struct http_exchange x[60];
	unsigned finished, again;
};

static void one_done(void *ctx, struct http_exchange *x)
{
	struct many *m = ctx;

	assert_int_equal(x->error.kind, GG_OK);
	assert_int_equal(x->status, 200);
	assert_int_equal(x->text.len, 1000);
	m->finished++;
	if (m->again > 0) {
		m->again--;
		http_client_start(m->client, x);
	}
}

static void test_many(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *origin = gg_asprintf("http://127.0.0.1:%d", port),
			    *url = gg_asprintf("%s/ok/1000", origin);
	struct http_access access = { .origin = origin };
	struct many m = { .again = 10 };
	int wake[2];
	bool idle = true;

	(void)state;
	assert_int_equal(http_client_new(NULL, &m.client, &err), 0);
	assert_int_equal(pipe2(wake, O_CLOEXEC), 0);
	for (size_t i = 0; i < GG_LEN(m.x); i++) {
		m.x[i] = (struct http_exchange){
			.method = "GET", .url = url, .access = &access, .done = one_done, .ctx = &m
		};
		http_client_start(m.client, &m.x[i]);
	}
	assert_int_equal(write(wake[1], "", 1), 1);
	assert_int_equal(http_client_run(m.client, wake[0], &idle, &err), 0);
	assert_false(idle);
	assert_true(m.finished < 70);
	close(wake[0]);
	close(wake[1]);
	/* One is called off, and one call goes between. */
	http_exchange_done(&m.x[59]);
	{
		_cleanup_call_ struct call c;

		call_init(&c, "GET", "/ok/5");
		c.result = http_client_call(m.client, &c.x, &c.err);
		assert_status(&c, 200);
	}
	assert_int_equal(http_client_run(m.client, -1, &idle, &err), 0);
	assert_true(idle);
	assert_int_equal(m.finished, 69);
	/* What is under way when its client goes is dropped. */
	http_client_start(m.client, &m.x[0]);
	http_client_start(m.client, &m.x[1]);
	http_client_free(m.client);
	for (size_t i = 0; i < GG_LEN(m.x); i++)
		http_exchange_done(&m.x[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),   cmocka_unit_test(test_head),
		cmocka_unit_test(test_bodies),    cmocka_unit_test(test_short_body),
		cmocka_unit_test(test_repeat),    cmocka_unit_test(test_write),
		cmocka_unit_test(test_limits),    cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_authorize), cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_origin),    cmocka_unit_test(test_certificate_shared),
		cmocka_unit_test(test_unix),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bad_urls),  cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
