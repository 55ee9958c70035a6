/* SPDX-License-Identifier: Apache-2.0
 *
 * Both inflaters see every stream, whole and in pieces of any size, and must agree on each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "layers/base/mem.h"
#include "layers/inflate.h"

enum { TEXT = 70000 };

/* One member; flags as RFC 1952 has them, each with a field of some bytes. */
static void add_member(struct gg_buf *to, const char *text, size_t len, int level, int flags)
{
	gz_header h = { .os = 3,
			.extra = (Bytef *)(flags & 4 ? "ab\2\0xy" : NULL),
			.extra_len = flags & 4 ? 6 : 0,
			.name = (Bytef *)(flags & 8 ? "name" : NULL),
			.comment = (Bytef *)(flags & 16 ? "what it is" : NULL),
			.hcrc = flags & 2 ? 1 : 0 };
	static unsigned char out[2 * TEXT];
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflateSetHeader(&z, &h), Z_OK);
	z.next_in = (Bytef *)text;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	gg_buf_add(to, out, sizeof(out) - z.avail_out);
	deflateEnd(&z);
}

static void make_text(char *to, size_t len)
{
	uint32_t seed = 1;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		/* Runs, words and noise. */
		to[i] = i % 4096 < 1024 ? 'a'
			: i % 3         ? "layers of tar "[i % 14]
					: (char)(seed >> 24);
	}
}

/* Members that ended, or -1 for damage, -2 for a stream that stops in a member; what came out is in ret. */
static int inflate_all(const struct inflate_engine *engine, const void *bytes, size_t len,
		       size_t in_piece, size_t out_piece, struct gg_buf *ret)
{
	struct inflate *s = inflate_new(engine);
	struct inflate_io io = { .in = bytes };
	size_t left = len;
	uint8_t *out = gg_alloc(out_piece);
	int members = 0;
	bool inside = false;

	while (members >= 0) {
		enum inflate_result r;

		if (io.in_len == 0 && left) {
			io.in_len = left < in_piece ? left : in_piece;
			left -= io.in_len;
		} else if (io.in_len == 0 && !inside) {
			break;
		}
		inside = true;
		io.out = out;
		io.out_len = out_piece;
		r = inflate_step(s, &io);
		gg_buf_add(ret, out, out_piece - io.out_len);
		if (r == INFLATE_DAMAGED) {
			members = -1;
		} else if (r == INFLATE_END) {
			members++;
			inside = false;
		} else if (!left && io.in_len == 0 && io.out_len) {
			members = -2;
		}
	}
	free(out);
	inflate_free(s);
	return members;
}

static int both(const void *bytes, size_t len, size_t in_piece, size_t out_piece,
		struct gg_buf *ret)
{
	const struct inflate_engine *isal = inflate_isal();
	_cleanup_buf_ struct gg_buf other = { 0 };
	int members = inflate_all(&inflate_zlib, bytes, len, in_piece, out_piece, ret);

	assert_non_null(isal);
	assert_int_equal(inflate_all(isal, bytes, len, in_piece, out_piece, &other), members);
	if (members >= 0) {
		assert_int_equal(ret->len, other.len);
		assert_memory_equal(ret->data, other.data, other.len);
	}
	return members;
}

static void test_pieces(void **state)
{
	static const size_t pieces[] = { 1, 2, 7, 63, 512, 4096, 1 << 20 };
	_cleanup_free_ char *text = gg_alloc(TEXT);
	_cleanup_buf_ struct gg_buf gz = { 0 }, want = { 0 };

	(void)state;
	make_text(text, TEXT);
	add_member(&gz, text, TEXT, 6, 2 | 4 | 8 | 16);
	add_member(&gz, text, 0, 6, 0);
	add_member(&gz, text, 100, 0, 8);
	add_member(&gz, text, TEXT, 9, 4);
	gg_buf_add(&want, text, TEXT);
	gg_buf_add(&want, text, 100);
	gg_buf_add(&want, text, TEXT);
	for (size_t i = 0; i < GG_LEN(pieces); i++)
		for (size_t j = 0; j < GG_LEN(pieces); j++) {
			_cleanup_buf_ struct gg_buf got = { 0 };

			assert_int_equal(both(gz.data, gz.len, pieces[i], pieces[j], &got), 4);
			assert_int_equal(got.len, want.len);
			assert_memory_equal(got.data, want.data, want.len);
		}
}

static void test_members(void **state)
{
	_cleanup_buf_ struct gg_buf gz = { 0 }, got = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		add_member(&gz, "abcdefghij", (size_t)(i % 11), 6, 0);
	assert_int_equal(both(gz.data, gz.len, 4096, 4096, &got), 1000);
}

static void test_truncated(void **state)
{
	_cleanup_free_ char *text = gg_alloc(TEXT);
	_cleanup_buf_ struct gg_buf gz = { 0 };

	(void)state;
	make_text(text, 3000);
	add_member(&gz, text, 3000, 6, 2 | 4 | 8 | 16);
	for (size_t len = 1; len < gz.len; len++) {
		_cleanup_buf_ struct gg_buf got = { 0 };

		assert_int_equal(both(gz.data, len, 1 + len % 700, 512, &got), -2);
	}
}

/* Every bit of a stream turned: nothing passes as something else. */
static void test_flipped(void **state)
{
	_cleanup_free_ char *text = gg_alloc(TEXT);
	_cleanup_buf_ struct gg_buf gz = { 0 };

	(void)state;
	make_text(text, 2000);
	add_member(&gz, text, 2000, 6, 0);
	for (size_t bit = 0; bit < 8 * gz.len; bit++) {
		_cleanup_buf_ struct gg_buf zlib = { 0 }, isal = { 0 };
		int a, b;

		gz.data[bit / 8] ^= (char)(1 << bit % 8);
		a = inflate_all(&inflate_zlib, gz.data, gz.len, 4096, 4096, &zlib);
		b = inflate_all(inflate_isal(), gz.data, gz.len, 4096, 4096, &isal);
		gz.data[bit / 8] ^= (char)(1 << bit % 8);
		/* A damaged stream may look cut off to one of them, and must not be whole to one alone. */
		if ((a > 0) != (b > 0))
			fail_msg("bit %zu: zlib %d, isa-l %d", bit, a, b);
		if (a > 0) {
			assert_int_equal(zlib.len, 2000);
			assert_memory_equal(zlib.data, text, 2000);
			assert_int_equal(isal.len, 2000);
			assert_memory_equal(isal.data, text, 2000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
