/* SPDX-License-Identifier: Apache-2.0
 *
 * Owners recorded beside inodes (owners.h) and what writes and reads them: by a user who has no right at all.
 */
#include "layers/base/owners.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/place.h"
#include "layers/scan.h"
#include "layers/tree.h"

enum { USER = 54999 };

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not so: %s (%s)\n", __FILE__, __LINE__,            \
				#condition, err.text ? err.text : "");                             \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static void test_text(void **state)
{
	static const char *const bad[] = { "",     ":",    "1",        "1:",      ":1",    "0:0",
					   "01:1", "1:01", "65536:1",  "1:65536", "1:2:3", "1 :2",
					   "-1:2", "+1:2", "100000:1", "1:2\n" };
	struct owners_ids ids;
	char text[OWNERS_TEXT];

	(void)state;
	for (size_t i = 0; i < GG_LEN(bad); i++)
		if (owners_parse(bad[i], strlen(bad[i]), &ids))
			fail_msg("'%s' is taken for an owner", bad[i]);
	assert_true(owners_parse("0:42", 4, &ids));
	assert_true(ids.uid == 0 && ids.gid == 42);
	assert_true(owners_parse("65535:65535", 11, &ids));
	assert_int_equal(owners_format(ids, text), 11);
	assert_string_equal(text, "65535:65535");
}

static void test_marks(void **state)
{
	static const struct owners_ids some[] = {
		{ 0, 1 }, { 1, 0 }, { 33, 33 }, { 15258, 51712 }, { 65535, 65535 }
	};
	struct timespec t = { .tv_sec = OWNERS_EPOCH };
	struct owners_ids ids;

	(void)state;
	assert_false(owners_marked(&t, &ids));
	t.tv_sec = OWNERS_SHOWN_TIME;
	assert_false(owners_marked(&t, &ids));
	t = (struct timespec){ .tv_sec = OWNERS_EPOCH + 4, .tv_nsec = 294967296 };
	assert_false(owners_marked(&t, &ids));
	for (size_t i = 0; i < GG_LEN(some); i++) {
		t = owners_mark(some[i]);
		assert_true(owners_marked(&t, &ids));
		assert_true(ids.uid == some[i].uid && ids.gid == some[i].gid);
	}
}

/* ---- a user's trees ---- */

struct space {
	char path[64];
	int fd;
};

typedef void user_function(struct space *s);

static void as_user(user_function *fn)
{
	struct space s;
	char command[192];
	int status;
	pid_t pid;

	snprintf(s.path, sizeof(s.path), "/tmp/ggtest-owners-XXXXXX");
	assert_non_null(mkdtemp(s.path));
	assert_int_equal(geteuid() == 0 ? chown(s.path, USER, USER) : 0, 0);
	pid = fork();
	if (pid == 0) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;

		if (geteuid() == 0)
			CHECK(setgroups(0, NULL) == 0 && setresgid(USER, USER, USER) == 0 &&
			      setresuid(USER, USER, USER) == 0);
		umask(0);
		s.fd = gg_openat(AT_FDCWD, s.path, O_RDONLY | O_DIRECTORY, 0, &err);
		CHECK(s.fd >= 0);
		fn(&s);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(command, sizeof(command), "chmod -R u+rwX %s; rm -rf %s", s.path, s.path);
	assert_int_equal(system(command), 0);
	assert_int_equal(status, 0);
}

static int make_dir(struct space *s, const char *name)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int fd;

	CHECK(mkdirat(s->fd, name, 0755) == 0);
	fd = gg_openat(s->fd, name, O_RDONLY | O_DIRECTORY, 0, &err);
	CHECK(fd >= 0);
	return fd;
}

static void add(struct tree *t, const char *path, enum tree_type type, uint32_t mode, uint32_t uid,
		uint32_t gid)
{
	struct tree_entry *e = tree_add(t, path, type);

	e->mode = mode;
	e->uid = uid;
	e->gid = gid;
	if (type == TREE_SYMLINK)
		e->target = "target";
	if (type == TREE_FILE)
		gg_digest_of("x", e->size = 1, &e->content);
}

static const uint8_t capability[20] = { 1, 0, 0, 2, 0, 32 };
static const struct tree_xattr xattrs[] = {
	{ "security.capability", capability, sizeof(capability) }, { "user.mine", "v", 1 }
};

