/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a request is, on its way through redirects, and what it may show there.
 */
#include "layers/http_private.h"

#include <string.h>

void http_route_begin(struct http_route *r, const char *url, const struct http_access *access)
{
	char *copy = gg_strdup(url);

	http_route_done(r);
	*r = (struct http_route){ .access = access, .url = copy };
}

void http_route_done(struct http_route *r)
{
	gg_wipe(&r->authorization);
	free(r->url);
	r->url = NULL;
}

static bool is_own(const struct http_route *r, const struct http_curl *c)
{
	return !r->left && http_access_covers(c, r->access, r->url);
}

static int authorize(struct http_route *r, const char *challenge, struct gg_err *err)
{
	const char *value = NULL;
	char *copy;

	if (r->access->authorize(r->access->ctx, challenge, r->authorization, &value, err) < 0)
		return -1;
	copy = value ? gg_strdup(value) : NULL;
	gg_wipe(&r->authorization);
	r->authorization = copy;
	return 0;
}

int http_route_prepare(struct http_route *r, const struct http_curl *c, bool *ret_own,
		       struct gg_err *err)
{
	*ret_own = is_own(r, c);
	if (!*ret_own)
		gg_wipe(&r->authorization);
	else if (r->access->authorize && !r->challenged)
		return authorize(r, NULL, err);
	return 0;
}

bool http_route_challenge(struct http_route *r, const struct http_curl *c,
			  const struct gg_buf *answer, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv values = { 0 };
	_cleanup_buf_ struct gg_buf challenge = { 0 };
	char *before;
	bool again;

	if (r->challenged || !is_own(r, c) || !r->access->authorize)
		return false;
	r->challenged = true;
	http_answer_headers(answer, "www-authenticate", &values);
	for (size_t i = 0; i < values.n; i++)
		gg_buf_printf(&challenge, "%s%s", i ? "\n" : "", values.v[i]);
	before = r->authorization ? gg_strdup(r->authorization) : NULL;
	again = authorize(r, challenge.data ? challenge.data : "", err) == 0 && r->authorization &&
		!(before && gg_streq(before, r->authorization));
	gg_wipe(&before);
	return again;
}

bool http_route_follow(struct http_route *r, const struct http_curl *c, const struct gg_buf *answer,
		       const char **ret_why)
{
	_cleanup_free_ char *location = http_answer_header(answer, "location");
	char *to = http_redirect(c, r->url, location, ret_why);

	if (!to)
		return false;
	free(r->url);
	r->url = to;
	r->left |= !http_access_covers(c, r->access, to);
	if (++r->redirects <= HTTP_REDIRECTS)
		return true;
	*ret_why = "more than 10 redirects";
	return false;
}

struct curl_slist *http_route_header(const struct http_route *r, const struct http_curl *c,
				     struct curl_slist *lines)
{
	char *line;

	if (!r->authorization)
		return lines;
	line = gg_asprintf("Authorization: %s", r->authorization);
	lines = c->slist_append(lines, line);
	gg_wipe(&line);
	return lines;
}
