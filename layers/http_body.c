/* SPDX-License-Identifier: Apache-2.0
 *
 * What arrives of a download: believed, written, hashed.
 */
#include "layers/http_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, SKIP_MAX = 64 << 10 };

int http_body_restart(struct http_transfer *t, struct gg_err *err)
{
	struct gg_digest ignored;

	gg_hash_end(t->hash, &ignored);
	t->offset = 0;
	t->waiting = 0;
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

/* Of the whole body, as the answer has it; UINT64_MAX where it does not say. */
static uint64_t total_of(const struct http_transfer *t, bool partial, uint64_t range_total)
{
	curl_off_t length = -1;

	if (partial && range_total != UINT64_MAX)
		return range_total;
	t->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length < 0 ? UINT64_MAX : (partial ? t->offset : 0) + (uint64_t)length;
}

/* A 206 is believed when it begins where we asked. */
static bool range_fits(const struct http_transfer *t, uint64_t *ret_total)
{
	_cleanup_free_ char *value = http_answer_header(&t->answer, "content-range");
	uint64_t start;

	return value && http_parse_content_range(value, &start, ret_total) == 0 &&
	       start == t->asked && t->asked > 0;
}

/* A strong one is remembered. */
static void take_etag(struct http_transfer *t)
{
	_cleanup_free_ char *etag = http_answer_header(&t->answer, "etag");

	t->etag[0] = '\0';
	if (etag && etag[0] == '"' && strlen(etag) < sizeof(t->etag))
		snprintf(t->etag, sizeof(t->etag), "%s", etag);
}

/* The answer's first byte: is this the body we asked for, from where we asked? What is no such body leaves alone what
 * is there of the right one. */
int http_body_begin(struct http_transfer *t)
{
	const struct http_request *r = t->request;
	uint64_t total = UINT64_MAX;
	long status = 0;

	t->body = true;
	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 206 && !range_fits(t, &total)) {
		t->anew = true;
		return -1;
	}
	total = total_of(t, status == 206, total);
	if (r->size != UINT64_MAX && total != UINT64_MAX && total != r->size) {
		_cleanup_free_ char *what =
			gg_asprintf("the body has %llu bytes, expected %llu",
				    (unsigned long long)total, (unsigned long long)r->size);

		return http_transfer_fail(t, &t->problem, GG_INTEGRITY, what);
	}
	if (status != 206 && t->offset > 0 && http_body_restart(t, &t->problem) < 0)
		return -1;
	t->total = total;
	take_etag(t);
	t->resumed |= status == 206;
	if (t->deadline == INT64_MAX && total != UINT64_MAX)
		t->deadline = http_now_ms() + http_time_for(total, t->options->stall_s);
	return 0;
}

/* What did not reach the file is forgotten: it will be asked for again. */
static int write_waiting(struct http_transfer *t)
{
	uint64_t at = t->offset - t->waiting;

	for (size_t done = 0; done < t->waiting;) {
		ssize_t n = pwrite(t->request->outfd, t->block + done, t->waiting - done,
				   (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->offset = at;
			t->waiting = 0;
			return gg_fail_errno(&t->problem, "write the download");
		}
		done += (size_t)n;
	}
	return 0;
}

int http_body_flush(struct http_transfer *t)
{
	if (write_waiting(t) < 0)
		return -1;
	if (t->waiting > 0)
		t->block = http_hasher_add(t->hasher, t->hash, t->block, t->waiting);
	t->waiting = 0;
	return 0;
}

void http_body_settle(struct http_transfer *t)
{
	http_hasher_wait(t->hasher);
	/* A small body is done before a thread would have woken. */
	if (write_waiting(t) == 0 && t->waiting > 0)
		gg_hash_add(t->hash, t->block, t->waiting);
	t->waiting = 0;
}

static int store_body(struct http_transfer *t, const char *bytes, size_t len)
{
	const struct http_request *r = t->request;
	uint64_t limit = r->size != UINT64_MAX ? r->size : r->max_size;

	if (t->offset > limit || len > limit - t->offset) {
		_cleanup_free_ char *what = gg_asprintf("the body is larger than %llu bytes",
							(unsigned long long)limit);

		t->offset = 0;
		t->waiting = 0;
		return http_transfer_fail(t, &t->problem, GG_INTEGRITY, what);
	}
	if (!t->block)
		t->block = gg_alloc(HTTP_BLOCK);
	while (len > 0) {
		size_t room = HTTP_BLOCK - t->waiting, n = len < room ? len : room;

		memcpy(t->block + t->waiting, bytes, n);
		t->waiting += n;
		t->offset += n;
		bytes += n;
		len -= n;
		if (t->waiting == HTTP_BLOCK && http_body_flush(t) < 0)
			return -1;
	}
	return 0;
}

static bool is_body_status(const struct http_transfer *t)
{
	long status = 0;

	t->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 || status == 203 || status == 206 ||
	       (status == 0 && http_url_has_scheme(t->route.url, "file"));
}

bool http_body_skipped(const struct http_transfer *t)
{
	return t->skipped > SKIP_MAX;
}

size_t http_body_take(char *bytes, size_t size, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	size_t len = size * n;

	/* The body of an error or a redirect is of no use; a short one is read to keep the connection. */
	if (!is_body_status(t)) {
		t->skipped += len;
		return http_body_skipped(t) ? 0 : len;
	}
	if (t->problem.kind != GG_OK || (!t->body && http_body_begin(t) < 0) ||
	    store_body(t, bytes, len) < 0)
		return 0;
	return len;
}
