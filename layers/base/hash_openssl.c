/* SPDX-License-Identifier: Apache-2.0
 *
 * sha256 by OpenSSL's EVP, which knows the instructions of every processor.
 */
#include "layers/base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "layers/base/mem.h"

struct gg_hash {
	EVP_MD_CTX *ctx;
};

static void check(int ok)
{
	if (ok != 1)
		abort();
}

struct gg_hash *gg_hash_new(void)
{
	struct gg_hash *h = gg_zalloc(sizeof(*h));

	/* openssl.cnf is ambient: it may load providers that change what a digest costs or is. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx)
		abort();
	check(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL));
	return h;
}

void gg_hash_add(struct gg_hash *h, const void *bytes, size_t len)
{
	check(EVP_DigestUpdate(h->ctx, bytes, len));
}

void gg_hash_end(struct gg_hash *h, struct gg_digest *ret)
{
	check(EVP_DigestFinal_ex(h->ctx, ret->bytes, NULL));
	check(EVP_DigestInit_ex(h->ctx, NULL, NULL));
}

void gg_hash_free(struct gg_hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void gg_md5(const void *bytes, size_t len, uint8_t ret[GG_MD5_LEN])
{
	check(EVP_Digest(bytes, len, ret, NULL, EVP_md5(), NULL));
}
