/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registry_private.h"

#include <string.h>
#include <strings.h>

#include "layers/base/json.h"
#include "layers/http.h"
#include "layers/image_document.h"
#include "layers/image_source.h"
#include "layers/oci.h"

enum { PARALLEL = 6, MAX_WORDS = 200 };
static const char ACCEPT[] = "Accept: " OCI_INDEX_TYPE ", " OCI_MANIFEST_TYPE
			     ", application/vnd.docker.distribution.manifest.list.v2+json"
			     ", application/vnd.docker.distribution.manifest.v2+json";

int registry_open(const struct reference *reference, unsigned use,
		  const struct registry_settings *s, struct registry **ret, struct gg_err *err)
{
	_cleanup_registry_ struct registry *r = gg_zalloc(sizeof(*r));
	struct http_client_options o = { 0 };

	reference_copy(reference, &r->reference);
	r->use = use;
	if (s)
		r->settings = *s;
	o.retry_ms = r->settings.retry_ms;
	o.stall_s = r->settings.stall_s;
	if (registry_places_find(reference, &r->settings,
				 !(use & REGISTRY_PULL) || use & (REGISTRY_PUSH | REGISTRY_DELETE),
				 &r->places, err) < 0 ||
	    http_client_new(&o, &r->client, err) < 0 || http_client_new(&o, &r->tokens, err) < 0)
		return -1;
	r->v = gg_calloc(r->places.n, sizeof(*r->v));
	for (; r->n < r->places.n; r->n++)
		registry_endpoint_init(&r->v[r->n], r, &r->places.v[r->n]);
	*ret = gg_steal(&r);
	return 0;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	http_client_free(r->client);
	http_client_free(r->tokens);
	for (size_t i = 0; i < r->n; i++)
		registry_endpoint_done(&r->v[i]);
	free(r->v);
	registry_places_done(&r->places);
	reference_done(&r->reference);
	gg_strv_done(&r->scopes);
	free(r);
}

void registry_closep(struct registry **r)
{
	registry_close(*r);
}

/* ---- answers ---- */

static void printable(const char *text, struct gg_buf *ret)
{
	for (size_t i = 0; text[i] && i < MAX_WORDS; i++) {
		char c = text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];

		gg_buf_add(ret, &c, 1);
	}
}

int registry_hint_login(const struct registry_endpoint *e, struct gg_err *err)
{
	if (e->credentials.from)
		return gg_hint(err,
			       "it does not take the credentials of %s; `ggbuild login %s` stores "
			       "others",
			       e->credentials.from, e->registry->reference.domain);
	return gg_hint(err, "store credentials with `ggbuild login %s`",
		       e->registry->reference.domain);
}

int registry_refused(const struct registry_endpoint *e, const struct http_exchange *x,
		     struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *j =
		gg_json_parse(x->text.data ? x->text.data : "", x->text.len, &ignored);
	const struct gg_json *first = gg_json_at(gg_json_get(j, "errors"), 0);
	const char *code = gg_json_get_str(first, "code", ""),
		   *message = gg_json_get_str(first, "message", "");
	_cleanup_buf_ struct gg_buf words = { 0 };

	printable(*message ? message : code, &words);
	if (words.len)
		gg_fail(err, GG_REMOTE, "registry '%s' answers %d: %s", e->place->host, x->status,
			words.data);
	else
		gg_fail(err, GG_REMOTE, "registry '%s' answers %d", e->place->host, x->status);
	if (x->status == 401 || gg_streq(code, "UNAUTHORIZED"))
		return registry_hint_login(e, err);
	if (x->status == 403)
		return gg_hint(err, "these credentials may not do that with '%s'", e->place->path);
	if (x->status == 404)
		return gg_hint(err, "`ggbuild ls docker://%s/%s` shows what tags there are",
			       e->registry->reference.domain, e->registry->reference.path);
	return -1;
}

int registry_ask(struct registry_endpoint *e, struct http_exchange *x, const char *url,
		 const char *accept, struct gg_err *err)
{
	const char *const headers[] = { accept, NULL };

	if (registry_settle(e, err) < 0)
		return -1;
	x->url = url;
	x->method = x->flags & HTTP_NO_BODY ? "HEAD" : "GET";
	x->headers = accept ? headers : NULL;
	x->access = &e->access;
	x->flags |= HTTP_REPEAT | HTTP_FOLLOW;
	if (http_client_call(e->registry->client, x, err) < 0)
		return e->place->insecure
			       ? -1
			       : gg_hint(err,
					 "where a registry speaks plain HTTP, or has a certificate "
					 "that nobody knows, --tls-verify=false allows it");
	x->headers = NULL;
	return x->status == 200 || x->status == 404 ? 0 : registry_refused(e, x, err);
}

