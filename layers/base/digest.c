/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/digest.h"

#include <string.h>

#include "layers/base/fd.h"

enum { READ_STEP = 256 * 1024 };

void gg_hash_freep(struct gg_hash **h)
{
	gg_hash_free(*h);
}

void gg_digest_of(const void *bytes, size_t len, struct gg_digest *ret)
{
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();

	gg_hash_add(h, bytes, len);
	gg_hash_end(h, ret);
}

int gg_digest_fd(int fd, struct gg_digest *ret, uint64_t *ret_size, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(READ_STEP);
	uint64_t total = 0;

	for (;;) {
		ssize_t n = gg_read_full(fd, block, READ_STEP, err);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		gg_hash_add(h, block, (size_t)n);
		total += (uint64_t)n;
	}
	gg_hash_end(h, ret);
	if (ret_size)
		*ret_size = total;
	return 0;
}

bool gg_digest_eq(const struct gg_digest *a, const struct gg_digest *b)
{
	return memcmp(a->bytes, b->bytes, GG_DIGEST_LEN) == 0;
}

bool gg_digest_is_zero(const struct gg_digest *d)
{
	static const struct gg_digest zero;

	return gg_digest_eq(d, &zero);
}

static void to_hex(const uint8_t *bytes, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[bytes[i] >> 4];
		ret[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret[2 * len] = '\0';
}

char *gg_digest_hex(const struct gg_digest *d, char ret[GG_DIGEST_HEX])
{
	to_hex(d->bytes, GG_DIGEST_LEN, ret);
	return ret;
}

char *gg_digest_text(const struct gg_digest *d, char ret[GG_DIGEST_TEXT])
{
	memcpy(ret, "sha256:", 7);
	to_hex(d->bytes, GG_DIGEST_LEN, ret + 7);
	return ret;
}

/* A table: manifests hold tens of thousands of digests, and whether a digit is a letter cannot be predicted. */
static int nibble(char c)
{
	static const uint8_t one_more[256] = {
		['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
		['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
		['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
	};

	return one_more[(uint8_t)c] - 1;
}

int gg_digest_from_hex(const char *hex, struct gg_digest *ret)
{
	for (size_t i = 0; i < GG_DIGEST_LEN; i++) {
		int high = nibble(hex[2 * i]), low;

		if (high < 0)
			return -1;
		low = nibble(hex[2 * i + 1]);
		if (low < 0)
			return -1;
		ret->bytes[i] = (uint8_t)(high << 4 | low);
	}
	return hex[2 * GG_DIGEST_LEN] == '\0' ? 0 : -1;
}

int gg_digest_parse(const char *text, struct gg_digest *ret, struct gg_err *err)
{
	if (!gg_starts(text, "sha256:") || gg_digest_from_hex(text + 7, ret) < 0) {
		gg_fail(err, GG_INTEGRITY, "'%.100s' is not a digest", text);
		return gg_hint(err, "a digest is 'sha256:' and 64 lower-case hexadecimal digits");
	}
	return 0;
}

void gg_md5_hex(const void *bytes, size_t len, char ret[33])
{
	uint8_t md[GG_MD5_LEN];

	gg_md5(bytes, len, md);
	to_hex(md, sizeof(md), ret);
}