/* Every type, with owners that a user cannot give; and modes that close things to the user. */
static struct tree *sample(int dir)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct tree *t = tree_new();

	add(t, ".", TREE_DIR, 0755, 0, 0);
	add(t, "closed", TREE_FILE, 0, 1, 2);
	add(t, "d", TREE_DIR, 02775, 0, 50);
	add(t, "d/f", TREE_FILE, 06711, 33, 0);
	t->entries[t->n - 1].xattrs = xattrs;
	t->entries[t->n - 1].n_xattrs = 2;
	add(t, "dark", TREE_DIR, 0, 7, 7);
	add(t, "dev", TREE_CHAR, 0620, 0, 5);
	add(t, "fifo", TREE_FIFO, 0600, 8, 9);
	add(t, "link", TREE_SYMLINK, 0777, 65535, 65535);
	add(t, "plain", TREE_FILE, 0644, 0, 0);
	add(t, "root", TREE_SYMLINK, 0777, 0, 0);
	for (size_t i = 0; i < t->n; i++)
		if (t->entries[i].type == TREE_FILE) {
			t->entries[i].source = gg_arena_strdup(t->arena, "content");
			t->entries[i].origin = 0;
		}
	CHECK(gg_write_file(dir, "content", "x", 1, 0600, 0, &err) == 0);
	return t;
}

static void check_disk(int dir)
{
	static const char *const names[] = { "closed", "d",    "d/f",   "dark", "dev",
					     "fifo",   "link", "plain", "root" };
	static const struct owners_ids want[] = { { 1, 2 },         { 0, 50 }, { 33, 0 },
						  { 7, 7 },         { 0, 5 },  { 8, 9 },
						  { 65535, 65535 }, { 0, 0 },  { 0, 0 } };
	struct gg_err err = GG_ERR_INIT;
	char path[64];

	for (size_t i = 0; i < GG_LEN(names); i++) {
		struct owners_ids ids;
		struct stat st;

		CHECK(fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0);
		CHECK(st.st_uid == geteuid() && st.st_gid == getegid());
		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, names[i]);
		/* Where its owner may not read, its attributes are closed too. */
		if (!S_ISLNK(st.st_mode))
			CHECK(fchmodat(dir, names[i], 0700, 0) == 0);
		CHECK(owners_read(path, false, &st, &ids) == (want[i].uid || want[i].gid));
		CHECK(ids.uid == want[i].uid && ids.gid == want[i].gid);
		if (!S_ISLNK(st.st_mode))
			CHECK(fchmodat(dir, names[i], st.st_mode & 07777, 0) == 0);
	}
}

static void trees(struct space *s)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int from = make_dir(s, "from"), copy = make_dir(s, "copy"), linked = make_dir(s, "linked");
	struct scan_options scan = { .owners = OWNERS_RECORDED };
	_cleanup_tree_ struct tree *t = sample(from), *seen = NULL;
	_cleanup_free_ char *what = NULL;
	const char *where = NULL;
	struct stat st;

	CHECK(link_tree_copy(t, &from, copy, LINK_RECORDED, &err) == 0);
	check_disk(copy);
	for (size_t i = 0; i < t->n; i++)
		t->entries[i].source = NULL;
	tree_find(t, "plain")->gid = 4;
	CHECK(link_tree(t, &copy, linked, LINK_RECORDED, &err) == 0);
	CHECK(fstatat(linked, "d/f", &st, 0) == 0 && st.st_nlink == 2);
	CHECK(fstatat(linked, "plain", &st, 0) == 0 && st.st_nlink == 1);
	/* What was closed is read by its own way (unlock.h); the scan of a step's changes is by root of a namespace. */
	CHECK(fchmodat(linked, "dark", 0755, 0) == 0 && fchmodat(linked, "closed", 0644, 0) == 0);
	tree_find(t, "dark")->mode = 0755;
	tree_find(t, "closed")->mode = 0644;
	tree_find(t, "dev")->type = TREE_FILE;
	gg_digest_of("", 0, &tree_find(t, "dev")->content);
	tree_find(t, "d/f")->xattrs = xattrs + 1;
	tree_find(t, "d/f")->n_xattrs = 1;
	CHECK(scan_tree(linked, &scan, &seen, &err) == 0);
	if (tree_first_difference(t, seen, &where, &what)) {
		fprintf(stderr, "%s: %s\n", where, what);
		_exit(1);
	}
}

