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
static const char *const goldens[][2] = {
	{ "libdeflate 1.14", "f2a2cd22631ebd958a72e45bd1e9a0581b080aab7dfa0fc4f97de5e03c3dcec3" },
	{ "zstd 1.5.4", "1b5170d0a2acff2fa2129231b1f790468402df81d39f59ebba9d2c968b76610f" },
};

static void check_golden(const char *library, const struct gg_buf *bytes)
{
	char hex[GG_DIGEST_HEX];
	struct gg_digest d;

	gg_digest_of(bytes->data, bytes->len, &d);
	gg_digest_hex(&d, hex);
	for (size_t i = 0; i < GG_LEN(goldens); i++)
		if (gg_streq(goldens[i][0], library)) {
			assert_string_equal(hex, goldens[i][1]);
			return;
		}
	print_message("no digest is known for %s; it gives %s\n", library, hex);
}

static void test_known_versions(void **state)
{
	_cleanup_buf_ struct gg_buf in = { 0 }, gzip = { 0 }, zstd = { 0 };
	_cleanup_free_ char *zstd_name = gg_asprintf("zstd %s", ZSTD_versionString());

	(void)state;
	make_input(2 * COMPRESS_ZSTD_BLOCK + 1, &in);
	compress(COMPRESS_GZIP, 0, 0, 0, &in, &gzip);
	compress(COMPRESS_ZSTD, 0, 0, 0, &in, &zstd);
	check_golden("libdeflate " LIBDEFLATE_VERSION_STRING, &gzip);
	check_golden(zstd_name, &zstd);
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
