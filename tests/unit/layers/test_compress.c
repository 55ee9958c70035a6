/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/compress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libdeflate.h>
#include <zstd.h>

#include "layers/base/digest.h"
#include "layers/base/fd.h"

/* Text that compresses like text, the same everywhere. */
static void make_input(size_t len, struct gg_buf *ret)
{
	static const char *const words[] = { "layer",    "tar",        "of",     "the ",
					     "digest\n", "0123456789", "}\n\t{", "\xff" };
	uint64_t state = 88172645463325252u;

	gg_buf_reserve(ret, len + 16);
	while (ret->len < len) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		gg_buf_puts(ret, words[state & 7]);
		if ((state & 0x700) == 0)
			gg_buf_putc(ret, (char)(state >> 40));
	}
	ret->len = len;
}

static int collect(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	(void)err;
	gg_buf_add(ctx, bytes, len);
	return 0;
}

/* Handed in by pieces of `step` bytes, 0: in place. */
static void compress(enum compress_kind kind, int level, unsigned threads, size_t step,
		     const struct gg_buf *in, struct gg_buf *out)
{
	struct compress_options how = {
		.kind = kind, .level = level, .threads = threads, .sink = collect, .ctx = out
	};
	_cleanup_compress_ struct compress *c = NULL;
	struct gg_err err = GG_ERR_INIT;
	size_t done = 0;

	assert_int_equal(compress_new(&how, &c, &err), 0);
	while (done < in->len) {
		size_t n = step;
		void *room = step ? NULL : compress_room(c, &n);

		if (n > in->len - done)
			n = in->len - done;
		if (room)
			memcpy(room, in->data + done, n);
		assert_int_equal(room ? compress_fill(c, n, &err)
				      : compress_add(c, in->data + done, n, &err),
				 0);
		done += n;
	}
	assert_int_equal(compress_end(c, &err), 0);
}

/* The format of compress.h in a loop: one member or frame a block, by the library's one-shot call. */
static void compose(enum compress_kind kind, int level, const struct gg_buf *in, struct gg_buf *out)
{
	size_t block = kind == COMPRESS_GZIP ? 1 << 20 : 4 << 20, done = 0;
	struct libdeflate_compressor *d =
		libdeflate_alloc_compressor(kind == COMPRESS_GZIP ? level : 1);

	do {
		size_t n = in->len - done < block ? in->len - done : block, bound, got;

		bound = kind == COMPRESS_GZIP ? libdeflate_gzip_compress_bound(d, n)
					      : ZSTD_compressBound(n);
		gg_buf_reserve(out, bound);
		if (kind == COMPRESS_GZIP) {
			got = libdeflate_gzip_compress(d, in->data + done, n, out->data + out->len,
						       bound);
			out->data[out->len + 9] = (char)255;
		} else {
			got = ZSTD_compress(out->data + out->len, bound, in->data + done, n, level);
		}
		assert_true(got > 0 && got <= bound);
		out->len += got;
		done += n;
	} while (done < in->len);
	libdeflate_free_compressor(d);
}

static void assert_same(const struct gg_buf *a, const struct gg_buf *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->data, b->data, a->len);
}

static const size_t steps[] = { 0, 512, 65537, SIZE_MAX };
static const unsigned thread_counts[] = { 1, 2, 8, 0 };

static void check_kind(enum compress_kind kind, size_t block, int level, int default_level)
{
	const size_t sizes[] = { 0, 1, block - 1, block, block + 1, 3 * block + 7 };

	for (size_t i = 0; i < GG_LEN(sizes); i++) {
		_cleanup_buf_ struct gg_buf in = { 0 }, want = { 0 };

		make_input(sizes[i], &in);
		compose(kind, level ? level : default_level, &in, &want);
		for (size_t k = 0; k < GG_LEN(thread_counts); k++) {
			_cleanup_buf_ struct gg_buf got = { 0 };

			compress(kind, level, thread_counts[k], steps[(i + k) % GG_LEN(steps)], &in,
				 &got);
			assert_same(&got, &want);
		}
	}
}

static void test_gzip_is_a_member_a_block(void **state)
{
	static const int levels[] = { 0, 1, 6, 9 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(levels); i++)
		check_kind(COMPRESS_GZIP, COMPRESS_GZIP_BLOCK, levels[i], 5);
}

static void test_zstd_is_a_frame_a_block(void **state)
{
	static const int levels[] = { 0, 1 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(levels); i++)
		check_kind(COMPRESS_ZSTD, COMPRESS_ZSTD_BLOCK, levels[i], 3);
}

