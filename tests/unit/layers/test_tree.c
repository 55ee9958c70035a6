/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/tree.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/scan.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct tree *parse(const char *text)
{
	struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *all = gg_asprintf("ggbuild-tree 1\n%s", text);
	struct tree *t = NULL;

	if (tree_parse(all, strlen(all), &t, &err) < 0)
		fail_msg("%s in:\n%s", err.text, text);
	return t;
}

static void assert_text(const struct tree *t, const char *want)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	tree_text(t, &b);
	assert_string_equal(b.data + strlen("ggbuild-tree 1\n"), want);
}

static const char everything[] =
	"d 755 0 0 .\n"
	"c 660 0 5 console 5 1\n"
	"d 1777 0 0 dir o x:user.a%3Db=00ff\n"
	"f 4755 0 0 dir/first 0 " EMPTY " x:security.capability=0100000200200000\n"
	"l 777 1 2 dir/link ../with%20space\n"
	"p 600 0 0 dir/pipe\n"
	"f 644 65535 4294967294 dir%25 0 " EMPTY " x:user.empty=\n"
	"f 4755 0 0 dirz 0 " EMPTY "\n"
	"f 4755 0 0 dirz2 0 " EMPTY " h:dirz\n"
	"w gone\n"
	"f 644 0 0 \xc3\xa9%0A%7F 9223372036854775807 " EMPTY "\n";

static void test_text_is_canonical(void **state)
{
	_cleanup_tree_ struct tree *t = parse(everything);
	struct gg_digest a, b;
	_cleanup_buf_ struct gg_buf text = { 0 };
	char hex[GG_DIGEST_HEX];

	(void)state;
	assert_text(t, everything);
	assert_int_equal(t->n, 11);
	assert_string_equal(tree_find(t, "dir")->xattrs[0].name, "user.a=b");
	assert_string_equal(tree_find(t, "dir/link")->target, "../with space");
	assert_non_null(tree_find(t, "\xc3\xa9\n\x7f"));
	tree_text(t, &text);
	gg_digest_of(text.data, text.len, &a);
	tree_digest(t, &b);
	assert_true(gg_digest_eq(&a, &b));
	/* Format version 1: these bytes never change. */
	assert_string_equal(gg_digest_hex(&a, hex),
			    "4aff19e8538887bb6984306ef2921ae1f2a0703d3bb532c6e1713d38eaaee875");
}

static void test_what_is_not_canonical_is_refused(void **state)
{
	static const char *const lines[] = {
		"d 0755 0 0 a\n",
		"d 755 00 0 a\n",
		"d 755 0 0 ./a\n",
		"d 755 0 0 /a\n",
		"d 755 0 0 a/\n",
		"d 755 0 0 a//b\n",
		"d 755 0 0 a/../b\n",
		"d 755 0 0 ..\n",
		"d 755 0 0 \n",
		"d 755 0 0 a  o\n",
		"d 755 0 0 a o o\n",
		"d 755 0 0 a x:a=0\n",
		"d 755 0 0 a x:a=0G\n",
		"d 755 0 0 a x:=00\n",
		"d 755 0 0 a x:a=AB\n",
		"d 755 0 0 a x:b=00 x:a=00\n",
		"d 755 0 0 a x:a=00 x:a=00\n",
		"d 755 0 0 %61\n",
		"d 755 0 0 a%0\n",
		"d 755 0 0 a%00\n",
		"d 755 0 0 %0a\n",
		"d 17777 0 0 a\n",
		"d 755 4294967295 0 a\n",
		"d 755 -1 0 a\n",
		"d 888 0 0 a\n",
		"x 755 0 0 a\n",
		"w 0 0 0 a\n",
		"w a b\n",
		"l 755 0 0 a b\n",
		"l 777 0 0 a\n",
		"l 777 0 0 a \n",
		"c 600 0 0 a 1\n",
		"c 600 0 0 a 1 4294967296\n",
		"f 644 0 0 a 0 E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n",
		"f 644 0 0 a 9223372036854775808 " EMPTY "\n",
		"f 644 0 0 a 0 " EMPTY " o\n",
		"f 644 0 0 a 0 " EMPTY " h:b\n",
		"f 644 0 0 a 0 " EMPTY " h:a\n",
		"f 644 0 0 a 0 " EMPTY "\nf 600 0 0 b 0 " EMPTY " h:a\n",
		"d 755 0 0 a",
		"d 755 0 0 a\n\n",
		"d 755 0 0 b\nd 755 0 0 a\n",
		"d 755 0 0 a\nd 755 0 0 a\n",
		"d 755 0 0 a\nd 755 0 0 a!\nd 755 0 0 a/b\n",
		"p 600 0 0 a\nd 755 0 0 a/b\n",
		"w a\nd 755 0 0 a/b\n",
		"p 755 0 0 .\n",
		"d 755 0 0 a\nd 755 0 0 .\n",
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(lines); i++) {
		_cleanup_free_ char *all = gg_asprintf("ggbuild-tree 1\n%s", lines[i]);
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		struct tree *t = NULL;

		if (tree_parse(all, strlen(all), &t, &err) == 0)
			fail_msg("accepted: %s", lines[i]);
		assert_int_equal(err.kind, GG_INTEGRITY);
		assert_null(t);
	}
}

