/* SPDX-License-Identifier: Apache-2.0
 *
 * Which blobs a repository has.
 */
#include "layers/registry_private.h"

int registry_blobs_have(struct registry *r, const struct gg_digest *v, size_t n, bool *ret_have,
			struct gg_err *err)
{
	_cleanup_free_ struct http_exchange *asked = gg_calloc(n + 1, sizeof(*asked));
	_cleanup_strv_ struct gg_strv urls = { 0 };
	char text[GG_DIGEST_TEXT];
	const char *base;
	bool idle;
	int result;

	if (registry_base(r, &base, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		gg_strv_addf(&urls, "%s/blobs/%s", base, gg_digest_text(&v[i], text));
		asked[i] =
			(struct http_exchange){ .method = "HEAD",
						.url = urls.v[i],
						.access = registry_access(r),
						.flags = HTTP_NO_BODY | HTTP_REPEAT | HTTP_FOLLOW };
		http_client_start(r->client, &asked[i]);
	}
	result = http_client_run(r->client, -1, &idle, err);
	for (size_t i = 0; i < n; i++) {
		int status = asked[i].status;

		ret_have[i] = status == 200;
		if (result == 0 && asked[i].error.kind != GG_OK) {
			gg_err_move(err, &asked[i].error);
			result = -1;
		} else if (result == 0 && status != 200 && status != 404) {
			result = registry_refuses(r, &asked[i], err);
		}
		http_exchange_done(&asked[i]);
	}
	return result;
}