static void test_highest_levels(void **state)
{
	_cleanup_buf_ struct gg_buf in = { 0 }, gzip = { 0 }, zstd = { 0 }, want_gzip = { 0 },
				    want_zstd = { 0 };

	(void)state;
	make_input(100000, &in);
	compress(COMPRESS_GZIP, 12, 2, 0, &in, &gzip);
	compose(COMPRESS_GZIP, 12, &in, &want_gzip);
	assert_same(&gzip, &want_gzip);
	compress(COMPRESS_ZSTD, 19, 2, 0, &in, &zstd);
	compose(COMPRESS_ZSTD, 19, &in, &want_zstd);
	assert_same(&zstd, &want_zstd);
}

static void test_none_is_the_input(void **state)
{
	static const size_t sizes[] = { 0, 1, COMPRESS_ZSTD_BLOCK, COMPRESS_ZSTD_BLOCK + 1 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(sizes); i++) {
		_cleanup_buf_ struct gg_buf in = { 0 }, got = { 0 };

		make_input(sizes[i], &in);
		compress(COMPRESS_NONE, 0, 8, steps[i], &in, &got);
		assert_int_equal(got.len, in.len);
		if (in.len)
			assert_memory_equal(got.data, in.data, in.len);
	}
}

/* The bytes of the versions that were tried; with others the tests above hold compress.h's format. */
static const struct {
	enum compress_kind kind;
	int level;
	size_t len;
	const char *library, *sha256;
} goldens[] = {
#define GZIP COMPRESS_GZIP
#define ZSTD COMPRESS_ZSTD
	{ GZIP, 0, 0, "libdeflate 1.14",
	  "30e6fa98fb48c2b132824d1ac5e2243c0be9e9082ff32598d34d7687ca7f6c7f" },
	{ GZIP, 0, 1, "libdeflate 1.14",
	  "c5444d2b132a1c74e6e13919b3725f2841afc4b1a87ef26f4a292914d912ba8f" },
	{ GZIP, 0, COMPRESS_GZIP_BLOCK, "libdeflate 1.14",
	  "566d0557b9434b8ea876cbf78adccd4663b255183166f60fe2f7b25eecac8cd7" },
	{ GZIP, 0, COMPRESS_GZIP_BLOCK + 1, "libdeflate 1.14",
	  "4535483924850695a728049e81ed910a8e8ad1e70438d2ffa4a4b3a75c0ebeff" },
	{ GZIP, 1, 0, "libdeflate 1.14",
	  "81da0491c5af5635831f6a3febb5d9bfd66987ba3ecc42e58dc3d80938c25705" },
	{ GZIP, 1, 1, "libdeflate 1.14",
	  "19b0930dca16a450c1da257feef0bca267acc08d18bebba131d382efb3eef51e" },
	{ GZIP, 1, COMPRESS_GZIP_BLOCK, "libdeflate 1.14",
	  "e0c15b64e9e316fc184c566ce039790bf0486a764c13816284534b3df87a5e0d" },
	{ GZIP, 1, COMPRESS_GZIP_BLOCK + 1, "libdeflate 1.14",
	  "2922a4b29fafa810df5451d22e3b1b8fcdf24aa11fe132a8340840760520ce6d" },
	{ GZIP, 9, 0, "libdeflate 1.14",
	  "10c2221846da8b4250e556aa520c86d6674614d7c5874d8b9cb7f26d62835036" },
	{ GZIP, 9, 1, "libdeflate 1.14",
	  "1ea958c1420add9e05b265a408f1fce79e63e5a77734690af7d196b0f4cf0faa" },
	{ GZIP, 9, COMPRESS_GZIP_BLOCK, "libdeflate 1.14",
	  "25e46dd3a8c515d1bb27d6cead8ba2aa4fd426d56873c67d9232f64931e2873b" },
	{ GZIP, 9, COMPRESS_GZIP_BLOCK + 1, "libdeflate 1.14",
	  "1bf64d42800b62124840f9a39f1d5b865f12021b810a87330d80827a5f47a657" },
	{ GZIP, 12, 0, "libdeflate 1.14",
	  "10c2221846da8b4250e556aa520c86d6674614d7c5874d8b9cb7f26d62835036" },
	{ GZIP, 12, 1, "libdeflate 1.14",
	  "1ea958c1420add9e05b265a408f1fce79e63e5a77734690af7d196b0f4cf0faa" },
	{ GZIP, 12, COMPRESS_GZIP_BLOCK, "libdeflate 1.14",
	  "be7786fa004b27076814415e5e8e60191a7c576026ac6560ef3da15304e5f24c" },
	{ GZIP, 12, COMPRESS_GZIP_BLOCK + 1, "libdeflate 1.14",
	  "092492f2208023211907f0a6be903eaa4706288eecff9ceb1012fe5d29300925" },
	{ GZIP, 0, 2 * COMPRESS_ZSTD_BLOCK + 1, "libdeflate 1.14",
	  "f2a2cd22631ebd958a72e45bd1e9a0581b080aab7dfa0fc4f97de5e03c3dcec3" },
	{ ZSTD, 0, 0, "zstd 1.5.4",
	  "6fb8543883dafcc2ed0934866b8b3f775231f5b0933add08bf502e9e84944cbd" },
	{ ZSTD, 0, 1, "zstd 1.5.4",
	  "33dcf23d427ae8cd0165be319dd0b6987056e74e453dd447dc6fc384873beeba" },
	{ ZSTD, 0, COMPRESS_ZSTD_BLOCK, "zstd 1.5.4",
	  "8c3be8c5dab29f17aa5a0ea9aca63e4f071ae19614eeb590226616dbb80c7518" },
	{ ZSTD, 0, COMPRESS_ZSTD_BLOCK + 1, "zstd 1.5.4",
	  "f11d56a247dbe6cd61f7e7295d029a6becb238a1e40f92a9b2657f6645b15a7b" },
	{ ZSTD, 1, 0, "zstd 1.5.4",
	  "6fb8543883dafcc2ed0934866b8b3f775231f5b0933add08bf502e9e84944cbd" },
	{ ZSTD, 1, 1, "zstd 1.5.4",
	  "33dcf23d427ae8cd0165be319dd0b6987056e74e453dd447dc6fc384873beeba" },
	{ ZSTD, 1, COMPRESS_ZSTD_BLOCK, "zstd 1.5.4",
	  "57b1845ce0de9c4f645682a057807e0493d2a0a5ce4c91a370599356116044c3" },
	{ ZSTD, 1, COMPRESS_ZSTD_BLOCK + 1, "zstd 1.5.4",
	  "4af85f8f71633cc2b93ba9e73e4363147e9394037f06847f7bfc6c0e8fbfa001" },
	{ ZSTD, 9, 0, "zstd 1.5.4",
	  "6fb8543883dafcc2ed0934866b8b3f775231f5b0933add08bf502e9e84944cbd" },
	{ ZSTD, 9, 1, "zstd 1.5.4",
	  "33dcf23d427ae8cd0165be319dd0b6987056e74e453dd447dc6fc384873beeba" },
	{ ZSTD, 9, COMPRESS_ZSTD_BLOCK, "zstd 1.5.4",
	  "d148e8005187c42ae17cde20efc69924e4a17b3032ddf6b63bd9ecf6ea971e01" },
	{ ZSTD, 9, COMPRESS_ZSTD_BLOCK + 1, "zstd 1.5.4",
	  "fa66a88d337716cc0a0380d26087ba206825cd53c8d311e3550451e7fdcb955c" },
	{ ZSTD, 19, 0, "zstd 1.5.4",
	  "6fb8543883dafcc2ed0934866b8b3f775231f5b0933add08bf502e9e84944cbd" },
	{ ZSTD, 19, 1, "zstd 1.5.4",
	  "33dcf23d427ae8cd0165be319dd0b6987056e74e453dd447dc6fc384873beeba" },
	{ ZSTD, 0, 2 * COMPRESS_ZSTD_BLOCK + 1, "zstd 1.5.4",
	  "1b5170d0a2acff2fa2129231b1f790468402df81d39f59ebba9d2c968b76610f" },
};