/* ---- manifests ---- */

void registry_manifest_done(struct registry_manifest *m)
{
	free(m->bytes);
	free(m->media_type);
	*m = (struct registry_manifest){ 0 };
}

static bool wants(const struct registry_place *p, const char *what)
{
	bool digest = strchr(what, ':') != NULL;

	return !(p->digest_only && !digest) && !(p->tag_only && digest);
}

/* The digest in Docker-Content-Digest; false for none. One of another algorithm says nothing to us. */
static bool content_digest(const struct http_exchange *x, struct gg_digest *ret)
{
	_cleanup_free_ char *text = http_exchange_header(x, "docker-content-digest");
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	return text && gg_digest_parse(text, ret, &ignored) == 0;
}

static char *content_type(const struct http_exchange *x)
{
	char *type = http_exchange_header(x, "content-type");

	if (type) {
		type[strcspn(type, "; \t")] = '\0';
		for (char *p = type; *p; p++)
			*p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
	}
	return type ? type : gg_strdup("");
}

/* What was asked for by digest must hash to it, and what the registry calls by a digest to that. */
static int check_manifest(const struct http_exchange *x, const char *what,
			  const struct gg_digest *found, struct gg_err *err)
{
	char have[GG_DIGEST_TEXT], want[GG_DIGEST_TEXT];
	struct gg_digest d;

	if (!strchr(what, ':')) {
		if (!content_digest(x, &d))
			return 0;
	} else if (gg_digest_parse(what, &d, err) < 0) {
		return -1;
	}
	if (gg_digest_eq(&d, found))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "the manifest's digest is %s, and should be %s",
		       gg_digest_text(found, have), gg_digest_text(&d, want));
}

static int get_manifest(struct registry_endpoint *e, const char *what,
			struct registry_manifest *ret, bool *ret_found, struct gg_err *err)
{
	struct http_exchange x = { .max_text = IMAGE_MAX_DOCUMENT };
	_cleanup_free_ char *url = NULL;
	int r;

	if (registry_settle(e, err) < 0)
		return -1;
	url = gg_asprintf("%s/manifests/%s", e->base, what);
	r = registry_ask(e, &x, url, ACCEPT, err);
	*ret_found = r == 0 && x.status == 200;
	if (*ret_found) {
		gg_digest_of(x.text.data ? x.text.data : "", x.text.len, &ret->digest);
		r = check_manifest(&x, what, &ret->digest, err);
	}
	if (r == 0 && *ret_found) {
		ret->media_type = content_type(&x);
		ret->len = x.text.len;
		ret->bytes = x.text.data ? gg_buf_steal(&x.text) : gg_strdup("");
	}
	http_exchange_done(&x);
	return r;
}

/* Calls for one place after the other until one has it; the first error counts, unless a later place helps. */
typedef int place_fn(struct registry_endpoint *e, const char *what, void *ret, bool *ret_found,
		     struct gg_err *err);

static int try_places(struct registry *r, const char *what, place_fn *ask, void *ret,
		      bool *ret_found, struct gg_err *err)
{
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;

	*ret_found = false;
	for (size_t i = 0; i < r->n && !*ret_found; i++) {
		_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

		if (!wants(r->v[i].place, what))
			continue;
		if (ask(&r->v[i], what, ret, ret_found, &problem) == 0)
			continue;
		*ret_found = false;
		gg_context(&problem, "'%s' in '%s/%s'", what, r->v[i].place->host,
			   r->v[i].place->path);
		if (first.kind == GG_OK)
			gg_err_move(&first, &problem);
	}
	if (*ret_found || first.kind == GG_OK)
		return 0;
	gg_err_move(err, &first);
	return -1;
}

static int get_place(struct registry_endpoint *e, const char *what, void *ret, bool *ret_found,
		     struct gg_err *err)
{
	return get_manifest(e, what, ret, ret_found, err);
}

int registry_manifest_get(struct registry *r, const char *what, struct registry_manifest *ret,
			  bool *ret_found, struct gg_err *err)
{
	*ret = (struct registry_manifest){ 0 };
	return try_places(r, what, get_place, ret, ret_found, err);
}

static int head_place(struct registry_endpoint *e, const char *what, void *ret, bool *ret_found,
		      struct gg_err *err)
{
	struct http_exchange x = { .flags = HTTP_NO_BODY };
	struct registry_manifest m = { 0 };
	_cleanup_free_ char *url = NULL;
	bool known;
	int r;

