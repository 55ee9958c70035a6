/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of http share: libcurl's functions behind a table, URLs, the policy of trying again, and one transfer.
 */
#pragma once

#include <curl/curl.h>

#include "layers/base/mem.h"
#include "layers/http.h"
#include "layers/http_client.h"

#define HTTP_CURL_FUNCTIONS(X)                                                                     \
	X(global_init)                                                                             \
	X(global_cleanup)                                                                          \
	X(easy_init)                                                                               \
	X(easy_cleanup)                                                                            \
	X(easy_reset)                                                                              \
	X(easy_setopt)                                                                             \
	X(easy_getinfo)                                                                            \
	X(easy_strerror)                                                                           \
	X(slist_append)                                                                            \
	X(slist_free_all)                                                                          \
	X(multi_init)                                                                              \
	X(multi_cleanup)                                                                           \
	X(multi_setopt)                                                                            \
	X(multi_add_handle)                                                                        \
	X(multi_remove_handle)                                                                     \
	X(multi_perform)                                                                           \
	X(multi_poll)                                                                              \
	X(multi_info_read)                                                                         \
	X(multi_strerror)                                                                          \
	X(url)                                                                                     \
	X(url_cleanup)                                                                             \
	X(url_dup)                                                                                 \
	X(url_get)                                                                                 \
	X(url_set)                                                                                 \
	X(free)

struct http_curl {
	void *library;
#define HTTP_CURL_MEMBER(name) __typeof__(&curl_##name) name;
	HTTP_CURL_FUNCTIONS(HTTP_CURL_MEMBER)
#undef HTTP_CURL_MEMBER
};
int http_curl_load(struct http_curl *ret, struct gg_err *err) GG_MUST_USE;
void http_curl_unload(struct http_curl *c);

/* The URL for people: no user info, no query, no fragment, no control characters. Owned by the
 * caller. */
char *http_url_show(const char *url);
bool http_url_has_scheme(const char *url, const char *scheme); /* case does not count */
/* "bytes START-END/TOTAL"; *ret_total is UINT64_MAX for "*". 0 or -1. */
int http_parse_content_range(const char *value, uint64_t *ret_start,
			     uint64_t *ret_total) GG_MUST_USE;

/* ---- origins and redirects, as libcurl reads URLs ---- */

/* "scheme://host[:port]" in lower case, with a port that is not the scheme's; NULL for what is no URL. Owned by the
 * caller. */
char *http_origin(const struct http_curl *c, const char *url);
bool http_has_user_info(const struct http_curl *c, const char *url);
/* Whether the URL is of the access's origin; a may be NULL. */
bool http_access_covers(const struct http_curl *c, const struct http_access *a, const char *url);
/* The URL that a Location in an answer from `from` means, owned by the caller; NULL where it must not be followed, and
 * *ret_why says why. location may be NULL. */
char *http_redirect(const struct http_curl *c, const char *from, const char *location,
		    const char **ret_why);

enum { HTTP_REDIRECTS = 10 };

/* Header lines of an answer, "name: value\n", names in lower case. What libcurl hands over, line by line; a status line
 * empties it. -1: they are larger than 64 KiB. */
int http_answer_add(struct gg_buf *answer, const char *bytes, size_t len) GG_MUST_USE;
/* Whether it is the empty line behind the others: without it libcurl takes an answer for whole whose headers were cut. */
bool http_header_ends(const char *bytes, size_t len);
extern const char http_unheaded[];
void http_answer_headers(const struct gg_buf *answer, const char *name, struct gg_strv *ret);
/* The first of that name, owned by the caller, or NULL. */
char *http_answer_header(const struct gg_buf *answer, const char *name);

/* A request's way from its URL through redirects, and what goes with it. */
struct http_route {
	const struct http_access *access; /* borrowed; NULL: nobody's */
	char *url;                        /* where it is */
	unsigned redirects;
	bool left;           /* a redirect has led out of the access's origin */
	bool challenged;     /* authorize has seen its 401 */
	char *authorization; /* what is shown, or NULL */
};
void http_route_begin(struct http_route *r, const char *url, const struct http_access *access);
void http_route_done(struct http_route *r);
/* Before an attempt. *ret_own: the access's certificates count there. */
int http_route_prepare(struct http_route *r, const struct http_curl *c, bool *ret_own,
		       struct gg_err *err) GG_MUST_USE;
struct curl_slist *http_route_header(const struct http_route *r, const struct http_curl *c,
				     struct curl_slist *lines);
/* After a 401 and after a redirect: true when there is something to try at once. */
bool http_route_challenge(struct http_route *r, const struct http_curl *c,
			  const struct gg_buf *answer, struct gg_err *err);
bool http_route_follow(struct http_route *r, const struct http_curl *c, const struct gg_buf *answer,
		       const char **ret_why);

/* ---- settings ---- */

unsigned http_stall_s(unsigned stall_s); /* 0: as usual */
CURLcode http_easy_limits(const struct http_curl *c, CURL *easy, const char *url,
			  const char *user_agent, unsigned stall_s, bool files);
/* Certificates; only for a URL that the access covers. */
CURLcode http_easy_access(const struct http_curl *c, CURL *easy, const struct http_access *a);

/* ---- trying again ---- */

