/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256 for the static program: OpenSSL's library brings dlopen and name resolution along, which a program without a
 * dynamic loader must not have.
 */
#include "layers/base/digest.h"

#include <nettle/md5.h>
#include <nettle/sha2.h>

#include "layers/base/mem.h"

struct gg_hash {
	struct sha256_ctx ctx;
};

struct gg_hash *gg_hash_new(void)
{
	struct gg_hash *h = gg_zalloc(sizeof(*h));

	sha256_init(&h->ctx);
	return h;
}

void gg_hash_add(struct gg_hash *h, const void *bytes, size_t len)
{
	sha256_update(&h->ctx, len, bytes);
}

void gg_hash_end(struct gg_hash *h, struct gg_digest *ret)
{
	sha256_digest(&h->ctx, GG_DIGEST_LEN, ret->bytes);
}

void gg_hash_free(struct gg_hash *h)
{
	free(h);
}

void gg_md5(const void *bytes, size_t len, uint8_t ret[GG_MD5_LEN])
{
	struct md5_ctx ctx;

	md5_init(&ctx);
	md5_update(&ctx, len, bytes);
	md5_digest(&ctx, GG_MD5_LEN, ret);
}
