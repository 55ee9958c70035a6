/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/digest.h"
#include "layers/base/fd.h"
#include "layers/tree.h"

#define A10 "aaaaaaaaaa"
#define A75 A10 A10 A10 A10 A10 A10 A10 "aaaaa"
#define A98 A75 A10 A10 "aaa"
#define A99 A98 "a"
#define A100 A99 "a"
#define A101 A100 "a"
#define T100                                                                                       \
	"tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt" \
	"tttttttttttt"
#define H101                                                                                       \
	"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh" \
	"hhhhhhhhhhhhh"
#define P50 "pppppppppppppppppppppppppppppppppppppppppppppppppp"
#define P154 P50 P50 P50 "pppp"

enum { YEAR_2020 = 1577836800 };
static const int64_t year_2242 = 077777777777;

static const struct tree_xattr capability[] = {
	{ "security.capability", "\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20 },
};
static const struct tree_xattr two[] = { { "user.a", "", 0 }, { "user.b", "b\n\0=b", 5 } };
static const struct tree_xattr record_99[] = { { "user.n", A75, 75 } };
static const struct tree_xattr record_101[] = { { "user.n", A75 "a", 76 } };
static const struct tree_xattr trusted[] = { { "trusted.t", "t", 1 } };

#define XATTRS(list) .xattrs = (list), .n_xattrs = GG_LEN(list)
#define FILE_AT(p, ...)                                                                            \
	{                                                                                          \
		.path = (p), .type = TREE_FILE, .mode = 0644, __VA_ARGS__                          \
	}
#define DIR_AT(p, ...)                                                                             \
	{                                                                                          \
		.path = (p), .type = TREE_DIR, .mode = 0755, __VA_ARGS__                           \
	}
#define LINK_AT(p, t, ...)                                                                         \
	{                                                                                          \
		.path = (p), .type = TREE_SYMLINK, .mode = 0777, .target = (t), __VA_ARGS__        \
	}

/* Every shape of header. The digests come from another writer, made from the text of tar.h. */
static const struct shape {
	const char *name;
	struct tree_entry entry;
	int64_t mtime; /* 0: YEAR_2020 */
	size_t len;
	const char *sha256;
} shapes[] = {
	{ "plain root", DIR_AT("."), 0, 0,
	  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "root 0700",
	  { .path = ".", .type = TREE_DIR, .mode = 0700 },
	  0,
	  512,
	  "9499e6f18ad188c3a55a04307409ece8da09483c6525ecbab80f8ad599d716ae" },
	{ "file", FILE_AT("file", .size = 5), 0, 512,
	  "7f602c29220180ce8d5ce8684d0eaa8ef70b6b8ff3e5044a3013369f93fb24eb" },
	{ "setuid",
	  { .path = "bin/su", .type = TREE_FILE, .mode = 04755 },
	  0,
	  512,
	  "5514cc06235b693e100ce1d546823df4f4565d2d8ed4a9c6b1418de43e44fdca" },
	{ "dir",
	  { .path = "tmp", .type = TREE_DIR, .mode = 01777 },
	  0,
	  512,
	  "991503081be9af038f1e22ac8055f5b5ac04d384db84fa9924eb2df38e596edc" },
	{ "symlink", LINK_AT("lib", "usr/lib"), 0, 512,
	  "cd3065e0fc8a1434551140871c352e07a7a4524b74cdaca50e46b8a08e260d41" },
	{ "symlink 100", LINK_AT("long", T100), 0, 512,
	  "ff8bb4e016b3ab86369d021dbe4a9bc7dd53490adf986ef3887481b432f0d0e1" },
	{ "symlink 101", LINK_AT("longer", T100 "t"), 0, 1536,
	  "7f37e65620711660aec1e108ce60b9b269d7d09a9e6bb8fd546ee0f8b9195e4d" },
	{ "hardlink", FILE_AT("second", .size = 5, .hardlink = "file", XATTRS(two)), 0, 512,
	  "99aac76f3f7981f692e53a94622554e2236f35c19ffced15eb8045715b0392ff" },
	{ "hardlink 101", FILE_AT("z", .hardlink = H101), 0, 1536,
	  "04258e5d6bdc695475395e206278ae69ea6baceeafdfc942020746c48c0108a6" },
	{ "char",
	  { .path = "dev/console",
	    .type = TREE_CHAR,
	    .mode = 0600,
	    .gid = 5,
	    .major = 5,
	    .minor = 1 },
	  0,
	  512,
	  "f43aacca1e24e72d74f58d6a804bb91a0205addb06510f47128fb995f049ed60" },
	{ "block",
	  { .path = "dev/sda",
	    .type = TREE_BLOCK,
	    .mode = 0660,
	    .gid = 6,
	    .major = 8,
	    .minor = 07777777 },
	  0,
	  512,
	  "986b08b408eadbd905243ecb9d113c32422661f0eb0a626621d1e97a5057f916" },
	{ "fifo",
	  { .path = "run/pipe", .type = TREE_FIFO, .mode = 0600 },
	  0,
	  512,
	  "86c1ff521b3a6b6f1db892ee797efe1d1bac1af3df6534151185b8a41ac78244" },
	{ "whiteout",
	  { .path = "a/gone", .type = TREE_WHITEOUT },
	  0,
	  512,
	  "623fa6048e78a80b40ebf5656ed8265f9aa1e84ce3ee2d71ea92b8c39a04de36" },
	{ "opaque", DIR_AT("a", .opaque = true), 0, 1024,
	  "92aa3236b1c2bfaed2d6f0dfe4529849a289e5bc423b9ad55ba53691b4353ace" },
	{ "opaque root", DIR_AT(".", .opaque = true), 0, 512,
	  "64b57037831b82a0a5dcdaa519b03dbe6824b13fd64ed2b7ff72bb6fd3548be5" },
	{ "capability",
	  { .path = "bin/ping", .type = TREE_FILE, .mode = 0755, .size = 1, XATTRS(capability) },
	  0,
	  1536,
	  "bfff3c25eaf815c0d896032ac744ab416fe033840ddd9da95f195df69981abeb" },
	{ "two xattrs", FILE_AT("x", XATTRS(two)), 0, 1536,
	  "75bdf56d65d597f86050c201e4b68f37560314008822a0905a7860f7981378ee" },
	{ "name 100", FILE_AT(A100), 0, 512,
	  "5b947bb92efd19bcefa8e85dfea43424dfcbc2ceda607f1ae707d20ddb1dc305" },
	{ "name 101", FILE_AT(A101), 0, 1536,
	  "bf2e045bb48d3d7f6e0fdb01c387485f04d3ffb400082964be159ad9e0c294c7" },
	{ "dir 99", DIR_AT(A99), 0, 512,
	  "bac1b30e7c0d3be3e367795fa05e01cd497b5b3b723fdc82ec4542a3be76672b" },
	{ "dir 100", DIR_AT(A100), 0, 1536,
	  "002ed7753929dcaa418677935fb00354208f536d80e61e70907d6fcabbb56715" },
	{ "split 101", FILE_AT("d/" A99), 0, 512,
	  "f6b235941237e48436aeab8afc20d5f3139c3c501b6fa684a4cdad9116defade" },
	{ "split at the first", FILE_AT("a/b/c/" A98), 0, 512,
	  "cdee58ccb2e79146bde9973a1a52a3c50174e39aae93f2d53202d494a5ee577a" },
	{ "split 255", FILE_AT(P154 "/" A100), 0, 512,
	  "6afa51c01d6cba21160262a4bbc0c6f71dfc3f419e5ee9ed2b233b9131bec837" },
	{ "split 256", FILE_AT(P154 "p/" A100), 0, 512,
	  "998647b4f1118d5e854f9178e5f6a102bcca1eee2e07330febc5ab2e0a8daf41" },
	{ "prefix 156", FILE_AT(P154 "pp/" A99), 0, 1536,
	  "a23aa188384f720d81b4837f1c005f0f76e10bc9525b4d85425c1297458ffe83" },
	{ "last 101", FILE_AT("d/" A101), 0, 1536,
	  "2c1387f8694fa83afb3996296c9cc415af0dad6f8e90f61e60deda3e1b801148" },
	{ "record of 99 bytes", FILE_AT("r", XATTRS(record_99)), 0, 1536,
	  "68917386b2a47c72b1229b38c22318635f750bf7a9aa7bc0e2f13979114d9a95" },
	{ "record of 101 bytes", FILE_AT("r", XATTRS(record_101)), 0, 1536,
	  "7a71e5f7e5f38a0460d7439916f0613c0c3ec9aa7974429df45da51743fc2722" },
	{ "utf-8", FILE_AT("\xc3\xa9/\xc3\xbc"), 0, 512,
	  "b6b864461b53940c7a68bf74c06f296e6e77880c04005ef1e2660458b67d6d64" },
	{ "bytes", FILE_AT("\xff\xfe \n"), 0, 512,
	  "83c94f0c6a44f74988df1412dd5d13c54908b49677bbc7ce38de2852e4d59699" },
	{ "ids 2097151", FILE_AT("i", .uid = 2097151, .gid = 2097151), 0, 512,
	  "09939a588b8119b48515139dae44dde586fbc4d8b85e914fea17bbcd2c2e937b" },
	{ "ids 2097152", FILE_AT("i", .uid = 2097152, .gid = 4294967294), 0, 1536,
	  "aaf55b2d5b69f2241dd786db0a46c24aeabc403d725e5a34f10cda73d05afd9a" },
	{ "mtime that fits", FILE_AT("t"), year_2242, 512,
	  "a049d91b23404291dbe6a6b6f172c0ce8e084431be9cb76c253d89c3dab5be8f" },
	{ "mtime that does not", FILE_AT("t"), year_2242 + 1, 1536,
	  "a51be01fc15e19552533a9bf9b09edf0795b8419883d1b245296658962d99ddd" },
	{ "mtime -1", FILE_AT("t"), -1, 1536,
	  "cc0779b9ad6250934700f5785d09ba92241fc1ec07c6b04d10d3a9acf240b508" },
	{ "everything", LINK_AT(A101, T100 "t", .uid = 2097152, .gid = 2097153, XATTRS(trusted)),
	  -1, 1536, "e2ac34e5e8c4116e9651af1f0c68677125d72696978d17531b01d687de178ba0" },
};

/* Apart from the others: their content is 8 GiB. */
static const struct shape big[] = {
	{ "size 8 GiB - 1", FILE_AT("big", .size = 077777777777), 0, 512,
	  "dd0256eb69c62aa921e13ee15b4913d5b09bb725a8f5559f9ec299429351256a" },
	{ "size 8 GiB", FILE_AT("big", .size = 0100000000000), 0, 1536,
	  "fcdf8adf08df86c2c06f35ae2b7c724318245387efac2b9efdf90034f0acfdd5" },
};

static int64_t mtime_of(const struct shape *s)
{
	return s->mtime ? s->mtime : YEAR_2020;
}

static void put(const struct shape *s, struct gg_buf *to)
{
	struct gg_err err = GG_ERR_INIT;

	if (tar_entry(&s->entry, mtime_of(s), to, &err) < 0)
		fail_msg("%s: %s", s->name, err.text);
}

static void check_shapes(const struct shape *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_buf_ struct gg_buf header = { 0 };
		char hex[GG_DIGEST_HEX];
		struct gg_digest d;

		put(&v[i], &header);
		gg_digest_of(header.data ? header.data : "", header.len, &d);
		if (header.len != v[i].len || !gg_streq(gg_digest_hex(&d, hex), v[i].sha256))
			fail_msg("%s: %zu bytes, %s", v[i].name, header.len, hex);
	}
}

