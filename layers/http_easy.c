/* SPDX-License-Identifier: Apache-2.0
 *
 * What every transfer is told, exchange or download.
 */
#include "layers/http_private.h"

enum {
	CONNECT_MS = 15000,
	LOW_SPEED = 1024,
	STALL_S = 60,
	BUFFER = 512 * 1024,
};

#define SET(option, value)                                                                         \
	do {                                                                                       \
		CURLcode _c = c->easy_setopt(easy, (option), (value));                             \
		if (_c != CURLE_OK)                                                                \
			return _c;                                                                 \
	} while (0)

unsigned http_stall_s(unsigned stall_s)
{
	return stall_s ? stall_s : STALL_S;
}

static CURLcode set_protocols(const struct http_curl *c, CURL *easy, bool files)
{
	/* CURLOPT_PROTOCOLS_STR came with 7.85; before, the same was a bit mask (HTTP 1, HTTPS 2,
	 * FILE 1024). */
	if (c->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, files ? "http,https,file" : "http,https") !=
	    CURLE_OK)
		SET((CURLoption)181, (long)(1 | 2 | (files ? 1024 : 0)));
	return CURLE_OK;
}

CURLcode http_easy_limits(const struct http_curl *c, CURL *easy, const char *url,
			  const char *user_agent, unsigned stall_s, bool files)
{
	CURLcode r = set_protocols(c, easy, files);
	unsigned stall_ms = http_stall_s(stall_s) * 1000;

	if (r != CURLE_OK)
		return r;
	SET(CURLOPT_URL, url);
	SET(CURLOPT_USERAGENT, user_agent ? user_agent : "ggbuild/" GGBUILD_VERSION);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(stall_ms < CONNECT_MS ? stall_ms : CONNECT_MS));
	SET(CURLOPT_LOW_SPEED_LIMIT, (long)LOW_SPEED);
	SET(CURLOPT_LOW_SPEED_TIME, (long)http_stall_s(stall_s));
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* A handle that could not resolve a name has a buffer still, and libcurl 7.88 then refuses. */
	c->easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)BUFFER);
	/* A client library without HTTP/2 says so; HTTP/1.1 is then what it speaks anyway. */
	c->easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	/* To share a connection. Without TLS nobody offers that, and libcurl 7.88 would wait for the first answer's end. */
	SET(CURLOPT_PIPEWAIT, http_url_has_scheme(url, "https") ? 1L : 0L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return CURLE_OK;
}

CURLcode http_easy_access(const struct http_curl *c, CURL *easy, const struct http_access *a)
{
	if (a->unverified) {
		SET(CURLOPT_SSL_VERIFYPEER, 0L);
		SET(CURLOPT_SSL_VERIFYHOST, 0L);
	}
	/* The directory of the system's authorities stays beside it. */
	if (a->ca_file)
		SET(CURLOPT_CAINFO, a->ca_file);
	if (a->cert_file)
		SET(CURLOPT_SSLCERT, a->cert_file);
	if (a->cert_file && a->key_file)
		SET(CURLOPT_SSLKEY, a->key_file);
	return CURLE_OK;
}
