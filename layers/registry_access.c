/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are to a registry: credentials, Basic, and bearer tokens (distribution's token and OAuth2 specifications).
 */
#include "layers/registry_private.h"

#include <string.h>

#include "layers/base/base64.h"
#include "layers/base/json.h"

/* A token that is good for less than this is asked for anew. */
enum { EXPIRES_DEFAULT_S = 60, EXPIRES_MARGIN_MS = 5000, EXPIRES_MAX_S = 24 * 3600 };
enum { MAX_TOKEN_ANSWER = 1 << 20, MAX_TOKEN = 64 << 10 };
static const char CLIENT_ID[] = "ggbuild";

static int authorize(void *ctx, const char *challenge, const char *used, const char **ret,
		     struct gg_err *err);

static void set_origin(struct registry_endpoint *e, const char *scheme)
{
	free(e->origin);
	free(e->base);
	e->origin = gg_asprintf("%s://%s", scheme, e->place->host);
	e->base = gg_asprintf("%s/v2/%s", e->origin, e->place->path);
	e->access.origin = e->origin;
}

void registry_endpoint_init(struct registry_endpoint *e, struct registry *r,
			    const struct registry_place *place)
{
	*e = (struct registry_endpoint){ .registry = r,
					 .place = place,
					 .settled = !place->insecure,
					 .access = { .unverified = place->insecure,
						     .ca_file = place->ca_file,
						     .cert_file = place->cert_file,
						     .key_file = place->key_file,
						     .authorize = authorize } };
	e->access.ctx = e;
	set_origin(e, "https");
}

void registry_endpoint_done(struct registry_endpoint *e)
{
	gg_wipe(&e->authorization);
	credentials_done(&e->credentials);
	registry_challenge_done(&e->challenge);
	free(e->origin);
	free(e->base);
}

int registry_settle(struct registry_endpoint *e, struct gg_err *err)
{
	_cleanup_free_ char *url = gg_asprintf("%s/v2/", e->origin);
	struct http_access access = e->access;
	struct http_exchange x = {
		.method = "HEAD", .url = url, .access = &access, .flags = HTTP_NO_BODY
	};
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	(void)err;
	if (e->settled)
		return 0;
	access.authorize = NULL;
	/* Its answer does not count, only that TLS is spoken there. */
	if (http_client_call(e->registry->client, &x, &ignored) < 0 && x.status == 0)
		set_origin(e, "http");
	e->settled = true;
	http_exchange_done(&x);
	return 0;
}

/* ---- tokens ---- */

static char *basic(const char *user, const char *password)
{
	_cleanup_free_ char *pair = gg_asprintf("%s:%s", user, password);
	struct gg_buf b = { 0 };

	gg_buf_puts(&b, "Basic ");
	gg_base64_encode(pair, strlen(pair), &b);
	explicit_bzero(pair, strlen(pair));
	return gg_buf_steal(&b);
}

static void add_escaped(struct gg_buf *b, const char *text)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *text; text++)
		if (strchr(plain, *text))
			gg_buf_add(b, text, 1);
		else
			gg_buf_printf(b, "%%%02X", (unsigned char)*text);
}

static void add_field(struct gg_buf *b, const char *name, const char *value)
{
	gg_buf_printf(b, "%s%s=", b->len ? "&" : "", name);
	add_escaped(b, value);
}

static void scopes(const struct registry_endpoint *e, struct gg_strv *ret)
{
	const struct registry *r = e->registry;

	if (!r->use)
		return;
	gg_strv_addf(ret, "repository:%s:pull%s%s", e->place->path,
		     r->use & REGISTRY_PUSH ? ",push" : "",
		     r->use & REGISTRY_DELETE ? ",delete" : "");
	for (size_t i = 0; i < r->scopes.n; i++)
		gg_strv_addf(ret, "repository:%s:pull", r->scopes.v[i]);
}