static void test_known_versions(void **state)
{
	(void)state;
	for (size_t i = 0; i < GG_LEN(goldens); i++) {
		_cleanup_buf_ struct gg_buf in = { 0 }, out = { 0 };
		char hex[GG_DIGEST_HEX];
		struct gg_digest d;

		make_input(goldens[i].len, &in);
		compress(goldens[i].kind, goldens[i].level, 0, 0, &in, &out);
		gg_digest_of(out.data, out.len, &d);
		gg_digest_hex(&d, hex);
		if (!gg_streq(compress_library(goldens[i].kind), goldens[i].library))
			print_message("no digest is known for %s; it gives %s\n",
				      compress_library(goldens[i].kind), hex);
		else if (!gg_streq(hex, goldens[i].sha256))
			fail_msg("%s, level %d, %zu bytes: %s", goldens[i].library,
				 goldens[i].level, goldens[i].len, hex);
	}
}

/* The header that must not say when, where or what. */
static void test_gzip_header(void **state)
{
	static const unsigned char want[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
	_cleanup_buf_ struct gg_buf in = { 0 }, got = { 0 };

	(void)state;
	make_input(COMPRESS_GZIP_BLOCK + 1, &in);
	compress(COMPRESS_GZIP, 0, 2, 0, &in, &got);
	assert_memory_equal(got.data, want, sizeof(want));
	/* The second member holds one byte. */
	assert_non_null(memmem(got.data + 10, got.len - 10, want, sizeof(want)));
	assert_memory_equal(got.data + got.len - 4, "\1\0\0\0", 4);
}

static void write_out(const char *dir, const char *name, const struct gg_buf *b)
{
	_cleanup_free_ char *path = gg_asprintf("%s/%s", dir, name);
	struct gg_err err = GG_ERR_INIT;

	assert_int_equal(gg_write_file(AT_FDCWD, path, b->data ? b->data : "", b->len, 0644,
				       GG_COMMIT_REPLACE, &err),
			 0);
}

/* Readers of other people get the input back. */
static void test_readers(void **state)
{
	static const char *const gzip_readers[] = {
		"gzip -dc",
		"pigz -dc",
		"busybox gunzip -c",
		"bsdcat",
		("python3 -c 'import gzip,shutil,sys; "
		 "shutil.copyfileobj(gzip.open(sys.stdin.buffer), sys.stdout.buffer)'"),
	};
	static const char *const zstd_readers[] = { "zstd -dc", "bsdcat" };
	static const size_t sizes[] = { 0, 1, COMPRESS_GZIP_BLOCK, COMPRESS_GZIP_BLOCK + 1,
					2 * COMPRESS_ZSTD_BLOCK + 5 };
	char dir[] = "/tmp/gg-compress-XXXXXX";
	struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < GG_LEN(sizes); i++) {
		_cleanup_buf_ struct gg_buf in = { 0 }, gzip = { 0 }, zstd = { 0 };

		make_input(sizes[i], &in);
		compress(COMPRESS_GZIP, 0, 0, 0, &in, &gzip);
		compress(COMPRESS_ZSTD, 0, 0, 0, &in, &zstd);
		write_out(dir, "plain", &in);
		write_out(dir, "gz", &gzip);
		write_out(dir, "zst", &zstd);
		for (size_t k = 0; k < GG_LEN(gzip_readers) + GG_LEN(zstd_readers); k++) {
			bool gz = k < GG_LEN(gzip_readers);
			const char *reader =
				gz ? gzip_readers[k] : zstd_readers[k - GG_LEN(gzip_readers)];
			_cleanup_free_ char *command = gg_asprintf(
				"%s <%s/%s | cmp - %s/plain", reader, dir, gz ? "gz" : "zst", dir);

			if (system(command) != 0)
				fail_msg("%s with %zu bytes", reader, sizes[i]);
		}
	}
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
}

