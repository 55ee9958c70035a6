/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/http_private.h"
#include "tests/unit/layers/http_fixture.h"

static void fill(char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)(i * 7 + (i >> 8));
}

static void body_digest(size_t n, struct gg_digest *ret)
{
	_cleanup_free_ char *bytes = gg_alloc(n + 1);

	fill(bytes, n);
	gg_digest_of(bytes, n, ret);
}

struct get {
	struct http_request request;
	struct http_options options;
	struct gg_err err;
	char *url;
	struct gg_buf body;
	double seconds;
	int result;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void get_init(struct get *g, const char *path)
{
	*g = (struct get){ .url = gg_starts(path, "/")
					  ? gg_asprintf("http://127.0.0.1:%d%s", port, path)
					  : gg_strdup(path) };
	g->request = (struct http_request){ .url = g->url,
					    .size = UINT64_MAX,
					    .max_size = 10 << 20,
					    .outfd = memfd_create("body", MFD_CLOEXEC) };
	g->options.retry_ms = 5;
}

static void get_run(struct get *g)
{
	double start = now();

	g->result = http_fetch(&g->request, 1, &g->options, &g->err);
	g->seconds = now() - start;
	assert_int_equal(g->result == 0, g->request.error.kind == GG_OK);
	assert_int_equal(g->err.kind, g->request.error.kind);
	lseek(g->request.outfd, 0, SEEK_SET);
	assert_int_equal(gg_read_fd(g->request.outfd, 64 << 20, &g->body, &g->err), 0);
}

static void get_done(struct get *g)
{
	free(g->url);
	gg_close(g->request.outfd);
	gg_buf_done(&g->body);
	gg_err_done(&g->err);
	gg_err_done(&g->request.error);
}
#define _cleanup_get_ GG_CLEANUP(get_done)

static void assert_body(const struct get *g, size_t n)
{
	_cleanup_free_ char *want = gg_alloc(n + 1);
	struct gg_digest d;

	if (g->result != 0)
		fail_msg("%s", g->err.text);
	fill(want, n);
	assert_int_equal(g->body.len, n);
	assert_int_equal(g->request.ret_size, n);
	assert_memory_equal(g->body.data, want, n);
	body_digest(n, &d);
	assert_true(gg_digest_eq(&d, &g->request.ret_digest));
}

static void assert_error(const struct get *g, enum gg_kind kind, const char *text)
{
	assert_int_equal(g->result, -1);
	assert_int_equal(g->err.kind, kind);
	if (!strstr(g->err.text, text))
		fail_msg("'%s' is not in '%s'", text, g->err.text);
	assert_null(strchr(g->err.text, '@'));
}

static int requests_of(const char *path)
{
	_cleanup_get_ struct get g;
	_cleanup_free_ char *count = gg_asprintf("/count%s", path);

	get_init(&g, count);
	get_run(&g);
	assert_int_equal(g.result, 0);
	return atoi(g.body.data);
}

static void get_ok(const char *path, size_t n, bool pinned, int requests)
{
	_cleanup_get_ struct get g;

	get_init(&g, path);
	if (pinned) {
		g.request.has_digest = true;
		body_digest(n, &g.request.digest);
		g.request.size = n;
	}
	get_run(&g);
	assert_body(&g, n);
	assert_int_equal(requests_of(path), requests);
}

static void get_fails(const char *path, enum gg_kind kind, const char *text, int requests)
{
	_cleanup_get_ struct get g;

	get_init(&g, path);
	get_run(&g);
	assert_error(&g, kind, text);
	assert_int_equal(requests_of(path), requests);
}

static void test_plain(void **state)
{
	(void)state;
	get_ok("/ok/100000", 100000, false, 1);
	get_ok("/ok/100001", 100001, true, 1);
	get_ok("/ok/0", 0, true, 1);
}

static void test_retries(void **state)
{
	(void)state;
	get_ok("/flaky/500/2/3000", 3000, false, 3);
	get_ok("/flaky/503/4/3000", 3000, true, 5);
	get_ok("/flaky/408/1/10", 10, true, 2);
	get_fails("/flaky/502/5/3000", GG_REMOTE, "answers 502", 5);
	get_fails("/status/404", GG_REMOTE, "answers 404", 1);
	get_fails("/status/403", GG_REMOTE, "answers 403", 1);
	get_fails("/status/204", GG_REMOTE, "answers 204", 1);
	get_fails("/drop", GG_REMOTE, "get 'http://127.0.0.1", 5);
}

static void test_retry_after(void **state)
{
	_cleanup_get_ struct get g;

	(void)state;
	get_init(&g, "/after/1/500");
	get_run(&g);
	assert_body(&g, 500);
	assert_true(g.seconds >= 0.95);
	get_fails("/after/3600/500", GG_REMOTE, "answers 429", 1);
}

static void test_resume(void **state)
{
	(void)state;
	get_ok("/cut/range/200000", 200000, true, 2);
	get_ok("/cut/whole/200000", 200000, true, 2);
	get_ok("/cut/wrong/200000", 200000, true, 3);
	get_ok("/cut/other/200000", 200000, true, 3);
	get_ok("/cut/416/200000", 200000, true, 3);
	/* Not pinned: resumed only under the same strong ETag, else from the start. */
	get_ok("/cut/etag/200000", 200000, false, 2);
	get_ok("/cut/other/200001", 200001, false, 2);
}

static void test_sizes(void **state)
{
	_cleanup_get_ struct get larger, smaller, endless, limit, shorter;

	(void)state;
	get_init(&larger, "/ok/1000");
	larger.request.size = 999;
	get_run(&larger);
	assert_error(&larger, GG_INTEGRITY, "has 1000 bytes, expected 999");
	get_init(&smaller, "/ok/1002");
	smaller.request.size = 1003;
	get_run(&smaller);
	assert_error(&smaller, GG_INTEGRITY, "has 1002 bytes, expected 1003");
	assert_int_equal(requests_of("/ok/1002"), 1);
	get_init(&endless, "/endless");
	endless.request.size = 100000;
	get_run(&endless);
	assert_error(&endless, GG_INTEGRITY, "larger than 100000 bytes");
	assert_true(endless.body.len <= 100000);
	get_init(&limit, "/ok/5000");
	limit.request.max_size = 4999;
	get_run(&limit);
	assert_error(&limit, GG_INTEGRITY, "larger than 4999 bytes");
	get_init(&shorter, "/short/700");
	shorter.request.size = 1000;
	get_run(&shorter);
	assert_error(&shorter, GG_INTEGRITY, "has 700 bytes, expected 1000");
	assert_int_equal(requests_of("/short/700"), 5);
	get_fails("/unasked", GG_REMOTE, "another range", 5);
}

static void test_digest(void **state)
{
	_cleanup_get_ struct get g;

	(void)state;
	get_init(&g, "/ok/1234");
	g.request.has_digest = true;
	g.request.size = 1234;
	body_digest(1235, &g.request.digest);
	get_run(&g);
	assert_error(&g, GG_INTEGRITY, "the body is sha256:");
	assert_int_equal(requests_of("/ok/1234"), 1);
}

static void test_stall(void **state)
{
	_cleanup_get_ struct get g;

	(void)state;
	get_init(&g, "/stall/30");
	g.options.stall_s = 1;
	get_run(&g);
	assert_error(&g, GG_REMOTE, "get 'http://127.0.0.1");
	/* Five tries of a second each, and libcurl looks once a second. */
	assert_true(g.seconds < 12);
}

static void test_redirects(void **state)
{
	(void)state;
	get_ok("/hop/10/2222", 2222, true, 1);
	get_fails("/hop/11/2222", GG_REMOTE, "more than 10 redirects", 1);
	get_fails("/to?file:///etc/hostname", GG_REMOTE, "neither http nor https", 1);
	get_fails("/to?ftp://127.0.0.1/x", GG_REMOTE, "neither http nor https", 1);
	get_fails("/to?http://user:pw@127.0.0.1/x", GG_REMOTE, "user name or password", 1);
	get_ok("/to?/ok/77", 77, false, 1);
}

static void test_tls(void **state)
{
	_cleanup_get_ struct get good, untrusted, down;
	_cleanup_free_ char *ca = gg_asprintf("%s/cert", dir), *ok = NULL, *to_http = NULL;

	(void)state;
	ok = gg_asprintf("https://127.0.0.1:%d/ok/321", tls_port);
	get_init(&good, ok);
	good.options.ca_file = ca;
	get_run(&good);
	assert_body(&good, 321);
	get_init(&untrusted, ok);
	get_run(&untrusted);
	assert_error(&untrusted, GG_REMOTE, "ertificate");
	assert_true(untrusted.seconds < 2);
	to_http = gg_asprintf("https://127.0.0.1:%d/to?http://127.0.0.1:%d/ok/654321", tls_port,
			      port);
	get_init(&down, to_http);
	down.options.ca_file = ca;
	get_run(&down);
	assert_error(&down, GG_REMOTE, "from https to http");
	assert_int_equal(requests_of("/ok/654321"), 0);
}

/* Credentials go to the origin whose URL holds them, and into no message. */
static void test_credentials(void **state)
{
	_cleanup_get_ struct get own, other, broken;
	_cleanup_free_ char *u1 = gg_asprintf("http://user:secret@127.0.0.1:%d/echo", port),
			    *u2 = NULL, *u3 = NULL;

	(void)state;
	get_init(&own, u1);
	get_run(&own);
	assert_int_equal(own.result, 0);
	assert_non_null(strstr(own.body.data, "Authorization: Basic"));
	u2 = gg_asprintf("http://user:secret@127.0.0.1:%d/to?http://localhost:%d/echo", port, port);
	setenv("no_proxy", "127.0.0.1,localhost", 1);
	get_init(&other, u2);
	get_run(&other);
	if (other.result != 0)
		fail_msg("%s", other.err.text);
	assert_null(strstr(other.body.data, "Authorization"));
	assert_null(strstr(other.body.data, "Cookie"));
	u3 = gg_asprintf("http://user:secret@127.0.0.1:%d/status/404?token=hidden", port);
	get_init(&broken, u3);
	get_run(&broken);
	assert_error(&broken, GG_REMOTE, "answers 404");
	assert_null(strstr(broken.err.text, "secret"));
	assert_null(strstr(broken.err.text, "hidden"));
}

static void test_alternates(void **state)
{
	_cleanup_get_ struct get g, none;
	_cleanup_free_ char *good = gg_asprintf("http://127.0.0.1:%d/ok/4321", port),
			    *bad = gg_asprintf("http://127.0.0.1:%d/ok/4320", port);
	const char *const list[] = { bad, good, NULL }, *const bads[] = { bad, NULL };

	(void)state;
	get_init(&g, "/status/404");
	g.request.alternates = list;
	g.request.has_digest = true;
	g.request.size = 4321;
	body_digest(4321, &g.request.digest);
	get_run(&g);
	assert_body(&g, 4321);
	get_init(&none, "/status/410");
	none.request.alternates = bads;
	none.request.size = 1;
	get_run(&none);
	assert_error(&none, GG_REMOTE, "answers 410");
}

static void ranges_of(const char *path, char *ret, size_t size)
{
	_cleanup_get_ struct get g;
	_cleanup_free_ char *url = gg_asprintf("/ranges%s", path);

	get_init(&g, url);
	get_run(&g);
	snprintf(ret, size, "%s", g.body.data ? g.body.data : "");
}

/* What an earlier run or an earlier source brought of a body that has a digest is not asked for again. */
static void test_alternate_resumes(void **state)
{
	enum { N = 200003, HALF = 100000 };
	static const struct {
		const char *first, *second, *want;
	} cases[] = {
		{ "/status/404", "/prefix/range/200003", "bytes=100000-" },
		{ "/status/403", "/prefix/other/200003", "bytes=100000- -" },
		/* A page in place of the body leaves it alone. */
		{ "/ok/5555", "/prefix/range/200003?2", "bytes=100000-" },
		/* The first source's own bytes count too. */
		{ "/stop/150000/200003", "/prefix/range/200003?3", "bytes=150000-" },
	};
	_cleanup_free_ char *bytes = gg_alloc(N);

	(void)state;
	fill(bytes, N);
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_get_ struct get g;
		_cleanup_free_ char *second =
			gg_asprintf("http://127.0.0.1:%d%s", port, cases[i].second);
		const char *const list[] = { second, NULL };
		char ranges[100];

		get_init(&g, cases[i].first);
		assert_int_equal(pwrite(g.request.outfd, bytes, HALF, 0), HALF);
		g.request.alternates = list;
		g.request.resume = g.request.has_digest = true;
		g.request.size = N;
		body_digest(N, &g.request.digest);
		get_run(&g);
		assert_body(&g, N);
		ranges_of(cases[i].second, ranges, sizeof(ranges));
		assert_string_equal(ranges, cases[i].want);
	}
}