/* What the token server is told besides credentials, as a form. */
static void describe(const struct registry_endpoint *e, bool one_scope, struct gg_buf *form)
{
	_cleanup_strv_ struct gg_strv list = { 0 };

	if (e->challenge.service)
		add_field(form, "service", e->challenge.service);
	scopes(e, &list);
	if (one_scope && list.n) {
		_cleanup_buf_ struct gg_buf all = { 0 };

		for (size_t i = 0; i < list.n; i++)
			gg_buf_printf(&all, "%s%s", i ? " " : "", list.v[i]);
		add_field(form, "scope", all.data);
		return;
	}
	for (size_t i = 0; i < list.n; i++)
		add_field(form, "scope", list.v[i]);
}

/* What goes into a header has no control characters. */
static bool token_valid(const char *token)
{
	size_t len = strlen(token);

	for (size_t i = 0; i < len; i++)
		if (token[i] <= ' ' || token[i] == 0x7f)
			return false;
	return len > 0 && len <= MAX_TOKEN;
}

static int take_token(struct registry_endpoint *e, const struct http_exchange *x,
		      struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *j =
		gg_json_parse(x->text.data ? x->text.data : "", x->text.len, &ignored);
	const char *token = gg_json_get_str(j, "token", NULL);
	int64_t expires = gg_json_get_int(j, "expires_in", EXPIRES_DEFAULT_S);

	if (!token || !*token)
		token = gg_json_get_str(j, "access_token", "");
	if (!token_valid(token))
		return gg_fail(err, GG_REMOTE, "the token server's answer holds no token");
	if (expires < EXPIRES_DEFAULT_S)
		expires = EXPIRES_DEFAULT_S;
	if (expires > EXPIRES_MAX_S)
		expires = EXPIRES_MAX_S;
	gg_wipe(&e->authorization);
	e->authorization = gg_asprintf("Bearer %s", token);
	e->expires = http_now_ms() + expires * 1000 - EXPIRES_MARGIN_MS;
	e->stale = false;
	return 0;
}

static int give_authorization(void *ctx, const char *challenge, const char *used, const char **ret,
			      struct gg_err *err)
{
	(void)used;
	(void)err;
	*ret = challenge ? NULL : ctx;
	return 0;
}

static int call_token_server(struct registry_endpoint *e, struct http_exchange *x,
			     struct gg_err *err)
{
	char *body = (char *)x->body;
	int r = http_client_call(e->registry->tokens, x, err);

	if (r == 0 && x->status != 200) {
		r = http_exchange_refused(x, err);
		if (x->status == 401 || x->status == 403)
			registry_hint_login(e, err);
	}
	if (r == 0)
		r = take_token(e, x, err);
	/* The URL is the registry's, not the user's. */
	if (r < 0 && err->kind == GG_USAGE)
		err->kind = GG_REMOTE;
	if (x->text.data)
		explicit_bzero(x->text.data, x->text.len);
	if (body)
		explicit_bzero(body, strlen(body));
	http_exchange_done(x);
	return r < 0 ? gg_context(err, "a token for '%s'", e->place->host) : 0;
}

/* The refresh token goes in a body, once. */
static int refresh_token(struct registry_endpoint *e, const struct http_access *access,
			 struct gg_err *err)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded",
					       NULL };
	_cleanup_buf_ struct gg_buf form = { 0 };
	struct http_exchange x = { .method = "POST",
				   .url = e->challenge.realm,
				   .access = access,
				   .headers = headers,
				   .flags = HTTP_REPEAT,
				   .max_text = MAX_TOKEN_ANSWER };

	add_field(&form, "grant_type", "refresh_token");
	add_field(&form, "client_id", CLIENT_ID);
	describe(e, true, &form);
	add_field(&form, "refresh_token", e->credentials.identity_token);
	x.body = form.data;
	x.body_len = form.len;
	return call_token_server(e, &x, err);
}