enum http_cause {
	HTTP_CAUSE_FINAL,
	HTTP_CAUSE_UNTRUSTED, /* final, for the other side's certificate or ours */
	HTTP_CAUSE_BROKEN,
	HTTP_CAUSE_UNREACHABLE, /* there was no connection */
};

/* How long that many bytes may take, retries included. */
int64_t http_time_for(uint64_t bytes, unsigned stall_s);
bool http_status_transient(long status);
bool http_status_redirect(long status);
enum http_cause http_cause_of(const struct http_curl *c, CURL *easy, CURLcode code,
			      const char *reason);
/* ms to wait after that many tries, or -1: no more. */
int64_t http_retry_wait(const struct http_curl *c, CURL *easy, enum http_cause cause,
			unsigned tries, unsigned base_ms);

/* ---- hashing beside the transfers ---- */

/* 256 KiB: libcurl hands bodies over by 16 KiB, and a write costs more than what it writes. */
enum { HTTP_BLOCK = 256 << 10 };

/* A thread that hashes blocks in their order; it begins with the first. */
struct http_hasher;
struct http_hasher *http_hasher_new(void);
void http_hasher_free(struct http_hasher *h); /* accepts NULL */
/* Takes a block of HTTP_BLOCK bytes, of which len are to be hashed, and gives another for it. `hash` and the block are the
 * thread's until _wait. */
char *http_hasher_add(struct http_hasher *h, struct gg_hash *hash, char *block,
		      size_t len) GG_MUST_USE;
/* Until all that was added is hashed. */
void http_hasher_wait(struct http_hasher *h);

/* ---- a download ---- */

enum http_state { HTTP_WAITING, HTTP_RUNNING, HTTP_FINISHED };

struct http_transfer {
	const struct http_curl *curl;
	const struct http_options *options;
	struct http_request *request;
	enum http_state state;
	int64_t not_before; /* ms, monotonic */
	int64_t deadline;   /* of this source; INT64_MAX: none yet */
	size_t source;      /* 0: url, else alternates[source - 1] */
	unsigned tries;
	bool restarted; /* a resumed body had the wrong digest and was fetched anew once */
	struct http_route route;
	struct gg_err first; /* why the first source failed */

	/* what has arrived */
	struct gg_hash *hash;
	struct http_hasher *hasher; /* borrowed from the loop */
	uint64_t offset, total;     /* total UINT64_MAX while unknown */
	char *block;                /* of HTTP_BLOCK bytes; NULL before its first use */
	size_t waiting; /* the last bytes before `offset` that are in it, and not in the file */
	char etag[128]; /* strong one of the bytes so far, quoted, or "" */
	bool resumed;

	/* this attempt */
	CURL *easy; /* NULL unless running; borrowed from the loop */
	struct curl_slist *headers;
	char reason[CURL_ERROR_SIZE];
	uint64_t asked; /* offset of the Range that was sent; 0: none */
	bool body, anew;
	bool headed;    /* the answer's headers have ended */
	size_t skipped; /* bytes of an answer that is no body */
	struct gg_buf answer;
	struct gg_err problem; /* raised in a callback */
};

/* "get 'URL': WHAT" */
int http_transfer_fail(const struct http_transfer *t, struct gg_err *err, enum gg_kind kind,
		       const char *what);
/* Nothing has arrived. */
int http_body_restart(struct http_transfer *t, struct gg_err *err) GG_MUST_USE;
/* What is waiting goes to the file, and to the hash in its turn. -1: with t->problem. */
int http_body_flush(struct http_transfer *t) GG_MUST_USE;
/* The same, until all of it is hashed. */
void http_body_settle(struct http_transfer *t);
/* More of an error's page than it is worth was there, and the transfer was ended: its status counts. */
bool http_body_skipped(const struct http_transfer *t);
/* Judges an answer with the status of a body before its first byte; -1 with t->problem, or with t->anew. */
int http_body_begin(struct http_transfer *t) GG_MUST_USE;
size_t http_body_take(char *bytes, size_t size, size_t n,
		      void *ctx); /* libcurl's, with the transfer */

enum http_next {
	HTTP_NEXT_RETRY,    /* after not_before */
	HTTP_NEXT_DONE,     /* finished, well or badly: request->error says */
	HTTP_NEXT_DEAD_HOST /* the same, and nothing listens at the origin */
};

extern const char http_hint_unreachable[];

void http_transfer_init(struct http_transfer *t, const struct http_curl *curl,
			const struct http_options *options, struct http_hasher *hasher,
			struct http_request *request);
void http_transfer_done(struct http_transfer *t);
/* Before the first attempt: takes over what the file holds. True when that is the whole body, and nothing is to be
 * asked. */
bool http_transfer_resume(struct http_transfer *t);
/* Sets up `easy` for the next attempt. */
int http_transfer_start(struct http_transfer *t, CURL *easy, struct gg_err *err) GG_MUST_USE;
/* What to do after an attempt ended with `code`; `easy` is free afterwards. */
enum http_next http_transfer_end(struct http_transfer *t, CURLcode code);
/* The same after its deadline, or where a flush failed. */
enum http_next http_transfer_late(struct http_transfer *t);
/* The source is given up for `problem` (taken): on to the next one, or done. */
enum http_next http_transfer_give_up(struct http_transfer *t, struct gg_err *problem);
