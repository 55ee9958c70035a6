/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/tree.h"

enum { MTIME = 1700000000, BIG = 3000000 };

static const enum pack_compression kinds[] = { PACK_NONE, PACK_GZIP, PACK_ZSTD };

struct fixture {
	char dir[32];
	int fd;
	unsigned char *big;
};

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));
	struct gg_err err = GG_ERR_INIT;

	snprintf(f->dir, sizeof(f->dir), "/tmp/gg-pack-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->big = gg_alloc(BIG);
	for (uint64_t i = 0; i < BIG; i++)
		f->big[i] = (unsigned char)(i * i >> 8);
	assert_int_equal(mkdirat(f->fd, "content", 0755), 0);
	assert_int_equal(gg_write_file(f->fd, "content/big", f->big, BIG, 0600, 0, &err), 0);
	assert_int_equal(symlinkat("big", f->fd, "content/link"), 0);
	assert_int_equal(symlinkat("content", f->fd, "elsewhere"), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct gg_err err = GG_ERR_INIT;

	assert_int_equal(gg_remove_tree(AT_FDCWD, f->dir, &err), 0);
	gg_close(f->fd);
	free(f->big);
	free(f);
	return 0;
}

static const struct tree_xattr xattr = { "user.k", "v", 1 };
static const struct tree_entry entries[] = {
	{ .path = ".", .type = TREE_DIR, .mode = 0755 },
	{ .path = "bin", .type = TREE_DIR, .mode = 0755 },
	{ .path = "bin/one",
	  .type = TREE_FILE,
	  .mode = 0755,
	  .size = 4,
	  .xattrs = &xattr,
	  .n_xattrs = 1 },
	{ .path = "bin/two",
	  .type = TREE_FILE,
	  .mode = 0755,
	  .size = 4,
	  .hardlink = "bin/one",
	  .xattrs = &xattr,
	  .n_xattrs = 1 },
	{ .path = "empty", .type = TREE_FILE, .mode = 0644, .uid = 1000, .gid = 1000 },
	{ .path = "file", .type = TREE_FILE, .mode = 0600, .size = BIG },
	{ .path = "link", .type = TREE_SYMLINK, .mode = 0777, .target = "file" },
	{ .path = "old", .type = TREE_WHITEOUT },
};

static void make_items(const struct fixture *f, struct pack_item items[GG_LEN(entries)])
{
	for (size_t i = 0; i < GG_LEN(entries); i++)
		items[i] = (struct pack_item){ .entry = &entries[i], .rootfd = -1 };
	items[2].bytes = "one\n";
	items[5].rootfd = f->fd;
	items[5].source = "content/big";
}

static void pack(const struct pack_item *items, size_t n, const struct pack_options *how,
		 struct gg_buf *out, struct pack_result *r)
{
	char name[] = "/tmp/gg-pack-out-XXXXXX";
	_cleanup_close_ int fd = mkostemp(name, O_CLOEXEC);
	struct gg_err err = GG_ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(unlink(name), 0);
	if (pack_layer(items, n, how, fd, r, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(gg_read_fd(fd, SIZE_MAX, out, &err), 0);
}

/* The bytes from another writer, made from the texts of tar.h and compress.h. */
static void test_layer_has_its_bytes(void **state)
{
	struct pack_item items[GG_LEN(entries)];
	struct pack_options how = { .compression = PACK_NONE, .mtime = MTIME };
	_cleanup_buf_ struct gg_buf out = { 0 }, empty = { 0 };
	char hex[GG_DIGEST_HEX];
	struct pack_result r;

	make_items(*state, items);
	pack(items, GG_LEN(items), &how, &out, &r);
	assert_int_equal(out.len, 3006464);
	assert_string_equal(gg_digest_hex(&r.diff_id, hex),
			    "e1221e8fa65dffebedbc6da2242a8c6e953aa3abe5ecf746360dc65faa540e79");
	/* A layer of nothing but its end. */
	pack(items, 1, &how, &empty, &r);
	assert_int_equal(empty.len, 1024);
	assert_string_equal(gg_digest_hex(&r.digest, hex),
			    "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

static void test_digests_are_those_of_the_bytes(void **state)
{
	static const unsigned threads[] = { 1, 2, 8 };
	struct pack_item items[GG_LEN(entries)];
	_cleanup_buf_ struct gg_buf plain = { 0 };
	struct pack_result first;

	make_items(*state, items);
	pack(items, GG_LEN(items),
	     &(struct pack_options){ .compression = PACK_NONE, .mtime = MTIME }, &plain, &first);
	for (size_t k = 0; k < GG_LEN(kinds); k++) {
		_cleanup_buf_ struct gg_buf one = { 0 };

		for (size_t i = 0; i < GG_LEN(threads); i++) {
			struct pack_options how = { .compression = kinds[k],
						    .mtime = MTIME,
						    .threads = threads[i] };
			_cleanup_buf_ struct gg_buf out = { 0 };
			struct gg_digest d;
			struct pack_result r;

			pack(items, GG_LEN(items), &how, &out, &r);
			gg_digest_of(out.data, out.len, &d);
			assert_true(gg_digest_eq(&d, &r.digest));
			assert_int_equal(out.len, r.size);
			assert_true(gg_digest_eq(&first.diff_id, &r.diff_id));
			assert_int_equal(r.diff_size, plain.len);
			if (i == 0)
				gg_buf_add(&one, out.data, out.len);
			assert_int_equal(one.len, out.len);
			assert_memory_equal(one.data, out.data, out.len);
		}
	}
}

/* What readers of layers unpack is the uncompressed layer. */
static void test_blobs_decompress(void **state)
{
	static const char *const readers[] = { "cat", "gzip -dc", "zstd -dc" };
	struct fixture *f = *state;
	struct pack_item items[GG_LEN(entries)];

	make_items(f, items);
	for (size_t k = 0; k < GG_LEN(kinds); k++) {
		_cleanup_buf_ struct gg_buf out = { 0 };
		_cleanup_free_ char *command =
			gg_asprintf("cd %s && %s <blob%zu | cmp - blob0", f->dir, readers[k], k);
		_cleanup_free_ char *name = gg_asprintf("blob%zu", k);
		struct gg_err err = GG_ERR_INIT;
		struct pack_result r;

		pack(items, GG_LEN(items),
		     &(struct pack_options){ .compression = kinds[k], .mtime = MTIME }, &out, &r);
		assert_int_equal(gg_write_file(f->fd, name, out.data, out.len, 0644, 0, &err), 0);
		assert_int_equal(system(command), 0);
	}
}

static void assert_fails(const struct pack_item *items, size_t n, enum gg_kind kind,
			 const char *text)
{
	struct pack_options how = { .compression = PACK_GZIP };
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct pack_result r;

	assert_int_equal(pack_layer(items, n, &how, null, &r, &err), -1);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, text))
		fail_msg("'%s' is not in: %s", text, err.text);
}

static void test_lists_must_be_in_order(void **state)
{
	const struct tree_entry dir = { .path = "a", .type = TREE_DIR },
				inner = { .path = "a/b", .type = TREE_FILE },
				link = { .path = "z", .type = TREE_FILE, .hardlink = "y" },
				fifo = { .path = "y", .type = TREE_FIFO };
	const struct pack_item twice[] = { { .entry = &dir }, { .entry = &dir } };
	const struct pack_item swapped[] = { { .entry = &inner }, { .entry = &dir } };
	const struct pack_item orphan[] = { { .entry = &inner } };
	const struct pack_item lost[] = { { .entry = &link } };
	const struct pack_item other[] = { { .entry = &fifo }, { .entry = &link } };

	(void)state;
	assert_fails(twice, 2, GG_INTERNAL, "'a': out of order, or twice");
	assert_fails(swapped, 2, GG_INTERNAL, "'a/b': its directory is not in the layer");
	assert_fails(orphan, 1, GG_INTERNAL, "'a/b': its directory is not in the layer");
	assert_fails(lost, 1, GG_INTERNAL,
		     "'z': the first name of its inode, 'y', is not in the layer");
	assert_fails(other, 2, GG_INTERNAL,
		     "'z': the first name of its inode, 'y', is not in the layer");
}

/* Content that is not what the manifest says never becomes a layer. */
static void test_content_that_changed(void **state)
{
	struct fixture *f = *state;
	struct tree_entry file = { .path = "file", .type = TREE_FILE, .size = BIG };
	struct pack_item item = { .entry = &file, .rootfd = f->fd, .source = "content/big" };

	file.size = BIG - 1;
	assert_fails(&item, 1, GG_INTEGRITY, "read 'content/big': changed while reading");
	file.size = BIG + 1;
	assert_fails(&item, 1, GG_INTEGRITY, "read 'content/big': changed while reading");
	file.size = BIG;
	item.source = "content/gone";
	assert_fails(&item, 1, GG_SYSTEM,
		     "pack 'file': open 'content/gone': No such file or directory");
	item.source = "content/link";
	assert_fails(&item, 1, GG_SYSTEM, "open 'content/link'");
	item.source = "elsewhere/big";
	assert_fails(&item, 1, GG_SYSTEM, "open 'elsewhere/big'");
	item.source = "../../etc/passwd";
	assert_fails(&item, 1, GG_SYSTEM, "open '../../etc/passwd'");
	item.source = "content";
	assert_fails(&item, 1, GG_INTEGRITY, "read 'content': not a regular file any more");
}

static void test_a_full_disk(void **state)
{
	struct pack_options how = { .compression = PACK_NONE };
	_cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct pack_item items[GG_LEN(entries)];
	struct pack_result r;

	make_items(*state, items);
	assert_int_equal(pack_layer(items, GG_LEN(items), &how, full, &r, &err), -1);
	assert_int_equal(err.kind, GG_SYSTEM);
	assert_int_equal(err.errnum, ENOSPC);
	assert_non_null(err.hint);
}

/* A mebibyte in sixteen holds something. */
static void make_gib(const struct fixture *f)
{
	_cleanup_close_ int fd = openat(f->fd, "content/gib", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	for (off_t i = 0; i < 64; i++)
		assert_int_equal(pwrite(fd, f->big, 1 << 20, i << 24), 1 << 20);
}

/* Shadow memory and quarantine are not ours. */
#ifdef __SANITIZE_ADDRESS__
enum { SANITIZER_KIB = 512 << 10 };
#else
enum { SANITIZER_KIB = 0 };
#endif

/* 64 MiB and the compressor: with two threads four blocks, in and out, and two encoders' tables. */
static void test_memory_is_bounded(void **state)
{
	static const int compressor_kib[] = { 0, 4 * 2 * 1024 + 2 * 1024, 4 * 2 * 4096 + 2 * 8192 };
	struct fixture *f = *state;
	struct tree_entry file = { .path = "gib", .type = TREE_FILE, .size = 1 << 30 };
	struct pack_item item = { .entry = &file, .rootfd = f->fd, .source = "content/gib" };

	make_gib(f);
	for (size_t k = 0; k < GG_LEN(kinds); k++) {
		struct pack_options how = { .compression = kinds[k], .threads = 2 };
		struct rusage usage;
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
			struct gg_err err = GG_ERR_INIT;
			struct pack_result r;

			_exit(pack_layer(&item, 1, &how, null, &r, &err) == 0 &&
					      r.diff_size > 1 << 30
				      ? 0
				      : 1);
		}
		assert_int_equal(wait4(pid, &status, 0, &usage), pid);
		assert_int_equal(status, 0);
		if (usage.ru_maxrss > (64 << 10) + compressor_kib[k] + SANITIZER_KIB)
			fail_msg("%s: peak %ld KiB", pack_media_type(kinds[k]), usage.ru_maxrss);
		print_message("%s: peak %ld KiB\n", pack_media_type(kinds[k]), usage.ru_maxrss);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layer_has_its_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_digests_are_those_of_the_bytes, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_blobs_decompress, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lists_must_be_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_content_that_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_is_bounded, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