static void test_too_slow(void **state)
{
	_cleanup_get_ struct get g;

	(void)state;
	get_init(&g, "/late/200/30");
	g.request.size = 60000;
	g.options.stall_s = 1;
	get_run(&g);
	assert_error(&g, GG_REMOTE, "too slow");
	assert_true(g.seconds < 25);
}

struct keys {
	struct http_access access;
	const char *token; /* after a challenge */
	unsigned asked, challenged;
};

static int authorize(void *ctx, const char *challenge, const char *used, const char **ret,
		     struct gg_err *err)
{
	struct keys *k = ctx;

	(void)err;
	k->asked++;
	k->challenged += challenge && !used;
	*ret = k->challenged ? k->token : NULL;
	return 0;
}

/* Each source has its own keys, which go nowhere else. */
static void test_access(void **state)
{
	enum { N = 3456 };
	_cleanup_free_ char *here = gg_asprintf("http://127.0.0.1:%d", port),
			    *there = gg_asprintf("http://localhost:%d", port),
			    *away = gg_asprintf("/to?%s/secret/one/other", there),
			    *second = gg_asprintf("%s/secret/two/body/%d", there, N),
			    *https = gg_asprintf("https://127.0.0.1:%d", tls_port);
	struct keys one = { .token = "Bearer one" }, two = { .token = "Bearer two" };
	const struct http_access *const more[] = { &two.access };
	const char *const list[] = { second, NULL };
	_cleanup_get_ struct get own, both, foreign;

	(void)state;
	setenv("no_proxy", "127.0.0.1,localhost", 1);
	one.access = (struct http_access){ .origin = here, .authorize = authorize, .ctx = &one };
	two.access = (struct http_access){ .origin = there, .authorize = authorize, .ctx = &two };
	get_init(&own, "/secret/one/body/3456");
	own.request.access = &one.access;
	get_run(&own);
	assert_body(&own, N);
	assert_int_equal(one.asked, 2);
	assert_int_equal(one.challenged, 1);

	get_init(&both, away);
	both.request.access = &one.access;
	both.request.alternates = list;
	both.request.alternate_access = more;
	get_run(&both);
	assert_body(&both, N);
	assert_int_equal(two.challenged, 1);

	one.asked = 0;
	get_init(&foreign, "/ok/222");
	one.access.origin = https;
	foreign.request.access = &one.access;
	get_run(&foreign);
	assert_error(&foreign, GG_REMOTE, "only https");
	assert_int_equal(one.asked, 0);
}

