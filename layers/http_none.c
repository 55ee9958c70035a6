/* SPDX-License-Identifier: Apache-2.0
 *
 * In the place of libcurl: a program that has none. Name resolution and authorities belong to a system that is not there.
 */
#include "layers/http_private.h"

int http_curl_load(struct http_curl *ret, struct gg_err *err)
{
	(void)ret;
	gg_fail(err, GG_REMOTE, "ggbuild-static has no HTTP");
	return gg_hint(err, "fill a store with `ggbuild fetch`, or make a bundle, where there is a "
			    "network, and build "
			    "from that");
}

void http_curl_unload(struct http_curl *c)
{
	(void)c;
}
