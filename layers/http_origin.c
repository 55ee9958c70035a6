/* SPDX-License-Identifier: Apache-2.0
 *
 * Origins (RFC 6454) and redirects (RFC 9110 §15.4), as libcurl itself reads URLs: a second opinion about where a host
 * ends is how credentials go astray.
 */
#include "layers/http_private.h"

#include <string.h>

/* A part of a URL as libcurl has it, "" where there is none; owned by the caller. */
static char *part(const struct http_curl *c, CURLU *u, CURLUPart what, unsigned flags)
{
	char *theirs = NULL, *ours;

	if (c->url_get(u, what, &theirs, flags) != CURLUE_OK)
		return gg_strdup("");
	ours = gg_strdup(theirs);
	c->free(theirs);
	return ours;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
}

static CURLU *parse(const struct http_curl *c, const char *url)
{
	CURLU *u = c->url();

	if (u && c->url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
		return u;
	c->url_cleanup(u);
	return NULL;
}

static char *origin_of(const struct http_curl *c, CURLU *u)
{
	_cleanup_free_ char *scheme = part(c, u, CURLUPART_SCHEME, 0);
	_cleanup_free_ char *host = part(c, u, CURLUPART_HOST, 0);
	_cleanup_free_ char *port = part(c, u, CURLUPART_PORT, CURLU_NO_DEFAULT_PORT);

	lower(scheme);
	lower(host);
	return gg_asprintf("%s://%s%s%s", scheme, host, *port ? ":" : "", port);
}

char *http_origin(const struct http_curl *c, const char *url)
{
	CURLU *u = parse(c, url);
	char *origin = u ? origin_of(c, u) : NULL;

	c->url_cleanup(u);
	return origin;
}

/* "user:password", or "" for neither. */
static char *user_info(const struct http_curl *c, CURLU *u)
{
	_cleanup_free_ char *user = part(c, u, CURLUPART_USER, 0);
	_cleanup_free_ char *password = part(c, u, CURLUPART_PASSWORD, 0);

	return *user || *password ? gg_asprintf("%s:%s", user, password) : gg_strdup("");
}

bool http_has_user_info(const struct http_curl *c, const char *url)
{
	CURLU *u = parse(c, url);
	_cleanup_free_ char *info = u ? user_info(c, u) : gg_strdup("");

	c->url_cleanup(u);
	return *info != '\0';
}

bool http_access_covers(const struct http_curl *c, const struct http_access *a, const char *url)
{
	_cleanup_free_ char *theirs = a ? http_origin(c, a->origin) : NULL;
	_cleanup_free_ char *ours = a ? http_origin(c, url) : NULL;

	return theirs && ours && gg_streq(theirs, ours);
}

/* Why not to go from one to the other, or NULL. User info may only be what a relative Location inherits. */
static const char *objection(const struct http_curl *c, CURLU *from, CURLU *to)
{
	_cleanup_free_ char *scheme = part(c, to, CURLUPART_SCHEME, 0);
	_cleanup_free_ char *before = part(c, from, CURLUPART_SCHEME, 0);
	_cleanup_free_ char *info = user_info(c, to), *had = user_info(c, from);
	_cleanup_free_ char *here = origin_of(c, from), *there = origin_of(c, to);

	lower(scheme);
	lower(before);
	if (!gg_streq(scheme, "http") && !gg_streq(scheme, "https"))
		return "a redirect to what is neither http nor https";
	if (gg_streq(before, "https") && gg_streq(scheme, "http"))
		return "a redirect from https to http, which is refused";
	if (*info && !(gg_streq(here, there) && gg_streq(info, had)))
		return "a redirect to a URL with a user name or password, which is refused";
	return NULL;
}

char *http_redirect(const struct http_curl *c, const char *from, const char *location,
		    const char **ret_why)
{
	CURLU *was = parse(c, from), *is = was ? c->url_dup(was) : NULL;
	char *to = NULL;

	*ret_why = "a redirect that leads nowhere";
	if (is && location && *location &&
	    c->url_set(is, CURLUPART_URL, location, CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) ==
		    CURLUE_OK)
		*ret_why = objection(c, was, is);
	if (!*ret_why)
		to = part(c, is, CURLUPART_URL, 0);
	c->url_cleanup(is);
	c->url_cleanup(was);
	return to;
}
