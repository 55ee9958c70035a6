/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer over trees that lie elsewhere. What it becomes, merged with what is below, must be what the same layer makes of
 * a copy of that, where engines agree on it; and the disk must say the same as the tree.
 */
#include "layers/extract.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/scan.h"
#include "layers/tree.h"
#include "tests/unit/layers/raw_tar.h"

enum { LOWER, UPPER, COPY, N_DIRS };
static const char *const names[N_DIRS] = { "lower", "upper", "copy" };

struct fixture {
	char base[40];
	int basefd, dirs[N_DIRS];
	struct tree *lower, *delta, *whole;
	struct gg_buf tar;
	struct gg_err err;
	struct extract_stats stats;
	uint64_t round;
};

static void fresh(struct fixture *f)
{
	gg_err_done(&f->err);
	tree_free(f->lower);
	tree_free(f->delta);
	tree_free(f->whole);
	f->lower = f->delta = f->whole = NULL;
	f->tar.len = 0;
	for (size_t i = 0; i < N_DIRS; i++) {
		if (f->dirs[i] >= 0) {
			gg_close(f->dirs[i]);
			assert_int_equal(gg_remove_tree(f->basefd, names[i], &f->err), 0);
		}
		assert_int_equal(mkdirat(f->basefd, names[i], 0755), 0);
		f->dirs[i] = openat(f->basefd, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

static int setup(void **state)
{
	struct fixture *f = gg_zalloc(sizeof(*f));

	strcpy(f->base, "/tmp/ggtest-below-XXXXXX");
	assert_non_null(mkdtemp(f->base));
	f->basefd = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < N_DIRS; i++)
		f->dirs[i] = -1;
	fresh(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	fresh(f);
	for (size_t i = 0; i < N_DIRS; i++)
		gg_close(f->dirs[i]);
	gg_close(f->basefd);
	assert_int_equal(gg_remove_tree(AT_FDCWD, f->base, &f->err), 0);
	gg_buf_done(&f->tar);
	free(f);
	return 0;
}

static int extract(struct fixture *f, int dir, const struct extract_options *o, struct tree **io)
{
	_cleanup_close_ int fd = memfd_create("layer", MFD_CLOEXEC);
	size_t len = f->tar.len;
	int r;

	raw_end(&f->tar);
	assert_int_equal(gg_write_all(fd, f->tar.data, f->tar.len, &f->err), 0);
	f->tar.len = len;
	gg_err_done(&f->err);
	r = extract_archive(fd, dir, o, io, &f->stats, &f->err);
	return r;
}

static int open_below(void *ctx, const char *path, struct gg_err *err)
{
	struct fixture *f = ctx;

	return gg_openat(f->dirs[LOWER], path, O_RDONLY | O_NOFOLLOW, 0, err);
}

/* The archive so far is what is below, twice: for the delta, and for the layer to be applied to. */
static void make_lower(struct fixture *f)
{
	struct extract_options o = { .flags = EXTRACT_LAYER | EXTRACT_LENIENT };

	if (extract(f, f->dirs[LOWER], &o, &f->lower) < 0 ||
	    extract(f, f->dirs[COPY], &o, &f->whole) < 0)
		fail_msg("%s", f->err.text);
	f->tar.len = 0;
}

static int make_delta(struct fixture *f)
{
	struct extract_options o = { .flags = EXTRACT_LAYER | EXTRACT_LENIENT,
				     .below = f->lower,
				     .open_below = open_below,
				     .ctx = f };

	return extract(f, f->dirs[UPPER], &o, &f->delta);
}

static void check_disk(struct fixture *f)
{
	struct scan_options o = { .flags = SCAN_OVERLAY };
	_cleanup_tree_ struct tree *seen = NULL;
	const char *path;
	char *what;

	if (scan_tree(f->dirs[UPPER], &o, &seen, &f->err) < 0)
		fail_msg("%s", f->err.text);
	if (tree_first_difference(f->delta, seen, &path, &what))
		fail_msg("the delta and the disk differ at '%s': %s", path, what);
}

/* Without what layers do not keep: which names of different layers are one inode. */
static struct tree *merged(struct fixture *f)
{
	const struct tree *both[] = { f->lower, f->delta };
	struct tree *t = NULL;

	if (tree_merge(both, 2, 0, &t, &f->err) < 0)
		fail_msg("%s", f->err.text);
	for (size_t i = 0; i < t->n; i++)
		t->entries[i].hardlink = NULL;
	return t;
}

static void apply(struct fixture *f)
{
	if (make_delta(f) < 0)
		fail_msg("%s", f->err.text);
	check_disk(f);
}

static const struct tree_entry *entry(const struct tree *t, const char *path, enum tree_type type)
{
	const struct tree_entry *e = tree_find(t, path);

	if (!e)
		fail_msg("no '%s'", path);
	assert_int_equal(e->type, type);
	return e;
}

static void some_lower(struct fixture *f)
{
	raw_dir(&f->tar, "d", 0750);
	raw_file(&f->tar, "d/a", 0644, "a");
	raw_file(&f->tar, "d/b", 0644, "b");
	raw_file(&f->tar, "d/sub/c", 0644, "c");
	raw_dir(&f->tar, "tmp", 01777);
	raw_symlink(&f->tar, "lib", "d");
	raw_file(&f->tar, "file", 0640, "content");
	raw_link(&f->tar, "twin", "file");
	make_lower(f);
}

static void parents_are_as_below(void **state)
{
	struct fixture *f = *state;

	some_lower(f);
	raw_file(&f->tar, "tmp/x", 0644, "x");
	raw_file(&f->tar, "d/sub/new/y", 0644, "y");
	apply(f);
	assert_int_equal(entry(f->delta, "tmp", TREE_DIR)->mode, 01777);
	assert_int_equal(entry(f->delta, "d", TREE_DIR)->mode, 0750);
	assert_int_equal(entry(f->delta, "d/sub/new", TREE_DIR)->mode, 0755);
	assert_null(tree_find(f->delta, "d/a"));
	assert_null(tree_find(f->delta, "lib"));
	assert_int_equal(f->delta->n, 7);
}

static void deletions(void **state)
{
	struct fixture *f = *state;

	for (int before = 0; before < 2; before++) {
		fresh(f);
		some_lower(f);
		if (before)
			raw_file(&f->tar, "d/.wh..wh..opq", 0, "");
		raw_file(&f->tar, ".wh.file", 0, "");
		raw_file(&f->tar, ".wh.absent", 0, "");
		raw_file(&f->tar, "absent/.wh.x", 0, "");
		raw_file(&f->tar, "d/.wh.a", 0, "");
		raw_file(&f->tar, "d/n", 0644, "n");
		if (!before)
			raw_file(&f->tar, "d/.wh..wh..opq", 0, "");
		apply(f);
		entry(f->delta, "file", TREE_WHITEOUT);
		assert_null(tree_find(f->delta, "absent"));
		/* What is under an opaque directory needs no whiteout of its own, in whatever order they came. */
		assert_null(tree_find(f->delta, "d/a"));
		assert_true(entry(f->delta, "d", TREE_DIR)->opaque);
		assert_int_equal(entry(f->delta, "d", TREE_DIR)->mode, 0750);
		assert_int_equal(f->delta->n, 4);
	}
}

static void in_the_place_of_what_was_deleted(void **state)
{
	struct fixture *f = *state;

	some_lower(f);
	raw_file(&f->tar, ".wh.d", 0, "");
	raw_file(&f->tar, "d/new", 0644, "");
	raw_file(&f->tar, ".wh.file", 0, "");
	raw_file(&f->tar, "file", 0644, "again");
	raw_file(&f->tar, ".wh.tmp", 0, "");
	raw_file(&f->tar, "tmp", 0644, "a file");
	apply(f);
	assert_true(entry(f->delta, "d", TREE_DIR)->opaque);
	assert_int_equal(entry(f->delta, "d", TREE_DIR)->mode, 0755);
	assert_int_equal(entry(f->delta, "file", TREE_FILE)->size, 5);
	entry(f->delta, "tmp", TREE_FILE);
	assert_int_equal(f->delta->n, 5);
}

/* Files below are never written to: other trees have the same inodes. */
static void links_to_what_is_below(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	some_lower(f);
	raw_link(&f->tar, "d/linked", "file");
	raw_link(&f->tar, "d/linked2", "twin");
	raw_link(&f->tar, "through", "lib/a");
	raw_file(&f->tar, "file", 0600, "replaced");
	apply(f);
	assert_int_equal(entry(f->delta, "d/linked", TREE_FILE)->size, 7);
	assert_int_equal(entry(f->delta, "d/linked", TREE_FILE)->mode, 0640);
	assert_int_equal(entry(f->delta, "file", TREE_FILE)->size, 8);
	assert_string_equal(entry(f->delta, "twin", TREE_FILE)->hardlink, "d/linked2");
	assert_string_equal(entry(f->delta, "through", TREE_FILE)->hardlink, "d/a");
	assert_int_equal(fstatat(f->dirs[LOWER], "file", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_size, 7);
	assert_int_equal(st.st_mode & 07777, 0640);
	fresh(f);
	some_lower(f);
	raw_file(&f->tar, ".wh.file", 0, "");
	raw_link(&f->tar, "late", "file");
	assert_int_equal(make_delta(f), -1);
	assert_non_null(strstr(f->err.text, "no file that came before"));
}

/* Engines unpack a layer without seeing those below. */
static void a_directory_over_a_symlink(void **state)
{
	struct fixture *f = *state;

	some_lower(f);
	raw_file(&f->tar, "lib/x", 0644, "x");
	raw_file(&f->tar, "file/y", 0644, "y");
	apply(f);
	entry(f->delta, "lib", TREE_DIR);
	entry(f->delta, "lib/x", TREE_FILE);
	entry(f->delta, "file/y", TREE_FILE);
	assert_null(tree_find(f->delta, "d"));
	{
		_cleanup_tree_ struct tree *t = merged(f);

		assert_null(tree_find(t, "lib/a"));
		entry(t, "d/a", TREE_FILE);
	}
}

static void what_comes_twice_counts_once(void **state)
{
	struct fixture *f = *state;

	some_lower(f);
	raw_file(&f->tar, "a", 0644, "first");
	raw_file(&f->tar, "a", 0600, "2nd");
	raw_file(&f->tar, ".wh.file", 0, "");
	raw_file(&f->tar, ".wh.file", 0, "");
	apply(f);
	assert_int_equal(f->stats.duplicates, 2);
	assert_int_equal(entry(f->delta, "a", TREE_FILE)->size, 3);
}

/* ---- the same as a layer that is applied to a copy ---- */

static unsigned next(uint64_t *seed, unsigned n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33) % n;
}

/* Directories are named by d and files by what else there is, now and then the other way round; symlinks and devices are
 * no parents, for there engines differ from who applies layers in place. */
static void random_path(uint64_t *seed, char *ret, const char *leaves)
{
	unsigned depth = next(seed, 3);

	*ret = '\0';
	for (unsigned i = 0; i < depth; i++)
		sprintf(ret + strlen(ret), "d%u/", next(seed, 2));
	sprintf(ret + strlen(ret), "%c%u", leaves[next(seed, (unsigned)strlen(leaves))],
		next(seed, 2));
}

static void random_entry(struct fixture *f, uint64_t *seed, bool upper)
{
	char path[64], other[80], content[16];
	char *slash;

	random_path(seed, path, "fd");
	random_path(seed, other, "f");
	snprintf(content, sizeof(content), "%u", next(seed, 1000));
	switch (next(seed, upper ? 9 : 5)) {
	case 0:
		raw_dir(&f->tar, path, next(seed, 2) ? 0700 : 0711);
		return;
	case 1:
	case 2:
		raw_file(&f->tar, path, next(seed, 2) ? 0600 : 0644, content);
		return;
	case 3:
		random_path(seed, path, "l");
		raw_symlink(&f->tar, path, content);
		return;
	case 4:
		raw_link(&f->tar, path, other);
		return;
	case 5:
		slash = strrchr(path, '/');
		snprintf(other, sizeof(other), "%.*s.wh..wh..opq",
			 slash ? (int)(slash + 1 - path) : 0, path);
		/* Of the root nobody deletes everything. */
		if (slash)
			raw_file(&f->tar, other, 0, "");
		return;
	default:
		slash = strrchr(path, '/');
		snprintf(other, sizeof(other), "%.*s.wh.%s", slash ? (int)(slash + 1 - path) : 0,
			 path, slash ? slash + 1 : path);
		raw_file(&f->tar, other, 0, "");
		return;
	}
}

static bool one_round(struct fixture *f, uint64_t *seed)
{
	struct extract_options o = { .flags = EXTRACT_LAYER | EXTRACT_LENIENT };
	const char *path;
	char *what;

	fresh(f);
	for (unsigned i = next(seed, 12); i > 0; i--)
		random_entry(f, seed, false);
	if (extract(f, f->dirs[LOWER], &o, &f->lower) < 0 ||
	    extract(f, f->dirs[COPY], &o, &f->whole) < 0)
		return false;
	f->tar.len = 0;
	for (unsigned i = next(seed, 10); i > 0; i--)
		random_entry(f, seed, true);
	/* A file below that would be a parent: refused in place, and hidden by engines. */
	if (extract(f, f->dirs[COPY], &o, &f->whole) < 0)
		return false;
	/* Nor where a name comes twice: a file in between deletes a directory below for those, and is forgotten by engines. */
	if (f->stats.duplicates)
		return false;
	apply(f);
	{
		_cleanup_tree_ struct tree *t = merged(f);

		for (size_t i = 0; i < f->whole->n; i++)
			f->whole->entries[i].hardlink = NULL;
		if (tree_first_difference(f->whole, t, &path, &what))
			fail_msg("round %llu: '%s': %s", (unsigned long long)f->round, path, what);
	}
	return true;
}

static void as_applied_to_a_copy(void **state)
{
	struct fixture *f = *state;
	unsigned good = 0;

	for (uint64_t i = 1; i <= 2500; i++) {
		uint64_t seed = f->round = i;

		if (one_round(f, &seed))
			good++;
	}
	if (good < 400)
		fail_msg("only %u layers were good", good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parents_are_as_below, setup, teardown),
		cmocka_unit_test_setup_teardown(deletions, setup, teardown),
		cmocka_unit_test_setup_teardown(in_the_place_of_what_was_deleted, setup, teardown),
		cmocka_unit_test_setup_teardown(links_to_what_is_below, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_over_a_symlink, setup, teardown),
		cmocka_unit_test_setup_teardown(what_comes_twice_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(as_applied_to_a_copy, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