static void test_other_formats_are_refused(void **state)
{
	static const char *const texts[] = { "", "ggbuild-tree 1", "ggbuild-tree 2\n",
					     "d 755 0 0 .\n" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(texts); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		struct tree *t = NULL;

		assert_int_equal(tree_parse(texts[i], strlen(texts[i]), &t, &err), -1);
	}
}

/* Every cut and every changed byte of a manifest is refused or comes back as it was. */
static void test_damage_is_seen(void **state)
{
	_cleanup_free_ char *all = gg_asprintf("ggbuild-tree 1\n%s", everything);
	size_t len = strlen(all);

	(void)state;
	for (size_t i = 0; i < len * 9; i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		_cleanup_tree_ struct tree *t = NULL;
		_cleanup_buf_ struct gg_buf again = { 0 };
		size_t at = i / 9, use = i % 9 == 8 ? at : len;
		char held = all[at];

		if (use == len)
			all[at] ^= (char)(1 << i % 9);
		if (tree_parse(all, use, &t, &err) == 0) {
			tree_text(t, &again);
			assert_int_equal(again.len, use);
			assert_memory_equal(again.data, all, use);
		}
		all[at] = held;
	}
}

static void test_order(void **state)
{
	static const char *const sorted[] = { ".",     "!",   "a",   "a/\x01", "a/b", "a/b/c",
					      "a\x01", "a-b", "a.b", "aa",     "\xff" };

	(void)state;
	for (size_t i = 0; i < GG_LEN(sorted); i++)
		for (size_t j = 0; j < GG_LEN(sorted); j++)
			assert_int_equal(tree_compare_paths(sorted[i], sorted[j]) < 0, i < j);
}

static void test_sort_and_complete(void **state)
{
	_cleanup_tree_ struct tree *t = tree_new();
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	tree_add(t, "b/c/d", TREE_FIFO);
	tree_add(t, "b/c!/x", TREE_FIFO);
	tree_add(t, "b/c/e/f", TREE_FIFO);
	tree_add(t, "a", TREE_DIR)->mode = 0700;
	assert_int_equal(tree_complete(t, &err), 0);
	assert_text(t, "d 755 0 0 .\nd 700 0 0 a\nd 755 0 0 b\nd 755 0 0 b/c\np 0 0 0 b/c/d\nd 755 "
		       "0 0 b/c/e\n"
		       "p 0 0 0 b/c/e/f\nd 755 0 0 b/c!\np 0 0 0 b/c!/x\n");
	tree_add(t, "b/c", TREE_DIR);
	assert_int_equal(tree_sort(t, &err), -1);
	assert_string_equal(err.text, "path 'b/c' comes twice in the tree");
}