static void test_every_shape_has_its_bytes(void **state)
{
	(void)state;
	check_shapes(shapes, GG_LEN(shapes));
	check_shapes(big, GG_LEN(big));
}

/* One header written out, field by field. */
static void test_a_header(void **state)
{
	const struct shape s = { .name = "a header",
				 .entry = LINK_AT("d/" A99, "to", .uid = 8, .gid = 9) };
	_cleanup_buf_ struct gg_buf header = { 0 };
	char want[TAR_BLOCK] = { 0 };

	(void)state;
	put(&s, &header);
	memcpy(want, A99, 99);
	memcpy(want + 100, "0000777", 7);
	memcpy(want + 108, "0000010", 7);
	memcpy(want + 116, "0000011", 7);
	memcpy(want + 124, "00000000000", 11);
	memcpy(want + 136, "13602760400", 11);
	memcpy(want + 148, "032560\0 ", 8);
	want[156] = '2';
	memcpy(want + 157, "to", 2);
	memcpy(want + 257, "ustar\00000", 8);
	memcpy(want + 329, "0000000", 7);
	memcpy(want + 337, "0000000", 7);
	want[345] = 'd';
	assert_int_equal(header.len, sizeof(want));
	assert_memory_equal(header.data, want, sizeof(want));
}

static void test_padding(void **state)
{
	(void)state;
	assert_int_equal(tar_padding(0), 0);
	assert_int_equal(tar_padding(1), 511);
	assert_int_equal(tar_padding(511), 1);
	assert_int_equal(tar_padding(512), 0);
	assert_int_equal(tar_padding(513), 511);
	assert_int_equal(tar_padding(UINT64_MAX), 1);
	for (size_t i = 0; i < TAR_END; i++)
		assert_int_equal(tar_zeros[i], 0);
}

