/* SPDX-License-Identifier: Apache-2.0
 *
 * The little that we read in URLs and headers ourselves (RFC 3986 §3, RFC 9110 §14.4); libcurl
 * parses the rest.
 */
#include "layers/http_private.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

bool http_url_has_scheme(const char *url, const char *scheme)
{
	size_t len = strlen(scheme);

	return strncasecmp(url, scheme, len) == 0 && strncmp(url + len, "://", 3) == 0;
}

/* Start of the host, behind the user info, and end of the authority. A backslash ends it too: some
 * parsers take it for a slash, and what follows must not be shown as a host. */
static const char *find_host(const char *url, const char **ret_end)
{
	const char *start = strstr(url, "://");
	const char *end;

	start = start ? start + 3 : url;
	end = start + strcspn(start, "/?#\\");
	for (const char *p = end; p > start; p--) {
		if (p[-1] == '@') {
			start = p;
			break;
		}
	}
	*ret_end = end;
	return start;
}

static size_t scheme_len(const char *url)
{
	const char *mark = strstr(url, "://");

	return mark ? (size_t)(mark - url) + 3 : 0;
}

char *http_url_show(const char *url)
{
	const char *end, *host = find_host(url, &end);
	size_t path = strcspn(end, "?#");
	struct gg_buf b = { 0 };
	char *text;

	gg_buf_add(&b, url, scheme_len(url));
	gg_buf_add(&b, host, (size_t)(end - host) + path);
	if (end[path] == '?')
		gg_buf_puts(&b, "?…");
	text = gg_buf_steal(&b);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return text;
}

static int parse_u64(const char **p, uint64_t *ret)
{
	char *end;

	if (**p < '0' || **p > '9')
		return -1;
	errno = 0;
	*ret = strtoull(*p, &end, 10);
	*p = end;
	return errno ? -1 : 0;
}

int http_parse_content_range(const char *value, uint64_t *ret_start, uint64_t *ret_total)
{
	const char *p = value + strspn(value, " \t");
	uint64_t last;

	if (strncasecmp(p, "bytes ", 6) != 0)
		return -1;
	p += 6;
	if (parse_u64(&p, ret_start) < 0 || *p++ != '-' || parse_u64(&p, &last) < 0 ||
	    *p++ != '/' || last < *ret_start)
		return -1;
	if (*p == '*') {
		*ret_total = UINT64_MAX;
		p++;
	} else if (parse_u64(&p, ret_total) < 0 || last >= *ret_total) {
		return -1;
	}
	return p[strspn(p, " \t\r\n")] == '\0' ? 0 : -1;
}