static void test_resolve(void **state)
{
	static const struct {
		const char *path, *real, *real_followed;
	} cases[] = {
		{ "/usr/lib", "usr/lib", "usr/lib" },
		{ "lib/x", "usr/lib/x", "usr/lib/x" },
		{ "lib", "lib", "usr/lib" },
		{ "lib/", "lib", "usr/lib" },
		{ "abs", "abs", "usr/lib" },
		{ "/../../abs/./x", "usr/lib/x", "usr/lib/x" },
		{ "usr/up/usr", "usr", "usr" },
		{ "usr/up", "usr/up", "." },
		{ "out", "out", "usr" },
		{ ".", ".", "." },
		{ "/", ".", "." },
		{ "loop", "loop", NULL },
		{ "loop/x", NULL, NULL },
		{ "dangling", "dangling", NULL },
		{ "usr/lib/x/y", NULL, NULL },
		{ "nothing", NULL, NULL },
		{ "gone", NULL, NULL },
	};
	_cleanup_tree_ struct tree *t =
		parse("d 755 0 0 .\nl 777 0 0 abs /lib\nl 777 0 0 dangling no\nw gone\n"
		      "l 777 0 0 lib usr/lib\nl 777 0 0 loop loop\nl 777 0 0 out ../../usr\n"
		      "d 755 0 0 usr\nd 755 0 0 usr/lib\np 600 0 0 usr/lib/x\n"
		      "l 777 0 0 usr/up ../..\n");

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		for (int follow = 0; follow < 2; follow++) {
			const char *want = follow ? cases[i].real_followed : cases[i].real,
				   *real = NULL;
			struct tree_entry *e = tree_resolve(t, cases[i].path, follow, &real);

			if (!want != !e)
				fail_msg("'%s' follow %d: %s", cases[i].path, follow,
					 real ? real : "absent");
			if (want)
				assert_string_equal(real, want);
		}
	}
}

static void assert_merge(const char *const *texts, size_t n, unsigned flags, const char *want)
{
	struct tree *trees[8];
	_cleanup_tree_ struct tree *merged = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	for (size_t i = 0; i < n; i++)
		trees[i] = parse(texts[i]);
	assert_int_equal(tree_merge((const struct tree *const *)trees, n, flags, &merged, &err), 0);
	assert_text(merged, want);
	for (size_t i = 0; i < n; i++)
		tree_free(trees[i]);
}

static void test_merge(void **state)
{
	const char *const whiteout[] = { "d 755 0 0 .\nd 755 0 0 a\np 600 0 0 a/x\np 600 0 0 b\n",
					 "d 700 0 0 .\nw a\n" };
	const char *const opaque[] = { "d 755 0 0 .\nd 755 0 0 a\np 600 0 0 a/x\n",
				       "d 755 0 0 .\nd 711 1 1 a o\np 600 0 0 a/y\n",
				       "d 755 0 0 .\nd 722 2 2 a\np 600 0 0 a/z\n" };
	const char *const replaced[] = { "d 755 0 0 .\nd 755 0 0 a\np 600 0 0 a/x\n",
					 "d 755 0 0 .\np 600 0 0 a\n",
					 "d 755 0 0 .\nd 755 0 0 a\np 600 0 0 a/y\n" };
	const char *const links[] = { "d 755 0 0 .\nf 644 0 0 a 0 " EMPTY "\nf 644 0 0 b 0 " EMPTY
				      " h:a\n"
				      "f 644 0 0 c 0 " EMPTY " h:a\n",
				      "d 755 0 0 .\nf 600 0 0 a 0 " EMPTY "\n" };

	(void)state;
	assert_merge(whiteout, 2, 0, "d 700 0 0 .\np 600 0 0 b\n");
	assert_merge(whiteout, 2, TREE_MERGE_KEEP_WHITEOUTS, "d 700 0 0 .\nw a\np 600 0 0 b\n");
	assert_merge(opaque, 3, 0, "d 755 0 0 .\nd 722 2 2 a\np 600 0 0 a/y\np 600 0 0 a/z\n");
	assert_merge(opaque, 3, TREE_MERGE_KEEP_WHITEOUTS,
		     "d 755 0 0 .\nd 722 2 2 a o\np 600 0 0 a/y\np 600 0 0 a/z\n");
	assert_merge(replaced, 3, 0, "d 755 0 0 .\nd 755 0 0 a\np 600 0 0 a/y\n");
	assert_merge(replaced, 3, TREE_MERGE_KEEP_WHITEOUTS,
		     "d 755 0 0 .\nd 755 0 0 a o\np 600 0 0 a/y\n");
	assert_merge(links, 2, 0,
		     "d 755 0 0 .\nf 600 0 0 a 0 " EMPTY "\nf 644 0 0 b 0 " EMPTY "\n"
		     "f 644 0 0 c 0 " EMPTY " h:b\n");
}

