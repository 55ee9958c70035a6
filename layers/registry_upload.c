/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registry_push_private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { BREAKS = 5, PAUSE_MS = 1000, PAUSE_MAX_S = 300, CHUNK = 16 << 20 };
static const char OCTETS[] = "Content-Type: application/octet-stream";

static void answered(void *ctx, struct http_exchange *x);

static void clear_request(struct upload *u)
{
	http_exchange_done(&u->x);
	free(u->url);
	free(u->content_range);
	u->url = u->content_range = NULL;
	memset(u->headers, 0, sizeof(u->headers));
}

void upload_free(struct upload *u)
{
	clear_request(u);
	free(u->session);
	free(u->mount_from);
	image_bytes_done(&u->bytes);
	gg_hash_free(u->hash);
	free(u);
}

/* Sends the next request; url is taken. */
static void send_request(struct upload *u, enum upload_state state, const char *method, char *url,
			 struct http_exchange x)
{
	assert(!u->url);
	u->state = state;
	u->url = url;
	x.method = method;
	x.url = url;
	x.access = registry_access(u->push->registry);
	x.headers = u->headers[0] ? u->headers : NULL;
	x.done = answered;
	x.ctx = u;
	x.delay_ms = u->pause_ms;
	u->pause_ms = 0;
	u->x = x;
	http_client_start(registry_client(u->push->registry), &u->x);
}

static void end(struct upload *u, struct gg_err *problem)
{
	char text[GG_DIGEST_TEXT];

	clear_request(u);
	image_bytes_done(&u->bytes);
	u->state = UPLOAD_DONE;
	if (problem)
		gg_context(problem, "push blob %s", gg_digest_text(&u->blob.digest, text));
	registry_push_ended(u->push, problem);
}

static void ask(struct upload *u, enum upload_state state)
{
	char text[GG_DIGEST_TEXT];

	send_request(
		u, state, "HEAD",
		gg_asprintf("%s/blobs/%s", u->push->base, gg_digest_text(&u->blob.digest, text)),
		(struct http_exchange){ .flags = HTTP_NO_BODY | HTTP_REPEAT | HTTP_FOLLOW });
}

/* A mount that is refused is a session like any other. */
static void start(struct upload *u)
{
	char text[GG_DIGEST_TEXT];
	char *url = u->mount_from && !u->session && u->breaks == 0
			    ? gg_asprintf("%s/blobs/uploads/?mount=%s&from=%s", u->push->base,
					  gg_digest_text(&u->blob.digest, text), u->mount_from)
			    : gg_asprintf("%s/blobs/uploads/", u->push->base);

	free(u->session);
	u->session = NULL;
	u->offset = 0;
	send_request(u, UPLOAD_STARTS, "POST", url,
		     (struct http_exchange){ .body = "", .flags = HTTP_REPEAT });
}

void upload_start(struct upload *u)
{
	u->bytes = (struct image_bytes)IMAGE_BYTES_INIT;
	ask(u, UPLOAD_ASKS);
}

/* ---- bytes ---- */

static int open_bytes(struct upload *u, struct gg_err *err)
{
	if (u->bytes.fd >= 0)
		return 0;
	u->hash = gg_hash_new();
	if (u->open(u->ctx, &u->blob, &u->bytes, err) < 0)
		return -1;
	if (u->bytes.size != u->blob.size)
		return gg_fail(err, GG_INTEGRITY,
			       "it has %" PRIu64 " bytes, and its descriptor says %" PRIu64,
			       u->bytes.size, u->blob.size);
	return 0;
}

static int check_digest(struct upload *u, struct gg_err *err)
{
	char found[GG_DIGEST_TEXT];
	struct gg_digest d;

	gg_hash_end(u->hash, &d);
	if (gg_digest_eq(&d, &u->blob.digest))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "its digest is %s", gg_digest_text(&d, found));
}

/* The last bytes do not leave before the digest is right. */
static int hash(struct upload *u, const void *bytes, size_t len, uint64_t at, struct gg_err *err)
{
	if (at + len <= u->hashed)
		return 0;
	assert(at <= u->hashed);
	gg_hash_add(u->hash, (const char *)bytes + (u->hashed - at),
		    len - (size_t)(u->hashed - at));
	u->hashed = at + len;
	return u->hashed < u->blob.size ? 0 : check_digest(u, err);
}

static ssize_t give(void *ctx, void *to, size_t max, uint64_t offset, struct gg_err *err)
{
	struct upload *u = ctx;
	uint64_t at = u->offset + offset, left = u->len - offset;
	ssize_t n;

	if (left < max)
		max = (size_t)left;
	do
		n = pread(u->bytes.fd, to, max, (off_t)(u->bytes.offset + at));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gg_fail_errno(err, "read");
	if (n == 0 && max)
		return gg_fail(err, GG_INTEGRITY, "it ends early");
	if (hash(u, to, (size_t)n, at, err) < 0)
		return -1;
	if (at + (uint64_t)n > u->sent)
		u->sent = at + (uint64_t)n;
	registry_push_tell(u->push, false);
	return n;
}