static void test_what_has_no_place_is_refused(void **state)
{
	static const struct tree_xattr equals[] = { { "user.a=b", "", 0 } };
	static const struct tree_entry bad[] = {
		FILE_AT(""),
		FILE_AT("/a"),
		FILE_AT("a/"),
		FILE_AT("a//b"),
		FILE_AT("./a"),
		FILE_AT("a/."),
		FILE_AT(".."),
		FILE_AT("../a"),
		FILE_AT("a/../b"),
		FILE_AT("a/.."),
		DIR_AT("a/"),
		FILE_AT(".wh.a"),
		FILE_AT("a/.wh.b"),
		DIR_AT(".wh..wh..opq"),
		LINK_AT("a/.wh.", "b"),
		{ .path = "a/.wh.b", .type = TREE_WHITEOUT },
		{ .path = "d", .type = TREE_CHAR, .major = 010000000 },
		{ .path = "d", .type = TREE_BLOCK, .minor = 010000000 },
		FILE_AT("x", XATTRS(equals)),
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(bad); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_buf_ struct gg_buf header = { 0 };

		if (tar_entry(&bad[i], 0, &header, &err) == 0)
			fail_msg("accepted: '%s'", bad[i].path);
		assert_int_equal(err.kind, GG_INTEGRITY);
		assert_non_null(strstr(err.text, bad[i].path));
	}
}