static void test_subtree(void **state)
{
	_cleanup_tree_ struct tree *t =
		parse("d 755 0 0 .\nf 644 0 0 a 0 " EMPTY "\nd 700 0 0 d\nf 644 0 0 d/b 0 " EMPTY
		      " h:a\nd 755 0 0 d/e\nf 644 0 0 d/e/c 0 " EMPTY " h:a\nd 755 0 0 d!\n");
	_cleanup_tree_ struct tree *sub = NULL, *none = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	(void)state;
	assert_int_equal(tree_subtree(t, "d", &sub, &err), 0);
	assert_text(sub, "d 700 0 0 .\nf 644 0 0 b 0 " EMPTY "\nd 755 0 0 e\nf 644 0 0 e/c 0 " EMPTY
			 " h:b\n");
	assert_string_equal(tree_find(sub, "e/c")->source, "d/e/c");
	assert_int_equal(tree_subtree(t, "a", &none, &err), -1);
	assert_string_equal(err.text, "'a' is not a directory");
}

/* Takes the entries out whose path begins with `prefix`. */
static void take_out(struct tree *t, const char *prefix)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (!gg_starts(t->entries[i].path, prefix))
			t->entries[n++] = t->entries[i];
	t->n = n;
}

static void test_promote_links(void **state)
{
	_cleanup_tree_ struct tree *t = parse("d 755 0 0 .\n"
					      "f 644 0 0 a 0 " EMPTY "\n"
					      "f 644 0 0 b 0 " EMPTY "\n"
					      "f 644 0 0 c 0 " EMPTY " h:b\n"
					      "f 644 0 0 d 0 " EMPTY " h:a\n"
					      "f 644 0 0 e 0 " EMPTY " h:a\n"
					      "f 644 0 0 f 0 " EMPTY "\n"
					      "f 644 0 0 g 0 " EMPTY " h:b\n"
					      "f 644 0 0 h 0 " EMPTY " h:f\n");

	(void)state;
	take_out(t, "a");
	take_out(t, "b");
	tree_promote_links(t);
	assert_text(t, "d 755 0 0 .\n"
		       "f 644 0 0 c 0 " EMPTY "\n"
		       "f 644 0 0 d 0 " EMPTY "\n"
		       "f 644 0 0 e 0 " EMPTY " h:d\n"
		       "f 644 0 0 f 0 " EMPTY "\n"
		       "f 644 0 0 g 0 " EMPTY " h:c\n"
		       "f 644 0 0 h 0 " EMPTY " h:f\n");
}

/* A store of packages is one hard link after the other. */
static void test_promote_many_links(void **state)
{
	enum { MANY = 80000, BOUND = 4 * CLOCKS_PER_SEC };
	_cleanup_tree_ struct tree *t = tree_new();
	clock_t start;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		_cleanup_free_ char *path = gg_asprintf("b/%06d", i);
		char *first = gg_arena_printf(t->arena, "a/%06d", i);

		tree_add(t, path, TREE_FILE)->hardlink = first;
	}
	start = clock();
	tree_promote_links(t);
	assert_true(clock() - start < BOUND);
	for (int i = 0; i < MANY; i++)
		assert_null(t->entries[i].hardlink);
}

