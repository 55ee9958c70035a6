/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/reference.h"

#include <stdlib.h>
#include <string.h>

#include "layers/base/mem.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

enum { NAME_MAX_LEN = 255, TAG_MAX_LEN = 128, PORT_MAX = 65535, HEX_ID = 64 };
static const char DOCKER_IO[] = "docker.io", LIBRARY[] = "library/";

void reference_done(struct reference *r)
{
	free(r->domain);
	free(r->path);
	free(r->tag);
	*r = (struct reference)REFERENCE_INIT;
}

void reference_copy(const struct reference *from, struct reference *to)
{
	*to = *from;
	to->domain = gg_strdup(from->domain);
	to->path = gg_strdup(from->path);
	to->tag = from->tag ? gg_strdup(from->tag) : NULL;
}

bool reference_tag_valid(const char *tag)
{
	size_t len = strlen(tag);

	return len > 0 && len <= TAG_MAX_LEN && strspn(tag, LOWER UPPER DIGIT "_.-") == len &&
	       tag[0] != '.' && tag[0] != '-';
}

static bool port_valid(const char *p)
{
	size_t len = strlen(p);

	return len > 0 && len <= 5 && strspn(p, DIGIT) == len && strtoul(p, NULL, 10) <= PORT_MAX &&
	       strtoul(p, NULL, 10) > 0;
}

/* Labels of letters, digits and inner hyphens, divided by dots. */
static bool host_valid(const char *p, size_t len)
{
	size_t label = 0;

	for (size_t i = 0; i < len; i++) {
		bool dot = p[i] == '.', hyphen = p[i] == '-';

		if (!dot && !hyphen && !strchr(LOWER UPPER DIGIT, p[i]))
			return false;
		if ((dot || hyphen) && label == 0)
			return false;
		if (dot && p[i - 1] == '-')
			return false;
		label = dot ? 0 : label + 1;
	}
	return len > 0 && label > 0 && p[len - 1] != '-';
}

bool reference_domain_valid(const char *domain)
{
	const char *colon = strrchr(domain, ':');

	if (domain[0] == '[') {
		const char *end = strchr(domain, ']');
		size_t len = strspn(domain + 1, DIGIT "abcdefABCDEF:");

		return end && len > 1 && domain + 1 + len == end &&
		       (end[1] == '\0' || (end[1] == ':' && port_valid(end + 2)));
	}
	return host_valid(domain, colon ? (size_t)(colon - domain) : strlen(domain)) &&
	       (!colon || port_valid(colon + 1));
}

/* Runs of letters and digits, divided by one '.', one or two '_', or any number of '-'. */
static bool component_valid(const char *p, size_t len)
{
	size_t i = 0;

	for (;;) {
		size_t start = i, n;

		while (i < len && strchr(LOWER DIGIT, p[i]))
			i++;
		if (i == start)
			return false;
		if (i == len)
			return true;
		n = i;
		while (i < len && p[i] == p[n] && strchr("._-", p[i]))
			i++;
		if (i == n || (p[n] == '.' && i > n + 1) || (p[n] == '_' && i > n + 2))
			return false;
	}
}

bool reference_path_valid(const char *path)
{
	for (;;) {
		size_t len = strcspn(path, "/");

		if (!component_valid(path, len))
			return false;
		if (!path[len])
			return true;
		path += len + 1;
	}
}

static bool is_domain(const char *p, size_t len)
{
	return memchr(p, '.', len) || memchr(p, ':', len) ||
	       (len == strlen("localhost") && strncmp(p, "localhost", len) == 0) ||
	       strcspn(p, UPPER) < len;
}

static void split_name(const char *name, struct reference *ret)
{
	const char *slash = strchr(name, '/');

	if (slash && is_domain(name, (size_t)(slash - name))) {
		ret->domain = gg_strndup(name, (size_t)(slash - name));
		ret->path = gg_strdup(slash + 1);
		if (gg_streq(ret->domain, "index.docker.io")) {
			free(ret->domain);
			ret->domain = gg_strdup(DOCKER_IO);
		}
	} else {
		ret->unqualified = true;
		ret->domain = gg_strdup(DOCKER_IO);
		ret->path = gg_strdup(name);
	}
	if (gg_streq(ret->domain, DOCKER_IO) && !strchr(ret->path, '/')) {
		char *path = gg_asprintf("%s%s", LIBRARY, ret->path);

		free(ret->path);
		ret->path = path;
	}
}