static void add_hex(struct gg_buf *b, const void *bytes, size_t len)
{
	gg_buf_putc(b, '=');
	for (size_t i = 0; i < len; i++)
		gg_buf_printf(b, "%02x", ((const unsigned char *)bytes)[i]);
}

/* What read_tar.py is to find: TYPE MODE UID GID SIZE MTIME MAJOR MINOR =PATH =LINK, then =NAME =VALUE of xattrs. */
static void expect(const struct shape *s, struct gg_buf *b)
{
	const struct tree_entry *e = &s->entry;
	bool white = e->type == TREE_WHITEOUT, linked = e->type == TREE_FILE && e->hardlink;
	const char *link = linked ? e->hardlink : e->target ? e->target : "";
	const char *slash = strrchr(e->path, '/');
	_cleanup_free_ char *path =
		white ? gg_asprintf("%.*s/.wh.%s", (int)(slash - e->path), e->path, slash + 1)
		      : gg_strdup(e->path);

	gg_buf_printf(b, "%c %o %u %u %llu %lld %u %u ",
		      white    ? 'f'
		      : linked ? 'h'
			       : (char)e->type,
		      e->mode, e->uid, e->gid, (unsigned long long)(linked ? 0 : e->size),
		      (long long)mtime_of(s), e->major, e->minor);
	add_hex(b, path, strlen(path));
	gg_buf_putc(b, ' ');
	add_hex(b, link, strlen(link));
	for (size_t i = 0; i < e->n_xattrs && !linked; i++) {
		gg_buf_putc(b, ' ');
		add_hex(b, e->xattrs[i].name, strlen(e->xattrs[i].name));
		gg_buf_putc(b, ' ');
		add_hex(b, e->xattrs[i].value, e->xattrs[i].len);
	}
	gg_buf_putc(b, '\n');
	if (e->opaque)
		gg_buf_printf(b, "f 0 0 0 0 %d 0 0 =612f2e77682e2e77682e2e6f7071 =\n", YEAR_2020);
}