static void test_first_difference(void **state)
{
	static const struct {
		const char *a, *b, *path, *what;
	} cases[] = {
		{ "d 755 0 0 a\n", "d 700 0 0 a\n", "a", "mode 0755 -> 0700" },
		{ "d 755 0 0 a\n", "d 755 1 0 a\n", "a", "owner 0:0 -> 1:0" },
		{ "d 755 0 0 a\n", "p 755 0 0 a\n", "a", "directory -> fifo" },
		{ "d 755 0 0 a\nd 755 0 0 b\n", "d 755 0 0 a\n", "b", "directory is gone" },
		{ "d 755 0 0 b\n", "l 777 0 0 a x\nd 755 0 0 b\n", "a", "symlink is new" },
		{ "l 777 0 0 a x\n", "l 777 0 0 a y\n", "a", "target 'x' -> 'y'" },
		{ "f 644 0 0 a 0 " EMPTY "\n", "f 644 0 0 a 1 " EMPTY "\n", "a", "size 0 -> 1" },
		{ "d 755 0 0 a\n", "d 755 0 0 a x:user.a=\n", "a", "extended attributes differ" },
	};
	const char *path;
	char *what;

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_tree_ struct tree *a = parse(cases[i].a), *b = parse(cases[i].b);

		assert_true(tree_first_difference(a, b, &path, &what));
		assert_string_equal(path, cases[i].path);
		assert_string_equal(what, cases[i].what);
		free(what);
		assert_false(tree_first_difference(a, a, &path, &what));
	}
}

static void test_all_differences(void **state)
{
	static const char *const want[] = { "a: directory is gone", "b: mode 0755 -> 0700",
					    "c: directory is new", "e: directory is gone" };
	_cleanup_tree_ struct tree *a = parse("d 755 0 0 a\nd 755 0 0 b\nd 755 0 0 d\n"
					      "d 755 0 0 e\n");
	_cleanup_tree_ struct tree *b = parse("d 700 0 0 b\nd 755 0 0 c\nd 755 0 0 d\n");
	struct tree_places at = { 0 };
	const char *path;
	size_t n = 0;
	char *what;

	(void)state;
	for (; tree_next_difference(a, b, &at, &path, &what); n++) {
		_cleanup_free_ char *line = gg_asprintf("%s: %s", path, what);

		assert_true(n < GG_LEN(want));
		assert_string_equal(line, want[n]);
		free(what);
	}
	assert_int_equal(n, GG_LEN(want));
}

/* ---- Against the kernel: random changes on a real overlay; the merge of what was scanned must be what it shows. ---- */

static uint32_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void random_path(char ret[64])
{
	unsigned depth = 1 + below(3), at = 0;

	for (unsigned i = 0; i < depth; i++)
		at += (unsigned)snprintf(ret + at, 64 - at, "%s%c", i ? "/" : "",
					 (int)('a' + below(4)));
}

/* Most fail, as they should: the paths clash. */
static void random_change(int root)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char path[64], other[64];
	int fd;

	random_path(path);
	random_path(other);
	switch (below(9)) {
	case 0:
	case 1:
		if (mkdirat(root, path, 0700 + below(8)) < 0)
			break;
		break;
	case 2:
	case 3:
		fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			    0600 + below(64));
		if (fd >= 0 && write(fd, other, below(6)) < 0)
			fail();
		gg_close(fd);
		break;
	case 4:
		if (gg_remove_tree(root, path, &err) < 0)
			break;
		break;
	case 5:
		if (symlinkat(other, root, path) < 0)
			break;
		break;
	case 6:
		if (linkat(root, other, root, path, 0) < 0)
			break;
		break;
	case 7:
		if (fchownat(root, path, below(3), below(3), AT_SYMLINK_NOFOLLOW) < 0)
			break;
		break;
	default:
		if (unlinkat(root, path, below(2) ? AT_REMOVEDIR : 0) < 0)
			break;
		break;
	}
}

static struct tree *scan(const char *path, unsigned flags)
{
	const struct scan_options o = { .flags = flags };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tree *t = NULL;

	if (scan_tree(fd, &o, &t, &err) < 0)
		fail_msg("scan %s: %s", path, err.text);
	return t;
}