/* An empty one is never read, and checked all the same. */
static int check_empty(struct upload *u, struct gg_err *err)
{
	return u->blob.size == 0 ? check_digest(u, err) : 0;
}

static char *with_digest(const struct upload *u)
{
	char text[GG_DIGEST_TEXT];

	return gg_asprintf("%s%sdigest=%s", u->session, strchr(u->session, '?') ? "&" : "?",
			   gg_digest_text(&u->blob.digest, text));
}

static void put_all(struct upload *u)
{
	u->len = u->blob.size;
	u->headers[0] = OCTETS;
	send_request(u, UPLOAD_SENDS, "PUT", with_digest(u),
		     (struct http_exchange){ .read = give, .body_len = u->len });
}

static void put_end(struct upload *u)
{
	u->len = 0;
	u->headers[0] = OCTETS;
	send_request(u, UPLOAD_ENDS, "PUT", with_digest(u), (struct http_exchange){ .body = "" });
}

static void patch(struct upload *u)
{
	uint64_t left = u->blob.size - u->offset;

	u->len = u->chunk && u->chunk < left ? u->chunk : left;
	u->headers[0] = OCTETS;
	u->headers[1] = u->content_range = gg_asprintf("Content-Range: %" PRIu64 "-%" PRIu64,
						       u->offset, u->offset + u->len - 1);
	send_request(u, UPLOAD_CHUNK, "PATCH", gg_strdup(u->session),
		     (struct http_exchange){ .read = give, .body_len = u->len });
}

/* What the session lacks. */
static void go_on(struct upload *u)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	if (open_bytes(u, &problem) < 0 || check_empty(u, &problem) < 0)
		end(u, &problem);
	else if (u->offset == 0 && (!u->chunk || u->blob.size == 0))
		put_all(u);
	else if (u->offset < u->blob.size)
		patch(u);
	else
		put_end(u);
}

/* ---- answers ---- */

/* Where the session goes on: at the registry, or with https elsewhere. */
static int take_session(struct upload *u, const char *location, const char *from,
			struct gg_err *err)
{
	struct http_client *c = registry_client(u->push->registry);
	_cleanup_free_ char *to = location ? http_client_resolve(c, from, location) : NULL;
	_cleanup_free_ char *there = to ? http_client_origin(c, to) : NULL;
	_cleanup_free_ char *here =
		http_client_origin(c, registry_access(u->push->registry)->origin);

	if (!location && u->session)
		return 0;
	if (!there || !here || (!gg_streq(there, here) && !gg_starts(there, "https://")))
		return gg_fail(err, GG_REMOTE,
			       "the registry sends the upload to no place that may be used");
	free(u->session);
	u->session = gg_steal(&to);
	return 0;
}

/* "0-N": N + 1 bytes are there. Distribution's registry says "0-0" for none too. */
static uint64_t session_offset(const struct upload *u, const char *range)
{
	const char *dash = range ? strchr(range, '-') : NULL;
	uint64_t last;
	char *stop;

	if (!dash)
		return UINT64_MAX;
	errno = 0;
	last = strtoull(dash + 1, &stop, 10);
	if (errno || stop == dash + 1 || *stop || last >= u->blob.size)
		return UINT64_MAX;
	return last == 0 ? 0 : last + 1;
}

static unsigned pause_ms(const struct upload *u, const char *retry_after)
{
	unsigned base = u->push->registry->settings.retry_ms;
	unsigned long said = retry_after ? strtoul(retry_after, NULL, 10) : 0;
	unsigned ms = (base ? base : PAUSE_MS) << u->breaks;

	if (said > PAUSE_MAX_S)
		said = PAUSE_MAX_S;
	return said * 1000 > ms ? (unsigned)said * 1000 : ms;
}

/* The answer, if there is one, is of a request that may be made again later. Takes what is left of the request. */
static void broke(struct upload *u)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;
	_cleanup_free_ char *after = http_exchange_header(&u->x, "retry-after");

	if (++u->breaks > BREAKS) {
		if (u->x.error.kind != GG_OK)
			gg_err_move(&problem, &u->x.error);
		else
			registry_refuses(u->push->registry, &u->x, &problem);
		end(u, &problem);
		return;
	}
	clear_request(u);
	u->pause_ms = pause_ms(u, after);
	ask(u, UPLOAD_CONFIRMS);
}