static void test_levels_are_checked(void **state)
{
	static const struct compress_options bad[] = {
		{ .kind = COMPRESS_GZIP, .level = 13, .sink = collect },
		{ .kind = COMPRESS_GZIP, .level = -1, .sink = collect },
		{ .kind = COMPRESS_ZSTD, .level = 20, .sink = collect },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		struct compress *c = NULL;

		assert_int_equal(compress_new(&bad[i], &c, &err), -1);
		assert_int_equal(err.kind, GG_USAGE);
	}
}

static int full_soon(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	(void)bytes;
	(void)len;
	return ++*(int *)ctx == 3 ? gg_fail(err, GG_SYSTEM, "full") : 0;
}

/* A sink that fails is told, and everything can be freed at any moment. */
static void test_errors_and_early_ends(void **state)
{
	_cleanup_buf_ struct gg_buf in = { 0 };

	(void)state;
	make_input(12 * COMPRESS_GZIP_BLOCK, &in);
	for (size_t blocks = 0; blocks <= 12; blocks++) {
		int calls = 0;
		struct compress_options how = {
			.kind = COMPRESS_GZIP, .threads = 2, .sink = full_soon, .ctx = &calls
		};
		_cleanup_compress_ struct compress *c = NULL;
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		int r;

		assert_int_equal(compress_new(&how, &c, &err), 0);
		r = compress_add(c, in.data, blocks * COMPRESS_GZIP_BLOCK, &err);
		if (r == 0 && blocks % 2)
			continue;
		if (r == 0)
			r = compress_end(c, &err);
		assert_int_equal(r, blocks >= 3 ? -1 : 0);
		assert_int_equal(err.kind, blocks >= 3 ? GG_SYSTEM : GG_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gzip_is_a_member_a_block),
		cmocka_unit_test(test_zstd_is_a_frame_a_block),
		cmocka_unit_test(test_highest_levels),
		cmocka_unit_test(test_none_is_the_input),
		cmocka_unit_test(test_known_versions),
		cmocka_unit_test(test_gzip_header),
		cmocka_unit_test(test_readers),
		cmocka_unit_test(test_levels_are_checked),
		cmocka_unit_test(test_errors_and_early_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
