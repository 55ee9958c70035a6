/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void assert_digest(const struct gg_digest *d, const char *want)
{
	char hex[GG_DIGEST_HEX];

	assert_string_equal(gg_digest_hex(d, hex), want);
}

/* A change here takes the meaning from every golden digest in every lock: GOLDEN_FORMAT is part of the block. */
static void test_block(void **state)
{
	static const struct {
		size_t len;
		const char *sha256;
	} blocks[] = {
		{ 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ 1, "e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8" },
		{ COMPRESS_GZIP_BLOCK + GOLDEN_TAIL,
		  "f01f1b6ad85cf329fc62863841e06c0c9647604e71a429caac22a8c7ac80c02a" },
		{ COMPRESS_ZSTD_BLOCK + GOLDEN_TAIL,
		  "6a526f43b486bc2e74d5fd2ee8b6a8dc0ecc6821dee9c06b66c546fc06f8266f" },
	};
	_cleanup_buf_ struct gg_buf last = { 0 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(blocks); i++) {
		_cleanup_buf_ struct gg_buf block = { 0 };
		struct gg_digest d;

		golden_block(blocks[i].len, &block);
		assert_int_equal(block.len, blocks[i].len);
		if (last.len)
			assert_memory_equal(block.data, last.data, last.len);
		gg_digest_of(block.data ? block.data : "", block.len, &d);
		assert_digest(&d, blocks[i].sha256);
		last.len = 0;
		gg_buf_add(&last, block.data ? block.data : "", block.len);
	}
}

/* Stretches that compress to nothing, somewhat, and not at all. */
static void test_block_is_mixed(void **state)
{
	_cleanup_buf_ struct gg_buf block = { 0 };
	unsigned flat = 0, half = 0, noise = 0;

	(void)state;
	golden_block(COMPRESS_GZIP_BLOCK, &block);
	for (size_t at = 0; at < block.len; at += 4096) {
		bool seen[256] = { false };
		unsigned n = 0;

		for (size_t i = 0; i < 4096; i++) {
			unsigned char c = (unsigned char)block.data[at + i];

			n += !seen[c];
			seen[c] = true;
		}
		flat += n < 4;
		half += n >= 10 && n < 120;
		noise += n == 256;
	}
	assert_true(flat > 10 && half > 40 && noise > 20);
}

/* The bytes of the versions that were tried: a lock names them by these digests. */
static const struct {
	enum compress_kind kind;
	int level;
	const char *library, *sha256;
} goldens[] = {
	{ COMPRESS_GZIP, 0, "libdeflate 1.14",
	  "62f90a0489624c43a5f360fefea21f69bb679425a3ceb0f64f741f634ec00950" },
	{ COMPRESS_GZIP, 5, "libdeflate 1.14",
	  "62f90a0489624c43a5f360fefea21f69bb679425a3ceb0f64f741f634ec00950" },
	{ COMPRESS_GZIP, 1, "libdeflate 1.14",
	  "fdb3fff2dd3d28afdd630d5765691baef7c3a32c16f6a1dd3f3c470be54cbf64" },
	{ COMPRESS_GZIP, 12, "libdeflate 1.14",
	  "12bbfb65c49fd20eeaef3b4889569266d0fb46674615bfa0669d1aa424856b69" },
	{ COMPRESS_ZSTD, 0, "zstd 1.5.4",
	  "bf1ef046383354c58ce67d24de41eb071a7cf3813bc4316c3f4e655517e545fb" },
	{ COMPRESS_ZSTD, 3, "zstd 1.5.4",
	  "bf1ef046383354c58ce67d24de41eb071a7cf3813bc4316c3f4e655517e545fb" },
	{ COMPRESS_ZSTD, 1, "zstd 1.5.4",
	  "1a50263b03ff87b9722aa39334870352a3fe0f4dd6803a7f4c4e8def8d6dc78b" },
	{ COMPRESS_ZSTD, 12, "zstd 1.5.4",
	  "63a16b5118e6753d39648e5c76b39c4ce472f89325b37a5ad26b2467bdef1a1c" },
};

static void test_goldens(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(goldens); i++) {
		struct gg_err err = GG_ERR_INIT;
		struct gg_digest d, again;
		char hex[GG_DIGEST_HEX];

		assert_int_equal(golden_digest(goldens[i].kind, goldens[i].level, &d, &err), 0);
		assert_int_equal(golden_digest(goldens[i].kind, goldens[i].level, &again, &err), 0);
		assert_true(gg_digest_eq(&d, &again));
		if (gg_streq(compress_library(goldens[i].kind), goldens[i].library))
			assert_digest(&d, goldens[i].sha256);
		else
			print_message("no digest is known for %s at level %d; it gives %s\n",
				      compress_library(goldens[i].kind), goldens[i].level,
				      gg_digest_hex(&d, hex));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_block_is_mixed),
		cmocka_unit_test(test_goldens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