static void refused(struct upload *u)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	if (u->x.error.kind != GG_OK)
		gg_err_move(&problem, &u->x.error);
	else
		registry_refuses(u->push->registry, &u->x, &problem);
	end(u, &problem);
}

static bool transient(int status)
{
	return status == 408 || status == 429 || status >= 500;
}

static void asked(struct upload *u)
{
	int status = u->x.status;

	if (status == 200) {
		u->push->there += u->state == UPLOAD_ASKS;
		end(u, NULL);
		return;
	}
	/* Whatever HEAD does not tell, the upload will. */
	if (status == 401 || status == 403 || status == 0 || transient(status)) {
		refused(u);
		return;
	}
	clear_request(u);
	if (u->state == UPLOAD_CONFIRMS && u->session)
		send_request(u, UPLOAD_LOOKS, "GET", gg_strdup(u->session),
			     (struct http_exchange){ .flags = HTTP_REPEAT });
	else
		start(u);
}

/* A session's Location and, of chunks, what the server wants of them. */
static int take_answer(struct upload *u, struct gg_err *err)
{
	_cleanup_free_ char *location = http_exchange_header(&u->x, "location");
	_cleanup_free_ char *least = http_exchange_header(&u->x, "oci-chunk-min-length");
	uint64_t min = least ? strtoull(least, NULL, 10) : 0;

	if (u->chunk && min > u->chunk && min < (UINT64_C(1) << 40))
		u->chunk = min;
	return take_session(u, location, u->url, err);
}

static void continue_session(struct upload *u, uint64_t offset)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	/* It cannot have what was not sent. */
	if (offset > u->hashed) {
		broke(u);
		return;
	}
	if (take_answer(u, &problem) < 0) {
		end(u, &problem);
		return;
	}
	clear_request(u);
	u->offset = offset;
	go_on(u);
}

static void started(struct upload *u)
{
	switch (u->x.status) {
	case 201:
		u->push->there++;
		end(u, NULL);
		return;
	case 202:
		continue_session(u, 0);
		return;
	case 400:
	case 401:
	case 403:
	case 404:
	case 405:
		/* The other repository may be what is not to be seen. */
		if (u->mount_from) {
			free(u->mount_from);
			u->mount_from = NULL;
			clear_request(u);
			start(u);
			return;
		}
		refused(u);
		return;
	default:
		refused(u);
	}
}

static void sent(struct upload *u)
{
	_cleanup_free_ char *range = http_exchange_header(&u->x, "range");
	uint64_t has = session_offset(u, range);

	switch (u->x.status) {
	case 201:
		end(u, NULL);
		return;
	case 202:
		/* A chunk was taken; of a PUT, what it holds is to be ended by another. */
		if (has == UINT64_MAX || has > u->offset + u->len || (has == 0 && u->len))
			has = u->offset + u->len;
		/* What goes no further would go on for ever. */
		if (has > u->offset)
			continue_session(u, has);
		else
			broke(u);
		return;
	case 405:
	case 411:
	case 413:
		/* Not in one piece, then. */
		if (u->state == UPLOAD_SENDS && !u->chunk) {
			u->chunk = CHUNK;
			u->breaks++;
			clear_request(u);
			start(u);
			return;
		}
		refused(u);
		return;
	case 416:
		if (has != UINT64_MAX && ++u->breaks <= BREAKS) {
			continue_session(u, has);
			return;
		}
		broke(u);
		return;
	case 400:
	case 404:
		/* The session is lost, or its state. */
		broke(u);
		return;
	default:
		if (u->x.error.kind == GG_INTEGRITY || u->x.error.kind == GG_SYSTEM ||
		    (u->x.status && !transient(u->x.status)))
			refused(u);
		else
			broke(u);
	}
}

static void looked(struct upload *u)
{
	_cleanup_free_ char *range = http_exchange_header(&u->x, "range");
	uint64_t has = session_offset(u, range);

	if ((u->x.status == 204 || u->x.status == 200) && has != UINT64_MAX && has <= u->hashed) {
		continue_session(u, has);
		return;
	}
	if (u->x.status == 0 || u->x.status == 401 || u->x.status == 403) {
		refused(u);
		return;
	}
	clear_request(u);
	start(u);
}

static void answered(void *ctx, struct http_exchange *x)
{
	struct upload *u = ctx;

	assert(x == &u->x);
	switch (u->state) {
	case UPLOAD_ASKS:
	case UPLOAD_CONFIRMS:
		asked(u);
		return;
	case UPLOAD_STARTS:
		started(u);
		return;
	case UPLOAD_SENDS:
	case UPLOAD_CHUNK:
	case UPLOAD_ENDS:
		sent(u);
		return;
	case UPLOAD_LOOKS:
		looked(u);
		return;
	case UPLOAD_WAITS:
	case UPLOAD_DONE:
		assert(false);
	}
}