static bool is_id(const char *name)
{
	return strlen(name) == HEX_ID && strspn(name, DIGIT "abcdef") == HEX_ID;
}

static int check(const char *name, const struct reference *r, struct gg_err *err)
{
	if (r->unqualified && is_id(name))
		return gg_fail(err, GG_USAGE, "a name of 64 hexadecimal digits looks like an id");
	if (!reference_domain_valid(r->domain))
		return gg_fail(err, GG_USAGE, "'%.300s' is no registry's host[:port]", r->domain);
	if (!reference_path_valid(r->path)) {
		gg_fail(err, GG_USAGE, "'%.300s' is no repository's name", r->path);
		return gg_hint(err, "components of a-z and 0-9, with . _ __ or - between them");
	}
	if (strlen(r->domain) + 1 + strlen(r->path) > NAME_MAX_LEN)
		return gg_fail(err, GG_USAGE, "the name is longer than %d characters",
			       NAME_MAX_LEN);
	if (r->tag && !reference_tag_valid(r->tag)) {
		gg_fail(err, GG_USAGE, "'%.200s' is no tag", r->tag);
		return gg_hint(err, "up to %d letters, digits, _ . -; not . or - first",
			       TAG_MAX_LEN);
	}
	return 0;
}

static int parse(const char *text, struct reference *ret, struct gg_err *err)
{
	_cleanup_free_ char *name = NULL;
	const char *at = strchr(text, '@');
	char *slash, *colon;

	if (!*text)
		return gg_fail(err, GG_USAGE, "it is empty");
	name = at ? gg_strndup(text, (size_t)(at - text)) : gg_strdup(text);
	if (at) {
		if (gg_digest_parse(at + 1, &ret->digest, err) < 0)
			return -1;
		ret->has_digest = true;
	}
	slash = strrchr(name, '/');
	colon = strrchr(slash ? slash : name, ':');
	if (colon) {
		ret->tag = gg_strdup(colon + 1);
		*colon = '\0';
	} else if (!at) {
		ret->tag = gg_strdup("latest");
	}
	split_name(name, ret);
	return check(name, ret, err);
}

/* "user:password@host/…", which is to be shown nowhere. */
static bool has_user_info(const char *text)
{
	const char *at = strrchr(text, '@');

	if (!at || gg_starts(at + 1, "sha256:") || gg_starts(at + 1, "sha512:"))
		return false;
	return strchr(at, '/') || memchr(text, '@', (size_t)(at - text));
}

int reference_parse(const char *text, struct reference *ret, struct gg_err *err)
{
	_cleanup_reference_ struct reference r = REFERENCE_INIT;

	if (has_user_info(text)) {
		gg_fail(err, GG_USAGE, "a reference with a user name or password");
		return gg_hint(err, "`ggbuild login` stores them, --creds gives them for once");
	}
	if (parse(text, &r, err) < 0) {
		err->kind = GG_USAGE;
		return gg_context(err, "reference '%.400s'", text);
	}
	*ret = r;
	r = (struct reference)REFERENCE_INIT;
	return 0;
}

static char *join(const char *name, const struct reference *r)
{
	char digest[GG_DIGEST_TEXT];

	return gg_asprintf("%s%s%s%s%s", name, r->tag ? ":" : "", r->tag ? r->tag : "",
			   r->has_digest ? "@" : "",
			   r->has_digest ? gg_digest_text(&r->digest, digest) : "");
}

char *reference_text(const struct reference *r)
{
	_cleanup_free_ char *name = gg_asprintf("%s/%s", r->domain, r->path);

	return join(name, r);
}

char *reference_familiar(const struct reference *r)
{
	const char *path = r->path, *slash;

	if (!gg_streq(r->domain, DOCKER_IO))
		return reference_text(r);
	if (gg_starts(path, LIBRARY) && !strchr(path + strlen(LIBRARY), '/'))
		path += strlen(LIBRARY);
	slash = strchr(path, '/');
	/* Without its domain it would be another name, or none. */
	if ((slash && is_domain(path, (size_t)(slash - path))) || is_id(path))
		return reference_text(r);
	return join(path, r);
}
