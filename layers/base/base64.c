/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void gg_base64_encode(const void *bytes, size_t len, struct gg_buf *ret)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);
		char out[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63],
				n > 1 ? alphabet[v >> 6 & 63] : '=',
				n > 2 ? alphabet[v & 63] : '=' };

		gg_buf_add(ret, out, sizeof(out));
	}
}

int gg_base64_decode(const char *text, size_t len, struct gg_buf *ret)
{
	uint32_t v = 0;
	unsigned bits = 0;

	for (unsigned i = 0; i < 2 && len && text[len - 1] == '='; i++)
		len--;
	if (len % 4 == 1)
		return -1;
	for (size_t i = 0; i < len; i++) {
		const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
		char byte;

		if (!at)
			return -1;
		v = v << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		byte = (char)(v >> bits & 0xff);
		gg_buf_add(ret, &byte, 1);
	}
	return v & ((1u << bits) - 1) ? -1 : 0;
}
