/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/stat_cache.c: whatever happens to a file, the scan says what is in it; and what did not change is not read.
 */
#include "builder/stat_cache.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/digest.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/tree.h"

struct fixture {
	char base[32];
	int dir;
	struct store *store;
};

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));
	const struct store_options o = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *store = NULL, *in = NULL;

	snprintf(f->base, sizeof(f->base), "/tmp/ggtest-stat-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	store = gg_asprintf("%s/store", f->base);
	in = gg_asprintf("%s/in", f->base);
	assert_int_equal(mkdir(in, 0755), 0);
	f->dir = open(in, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(store_open(store, &o, &f->store, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	store_close(f->store);
	gg_close(f->dir);
	assert_int_equal(gg_remove_tree(AT_FDCWD, f->base, &err), 0);
	free(f);
	return 0;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	_cleanup_close_ int fd =
		openat(f->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Counts what the cache knew. */
struct counting {
	const struct scan_memory *inner;
	unsigned known, read;
};

static bool count_known(void *ctx, const struct stat *st, struct gg_digest *ret)
{
	struct counting *c = ctx;
	bool known = c->inner->known(c->inner->ctx, st, ret);

	c->known += known;
	return known;
}

static void count_learned(void *ctx, const struct stat *st, const struct gg_digest *content)
{
	struct counting *c = ctx;

	c->read++;
	c->inner->learned(c->inner->ctx, st, content);
}

static struct tree *scan(struct fixture *f, struct counting *c)
{
	_cleanup_stat_cache_ struct stat_cache *cache = stat_cache_open(f->store, f->dir);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	const struct scan_memory memory = { .known = count_known,
					    .learned = count_learned,
					    .ctx = c };
	const struct scan_options o = { .flags = SCAN_MODES | SCAN_OWNERS | SCAN_NO_XATTRS |
						 SCAN_NO_HARDLINKS,
					.memory = &memory };
	struct tree *t = NULL;

	*c = (struct counting){ .inner = stat_cache_memory(cache) };
	if (scan_tree(f->dir, &o, &t, &err) < 0)
		fail_msg("%s", err.text);
	stat_cache_save(cache);
	return t;
}

static void expect_content(struct fixture *f, const char *name, const char *text)
{
	struct counting c;
	_cleanup_tree_ struct tree *t = scan(f, &c);
	const struct tree_entry *e = tree_find(t, name);
	struct gg_digest want;

	gg_digest_of(text, strlen(text), &want);
	assert_non_null(e);
	assert_int_equal(e->size, strlen(text));
	assert_true(gg_digest_eq(&e->content, &want));
}

static void pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* Where the kernel's file times are coarse, both writes and both looks fall into one tick. */
static void same_tick(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++) {
		put(f, "file", "aaaa");
		expect_content(f, "file", "aaaa");
		put(f, "file", "bbbb");
		expect_content(f, "file", "bbbb");
	}
}

/* Is a file with these times remembered by a look that begins now? */
static bool is_remembered(struct fixture *f, int64_t mtime_ns, int64_t ctime_ns)
{
	static const struct gg_digest content = { { 1 } };
	_cleanup_stat_cache_ struct stat_cache *cache = stat_cache_open(f->store, f->dir),
					       *next = NULL;
	const struct scan_memory *memory = stat_cache_memory(cache);
	struct gg_digest got;
	struct stat st;

	assert_int_equal(fstat(f->dir, &st), 0);
	st.st_ino = 77;
	st.st_mtim = (struct timespec){ .tv_sec = mtime_ns / 1000000000,
					.tv_nsec = mtime_ns % 1000000000 };
	st.st_ctim = (struct timespec){ .tv_sec = ctime_ns / 1000000000,
					.tv_nsec = ctime_ns % 1000000000 };
	memory->learned(memory->ctx, &st, &content);
	stat_cache_save(cache);
	next = stat_cache_open(f->store, f->dir);
	memory = stat_cache_memory(next);
	return memory->known(memory->ctx, &st, &got);
}

static void racy_rule(void **state)
{
	const int64_t s = 1000000000;
	struct fixture *f = *state;
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_REALTIME, &t);
	now = t.tv_sec * s + t.tv_nsec;
	assert_true(is_remembered(f, now - 60 * s, now - s));
	assert_true(is_remembered(f, now - s, now - s));
	assert_false(is_remembered(f, now - 60 * s, now + 60 * s));
	assert_false(is_remembered(f, now + 60 * s, now - 60 * s));
	/* A file system of whole seconds, or every other one, says "two seconds ago" of what is written now. */
	assert_false(is_remembered(f, now - 60 * s, (t.tv_sec - 1) * s));
	assert_true(is_remembered(f, (t.tv_sec - 60) * s, (t.tv_sec - 60) * s));
}

static void not_read_again(void **state)
{
	struct fixture *f = *state;
	struct counting c;

	put(f, "one", "1");
	put(f, "two", "2");
	assert_int_equal(linkat(f->dir, "two", f->dir, "three", 0), 0);
	pause_ms(50);
	tree_free(scan(f, &c));
	assert_int_equal(c.read, 3);
	tree_free(scan(f, &c));
	assert_int_equal(c.read, 0);
	assert_int_equal(c.known, 3);
	put(f, "one", "x");
	pause_ms(50);
	tree_free(scan(f, &c));
	assert_int_equal(c.read, 1);
	assert_int_equal(unlinkat(f->dir, "three", 0), 0);
	pause_ms(50);
	tree_free(scan(f, &c)); /* the link count changed ctime */
	tree_free(scan(f, &c));
	assert_int_equal(c.read, 0);
	assert_int_equal(c.known, 2);
}

static void mtime_set_back(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	put(f, "file", "aaaa");
	pause_ms(50);
	expect_content(f, "file", "aaaa");
	assert_int_equal(fstatat(f->dir, "file", &st, 0), 0);
	put(f, "file", "bbbb");
	const struct timespec times[2] = { st.st_atim, st.st_mtim };
	assert_int_equal(utimensat(f->dir, "file", times, 0), 0);
	pause_ms(50);
	expect_content(f, "file", "bbbb");
}

static void replaced(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	put(f, "file", "aaaa");
	put(f, "other", "bbbb");
	assert_int_equal(utimensat(f->dir, "file", times, 0), 0);
	assert_int_equal(utimensat(f->dir, "other", times, 0), 0);
	pause_ms(50);
	expect_content(f, "file", "aaaa");
	assert_int_equal(renameat(f->dir, "other", f->dir, "file"), 0);
	expect_content(f, "file", "bbbb");
}

/* Every byte of the note but its end changed: it is ignored, never believed. */
static void damaged_note(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *path = gg_asprintf("%s/store/notes", f->base);
	_cleanup_close_ int notes = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	struct counting c;
	DIR *dir;

	put(f, "file", "aaaa");
	pause_ms(50);
	tree_free(scan(f, &c));
	tree_free(scan(f, &c));
	assert_int_equal(c.known, 1);
	dir = opendir(path);
	while ((e = readdir(dir))) {
		_cleanup_close_ int fd =
			e->d_name[0] == '.' ? -1 : openat(notes, e->d_name, O_RDWR | O_CLOEXEC);
		char byte;

		for (off_t at = 0; fd >= 0 && pread(fd, &byte, 1, at) == 1; at += 7) {
			byte ^= 1;
			assert_int_equal(pwrite(fd, &byte, 1, at), 1);
			expect_content(f, "file", "aaaa");
			/* The scan wrote a good one in its place. */
			gg_close(fd);
			fd = openat(notes, e->d_name, O_RDWR | O_CLOEXEC);
		}
		if (fd >= 0) {
			assert_int_equal(ftruncate(fd, 20), 0);
			tree_free(scan(f, &c));
			assert_int_equal(c.known, 0);
		}
	}
	closedir(dir);
}

/* A copy of the store and the directory, as a backup makes it, has other inodes. */
static void foreign_note(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *other = gg_asprintf("%s/other", f->base);
	struct counting c;

	put(f, "file", "aaaa");
	pause_ms(50);
	tree_free(scan(f, &c));
	assert_int_equal(mkdir(other, 0755), 0);
	gg_close(f->dir);
	f->dir = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put(f, "file", "bbbb");
	tree_free(scan(f, &c));
	assert_int_equal(c.known, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(same_tick), TEST(racy_rule),    TEST(not_read_again), TEST(mtime_set_back),
		TEST(replaced),  TEST(damaged_note), TEST(foreign_note),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
