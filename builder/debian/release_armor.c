/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/release.h"

#define ARMOR_BEGIN "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define ARMOR_END "-----END PGP PUBLIC KEY BLOCK-----"

enum { CRC24_INIT = 0xb704ce, CRC24_POLY = 0x1864cfb };

static int fail(const char *name, struct gg_err *err, const char *what)
{
	return gg_fail(err, GG_INTEGRITY, "read keyring '%s': %s", name, what);
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct base64 {
	uint32_t bits;
	unsigned n;       /* characters in the current group of four */
	unsigned padding; /* '=' seen */
};

/* One line; false when it holds something that is no base64. */
static bool base64_add(struct base64 *b, struct deb_slice line, struct gg_buf *ret)
{
	for (size_t i = 0; i < line.len; i++) {
		int value = line.p[i] == '=' ? 0 : base64_value(line.p[i]);

		if (value < 0 || (b->padding && line.p[i] != '='))
			return false;
		if (line.p[i] == '=' && (b->n < 2 || ++b->padding > 2))
			return false;
		b->bits = b->bits << 6 | (uint32_t)value;
		if (++b->n < 4)
			continue;
		for (unsigned k = 0; k < 3 - b->padding; k++)
			gg_buf_putc(ret, (char)(b->bits >> (16 - 8 * k) & 0xff));
		b->n = 0;
		b->bits = 0;
	}
	return true;
}

static uint32_t crc24(const char *bytes, size_t len)
{
	uint32_t crc = CRC24_INIT;

	for (size_t i = 0; i < len; i++) {
		crc ^= (uint32_t)(unsigned char)bytes[i] << 16;
		for (int bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if (crc & 0x1000000)
				crc ^= CRC24_POLY;
		}
	}
	return crc & 0xffffff;
}

static bool checksum_right(struct deb_slice line, const char *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 1; i < line.len; i++) {
		int value = base64_value(line.p[i]);

		if (value < 0)
			return false;
		sum = sum << 6 | (uint32_t)value;
	}
	return line.len == 5 && sum == crc24(bytes, len);
}

/* One block after its BEGIN line: header lines, an empty line, base64, an optional checksum, END. */
static int block(const char *name, struct deb_slice *rest, struct gg_buf *ret, struct gg_err *err)
{
	struct base64 b = { 0 };
	size_t start = ret->len;
	struct deb_slice line;

	while (deb_slice_split(rest, '\n', &line) && line.len)
		if (!memchr(line.p, ':', line.len))
			return fail(name, err, "no empty line before the armoured key");
	while (deb_slice_split(rest, '\n', &line)) {
		if (deb_slice_is(line, ARMOR_END)) {
			if (b.n || ret->len == start)
				return fail(name, err, "the armoured key is cut short");
			return 0;
		}
		if (line.len == 5 && *line.p == '=') {
			if (b.n || !checksum_right(line, ret->data + start, ret->len - start))
				return fail(name, err, "the armoured key's checksum is wrong");
			continue;
		}
		if (!base64_add(&b, line, ret))
			return fail(name, err, "the armoured key is no base64");
	}
	return fail(name, err, "the armoured key has no end");
}

int release_dearmor(const char *name, const char *text, size_t len, struct gg_buf *ret,
		    struct gg_err *err)
{
	struct deb_slice rest = { text, len }, line;
	bool any = false;

	while (deb_slice_split(&rest, '\n', &line)) {
		if (!deb_slice_is(line, ARMOR_BEGIN))
			continue;
		any = true;
		if (block(name, &rest, ret, err) < 0)
			return -1;
	}
	return any ? 0 : fail(name, err, "no armoured public key");
}
