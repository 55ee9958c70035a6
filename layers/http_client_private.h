/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client and its exchanges share.
 */
#pragma once

#include "layers/http_client.h"
#include "layers/http_private.h"

enum { HTTP_CONNECTIONS = 8, HTTP_CONNECTIONS_MAX = 64 };

/* An exchange under way. */
struct http_private {
	struct http_client *client;
	struct http_exchange *x;
	bool running;       /* in libcurl's hands; else it waits */
	bool *called;       /* http_client_call's, set at the end instead of calling `done` */
	int64_t not_before; /* ms, monotonic */
	int64_t deadline;   /* INT64_MAX: none */
	unsigned tries;
	struct http_route route;

	/* this attempt */
	CURL *easy;
	struct curl_slist *lines;
	char reason[CURL_ERROR_SIZE];
	uint64_t sent, got;
	bool body;   /* of the answer, has begun: what comes as a header then is a trailer */
	bool headed; /* the answer's headers have ended */
	bool cut;    /* nothing more is wanted of the answer */
	struct gg_err problem;
};

struct http_client {
	struct http_curl curl;
	struct http_client_options options;
	char *user_agent;
	CURLM *multi;
	struct http_private **v; /* in the order of starting */
	size_t n, cap, running;
	CURL *idle[HTTP_CONNECTIONS_MAX];
	size_t n_idle;
};

struct http_private *http_attempt_new(struct http_client *c, struct http_exchange *x);
void http_attempt_free(struct http_private *p);
/* Sets up `easy` for the next attempt. */
int http_attempt_start(struct http_private *p, CURL *easy, struct gg_err *err) GG_MUST_USE;
/* After an attempt: true when the exchange is over (x has its outcome), else it goes on at not_before. */
bool http_attempt_end(struct http_private *p, CURLcode code);
/* The exchange ends with `problem` (taken). */
void http_attempt_fail(struct http_private *p, struct gg_err *problem);