static void test_trees(void **state)
{
	(void)state;
	as_user(trees);
}

static void placed(struct space *s)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int dir = make_dir(s, "placed");
	_cleanup_tree_ struct tree *t = tree_new(), *seen = NULL;
	struct placing in = { .rootfd = dir, .tree = t, .owners = OWNERS_RECORDED };
	struct scan_options scan = { .owners = OWNERS_RECORDED };
	_cleanup_free_ char *what = NULL;
	const char *where = NULL;

	add(t, ".", TREE_DIR, 0755, 0, 0);
	CHECK(place_dir(&in, "etc", 0755, 3, 4, &err) == 0);
	CHECK(place_file(&in, "etc/shadow", 0640, 0, 42, "x", 1, &err) == 0);
	CHECK(place_file(&in, "etc/shadow", 0400, 5, 6, "y", 1, &err) == 0);
	CHECK(place_symlink(&in, "etc/link", 7, 8, "shadow", &err) == 0);
	CHECK(place_dir(&in, "etc", 0755, 0, 0, &err) == 0);
	CHECK(scan_tree(dir, &scan, &seen, &err) == 0);
	if (tree_first_difference(t, seen, &where, &what)) {
		fprintf(stderr, "%s: %s\n", where, what);
		_exit(1);
	}
	CHECK(place_file(&in, "beyond", 0644, 65536, 0, "x", 1, &err) == -1);
	CHECK(strstr(err.text, "65536:0") && strstr(err.hint, "0 to 65535"));
}

static void test_placed(void **state)
{
	(void)state;
	as_user(placed);
}

static void scanned(struct space *s)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int dir = make_dir(s, "scanned");
	struct scan_options plain = { 0 },
			    clean = { .flags = SCAN_OWNERS | SCAN_WRITE,
				      .owners = OWNERS_RECORDED },
			    recorded = { .owners = OWNERS_RECORDED };
	_cleanup_tree_ struct tree *on_inodes = NULL, *first = NULL, *second = NULL, *third = NULL;
	const struct tree_entry *e;
	struct timespec mark[2] = { { 0 }, owners_mark((struct owners_ids){ 9, 9 }) };

	CHECK(gg_write_file(dir, "f", "x", 1, 0644, 0, &err) == 0 && symlinkat("f", dir, "l") == 0);
	_cleanup_close_ int f = openat(dir, "f", O_RDONLY | O_CLOEXEC);

	CHECK(fsetxattr(f, OWNERS_XATTR, "3:4", 3, 0) == 0 &&
	      fsetxattr(f, "user.k", "v", 1, 0) == 0);
	CHECK(utimensat(dir, "l", mark, AT_SYMLINK_NOFOLLOW) == 0);
	/* Elsewhere it is an attribute of a reserved name, and no owner. */
	CHECK(scan_tree(dir, &plain, &on_inodes, &err) == 0);
	e = tree_find(on_inodes, "f");
	CHECK(e->uid == geteuid() && e->n_xattrs == 1 && gg_streq(e->xattrs[0].name, "user.k"));
	CHECK(scan_tree(dir, &recorded, &first, &err) == 0);
	e = tree_find(first, "f");
	CHECK(e->uid == 3 && e->gid == 4 && e->n_xattrs == 1);
	CHECK(tree_find(first, "l")->uid == 9);
	CHECK(scan_tree(dir, &clean, &second, &err) == 0 && tree_find(second, "f")->uid == 0);
	CHECK(fgetxattr(f, OWNERS_XATTR, NULL, 0) == -1 && errno == ENODATA);
	CHECK(scan_tree(dir, &recorded, &third, &err) == 0 && tree_find(third, "l")->uid == 0);
	/* A step can write what it likes. */
	CHECK(fsetxattr(f, OWNERS_XATTR, "root:root and more", 18, 0) == 0);
	tree_freep(&third);
	third = NULL;
	CHECK(scan_tree(dir, &recorded, &third, &err) == 0 && tree_find(third, "f")->uid == 0);
}

static void test_scanned(void **state)
{
	(void)state;
	as_user(scanned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),    cmocka_unit_test(test_marks),
		cmocka_unit_test(test_trees),   cmocka_unit_test(test_placed),
		cmocka_unit_test(test_scanned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