static int ask_token(struct registry_endpoint *e, const struct http_access *access,
		     struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf form = { 0 };
	_cleanup_free_ char *url = NULL;
	struct http_exchange x = { .method = "GET",
				   .access = access,
				   .flags = HTTP_REPEAT,
				   .max_text = MAX_TOKEN_ANSWER };

	if (e->credentials.user)
		add_field(&form, "account", e->credentials.user);
	describe(e, false, &form);
	x.url = url = gg_asprintf("%s%s%s", e->challenge.realm,
				  strchr(e->challenge.realm, '?') ? "&" : "?",
				  form.data ? form.data : "");
	return call_token_server(e, &x, err);
}

/* Redirects are not followed: the realm was looked at, what it leads to was not. */
static int get_token(struct registry_endpoint *e, struct gg_err *err)
{
	_cleanup_free_ char *origin = http_client_origin(e->registry->client, e->challenge.realm);
	struct http_access access = { .origin = origin, .ca_file = e->access.ca_file };
	char *shown = NULL;
	int r;

	if (!origin)
		return gg_fail(err, GG_REMOTE, "the registry's token server has no valid URL");
	if (registry_check_realm(e->origin, origin, err) < 0)
		return -1;
	if (gg_streq(origin, e->origin))
		access = e->access;
	if (e->credentials.user && e->credentials.password)
		shown = basic(e->credentials.user, e->credentials.password);
	access.authorize = give_authorization;
	access.ctx = shown;
	r = e->credentials.identity_token ? refresh_token(e, &access, err)
					  : ask_token(e, &access, err);
	gg_wipe(&shown);
	return r;
}

/* ---- what the HTTP client asks ---- */

static int search(struct registry_endpoint *e, struct gg_err *err)
{
	struct reference at = { .domain = e->place->domain, .path = e->place->path };

	if (e->searched)
		return 0;
	e->searched = true;
	return credentials_find(&at, e->place->named, &e->registry->settings, &e->credentials, err);
}

static int answer(struct registry_endpoint *e, const char *used, struct gg_err *err)
{
	const struct credentials *c = &e->credentials;

	if (c->bearer) {
		gg_wipe(&e->authorization);
		e->authorization = gg_asprintf("Bearer %s", c->bearer);
	} else if (e->challenge.scheme == REGISTRY_BEARER) {
		return get_token(e, err);
	} else if (e->challenge.scheme == REGISTRY_BASIC && c->user && c->password) {
		gg_wipe(&e->authorization);
		e->authorization = basic(c->user, c->password);
		e->expires = INT64_MAX;
	}
	/* What was refused is not tried again. */
	if (used && e->authorization && gg_streq(used, e->authorization))
		gg_wipe(&e->authorization);
	return 0;
}

static int authorize(void *ctx, const char *challenge, const char *used, const char **ret,
		     struct gg_err *err)
{
	struct registry_endpoint *e = ctx;
	int r = 0;

	*ret = NULL;
	if (search(e, err) < 0)
		return -1;
	if (challenge && !(e->authorization && used && !gg_streq(used, e->authorization))) {
		registry_challenge_done(&e->challenge);
		registry_challenge_parse(challenge, &e->challenge);
		r = answer(e, used, err);
	} else if (e->challenge.scheme == REGISTRY_BEARER && !e->credentials.bearer &&
		   (e->stale || !e->authorization || http_now_ms() >= e->expires)) {
		r = get_token(e, err);
	}
	*ret = e->authorization;
	return r;
}

int registry_ping(struct registry *r, bool *ret_asked, struct gg_err *err)
{
	struct registry_endpoint *e = &r->v[r->n - 1];
	_cleanup_free_ char *url = NULL;
	struct http_exchange x = { .method = "GET",
				   .access = &e->access,
				   .flags = HTTP_REPEAT | HTTP_FOLLOW };
	int rc;

	if (registry_settle(e, err) < 0)
		return -1;
	x.url = url = gg_asprintf("%s/v2/", e->origin);
	rc = http_client_call(r->client, &x, err);
	if (rc == 0 && x.status != 200)
		rc = registry_refused(e, &x, err);
	*ret_asked = e->authorization != NULL;
	http_exchange_done(&x);
	return rc;
}