static void read_back(const char *archive, const char *listing, const char *how)
{
	_cleanup_free_ char *command = gg_asprintf(
		"python3 " TESTS_DIR "/unit/layers/read_tar.py %s %s %s", archive, listing, how);

	assert_int_equal(system(command), 0);
}

/* bsdtar, GNU tar and Python see what was written. */
static void test_readers_agree(void **state)
{
	_cleanup_buf_ struct gg_buf all = { 0 }, listing = { 0 };
	char dir[] = "/tmp/gg-tar-XXXXXX";
	_cleanup_free_ char *archive = NULL, *list = NULL;
	struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	archive = gg_asprintf("%s/a.tar", dir);
	list = gg_asprintf("%s/list", dir);
	for (size_t i = 0; i < GG_LEN(shapes); i++) {
		const struct tree_entry *e = &shapes[i].entry;
		uint64_t size = e->type == TREE_FILE && !e->hardlink ? e->size : 0;

		put(&shapes[i], &all);
		gg_buf_add(&all, "12345", size);
		gg_buf_add(&all, tar_zeros, tar_padding(size));
		if (i > 0 && !gg_streq(shapes[i].name, "opaque root"))
			expect(&shapes[i], &listing);
		else if (i > 0)
			gg_buf_printf(&listing, "f 0 0 0 0 %d 0 0 =2e77682e2e77682e2e6f7071 =\n",
				      YEAR_2020);
	}
	gg_buf_add(&all, tar_zeros, TAR_END);
	assert_int_equal(gg_write_file(AT_FDCWD, archive, all.data, all.len, 0644, 0, &err), 0);
	assert_int_equal(gg_write_file(AT_FDCWD, list, listing.data, listing.len, 0644, 0, &err),
			 0);
	read_back(archive, list, "all");
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
}

/* Behind 8 GiB of (sparse) content every reader finds the next file. */
static void test_readers_pass_8_gib(void **state)
{
	static const struct shape after = { "after", FILE_AT("after"), 0, 0, NULL };
	char dir[] = "/tmp/gg-tar-XXXXXX";
	_cleanup_free_ char *archive = NULL, *list = NULL;
	struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_non_null(mkdtemp(dir));
	archive = gg_asprintf("%s/a.tar", dir);
	list = gg_asprintf("%s/list", dir);
	for (size_t i = 0; i < GG_LEN(big); i++) {
		_cleanup_close_ int fd =
			open(archive, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		_cleanup_buf_ struct gg_buf header = { 0 }, next = { 0 }, listing = { 0 };
		uint64_t size = big[i].entry.size;

		assert_true(fd >= 0);
		put(&big[i], &header);
		put(&after, &next);
		gg_buf_add(&next, tar_zeros, TAR_END);
		assert_int_equal(gg_write_all(fd, header.data, header.len, &err), 0);
		assert_true(lseek(fd, (off_t)(size + tar_padding(size)), SEEK_CUR) > 0);
		assert_int_equal(gg_write_all(fd, next.data, next.len, &err), 0);
		expect(&big[i], &listing);
		expect(&after, &listing);
		assert_int_equal(gg_write_file(AT_FDCWD, list, listing.data, listing.len, 0644,
					       GG_COMMIT_REPLACE, &err),
				 0);
		read_back(archive, list, "names");
	}
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_shape_has_its_bytes),
		cmocka_unit_test(test_a_header),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_what_has_no_place_is_refused),
		cmocka_unit_test(test_readers_agree),
		cmocka_unit_test(test_readers_pass_8_gib),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