static void test_other_schemes(void **state)
{
	_cleanup_get_ struct get file, ftp, lost;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *path = gg_asprintf("%s/body", dir),
			    *url = gg_asprintf("file://%s/body", dir);
	char bytes[3000];

	(void)state;
	fill(bytes, sizeof(bytes));
	assert_int_equal(gg_write_file(AT_FDCWD, path, bytes, sizeof(bytes), 0600, 0, &err), 0);
	get_init(&file, url);
	get_run(&file);
	assert_body(&file, sizeof(bytes));
	get_init(&ftp, "ftp://127.0.0.1/x");
	get_run(&ftp);
	assert_error(&ftp, GG_USAGE, "not an http, https or file URL");
	get_init(&lost, "file:///nowhere/at/all");
	get_run(&lost);
	assert_error(&lost, GG_REMOTE, "get 'file:///nowhere/at/all'");
}

static void count_progress(void *ctx, uint64_t done, uint64_t total, unsigned finished)
{
	uint64_t *last = ctx;

	assert_true(done <= total);
	last[0] = done;
	last[1] = finished;
}

static void count_finished(void *ctx, struct http_request *r)
{
	uint64_t *last = ctx;

	assert_int_equal(r->error.kind, GG_OK);
	last[2]++;
}

static void test_many(void **state)
{
	enum { N = 120 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct http_request *r = gg_calloc(N, sizeof(*r));
	uint64_t last[3] = { 0 }, bytes = 0;
	struct http_options options = { .parallel = 16,
					.retry_ms = 5,
					.ctx = last,
					.progress = count_progress,
					.finished = count_finished };

	(void)state;
	for (size_t i = 0; i < N; i++) {
		size_t size = i % 40 == 0 ? 2000000 : 1000 + i;

		r[i] = (struct http_request){ .url = gg_asprintf("http://127.0.0.1:%d/ok/%zu", port,
								 size),
					      .size = size,
					      .has_digest = true,
					      .outfd = memfd_create("body", MFD_CLOEXEC) };
		body_digest(size, &r[i].digest);
		bytes += size;
	}
	if (http_fetch(r, N, &options, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(last[0], bytes);
	assert_int_equal(last[1], N);
	assert_int_equal(last[2], N);
	for (size_t i = 0; i < N; i++) {
		gg_close(r[i].outfd);
		free((void *)(uintptr_t)r[i].url);
	}
	free(r);
}

/* A host that does not answer is given up once, not once a file; the others still arrive. */
static void test_dead_host(void **state)
{
	enum { N = 40 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct http_request r[N];
	struct http_options options = { .parallel = 4, .retry_ms = 100 };
	_cleanup_free_ char *good = gg_asprintf("http://127.0.0.1:%d/ok/9", port);
	double start = now();

	(void)state;
	for (size_t i = 0; i < N; i++)
		r[i] = (struct http_request){ .url = i == N - 1 ? good : "http://127.0.0.1:1/x",
					      .size = UINT64_MAX,
					      .max_size = 100,
					      .outfd = memfd_create("body", MFD_CLOEXEC) };
	assert_int_equal(http_fetch(r, N, &options, &err), -1);
	assert_int_equal(err.kind, GG_REMOTE);
	assert_non_null(strstr(err.hint, "proxy"));
	assert_true(now() - start < 2);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(r[i].error.kind, i == N - 1 ? GG_OK : GG_REMOTE);
		gg_err_done(&r[i].error);
		gg_close(r[i].outfd);
	}
}

/* libcurl keeps a handle's buffer after a name that it could not resolve. */
static void test_unknown_host(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct http_request r = { .url = "http://host.invalid/x",
				  .size = UINT64_MAX,
				  .max_size = 100,
				  .outfd = memfd_create("body", MFD_CLOEXEC) };
	struct http_options options = { .retry_ms = 10 };

	(void)state;
	assert_int_equal(http_fetch(&r, 1, &options, &err), -1);
	assert_int_equal(err.kind, GG_REMOTE);
	assert_non_null(strstr(err.text, "resolve"));
	assert_non_null(strstr(err.hint, "proxy"));
	gg_err_done(&r.error);
	gg_close(r.outfd);
}

static void test_full_disk(void **state)
{
	_cleanup_get_ struct get g;

	(void)state;
	get_init(&g, "/ok/50000");
	gg_close(g.request.outfd);
	g.request.outfd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(http_fetch(&g.request, 1, &g.options, &g.err), -1);
	assert_int_equal(g.err.kind, GG_SYSTEM);
	assert_int_equal(g.err.errnum, ENOSPC);
	assert_int_equal(requests_of("/ok/50000"), 1);
}

/* Bodies of many blocks, hashed beside what arrives: broken off, continued with the right bytes and with wrong ones. */
static void test_blocks(void **state)
{
	enum { N = 3000001 };
	_cleanup_get_ struct get full, wrong;

	(void)state;
	get_ok("/cut/range/3000001", N, true, 2);
	get_ok("/cut/other/3000001", N, true, 3);
	get_ok("/cut/whole/3000001", N, false, 2);
	get_init(&wrong, "/ok/3000001");
	wrong.request.has_digest = true;
	body_digest(N - 1, &wrong.request.digest);
	get_run(&wrong);
	assert_error(&wrong, GG_INTEGRITY, ", expected sha256:");
	get_init(&full, "/ok/3000002");
	gg_close(full.request.outfd);
	full.request.outfd = open("/dev/full", O_RDWR | O_CLOEXEC);
	assert_int_equal(http_fetch(&full.request, 1, &full.options, &full.err), -1);
	assert_int_equal(full.err.errnum, ENOSPC);
	assert_int_equal(requests_of("/ok/3000002"), 1);
}

struct watch {
	int fd;
	unsigned seen;
};

static void watch_file(void *ctx, uint64_t done, uint64_t total, unsigned finished)
{
	struct watch *w = ctx;
	struct stat st;

	(void)total;
	(void)finished;
	assert_int_equal(fstat(w->fd, &st), 0);
	w->seen += done == 25000 && st.st_size == 25000;
}

/* What has arrived is in the file soon, though more is waited for: who is killed then goes on from there. */
static void test_soon(void **state)
{
	_cleanup_get_ struct get g;
	struct watch w = { 0 };

	(void)state;
	get_init(&g, "/hang/range/50000");
	w.fd = g.request.outfd;
	g.options.stall_s = 1;
	g.options.progress = watch_file;
	g.options.ctx = &w;
	g.request.has_digest = true;
	body_digest(50000, &g.request.digest);
	get_run(&g);
	assert_body(&g, 50000);
	assert_true(w.seen >= 3);
}

static void test_show(void **state)
{
	static const char *const cases[][2] = {
		{ "https://u:p@host:1/a/b?token=x#f", "https://host:1/a/b?…" },
		{ "http://host", "http://host" },
		{ "http://a@b@host/x@y", "http://host/x@y" },
		{ "http://host/a\nb", "http://host/a?b" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_free_ char *shown = http_url_show(cases[i][0]);

		assert_string_equal(shown, cases[i][1]);
	}
}

static void test_content_range(void **state)
{
	static const char *const bad[] = { "",
					   "bytes",
					   "bytes 1-0/5",
					   "bytes */5",
					   "bytes 0-4/4",
					   "bytes -1-3/9",
					   "bytes 0-99999999999999999999/*",
					   "items 0-1/2",
					   "bytes 0-1/2x" };
	uint64_t start, total;

	(void)state;
	assert_int_equal(http_parse_content_range("bytes 5-9/10", &start, &total), 0);
	assert_int_equal(start, 5);
	assert_int_equal(total, 10);
	assert_int_equal(http_parse_content_range("Bytes 5-9/*", &start, &total), 0);
	assert_true(total == UINT64_MAX);
	for (size_t i = 0; i < GG_LEN(bad); i++)
		assert_int_equal(http_parse_content_range(bad[i], &start, &total), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_show),         cmocka_unit_test(test_content_range),
		cmocka_unit_test(test_plain),        cmocka_unit_test(test_retries),
		cmocka_unit_test(test_retry_after),  cmocka_unit_test(test_resume),
		cmocka_unit_test(test_sizes),        cmocka_unit_test(test_digest),
		cmocka_unit_test(test_stall),        cmocka_unit_test(test_redirects),
		cmocka_unit_test(test_tls),          cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_alternates),   cmocka_unit_test(test_other_schemes),
		cmocka_unit_test(test_many),         cmocka_unit_test(test_dead_host),
		cmocka_unit_test(test_unknown_host), cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_access),       cmocka_unit_test(test_alternate_resumes),
		cmocka_unit_test(test_too_slow),     cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_soon),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