	if (registry_settle(e, err) < 0)
		return -1;
	url = gg_asprintf("%s/manifests/%s", e->base, what);
	r = registry_ask(e, &x, url, ACCEPT, err);
	*ret_found = r == 0 && x.status == 200;
	known = *ret_found && content_digest(&x, ret);
	/* Some registries have no HEAD. */
	if (x.status == 405) {
		gg_err_done(err);
		r = 0;
	}
	if (r == 0 && x.status != 404 && !known) {
		r = get_manifest(e, what, &m, ret_found, err);
		*(struct gg_digest *)ret = m.digest;
		registry_manifest_done(&m);
	}
	http_exchange_done(&x);
	return r;
}

int registry_manifest_head(struct registry *r, const char *what, struct gg_digest *ret,
			   bool *ret_found, struct gg_err *err)
{
	return try_places(r, what, head_place, ret, ret_found, err);
}

/* ---- blobs ---- */

static void tell(void *ctx, uint64_t done, uint64_t total, unsigned finished)
{
	const struct registry_settings *s = ctx;

	(void)finished;
	if (s->progress)
		s->progress(s->ctx, done, total);
}

/* One blob's URLs, at all places. */
struct sources {
	char **urls; /* owned, NULL-terminated */
	const struct http_access **access;
};

static void sources_of(struct registry *r, const struct gg_digest *d, struct sources *ret)
{
	char text[GG_DIGEST_TEXT];
	size_t n = 0;

	ret->urls = gg_calloc(r->n + 1, sizeof(*ret->urls));
	ret->access = gg_calloc(r->n + 1, sizeof(*ret->access));
	for (size_t i = 0; i < r->n; i++) {
		if (!wants(r->v[i].place, "sha256:"))
			continue;
		ret->urls[n] = gg_asprintf("%s/blobs/%s", r->v[i].base, gg_digest_text(d, text));
		ret->access[n++] = &r->v[i].access;
	}
}

int registry_blobs_get(struct registry *r, struct image_get *v, size_t n, struct gg_err *err)
{
	struct http_options o = { .parallel =
					  r->settings.parallel ? r->settings.parallel : PARALLEL,
				  .retry_ms = r->settings.retry_ms,
				  .stall_s = r->settings.stall_s,
				  .progress = tell,
				  .ctx = &r->settings };
	_cleanup_free_ struct http_request *requests = gg_calloc(n, sizeof(*requests));
	_cleanup_free_ struct sources *sources = gg_calloc(n, sizeof(*sources));
	int result;

	for (size_t i = 0; i < r->n; i++)
		if (registry_settle(&r->v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < n; i++) {
		const struct image_blob *b = v[i].blob;

		sources_of(r, &b->digest, &sources[i]);
		requests[i] =
			(struct http_request){ .url = sources[i].urls[0],
					       .access = sources[i].access[0],
					       .alternates =
						       (const char *const *)sources[i].urls + 1,
					       .alternate_access = sources[i].access + 1,
					       .has_digest = true,
					       .digest = b->digest,
					       .size = b->size,
					       .max_size = b->size,
					       .outfd = v[i].outfd };
	}
	result = http_fetch(requests, n, &o, err);
	for (size_t i = 0; i < n; i++) {
		v[i].done =
			requests[i].error.kind == GG_OK && requests[i].ret_size == v[i].blob->size;
		gg_err_done(&requests[i].error);
		for (size_t k = 0; sources[i].urls[k]; k++)
			free(sources[i].urls[k]);
		free(sources[i].urls);
		free(sources[i].access);
	}
	return result;
}

/* ---- for what writes ---- */

int registry_base(struct registry *r, const char **ret, struct gg_err *err)
{
	struct registry_endpoint *e = &r->v[r->n - 1];

	if (registry_settle(e, err) < 0)
		return -1;
	*ret = e->base;
	return 0;
}

int registry_refuses(const struct registry *r, const struct http_exchange *x, struct gg_err *err)
{
	return registry_refused(&r->v[r->n - 1], x, err);
}

const struct http_access *registry_access(const struct registry *r)
{
	return &r->v[r->n - 1].access;
}

struct http_client *registry_client(const struct registry *r)
{
	return r->client;
}

void registry_add_scope(struct registry *r, const char *path)
{
	for (size_t i = 0; i < r->scopes.n; i++)
		if (gg_streq(r->scopes.v[i], path))
			return;
	gg_strv_add(&r->scopes, path);
	for (size_t i = 0; i < r->n; i++)
		r->v[i].stale = true;
}
