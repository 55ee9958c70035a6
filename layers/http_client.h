/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP exchanges as protocols need them: any method, headers both ways, bodies out of and into functions, many at once
 * over shared connections (HTTP/2 where TLS offers it), http, https and unix sockets. A client is one libcurl multi, used
 * from one thread, in a process that forks no more than programs (libcurl starts threads). http.h downloads on top of it.
 *
 * Repeated when `repeat` allows it: 408, 429, 5xx and broken connections, 5 tries, 1-2-4-8 s with jitter, Retry-After
 * honoured up to 5 minutes. A 401 is taken to the access's authorize, once. Redirects of GET and HEAD are followed by hand, at
 * most 10, https never to http; what belongs to an origin (Authorization, client certificate, laxness) stays with it, and is
 * not sent again after a redirect has left it (reliability N1). Connect 15 s, first byte 60 s, at least 1 KiB/s over 60 s, a total
 * deadline where the size is known. No cookies, no .netrc, nothing is decompressed. Answers' headers are at most 64 KiB.
 * Errors: GG_REMOTE, with URLs that name no user info and no query. An answer of any status is no error.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

/* What belongs to one origin. Borrowed while a request uses it. */
struct http_access {
	const char *
		origin; /* "https://host:port", port only where it is not the scheme's; also "http://…": may be spoken plainly */
	bool unverified;                  /* TLS certificates are not checked */
	const char *ca_file;              /* PEM: more authorities, over the system's; NULL: none */
	const char *cert_file, *key_file; /* of the client; NULL: none */
	/* The value of Authorization; NULL for none; borrowed from the access until the next call. challenge: NULL at first, then
	 * the WWW-Authenticate values of a 401, one a line, that `used` (NULL: nothing) was answered with. May speak to a token
	 * server through a client of its own. */
	int (*authorize)(void *ctx, const char *challenge, const char *used, const char **ret,
			 struct gg_err *err);
	void *ctx;
};

enum http_flags {
	HTTP_REPEAT = 1 << 0,  /* may be sent again after anything broke */
	HTTP_FOLLOW = 1 << 1,  /* GET, HEAD: redirects are followed */
	HTTP_NO_BODY = 1 << 2, /* HEAD */
};

struct http_exchange {
	/* The request; borrowed until `done`. */
	const char *method, *url;
	const char *unix_socket; /* NULL: TCP */
	const char *const
		*headers; /* "Name: value", NULL-terminated, no Authorization; may be NULL */
	const struct http_access *access; /* NULL: nobody's; https only */
	unsigned flags;
	/* The body: bytes, or a function for `body_len` bytes (UINT64_MAX: chunked, ends at 0) that is asked for an offset. */
	const void *body;
	uint64_t body_len;
	ssize_t (*read)(void *ctx, void *to, size_t max, uint64_t offset, struct gg_err *err);
	/* A 2xx body goes here; `offset` is 0 again when a repeated request starts over. NULL: into `text`. */
	int (*write)(void *ctx, const void *bytes, size_t len, uint64_t offset, struct gg_err *err);
	unsigned delay_ms; /* before it is sent for the first time */
	size_t max_text; /* bytes of `text`: more is an error for a 2xx, cut for others; 0: 64 KiB */
	/* Called from http_client_run or _call, once; the exchange may be freed or started anew in it. */
	void (*done)(void *ctx, struct http_exchange *x);
	void *ctx;

	/* The answer. */
	int status;          /* of the last answer; 0: none, and `error` says why */
	struct gg_err error; /* GG_OK, or what went wrong apart from the status */
	struct gg_buf text;
	struct gg_buf
		answer; /* header lines of the last answer, "name: value\n", names in lower case */
	char *location; /* where the answer came from, after redirects; owned */
	struct http_private *private; /* the client's */
};

struct http_client_options {
	const char *user_agent;     /* NULL: "ggbuild/<version>" */
	unsigned retry_ms, stall_s; /* 0: 1000, 60 */
	unsigned connections;       /* to one host; 0: 8 */
};

struct http_client;
int http_client_new(const struct http_client_options *options, struct http_client **ret,
		    struct gg_err *err) GG_MUST_USE; /* options may be NULL */
void http_client_free(struct http_client *c);        /* what still runs is dropped; accepts NULL */
void http_client_freep(struct http_client **c);
#define _cleanup_http_client_ GG_CLEANUP(http_client_freep)

void http_exchange_done(struct http_exchange *x); /* frees the answer */
/* A header's value, the first of that name (lower case), or NULL; owned by the caller. Several: http_exchange_headers. */
char *http_exchange_header(const struct http_exchange *x, const char *name);
void http_exchange_headers(const struct http_exchange *x, const char *name, struct gg_strv *ret);

int64_t http_now_ms(void); /* monotonic */
/* URLs as libcurl reads them, owned by the caller: "scheme://host[:port]" in lower case, NULL for what is no URL; and what a
 * Location or Link in an answer from `from` means, NULL where that must not be followed. */
char *http_client_origin(const struct http_client *c, const char *url);
char *http_client_resolve(const struct http_client *c, const char *from, const char *reference);

void http_client_start(struct http_client *c, struct http_exchange *x);
/* Runs until nothing is under way, or `wake` (a descriptor, -1: none) can be read; *ret_idle tells which. */
int http_client_run(struct http_client *c, int wake, bool *ret_idle,
		    struct gg_err *err) GG_MUST_USE;
/* Starts one and waits for it, others going on meanwhile; -1 with its error. Any status is success. */
int http_client_call(struct http_client *c, struct http_exchange *x,
		     struct gg_err *err) GG_MUST_USE;
/* "HTTP 503 from 'URL': the server's words", with GG_REMOTE, for an answer that the caller cannot use. */
int http_exchange_refused(const struct http_exchange *x, struct gg_err *err);
