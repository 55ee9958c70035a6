/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registry_challenge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "layers/base/mem.h"

/* RFC 9110 §5.6.2. */
#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

void registry_challenge_done(struct registry_challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	*c = (struct registry_challenge){ 0 };
}

/* A quoted string, of which *p is at the opening quote; NULL when it does not end. */
static char *quoted(const char **p)
{
	struct gg_buf b = { 0 };

	for ((*p)++; **p && **p != '"'; (*p)++) {
		if (**p == '\\' && (*p)[1])
			(*p)++;
		gg_buf_add(&b, *p, 1);
	}
	if (**p != '"') {
		gg_buf_done(&b);
		return NULL;
	}
	(*p)++;
	return b.data ? gg_buf_steal(&b) : gg_strdup("");
}

static void skip_space(const char **p)
{
	*p += strspn(*p, " \t");
}

/* name = value; false when there is none, and *p is where it was. */
static bool parameter(const char **p, char **ret_name, char **ret_value)
{
	const char *at = *p;
	size_t n = strspn(at, TOKEN);
	char *value;

	*ret_name = *ret_value = NULL;
	if (n == 0)
		return false;
	*ret_name = gg_strndup(at, n);
	at += n;
	skip_space(&at);
	if (*at++ != '=')
		return false;
	skip_space(&at);
	if (*at == '"') {
		value = quoted(&at);
	} else {
		n = strspn(at, TOKEN "/:?=");
		value = gg_strndup(at, n);
		at += n;
	}
	if (!value)
		return false;
	*ret_value = value;
	*p = at;
	return true;
}

static void take(struct registry_challenge *c, const char *name, char **value)
{
	char **field = strcasecmp(name, "realm") == 0     ? &c->realm
		       : strcasecmp(name, "service") == 0 ? &c->service
		       : strcasecmp(name, "scope") == 0   ? &c->scope
							  : NULL;

	if (field && !*field)
		*field = gg_steal(value);
}

/* One challenge: a scheme, and parameters divided by commas. */
static void challenge(const char **p, struct registry_challenge *ret)
{
	size_t n = strspn(*p, TOKEN);

	ret->scheme = n == 6 && strncasecmp(*p, "Bearer", n) == 0  ? REGISTRY_BEARER
		      : n == 5 && strncasecmp(*p, "Basic", n) == 0 ? REGISTRY_BASIC
								   : REGISTRY_NO_SCHEME;
	*p += n;
	for (;;) {
		_cleanup_free_ char *name = NULL, *value = NULL;

		*p += strspn(*p, " \t,");
		if (!parameter(p, &name, &value))
			return;
		take(ret, name, &value);
	}
}

void registry_challenge_parse(const char *lines, struct registry_challenge *ret)
{
	*ret = (struct registry_challenge){ 0 };
	while (*lines) {
		_cleanup_free_ char *line = gg_strndup(lines, strcspn(lines, "\n"));
		const char *p = line;

		lines += strlen(line);
		lines += *lines == '\n';
		while (*(p += strspn(p, " \t,"))) {
			struct registry_challenge c = { 0 };
			const char *before = p;

			challenge(&p, &c);
			/* Without a realm it says nothing. */
			if (c.realm && c.scheme > ret->scheme) {
				registry_challenge_done(ret);
				*ret = c;
			} else {
				registry_challenge_done(&c);
			}
			if (p == before)
				break;
		}
	}
}

/* ---- links ---- */

static bool is_next(const char *p)
{
	while (*p == ';' || *p == ' ' || *p == '\t') {
		_cleanup_free_ char *name = NULL, *value = NULL;

		p += strspn(p, "; \t");
		if (!parameter(&p, &name, &value))
			return false;
		if (strcasecmp(name, "rel") == 0)
			return strcasecmp(value, "next") == 0;
	}
	return false;
}

char *registry_next_link(const char *value)
{
	const char *p = value;

	while ((p = strchr(p, '<'))) {
		const char *end = strchr(p, '>');

		if (!end)
			return NULL;
		if (is_next(end + 1))
			return gg_strndup(p + 1, (size_t)(end - p - 1));
		p = end;
	}
	return NULL;
}

/* ---- realms ---- */

/* The host of an origin, without brackets. */
static char *host_of(const char *origin)
{
	const char *host = strstr(origin, "://");

	if (!host)
		return gg_strdup("");
	host += 3;
	if (*host == '[')
		return gg_strndup(host + 1, strcspn(host + 1, "]"));
	return gg_strndup(host, strcspn(host, ":"));
}

static bool private_v4(uint32_t a)
{
	static const struct {
		uint32_t net;
		unsigned bits;
	} nets[] = {
		{ 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
		{ 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0a80000, 16 },
		{ 0xc6120000, 15 }, { 0xe0000000, 3 },
	};

	for (size_t i = 0; i < GG_LEN(nets); i++)
		if ((a ^ nets[i].net) >> (32 - nets[i].bits) == 0)
			return true;
	return false;
}

/* Addresses only, in any form that the C library takes for one; names are resolved by libcurl, and https then proves who
 * answers. */
static bool private_address(const char *host)
{
	struct in6_addr six;
	struct in_addr four;

	if (inet_aton(host, &four))
		return private_v4(ntohl(four.s_addr));
	if (inet_pton(AF_INET6, host, &six) != 1)
		return strcasecmp(host, "localhost") == 0;
	if (IN6_IS_ADDR_V4MAPPED(&six) || IN6_IS_ADDR_V4COMPAT(&six)) {
		memcpy(&four.s_addr, six.s6_addr + 12, sizeof(four.s_addr));
		return private_v4(ntohl(four.s_addr));
	}
	/* ::1 and ::, fc00::/7, fe80::/10, ff00::/8 */
	return IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_UNSPECIFIED(&six) ||
	       (six.s6_addr[0] & 0xfe) == 0xfc || IN6_IS_ADDR_LINKLOCAL(&six) ||
	       IN6_IS_ADDR_MULTICAST(&six);
}

int registry_check_realm(const char *registry, const char *realm, struct gg_err *err)
{
	_cleanup_free_ char *ours = host_of(registry), *theirs = host_of(realm);
	bool same_host = gg_streq(ours, theirs);

	if (!gg_starts(realm, "https://") &&
	    !(gg_starts(realm, "http://") && gg_starts(registry, "http://") && same_host))
		return gg_fail(err, GG_REMOTE,
			       "the registry sends for a token to '%.200s', which is not https",
			       realm);
	if (!same_host && private_address(theirs))
		return gg_fail(err, GG_REMOTE,
			       "the registry sends for a token to '%.200s', an address of a "
			       "private network",
			       realm);
	return 0;
}
