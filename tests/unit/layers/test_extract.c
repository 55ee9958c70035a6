/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile archives (reliability: unpacking). Outside the root stands a canary that no archive may touch; what was
 * extracted must be what a scan of the disk sees.
 */
#include "layers/extract.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "layers/base/fd.h"
#include "layers/scan.h"
#include "layers/tree.h"
#include "tests/unit/layers/raw_tar.h"

struct fixture {
	char base[32];
	int basefd, root;
	struct gg_buf tar;
	struct gg_err err;
	struct tree *t;
	struct extract_stats stats;
	struct stat canary;
};

static void stat_canary(const struct fixture *f, struct stat *ret)
{
	assert_int_equal(fstatat(f->basefd, "victim/canary", ret, AT_SYMLINK_NOFOLLOW), 0);
}

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));
	struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	strcpy(f->base, "/tmp/ggtest-extract-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	f->basefd = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->basefd, "victim", 0750), 0);
	assert_int_equal(gg_write_file(f->basefd, "victim/canary", "alive", 5, 0640, 0, &f->err),
			 0);
	assert_int_equal(mkdirat(f->basefd, "root", 0755), 0);
	assert_int_equal(utimensat(f->basefd, "victim/canary", old, 0), 0);
	assert_int_equal(utimensat(f->basefd, "victim", old, 0), 0);
	stat_canary(f, &f->canary);
	f->root = openat(f->basefd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static unsigned count_names(int dirfd)
{
	DIR *d = fdopendir(openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void check_canary(const struct fixture *f)
{
	_cleanup_close_ int victim =
		openat(f->basefd, "victim", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char text[8] = "";
	_cleanup_close_ int fd = openat(victim, "canary", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st, dir;

	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, "alive");
	stat_canary(f, &st);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode, f->canary.st_mode);
	assert_int_equal(st.st_uid, f->canary.st_uid);
	assert_int_equal(st.st_mtime, 1000);
	assert_int_equal(fstat(victim, &dir), 0);
	assert_int_equal(dir.st_mode, S_IFDIR | 0750);
	assert_int_equal(dir.st_mtime, 1000);
	assert_int_equal(count_names(victim), 1);
	assert_int_equal(count_names(f->basefd), 2);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	check_canary(f);
	if (gg_remove_tree(AT_FDCWD, f->base, &f->err) < 0)
		fail_msg("%s", f->err.text);
	gg_close(f->basefd);
	gg_close(f->root);
	gg_buf_done(&f->tar);
	tree_free(f->t);
	gg_err_done(&f->err);
	free(f);
	return 0;
}

/* An empty root again. */
static void fresh(struct fixture *f)
{
	gg_close(f->root);
	gg_err_done(&f->err);
	assert_int_equal(gg_remove_tree(f->basefd, "root", &f->err), 0);
	assert_int_equal(mkdirat(f->basefd, "root", 0755), 0);
	f->root = openat(f->basefd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tree_free(f->t);
	f->t = NULL;
	f->tar.len = 0;
}

static void check_disk(const struct fixture *f)
{
	_cleanup_tree_ struct tree *seen = NULL, *said = tree_new();
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct scan_options o = { 0 };
	const char *path;
	char *what;

	for (size_t i = 0; i < f->t->n; i++) {
		struct tree_entry *e = tree_add_copy(said, &f->t->entries[i], NULL);

		if (e->type != TREE_CHAR && e->type != TREE_BLOCK)
			continue;
		e->type = TREE_FILE;
		gg_digest_of("", 0, &e->content);
	}
	if (scan_tree(f->root, &o, &seen, &err) < 0)
		fail_msg("%s", err.text);
	if (tree_first_difference(said, seen, &path, &what))
		fail_msg("the manifest and the disk differ at '%s': %s", path, what);
}

static int extract_bytes(struct fixture *f, const void *bytes, size_t len,
			 const struct extract_options *o)
{
	_cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
	int r;

	gg_err_done(&f->err);
	assert_int_equal(gg_write_all(fd, bytes, len, &f->err), 0);
	r = extract_archive(fd, f->root, o, &f->t, &f->stats, &f->err);
	check_canary(f);
	if (r == 0)
		check_disk(f);
	else
		assert_non_null(f->err.text);
	return r;
}

static int extract_flags(struct fixture *f, unsigned flags)
{
	struct extract_options o = { .flags = flags };

	raw_end(&f->tar);
	return extract_bytes(f, f->tar.data, f->tar.len, &o);
}

static void accept(struct fixture *f, unsigned flags)
{
	if (extract_flags(f, flags) < 0)
		fail_msg("%s", f->err.text);
}

/* Refused, and `why` is in the text. */
static void refuse(struct fixture *f, unsigned flags, const char *why)
{
	if (extract_flags(f, flags) == 0)
		fail_msg("accepted; expected: %s", why);
	assert_int_equal(f->err.kind, GG_INTEGRITY);
	if (!strstr(f->err.text, why))
		fail_msg("'%s' has no '%s'", f->err.text, why);
	fresh(f);
}

static const struct tree_entry *entry(const struct fixture *f, const char *path,
				      enum tree_type type)
{
	const struct tree_entry *e = tree_find(f->t, path);

	if (!e)
		fail_msg("no '%s'", path);
	assert_int_equal(e->type, type);
	return e;
}

static void test_u1_names(void **state)
{
	static const char *const refused[] = { "../x", "a/../../x", "./../x", "..",
					       "a/..", "/..",       "../" };
	static const char *const inside[] = { "/x", "x", "./x", "//x", "/./x" };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(refused); i++) {
		raw_file(&f->tar, refused[i], 0644, "evil");
		refuse(f, 0, refused[i][strlen(refused[i]) - 1] == '/' ? "content" : "'..'");
	}
	for (size_t i = 0; i < GG_LEN(inside); i++) {
		raw_file(&f->tar, inside[i], 0644, "good");
		accept(f, 0);
		assert_int_equal(entry(f, "x", TREE_FILE)->size, 4);
		fresh(f);
	}
	raw_file(&f->tar, "", 0644, "");
	refuse(f, 0, "no name");
	raw_file(&f->tar, "/", 0644, "x");
	refuse(f, 0, "content");
	raw_file(&f->tar, ".", 0644, "x");
	refuse(f, 0, "the root is not a directory");
}

static void test_u2_symlinks_stay_inside(void **state)
{
	struct fixture *f = *state;
	const char *const targets[] = { "../victim", "../../../../../../../../tmp",
					f->base,     "/",
					"..",        "/.." };

	for (size_t i = 0; i < GG_LEN(targets); i++) {
		raw_symlink(&f->tar, "link", targets[i]);
		raw_file(&f->tar, "link/canary", 0644, "evil");
		raw_dir(&f->tar, "link/victim", 0777);
		raw_file(&f->tar, "link/victim/canary", 0644, "evil");
		accept(f, 0);
		assert_string_equal(entry(f, "link", TREE_SYMLINK)->target, targets[i]);
		fresh(f);
	}
	/* Link to a link, to a parent of itself; through a file. */
	raw_symlink(&f->tar, "a", "b/../../../..");
	raw_symlink(&f->tar, "b", "a");
	raw_file(&f->tar, "a/x", 0644, "evil");
	refuse(f, 0, "more than 40 symlinks");
	raw_symlink(&f->tar, "a", "a");
	raw_file(&f->tar, "a/x", 0644, "evil");
	refuse(f, 0, "more than 40 symlinks");
	raw_file(&f->tar, "a", 0644, "");
	raw_file(&f->tar, "a/x", 0644, "");
	refuse(f, 0, "not a directory");
	/* The last component is never followed. */
	raw_symlink(&f->tar, "a", "../victim/canary");
	raw_file(&f->tar, "a", 0644, "file");
	accept(f, 0);
	assert_int_equal(entry(f, "a", TREE_FILE)->size, 4);
}

static void test_merged_usr(void **state)
{
	struct fixture *f = *state;

	raw_dir(&f->tar, "./usr/lib/", 0755);
	raw_symlink(&f->tar, "./lib", "usr/lib");
	raw_dir(&f->tar, "./lib/", 0700);
	raw_file(&f->tar, "./lib/x", 0644, "x");
	raw_link(&f->tar, "./usr/y", "./lib/x");
	accept(f, 0);
	entry(f, "lib", TREE_SYMLINK);
	entry(f, "usr/lib/x", TREE_FILE);
	assert_string_equal(entry(f, "usr/y", TREE_FILE)->hardlink, "usr/lib/x");
	assert_int_equal(entry(f, "usr/lib", TREE_DIR)->mode, 0755);
}

static void test_u3_the_root_stays(void **state)
{
	static const char *const names[] = { ".", "./", "/", "//." };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(names); i++) {
		raw_symlink(&f->tar, names[i], "../victim");
		raw_file(&f->tar, "canary", 0644, "evil");
		refuse(f, 0, "the root is not a directory");
	}
	raw_dir(&f->tar, "./", 0711);
	accept(f, 0);
	assert_int_equal(entry(f, ".", TREE_DIR)->mode, 0711);
}

static void test_u4_hard_links(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *outside = gg_asprintf("%s/victim/canary", f->base);

	raw_link(&f->tar, "a", outside);
	refuse(f, 0, "no file that came before");
	raw_link(&f->tar, "a", "../victim/canary");
	refuse(f, 0, "'..'");
	raw_symlink(&f->tar, "s", "../victim");
	raw_link(&f->tar, "a", "s/canary");
	refuse(f, 0, "no file that came before");
	raw_dir(&f->tar, "d", 0755);
	raw_link(&f->tar, "a", "d");
	refuse(f, 0, "no file that came before");
	raw_link(&f->tar, "a", "later");
	raw_file(&f->tar, "later", 0644, "x");
	refuse(f, 0, "no file that came before");
	raw_file(&f->tar, "d/x", 0644, "x");
	raw_link(&f->tar, "d", "d/x");
	refuse(f, 0, "no file that came before");
	raw_file(&f->tar, "a", 0644, "x");
	raw_link(&f->tar, "a", "a");
	raw_link(&f->tar, "b", "/a");
	accept(f, 0);
	assert_string_equal(entry(f, "b", TREE_FILE)->hardlink, "a");
}

/* Overwriting one name leaves the inode of the others alone. */
static void test_u4_links_are_not_written_through(void **state)
{
	struct fixture *f = *state;

	raw_file(&f->tar, "a", 04755, "first");
	raw_link(&f->tar, "b", "a");
	raw_link(&f->tar, "c", "b");
	raw_file(&f->tar, "a", 0600, "second");
	accept(f, 0);
	assert_int_equal(entry(f, "a", TREE_FILE)->size, 6);
	assert_int_equal(entry(f, "b", TREE_FILE)->size, 5);
	assert_null(entry(f, "b", TREE_FILE)->hardlink);
	assert_int_equal(entry(f, "c", TREE_FILE)->mode, 04755);
	assert_string_equal(entry(f, "c", TREE_FILE)->hardlink, "b");
}

static void test_u5_links_with_data_and_to_symlinks(void **state)
{
	struct fixture *f = *state;

	raw_file(&f->tar, "a", 0644, "x");
	raw_header(&f->tar, '1', "b", 0644, 4, "a");
	raw_bytes(&f->tar, "evil", 4);
	refuse(f, 0, "content where there can be none");
	raw_symlink(&f->tar, "deep/er/link", "../../../victim/canary");
	raw_link(&f->tar, "shallow", "deep/er/link");
	raw_file(&f->tar, "shallow/x", 0644, "evil");
	accept(f, 0);
	assert_string_equal(entry(f, "shallow", TREE_SYMLINK)->target, "../../../victim/canary");
	/* The dangling way was made inside. */
	entry(f, "victim/canary/x", TREE_FILE);
}

static void deep_path(struct gg_buf *ret, unsigned depth, unsigned len)
{
	for (unsigned i = 0; i < depth; i++) {
		for (unsigned j = 0; j < len; j++)
			gg_buf_putc(ret, 'd');
		gg_buf_putc(ret, '/');
	}
}

static void test_u6_longer_than_path_max(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf path = { 0 };
	size_t len;

	deep_path(&path, 250, 250);
	len = path.len;
	gg_buf_puts(&path, "link");
	raw_pax(&f->tar, "path", path.data, path.len);
	raw_symlink(&f->tar, "short", "/victim");
	path.len = len;
	gg_buf_puts(&path, "link/file");
	raw_pax(&f->tar, "path", path.data, path.len);
	raw_file(&f->tar, "short", 0644, "x");
	accept(f, 0);
	entry(f, "victim/file", TREE_FILE);
	path.len = len;
	path.data[len] = '\0';
	fresh(f);
	deep_path(&path, 50, 250);
	gg_buf_puts(&path, "x");
	raw_pax(&f->tar, "path", path.data, path.len);
	raw_file(&f->tar, "short", 0644, "x");
	refuse(f, 0, "its path is longer");
}

struct racer {
	int root;
	bool stop;
};

/* Swaps d/ for a symlink that leads out, and back. */
static void *race(void *arg)
{
	struct racer *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		renameat2(r->root, "d", r->root, "escape", RENAME_EXCHANGE);
	return NULL;
}

static void test_u7_races(void **state)
{
	struct fixture *f = *state;

	for (unsigned round = 0; round < 15; round++) {
		struct racer r = { .root = f->root };
		pthread_t thread;
		_cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);

		raw_dir(&f->tar, "d", 0755);
		for (unsigned i = 0; i < 200; i++) {
			_cleanup_free_ char *name = gg_asprintf("d/%u", i),
					    *other = gg_asprintf("e%u/x", i);

			raw_file(&f->tar, name, 0666, "evil");
			raw_file(&f->tar, other, 0666, "flush");
		}
		raw_end(&f->tar);
		assert_int_equal(gg_write_all(fd, f->tar.data, f->tar.len, &f->err), 0);
		assert_int_equal(symlinkat("../victim", f->root, "escape"), 0);
		assert_int_equal(pthread_create(&thread, NULL, race, &r), 0);
		/* Either is right, as long as nothing gets out. */
		if (extract_archive(fd, f->root, NULL, &f->t, NULL, &f->err) < 0)
			assert_non_null(f->err.text);
		__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
		pthread_join(thread, NULL);
		check_canary(f);
		fresh(f);
	}
}

static void test_u8_one_size(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf inner = { 0 };
	size_t at;

	raw_file(&inner, "smuggled", 0644, "");
	raw_end(&inner);
	/* The header says 0, pax says that the next blocks are content. */
	raw_pax(&f->tar, "size", "1536", 4);
	at = raw_header(&f->tar, '0', "outer", 0644, 0, NULL);
	gg_buf_add(&f->tar, inner.data, 1536);
	accept(f, 0);
	assert_int_equal(f->t->n, 2);
	assert_int_equal(entry(f, "outer", TREE_FILE)->size, 1536);
	fresh(f);
	raw_pax(&f->tar, "size", "1536", 4);
	at = raw_header(&f->tar, '0', "outer", 0644, 512, NULL);
	gg_buf_add(&f->tar, inner.data, 1536);
	refuse(f, 0, "two different sizes");
	at = raw_header(&f->tar, '0', "a", 0644, 0, NULL);
	memcpy(f->tar.data + at + RAW_SIZE, "-0000000001", 12);
	raw_sum(&f->tar, at);
	refuse(f, 0, "its size");
	at = raw_header(&f->tar, '0', "a", 0644, 0, NULL);
	memset(f->tar.data + at + RAW_SIZE, 0xff, 12);
	raw_sum(&f->tar, at);
	refuse(f, 0, "its size");
	/* Base 256, as GNU tar writes large numbers. */
	at = raw_header(&f->tar, '0', "a", 0644, 0, NULL);
	memset(f->tar.data + at + RAW_SIZE, 0, 12);
	f->tar.data[at + RAW_SIZE] = (char)0x80;
	f->tar.data[at + RAW_SIZE + 11] = 3;
	raw_sum(&f->tar, at);
	raw_bytes(&f->tar, "abc", 3);
	accept(f, 0);
	assert_int_equal(entry(f, "a", TREE_FILE)->size, 3);
}

static void refuse_pax(struct fixture *f, const char *body, size_t len, const char *why)
{
	raw_extension(&f->tar, 'x', body, len);
	raw_file(&f->tar, "a", 0644, "");
	refuse(f, 0, why);
}

static void test_u9_malformed_extensions(void **state)
{
	static const struct {
		const char *body;
		size_t len;
		const char *why;
	} bad[] = {
#define BODY(text) text, sizeof(text) - 1
		{ BODY("11 size=-5\n"), "pax number" },
		{ BODY("9 size=\n"), "length of a pax record" },
		{ BODY("8 size=\n"), "pax number" },
		{ BODY(""), "empty extension" },
		{ BODY("11 path=abc\n"), "a pax record" },
		{ BODY("999 path=abc\n"), "length of a pax record" },
		{ BODY("012 path=abc\n"), "length of a pax record" },
		{ BODY("x path=abc\n"), "length of a pax record" },
		{ BODY("12 pathxabc\n"), "a pax record" },
		{ BODY("13 path=ab\0c\n"), "NUL" },
		{ BODY("8 path=\n"), "empty pax path" },
		{ BODY("10 path=a\n10 path=b\n"), "comes twice" },
		{ BODY("12 path=abc\n\0\0\0\0"), "length of a pax record" },
		{ BODY("24 uid=4294967295000000\n"), "its owner" },
		{ BODY("28 GNU.sparse.realsize=1000\n"), "sparse" },
		{ BODY("22 GNU.sparse.major=1\n"), "sparse" },
#undef BODY
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(bad); i++)
		refuse_pax(f, bad[i].body, bad[i].len, bad[i].why);
	raw_extension(&f->tar, 'L', "name", 4);
	raw_file(&f->tar, "a", 0644, "");
	refuse(f, 0, "long name without its end");
	raw_extension(&f->tar, 'L', "a\0b", 4);
	raw_file(&f->tar, "a", 0644, "");
	refuse(f, 0, "long name without its end");
	raw_extension(&f->tar, 'L', "a", 2);
	raw_extension(&f->tar, 'L', "b", 2);
	raw_file(&f->tar, "c", 0644, "");
	refuse(f, 0, "two long names");
	raw_pax(&f->tar, "path", "a", 1);
	raw_pax(&f->tar, "path", "b", 1);
	raw_file(&f->tar, "c", 0644, "");
	refuse(f, 0, "two pax headers");
	raw_pax(&f->tar, "path", "a", 1);
	refuse(f, 0, "extension of nothing");
	raw_extension(&f->tar, 'g', "10 path=a\n", 10);
	raw_file(&f->tar, "c", 0644, "");
	refuse(f, 0, "global pax header");
	/* And what is well formed: a newline is a byte of a name like another. */
	raw_extension(&f->tar, 'g', "16 comment=hello\n", 17);
	fresh(f);
	raw_extension(&f->tar, 'g', "17 comment=hello\n", 17);
	raw_pax(&f->tar, "path", "new\nline", 8);
	raw_file(&f->tar, "x", 0644, "");
	raw_extension(&f->tar, 'L', "long", 5);
	raw_extension(&f->tar, 'K', "target", 7);
	raw_symlink(&f->tar, "y", "z");
	accept(f, 0);
	entry(f, "new\nline", TREE_FILE);
	assert_string_equal(entry(f, "long", TREE_SYMLINK)->target, "target");
}

static void test_headers(void **state)
{
	struct fixture *f = *state;
	size_t at;

	at = raw_header(&f->tar, '0', "a", 0644, 0, NULL);
	f->tar.data[at + RAW_MODE] ^= 1;
	refuse(f, 0, "its checksum");
	raw_header(&f->tar, 'S', "sparse", 0644, 0, NULL);
	refuse(f, 0, "sparse");
	raw_header(&f->tar, 'M', "volume", 0644, 0, NULL);
	refuse(f, 0, "unknown type");
	raw_header(&f->tar, '2', "link", 0644, 0, "");
	refuse(f, 0, "link to nothing");
	raw_file(&f->tar, "a", 0644, "");
	raw_end(&f->tar);
	raw_file(&f->tar, "hidden", 0644, "");
	refuse(f, 0, "something after its end");
	/* No end marker: something may be missing. */
	raw_file(&f->tar, "a", 0644, "");
	assert_int_equal(extract_bytes(f, f->tar.data, f->tar.len, NULL), -1);
	assert_non_null(strstr(f->err.text, "ends early"));
	fresh(f);
	/* v7: no magic, a directory is a name with a slash. */
	at = raw_header(&f->tar, '\0', "old/", 0755, 0, NULL);
	memset(f->tar.data + at + RAW_MAGIC, 0, 255);
	raw_sum(&f->tar, at);
	accept(f, 0);
	entry(f, "old", TREE_DIR);
}

/* A layer's digest tells whether something is missing, so it may end with an entry. */
static void test_open_end(void **state)
{
	struct fixture *f = *state;
	const struct extract_options layer = { .flags = EXTRACT_LAYER };
	_cleanup_buf_ struct gg_buf tar = { 0 };

	raw_file(&tar, "a", 0644, "");
	raw_file(&tar, "b", 0644, "abc");
	for (size_t i = 1; i <= tar.len; i++) {
		bool whole = i == RAW_BLOCK || i == 2 * RAW_BLOCK + 3 || i == tar.len;

		assert_int_equal(extract_bytes(f, tar.data, i, NULL), -1);
		fresh(f);
		if (extract_bytes(f, tar.data, i, &layer) != (whole ? 0 : -1))
			fail_msg("%zu bytes: %s", i, whole ? f->err.text : "accepted");
		if (whole)
			entry(f, i == RAW_BLOCK ? "a" : "b", TREE_FILE);
		fresh(f);
	}
	/* An extension is no entry. */
	raw_pax(&tar, "path", "c", 1);
	assert_int_equal(extract_bytes(f, tar.data, tar.len, &layer), -1);
	assert_non_null(strstr(f->err.text, "an extension of nothing"));
}

static void test_u11_no_late_fixups(void **state)
{
	struct fixture *f = *state;

	raw_dir(&f->tar, "d", 0777);
	raw_symlink(&f->tar, "d", "../victim");
	accept(f, 0);
	entry(f, "d", TREE_SYMLINK);
}

static void test_u12_overlay_attributes(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf body = { 0 };
	const struct tree_entry *e;
	char value[8];

	raw_record(&body, "SCHILY.xattr.user.overlay.redirect", "/../../etc", 10);
	raw_record(&body, "SCHILY.xattr.trusted.overlay.opaque", "y", 1);
	raw_record(&body, "SCHILY.xattr.security.selinux", "label", 5);
	raw_record(&body, "SCHILY.xattr.user.kept", "v\0", 2);
	raw_record(&body, "SCHILY.xattr.user.empty", "", 0);
	raw_extension(&f->tar, 'x', body.data, body.len);
	raw_dir(&f->tar, "d", 0755);
	accept(f, 0);
	e = entry(f, "d", TREE_DIR);
	assert_int_equal(e->n_xattrs, 2);
	assert_string_equal(e->xattrs[0].name, "user.empty");
	assert_string_equal(e->xattrs[1].name, "user.kept");
	assert_int_equal(e->xattrs[1].len, 2);
	_cleanup_close_ int fd = openat(f->root, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.overlay.redirect", value, sizeof(value)), -1);
}

static const char cap_v2[20] = { 0, 0, 0, 2, 0, 4 };

static void test_modes_owners_devices(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf v3 = { 0 };
	const struct tree_entry *e;
	struct stat st;
	size_t at;

	gg_buf_add(&v3, cap_v2, 20);
	v3.data[3] = 3;
	gg_buf_add(&v3, "\0\0\1\0", 4);
	at = raw_header(&f->tar, '0', "su", 06755, 0, NULL);
	memcpy(f->tar.data + at + RAW_UID, "0001750", 8);
	raw_sum(&f->tar, at);
	raw_dir(&f->tar, "tmp", 01777);
	raw_pax(&f->tar, "SCHILY.xattr.security.capability", v3.data, v3.len);
	raw_file(&f->tar, "cap", 0755, "x");
	at = raw_header(&f->tar, '3', "dev/null", 0666, 0, NULL);
	memcpy(f->tar.data + at + RAW_MAJOR, "0000001", 8);
	memcpy(f->tar.data + at + RAW_MINOR, "0000003", 8);
	raw_sum(&f->tar, at);
	raw_header(&f->tar, '6', "fifo", 0622, 0, NULL);
	accept(f, 0);
	e = entry(f, "su", TREE_FILE);
	assert_int_equal(e->mode, 06755);
	assert_int_equal(e->uid, 1000);
	e = entry(f, "cap", TREE_FILE);
	assert_int_equal(e->xattrs[0].len, 20);
	assert_memory_equal(e->xattrs[0].value, cap_v2, 20);
	e = entry(f, "dev/null", TREE_CHAR);
	assert_int_equal(e->major, 1);
	assert_int_equal(e->minor, 3);
	entry(f, "fifo", TREE_FIFO);
	assert_int_equal(fstatat(f->root, "tmp", &st, 0), 0);
	assert_int_equal(st.st_mtime, TREE_MTIME);
	assert_int_equal(fstatat(f->root, "dev/null", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_later_wins(void **state)
{
	struct fixture *f = *state;

	raw_file(&f->tar, "a", 0644, "one");
	raw_file(&f->tar, "a", 0644, "three");
	raw_file(&f->tar, "d/x/y", 0644, "x");
	raw_file(&f->tar, "d", 0644, "was a directory");
	raw_file(&f->tar, "e", 0644, "");
	raw_dir(&f->tar, "e", 0700);
	raw_symlink(&f->tar, "s", "nowhere");
	raw_dir(&f->tar, "s", 0700);
	raw_file(&f->tar, "s/x", 0644, "");
	accept(f, 0);
	assert_int_equal(entry(f, "a", TREE_FILE)->size, 5);
	entry(f, "d", TREE_FILE);
	entry(f, "e", TREE_DIR);
	entry(f, "s/x", TREE_FILE);
	fresh(f);
	raw_file(&f->tar, "a", 0644, "one");
	raw_file(&f->tar, "a", 0644, "two");
	refuse(f, EXTRACT_UNIQUE, "comes twice");
}

static void lower_layer(struct fixture *f)
{
	raw_dir(&f->tar, "d", 0750);
	raw_file(&f->tar, "d/a", 0644, "a");
	raw_file(&f->tar, "d/b", 0644, "b");
	raw_file(&f->tar, "d/sub/c", 0644, "c");
	raw_symlink(&f->tar, "lib", "d");
	raw_file(&f->tar, "gone", 0644, "x");
	raw_link(&f->tar, "kept", "gone");
	accept(f, EXTRACT_LAYER);
	f->tar.len = 0;
}

static void test_u13_whiteouts(void **state)
{
	static const char *const bad[] = { ".wh.", "d/.wh.", ".wh..", ".wh...", ".wh..wh.x" };
	struct fixture *f = *state;

	for (size_t i = 0; i < GG_LEN(bad); i++) {
		raw_file(&f->tar, bad[i], 0, "");
		refuse(f, EXTRACT_LAYER, "whiteout of nothing");
	}
	raw_dir(&f->tar, ".wh.x", 0755);
	refuse(f, EXTRACT_LAYER, "whiteout that is no file");
	lower_layer(f);
	raw_file(&f->tar, ".wh.gone", 0, "");
	raw_file(&f->tar, "lib/.wh.a", 0, "");
	raw_file(&f->tar, ".wh.absent", 0, "");
	raw_file(&f->tar, "no/such/.wh.x", 0, "");
	accept(f, EXTRACT_LAYER);
	assert_null(tree_find(f->t, "gone"));
	assert_null(tree_find(f->t, "d/a"));
	assert_null(tree_find(f->t, "no"));
	assert_null(entry(f, "kept", TREE_FILE)->hardlink);
	entry(f, "d/b", TREE_FILE);
	assert_int_equal(faccessat(f->root, "gone", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(f->root, "d/a", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	/* Without EXTRACT_LAYER it is a name like any other. */
	fresh(f);
	raw_file(&f->tar, ".wh.x", 0644, "");
	accept(f, 0);
	entry(f, ".wh.x", TREE_FILE);
}

/* Opaque before and after its siblings means the same; what the layer itself brings stays. */
static void test_u13_opaque(void **state)
{
	struct fixture *f = *state;

	for (int before = 0; before < 2; before++) {
		lower_layer(f);
		if (before)
			raw_file(&f->tar, "d/.wh..wh..opq", 0, "");
		raw_file(&f->tar, "d/b", 0644, "new");
		raw_file(&f->tar, "d/sub/new", 0644, "new");
		if (!before)
			raw_file(&f->tar, "d/.wh..wh..opq", 0, "");
		accept(f, EXTRACT_LAYER);
		assert_null(tree_find(f->t, "d/a"));
		assert_null(tree_find(f->t, "d/sub/c"));
		assert_int_equal(entry(f, "d/b", TREE_FILE)->size, 3);
		entry(f, "d/sub/new", TREE_FILE);
		assert_int_equal(entry(f, "d", TREE_DIR)->mode, 0750);
		fresh(f);
	}
	lower_layer(f);
	raw_file(&f->tar, "d/own", 0644, "new");
	raw_file(&f->tar, ".wh.d", 0, "");
	accept(f, EXTRACT_LAYER);
	entry(f, "d/own", TREE_FILE);
	assert_int_equal(entry(f, "d", TREE_DIR)->mode, 0755);
	assert_null(tree_find(f->t, "d/b"));
}

static void test_layers_over_layers(void **state)
{
	struct fixture *f = *state;

	lower_layer(f);
	raw_dir(&f->tar, "lib", 0755);
	raw_file(&f->tar, "lib/x", 0644, "");
	raw_link(&f->tar, "linked", "kept");
	raw_file(&f->tar, "d", 0644, "was a directory");
	accept(f, EXTRACT_LAYER);
	entry(f, "lib", TREE_DIR);
	entry(f, "lib/x", TREE_FILE);
	entry(f, "d", TREE_FILE);
	assert_string_equal(entry(f, "linked", TREE_FILE)->hardlink, "gone");
	fresh(f);
	raw_file(&f->tar, "a", 0644, "");
	raw_file(&f->tar, "a", 0644, "");
	refuse(f, EXTRACT_LAYER, "comes twice");
	lower_layer(f);
	raw_file(&f->tar, ".wh.d", 0, "");
	raw_file(&f->tar, "d/x", 0644, "");
	raw_file(&f->tar, ".wh.d", 0, "");
	accept(f, EXTRACT_LAYER);
	entry(f, "d/x", TREE_FILE);
}

static unsigned open_fds(void)
{
	_cleanup_close_ int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return count_names(fd);
}

/* Every cut and every changed header byte: no hang, nothing outside, no descriptor left. */
static void test_u15_damage(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf whole = { 0 };
	unsigned before;

	raw_pax(&whole, "path", "dir/long", 8);
	raw_file(&whole, "x", 0644, "content");
	raw_symlink(&whole, "dir/s", "../../victim");
	raw_link(&whole, "h", "dir/long");
	raw_end(&whole);
	before = open_fds();
	/* The second block of the end marker carries nothing. */
	for (size_t i = 0; i < whole.len - 512; i += 1 + i % 11) {
		f->tar.len = 0;
		gg_buf_add(&f->tar, whole.data, i);
		assert_int_equal(extract_bytes(f, f->tar.data, i, NULL), -1);
		fresh(f);
		gg_buf_add(&f->tar, whole.data, whole.len);
		f->tar.data[i] ^= (char)(1 << i % 8);
		if (extract_bytes(f, f->tar.data, f->tar.len, NULL) < 0)
			assert_int_equal(f->err.kind, GG_INTEGRITY);
		fresh(f);
	}
	assert_int_equal(open_fds(), before);
}

static void test_u16_long_names(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *long_text = gg_alloc(1 << 20);
	_cleanup_buf_ struct gg_buf key = { 0 };

	memset(long_text, 'n', 1 << 20);
	raw_pax(&f->tar, "path", long_text, 256);
	raw_file(&f->tar, "x", 0644, "");
	refuse(f, 0, "longer than 255 bytes");
	gg_buf_puts(&key, "SCHILY.xattr.user.");
	gg_buf_add(&key, long_text, 300);
	raw_pax(&f->tar, key.data, "v", 1);
	raw_file(&f->tar, "x", 0644, "");
	refuse(f, 0, "name of an extended attribute");
	raw_pax(&f->tar, "SCHILY.xattr.user.a", long_text, 65537);
	raw_file(&f->tar, "x", 0644, "");
	refuse(f, 0, "more than 64 KiB");
	raw_pax(&f->tar, "SCHILY.xattr.user.a", long_text, 1 << 20);
	raw_file(&f->tar, "x", 0644, "");
	refuse(f, 0, "more than 1 MiB");
	raw_extension(&f->tar, 'K', long_text, 5000);
	f->tar.data[f->tar.len - 512 + 5000 % 512 - 1] = '\0';
	raw_symlink(&f->tar, "s", "x");
	refuse(f, 0, "target is longer");
	raw_pax(&f->tar, "path", long_text, 255);
	raw_file(&f->tar, "x", 0644, "");
	accept(f, 0);
}

static void gzip_member(struct gg_buf *to, const void *bytes, size_t len)
{
	z_stream z = { .next_in = (void *)(uintptr_t)bytes, .avail_in = (unsigned)len };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	gg_buf_reserve(to, deflateBound(&z, len) + 64);
	z.next_out = (unsigned char *)to->data + to->len;
	z.avail_out = (unsigned)(to->cap - to->len);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	to->len += z.total_out;
	deflateEnd(&z);
}

static void test_p1_bombs(void **state)
{
	struct fixture *f = *state;
	struct extract_options o = { .max_bytes = 1 << 20 };
	_cleanup_buf_ struct gg_buf gz = { 0 };
	_cleanup_free_ char *zeros = gg_zalloc(4 << 20);

	raw_header(&f->tar, '0', "bomb", 0644, 4 << 20, NULL);
	gzip_member(&gz, f->tar.data, f->tar.len);
	gzip_member(&gz, zeros, 4 << 20);
	assert_int_equal(extract_bytes(f, gz.data, gz.len, &o), -1);
	assert_string_equal(f->err.text,
			    "extract 'bomb': the contents are more than 1048576 bytes");
	assert_int_equal(faccessat(f->root, "bomb", F_OK, 0), -1);
	fresh(f);
	for (int i = 0; i < 11; i++)
		raw_file(&f->tar, "a", 0644, "");
	raw_end(&f->tar);
	o = (struct extract_options){ .max_entries = 10 };
	assert_int_equal(extract_bytes(f, f->tar.data, f->tar.len, &o), -1);
	assert_non_null(strstr(f->err.text, "more than 10 entries"));
	fresh(f);
	/* Implied directories count too. */
	raw_file(&f->tar, "a/b/c/d/e/f/g/h/i/j/k", 0644, "");
	raw_end(&f->tar);
	assert_int_equal(extract_bytes(f, f->tar.data, f->tar.len, &o), -1);
	assert_non_null(strstr(f->err.text, "more than 10 entries"));
}

static void zstd_frame(struct gg_buf *to, const void *bytes, size_t len)
{
	gg_buf_reserve(to, ZSTD_compressBound(len));
	to->len += ZSTD_compress(to->data + to->len, to->cap - to->len, bytes, len, 3);
}

/* What is skipped is no content, and has its limit all the same. */
static void test_p1_streams(void **state)
{
	struct fixture *f = *state;
	struct extract_options o = { .max_bytes = 1 << 20, .max_entries = 10 };
	_cleanup_strv_ struct gg_strv exclude = { 0 };
	_cleanup_buf_ struct gg_buf zst = { 0 };
	_cleanup_free_ char *zeros = gg_zalloc(4 << 20);
	static const char why[] = "tar archive: more than 2138112 bytes of it";

	gg_strv_add(&exclude, "bomb");
	o.exclude = &exclude;
	raw_header(&f->tar, '0', "bomb", 0644, 4 << 20, NULL);
	zstd_frame(&zst, f->tar.data, f->tar.len);
	zstd_frame(&zst, zeros, 4 << 20);
	assert_int_equal(extract_bytes(f, zst.data, zst.len, &o), -1);
	assert_string_equal(f->err.text, why);
	fresh(f);
	zst.len = 0;
	raw_file(&f->tar, "a", 0644, "");
	raw_end(&f->tar);
	zstd_frame(&zst, f->tar.data, f->tar.len);
	zstd_frame(&zst, zeros, 4 << 20);
	assert_int_equal(extract_bytes(f, zst.data, zst.len, &o), -1);
	assert_string_equal(f->err.text, why);
}

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* Headers that mean nothing come without end. More than a sanitizer keeps of what was freed. */
static void test_p1_global_headers(void **state)
{
	enum { HEADERS = 640, COMMENT = (1 << 20) - 16, BOUND_KIB = 400 << 10 };
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf zst = { 0 }, header = { 0 }, end = { 0 };
	_cleanup_free_ char *body = gg_alloc(COMMENT + 1);
	long before;

	memset(body, 'x', COMMENT);
	body[snprintf(body, COMMENT, "%d comment=", COMMENT)] = 'x';
	body[COMMENT - 1] = '\n';
	raw_header(&header, 'g', "global", 0644, COMMENT, NULL);
	raw_bytes(&header, body, COMMENT);
	for (int i = 0; i < HEADERS; i++)
		zstd_frame(&zst, header.data, header.len);
	raw_file(&end, "a", 0644, "");
	raw_end(&end);
	zstd_frame(&zst, end.data, end.len);
	before = peak_kib();
	if (extract_bytes(f, zst.data, zst.len, NULL) < 0)
		fail_msg("%s", f->err.text);
	assert_non_null(entry(f, "a", TREE_FILE));
	assert_true(peak_kib() - before < BOUND_KIB);
}

static void test_p2_streams(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct gg_buf gz = { 0 }, zst = { 0 };
	struct extract_options o = { .flags = EXTRACT_HASH };
	struct gg_digest want;
	size_t half, whole;

	raw_file(&f->tar, "a", 0644, "content");
	raw_end(&f->tar);
	gg_digest_of(f->tar.data, f->tar.len, &want);
	half = f->tar.len / 2;
	gzip_member(&gz, f->tar.data, half);
	gzip_member(&gz, "", 0);
	gzip_member(&gz, f->tar.data + half, f->tar.len - half);
	whole = gz.len;
	assert_int_equal(extract_bytes(f, gz.data, whole, &o), 0);
	assert_int_equal(f->stats.stream_bytes, f->tar.len);
	assert_int_equal(f->stats.bytes, 7);
	assert_true(gg_digest_eq(&f->stats.stream_digest, &want));
	gg_buf_add(&gz, "\0\0\0\0", 4);
	tree_free(gg_steal(&f->t));
	assert_int_equal(gg_remove_tree(f->root, "a", &f->err), 0);
	assert_int_equal(extract_bytes(f, gz.data, gz.len, &o), 0);
	gg_buf_add(&gz, "junk", 4);
	tree_free(gg_steal(&f->t));
	assert_int_equal(extract_bytes(f, gz.data, gz.len, &o), -1);
	/* A cut compressed stream never passes for a whole one. */
	for (size_t i = 1; i < whole; i++) {
		assert_int_equal(gg_remove_tree(f->root, "a", &f->err), 0);
		assert_int_equal(extract_bytes(f, gz.data, i, &o), -1);
	}
	zstd_frame(&zst, f->tar.data, f->tar.len);
	assert_int_equal(gg_remove_tree(f->root, "a", &f->err), 0);
	assert_int_equal(extract_bytes(f, zst.data, zst.len, &o), 0);
	assert_true(gg_digest_eq(&f->stats.stream_digest, &want));
}

static void test_strip_and_exclude(void **state)
{
	struct fixture *f = *state;
	_cleanup_strv_ struct gg_strv exclude = { 0 };
	struct extract_options o = { .flags = EXTRACT_OWNERS, .strip = 1, .exclude = &exclude };
	size_t at;

	gg_strv_add(&exclude, "doc");
	gg_strv_add(&exclude, "**/*.o");
	raw_dir(&f->tar, "top/", 0755);
	at = raw_header(&f->tar, '0', "top/src/a.c", 0644, 0, NULL);
	memcpy(f->tar.data + at + RAW_UID, "0001750", 8);
	raw_sum(&f->tar, at);
	raw_file(&f->tar, "top/src/a.o", 0644, "");
	raw_file(&f->tar, "top/doc/deep/b", 0644, "");
	raw_link(&f->tar, "top/again", "top/src/a.c");
	raw_end(&f->tar);
	if (extract_bytes(f, f->tar.data, f->tar.len, &o) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(entry(f, "src/a.c", TREE_FILE)->uid, 0);
	assert_string_equal(entry(f, "src/a.c", TREE_FILE)->hardlink, "again");
	assert_int_equal(f->t->n, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_u1_names),
		TEST(test_u2_symlinks_stay_inside),
		TEST(test_merged_usr),
		TEST(test_u3_the_root_stays),
		TEST(test_u4_hard_links),
		TEST(test_u4_links_are_not_written_through),
		TEST(test_u5_links_with_data_and_to_symlinks),
		TEST(test_u6_longer_than_path_max),
		TEST(test_u7_races),
		TEST(test_u8_one_size),
		TEST(test_u9_malformed_extensions),
		TEST(test_headers),
		TEST(test_open_end),
		TEST(test_u11_no_late_fixups),
		TEST(test_u12_overlay_attributes),
		TEST(test_modes_owners_devices),
		TEST(test_later_wins),
		TEST(test_u13_whiteouts),
		TEST(test_u13_opaque),
		TEST(test_layers_over_layers),
		TEST(test_u15_damage),
		TEST(test_u16_long_names),
		TEST(test_p1_bombs),
		TEST(test_p1_streams),
		TEST(test_p1_global_headers),
		TEST(test_p2_streams),
		TEST(test_strip_and_exclude),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
