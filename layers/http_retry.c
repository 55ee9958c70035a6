/* SPDX-License-Identifier: Apache-2.0
 *
 * The policy of trying again, for exchanges and downloads alike.
 */
#include "layers/http_private.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

enum {
	TRIES = 5,
	TRIES_CONNECT = 3,
	RETRY_MS = 1000,
	RETRY_AFTER_MAX_S = 300,
	DEADLINE_STALLS = 10,     /* more than all tries together may stall */
	DEADLINE_RATE = 32 << 10, /* bytes a second, the least over the whole */
};

int64_t http_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t http_time_for(uint64_t bytes, unsigned stall_s)
{
	return (int64_t)(http_stall_s(stall_s) * DEADLINE_STALLS + bytes / DEADLINE_RATE) * 1000;
}

bool http_status_transient(long status)
{
	return status == 408 || status == 429 || status >= 500;
}

bool http_status_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

enum http_cause http_cause_of(const struct http_curl *c, CURL *easy, CURLcode code,
			      const char *reason)
{
	curl_off_t connected = 0;

	switch ((int)code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
		return HTTP_CAUSE_UNTRUSTED;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_FILE_COULDNT_READ_FILE:
		return HTTP_CAUSE_FINAL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return HTTP_CAUSE_UNREACHABLE;
	case CURLE_OPERATION_TIMEDOUT:
		c->easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
		return connected == 0 ? HTTP_CAUSE_UNREACHABLE : HTTP_CAUSE_BROKEN;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_RECV_ERROR:
		/* A TLS alert, or an answer that is no TLS, is meant: it would come again. */
		if (strstr(reason, " alert ") || strstr(reason, "wrong version number"))
			return HTTP_CAUSE_FINAL;
		return HTTP_CAUSE_BROKEN;
	default:
		return HTTP_CAUSE_BROKEN;
	}
}

/* Jitter, so that requests that failed together do not come back together. */
static int64_t backoff(unsigned base_ms, unsigned tries)
{
	int64_t delay = (int64_t)(base_ms ? base_ms : RETRY_MS) << (tries - 1);
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) == sizeof(random))
		delay += (int64_t)(random % 256) * delay / 1024;
	return delay;
}

int64_t http_retry_wait(const struct http_curl *c, CURL *easy, enum http_cause cause,
			unsigned tries, unsigned base_ms)
{
	unsigned limit = cause == HTTP_CAUSE_UNREACHABLE ? TRIES_CONNECT : TRIES;
	curl_off_t after = 0;
	int64_t delay;

	if (cause == HTTP_CAUSE_FINAL || cause == HTTP_CAUSE_UNTRUSTED || tries >= limit)
		return -1;
	c->easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
	if (after > RETRY_AFTER_MAX_S)
		return -1;
	delay = backoff(base_ms, tries);
	return delay > after * 1000 ? delay : (int64_t)after * 1000;
}