/* Merges must also be associative: a flattened run of deltas stands for the run. */
static void check_rounds(struct tree **layers, size_t n, const struct tree *want,
			 uint32_t first_seed)
{
	_cleanup_tree_ struct tree *merged = NULL, *run = NULL, *flattened = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	const struct tree *two[2];
	const char *path;
	char *what;

	assert_int_equal(tree_merge((const struct tree *const *)layers, n, 0, &merged, &err), 0);
	if (tree_first_difference(want, merged, &path, &what))
		fail_msg("seed %u, %zu layers: '%s': %s", first_seed, n, path, what);
	assert_int_equal(tree_merge((const struct tree *const *)layers + 1, n - 1,
				    TREE_MERGE_KEEP_WHITEOUTS, &run, &err),
			 0);
	two[0] = layers[0];
	two[1] = run;
	assert_int_equal(tree_merge(two, 2, 0, &flattened, &err), 0);
	/* Hard links across the run's layers are the only thing that the two may see differently: none here. */
	if (tree_first_difference(merged, flattened, &path, &what))
		fail_msg("seed %u, flattened: '%s': %s", first_seed, path, what);
}

static void overlay_round(const char *base, uint32_t first_seed)
{
	enum { ROUNDS = 3 };
	struct tree *layers[ROUNDS + 1] = { 0 };
	_cleanup_free_ char *lowers = gg_asprintf("%s/l0", base);

	seed = first_seed;
	assert_int_equal(mkdir(lowers, 0755), 0);
	{
		_cleanup_close_ int root = open(lowers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		for (int i = 0; i < 60; i++)
			random_change(root);
	}
	layers[0] = scan(lowers, 0);
	for (unsigned r = 1; r <= ROUNDS; r++) {
		_cleanup_free_ char *upper = gg_asprintf("%s/l%u", base, r),
				    *work = gg_asprintf("%s/w%u", base, r);
		_cleanup_free_ char *view = gg_asprintf("%s/m%u", base, r), *more = NULL;
		_cleanup_free_ char *data = gg_asprintf(
			"userxattr,redirect_dir=nofollow,metacopy=off,index=off,xino=off,"
			"lowerdir=%s,upperdir=%s,workdir=%s",
			lowers, upper, work);
		_cleanup_tree_ struct tree *want = NULL;

		assert_int_equal(mkdir(upper, 0755) | mkdir(work, 0755) | mkdir(view, 0755), 0);
		assert_int_equal(mount("overlay", view, "overlay", 0, data), 0);
		{
			_cleanup_close_ int root = open(view, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			for (int i = 0; i < 40; i++)
				random_change(root);
		}
		want = scan(view, 0);
		assert_int_equal(umount(view), 0);
		layers[r] = scan(upper, SCAN_OVERLAY);
		check_rounds(layers, r + 1, want, first_seed);
		more = gg_asprintf("%s:%s", upper, lowers);
		free(lowers);
		lowers = gg_steal(&more);
	}
	for (size_t i = 0; i <= ROUNDS; i++)
		tree_free(layers[i]);
}

static void test_merge_is_what_overlay_shows(void **state)
{
	char base[] = "/tmp/ggtest-tree-XXXXXX";
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(base));
	/* A mount namespace of our own, whose mounts die with the child. */
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", base, "tmpfs", 0, NULL) < 0)
			_exit(2);
		for (uint32_t s = 1; s <= 40; s++) {
			_cleanup_free_ char *dir = gg_asprintf("%s/%u", base, s);

			if (mkdir(dir, 0755) < 0)
				_exit(3);
			overlay_round(dir, s);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(gg_remove_tree(AT_FDCWD, base, &err), 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_canonical),
		cmocka_unit_test(test_what_is_not_canonical_is_refused),
		cmocka_unit_test(test_other_formats_are_refused),
		cmocka_unit_test(test_damage_is_seen),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sort_and_complete),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_subtree),
		cmocka_unit_test(test_promote_links),
		cmocka_unit_test(test_promote_many_links),
		cmocka_unit_test(test_first_difference),
		cmocka_unit_test(test_all_differences),
		cmocka_unit_test(test_merge_is_what_overlay_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
