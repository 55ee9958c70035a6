/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/scan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "layers/base/fd.h"
#include "layers/link.h"
#include "layers/place.h"
#include "layers/tree.h"

struct fixture {
	char base[32];
	int basefd, root;
	struct gg_err err;
	struct tree *t;
};

#define OK(f, call)                                                                                \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s: %s", #call, (f)->err.text);                                  \
	} while (0)

static int setup_below(void **state, const char *where)
{
	struct fixture *f = gg_zalloc(sizeof(*f));

	snprintf(f->base, sizeof(f->base), "%s/ggtest-scan-XXXXXX", where);
	assert_non_null(mkdtemp(f->base));
	f->basefd = open(f->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->basefd, "root", 0755), 0);
	f->root = openat(f->basefd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_below(state, "/tmp");
}

/* Ten thousand directories keep a disk busy for half a minute. */
static int setup_in_memory(void **state)
{
	return setup_below(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

/* By rm, which goes as deep as the deepest test. */
static int teardown(void **state)
{
	struct fixture *f = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execlp("rm", "rm", "-rf", "--", f->base, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	gg_close(f->basefd);
	gg_close(f->root);
	tree_free(f->t);
	gg_err_done(&f->err);
	free(f);
	return 0;
}

static void file(const struct fixture *f, const char *path, mode_t mode, const char *text)
{
	_cleanup_close_ int fd =
		openat(f->root, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
}

static void dir(const struct fixture *f, const char *path, mode_t mode)
{
	assert_int_equal(mkdirat(f->root, path, 0700), 0);
	assert_int_equal(fchmodat(f->root, path, mode, 0), 0);
}

static void set_xattr(const struct fixture *f, const char *path, const char *name,
		      const void *value, size_t len)
{
	_cleanup_close_ int fd = openat(f->root, path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(fd, name, value, len, 0), 0);
}

static int try_scan(struct fixture *f, const struct scan_options *o)
{
	tree_free(f->t);
	f->t = NULL;
	gg_err_done(&f->err);
	return scan_tree(f->root, o, &f->t, &f->err);
}

static void scan(struct fixture *f, unsigned flags)
{
	OK(f, try_scan(f, &(struct scan_options){ .flags = flags }));
}

static void assert_text(const struct fixture *f, const char *want)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	tree_text(f->t, &b);
	assert_string_equal(b.data + strlen("ggbuild-tree 1\n"), want);
}

#define A "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" /* sha256 of "a" */
#define B "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d" /* sha256 of "b" */

static const char cap_v2[20] = { 1, 0, 0, 2, 0, 4 };

static void test_kinds(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	file(f, "b", 04755, "b");
	dir(f, "d", 01777);
	file(f, "d/a", 0640, "a");
	file(f, "d\n", 0644, "a");
	assert_int_equal(symlinkat("../etc /passwd", f->root, "d/l"), 0);
	assert_int_equal(mkfifoat(f->root, "pipe", 0600), 0);
	assert_int_equal(fchownat(f->root, "d/l", 1, 2, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(mknodat(f->root, "null", S_IFCHR | 0600, makedev(1, 3)), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/root/sock", f->base);
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	set_xattr(f, "b", "security.capability", cap_v2, 20);
	set_xattr(f, "b", "user.note", "x", 1);
	set_xattr(f, "d", "user.overlay.opaque", "y", 1);
	set_xattr(f, "d", "trusted.overlay.opaque", "y", 1);
	scan(f, 0);
	assert_text(
		f,
		"d 755 0 0 .\n"
		"f 4755 0 0 b 1 " B
		" x:security.capability=0100000200040000000000000000000000000000 x:user.note=78\n"
		"d 1777 0 0 d\n"
		"f 640 0 0 d/a 1 " A "\n"
		"l 777 1 2 d/l ../etc%20/passwd\n"
		"f 644 0 0 d%0A 1 " A "\n"
		"c 600 0 0 null 1 3\n"
		"p 600 0 0 pipe\n");
}

static void test_overlay_upper(void **state)
{
	struct fixture *f = *state;

	dir(f, "d", 0755);
	set_xattr(f, "d", "user.overlay.opaque", "y", 1);
	set_xattr(f, "d", "user.overlay.origin", "", 0);
	dir(f, "copied-up", 0700);
	set_xattr(f, "copied-up", "user.overlay.impure", "y", 1);
	/* The kernel's whiteouts are names of one inode. */
	assert_int_equal(mknodat(f->root, "gone", S_IFCHR, 0), 0);
	assert_int_equal(linkat(f->root, "gone", f->root, "too", 0), 0);
	scan(f, SCAN_OVERLAY);
	assert_text(f, "d 755 0 0 .\nd 700 0 0 copied-up\nd 755 0 0 d o\nw gone\nw too\n");
	scan(f, 0);
	assert_int_equal(tree_find(f->t, "gone")->type, TREE_CHAR);
	set_xattr(f, "copied-up", "user.overlay.redirect", "/x", 2);
	assert_int_equal(try_scan(f, &(struct scan_options){ .flags = SCAN_OVERLAY }), -1);
	assert_string_equal(
		f->err.text,
		"scan 'copied-up': unexpected overlay attribute 'user.overlay.redirect'");
}

static void test_hard_links(void **state)
{
	struct fixture *f = *state;

	file(f, "z", 0644, "a");
	assert_int_equal(linkat(f->root, "z", f->root, "m", 0), 0);
	dir(f, "b", 0755);
	assert_int_equal(linkat(f->root, "z", f->root, "b/c", 0), 0);
	file(f, "other", 0644, "a");
	scan(f, 0);
	assert_text(f,
		    "d 755 0 0 .\nd 755 0 0 b\nf 644 0 0 b/c 1 " A "\nf 644 0 0 m 1 " A " h:b/c\n"
		    "f 644 0 0 other 1 " A "\nf 644 0 0 z 1 " A " h:b/c\n");
}

static bool skip_y(void *ctx, const char *path, bool is_dir)
{
	(void)ctx;
	return gg_streq(path, "d/y") && !is_dir;
}

static void test_normalised_and_written(void **state)
{
	struct fixture *f = *state;
	_cleanup_strv_ struct gg_strv exclude = { 0 };
	struct scan_options o = { .flags = SCAN_MODES | SCAN_OWNERS | SCAN_NO_XATTRS | SCAN_WRITE,
				  .exclude = &exclude,
				  .skip = skip_y };
	struct stat st;
	char value[4];

	gg_strv_add(&exclude, "**/tmp");
	gg_strv_add(&exclude, "*.log");
	file(f, "run", 0700, "a");
	file(f, "x.log", 0600, "a");
	set_xattr(f, "run", "user.note", "x", 1);
	dir(f, "d", 0700);
	dir(f, "d/tmp", 0700);
	file(f, "d/tmp/deep", 0600, "a");
	file(f, "d/x.log", 0600, "a");
	file(f, "d/y", 0600, "a");
	assert_int_equal(fchownat(f->root, "d/x.log", 5, 6, 0), 0);
	/* Reading only leaves everything as it is. */
	o.flags &= ~(unsigned)SCAN_WRITE;
	OK(f, try_scan(f, &o));
	assert_int_equal(fstatat(f->root, "x.log", &st, 0), 0);
	assert_int_equal(fstatat(f->root, "run", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0700);
	assert_int_not_equal(st.st_mtime, TREE_MTIME);
	for (int i = 0; i < 2; i++) {
		assert_text(f, "d 755 0 0 .\nd 755 0 0 d\nf 644 0 0 d/x.log 1 " A
			       "\nf 755 0 0 run 1 " A "\n");
		o.flags |= SCAN_WRITE;
		OK(f, try_scan(f, &o));
	}
	assert_int_equal(faccessat(f->root, "d/tmp", F_OK, 0), -1);
	assert_int_equal(faccessat(f->root, "d/y", F_OK, 0), -1);
	assert_int_equal(faccessat(f->root, "x.log", F_OK, 0), -1);
	scan(f, 0);
	assert_text(f,
		    "d 755 0 0 .\nd 755 0 0 d\nf 644 0 0 d/x.log 1 " A "\nf 755 0 0 run 1 " A "\n");
	for (size_t i = 0; i < f->t->n; i++) {
		assert_int_equal(fstatat(f->root, f->t->entries[i].path, &st, 0), 0);
		assert_int_equal(st.st_mtime, TREE_MTIME);
	}
	_cleanup_close_ int fd = openat(f->root, "run", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), -1);
}

/* Deeper than descriptors and longer than PATH_MAX. */
static void test_depth(void **state)
{
	enum { DEPTH = 10000 };
	struct fixture *f = *state;
	int at = dup(f->root);

	for (int i = 0; i < DEPTH; i++) {
		int next;

		assert_int_equal(mkdirat(at, "d", 0755), 0);
		next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = next;
	}
	gg_close(openat(at, "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	close(at);
	file(f, "last", 0644, "a");
	scan(f, SCAN_WRITE);
	assert_int_equal(f->t->n, DEPTH + 3);
	assert_int_equal(strlen(f->t->entries[DEPTH + 1].path), 2 * DEPTH + 4);
	assert_string_equal(f->t->entries[DEPTH + 2].path, "last");
}

/* Enough that the threads take part; the same answer as one by one. */
static void test_many_files(void **state)
{
	struct fixture *f = *state;
	_cleanup_free_ char *block = gg_zalloc(1 << 20);

	for (unsigned i = 0; i < 400; i++) {
		_cleanup_free_ char *name = gg_asprintf("%03u", i);

		memset(block, (int)('a' + i % 26), 100000);
		block[100000 - i] = '\0';
		file(f, name, 0644, block);
	}
	scan(f, 0);
	assert_int_equal(f->t->n, 401);
	for (size_t i = 1; i < f->t->n; i++) {
		_cleanup_close_ int fd =
			openat(f->root, f->t->entries[i].path, O_RDONLY | O_CLOEXEC);
		struct gg_digest digest;

		OK(f, gg_digest_fd(fd, &digest, NULL, &f->err));
		assert_true(gg_digest_eq(&digest, &f->t->entries[i].content));
	}
}

/* Asked about "b", it empties "a", which the readers have. */
static bool empty_the_file(void *ctx, const char *path, bool is_dir)
{
	const struct fixture *f = ctx;

	(void)is_dir;
	if (gg_streq(path, "b")) {
		_cleanup_close_ int fd = openat(f->root, "a", O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_true(fd >= 0);
	}
	return false;
}

static void test_change_is_noticed(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int fd = openat(f->root, "a", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	/* So large that a thread reads it, and still does when the walk comes to "b". */
	assert_int_equal(ftruncate(fd, 512 << 20), 0);
	file(f, "b", 0644, "b");
	assert_int_equal(try_scan(f, &(struct scan_options){ .skip = empty_the_file, .ctx = f }),
			 -1);
	assert_string_equal(f->err.text, "scan 'a': changed while it was read");
}

static void small_tree(struct fixture *f)
{
	dir(f, "d", 02750);
	file(f, "d/a", 04755, "a");
	set_xattr(f, "d/a", "security.capability", cap_v2, 20);
	set_xattr(f, "d", "user.note", "x", 1);
	assert_int_equal(linkat(f->root, "d/a", f->root, "link", 0), 0);
	assert_int_equal(symlinkat("d/a", f->root, "sym"), 0);
	assert_int_equal(mkfifoat(f->root, "pipe", 0600), 0);
	assert_int_equal(fchownat(f->root, "d", 7, 8, 0), 0);
	scan(f, 0);
}

static int new_dir(const struct fixture *f, const char *name)
{
	assert_int_equal(mkdirat(f->basefd, name, 0700), 0);
	return openat(f->basefd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void assert_same(struct fixture *f, int dirfd, unsigned flags)
{
	_cleanup_tree_ struct tree *seen = NULL;
	const char *path;
	char *what;

	OK(f, scan_tree(dirfd, &(struct scan_options){ .flags = flags }, &seen, &f->err));
	if (tree_first_difference(f->t, seen, &path, &what))
		fail_msg("'%s': %s", path, what);
}

static ino_t inode(int dirfd, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_ino;
}

static void test_link(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int to = new_dir(f, "to"), copy = new_dir(f, "copy"),
			    verified = new_dir(f, "verified");
	struct stat st;

	small_tree(f);
	OK(f, link_tree(f->t, &f->root, to, 0, &f->err));
	assert_same(f, to, 0);
	assert_int_equal(inode(to, "d/a"), inode(f->root, "d/a"));
	assert_int_equal(fstatat(to, "d", &st, 0), 0);
	assert_int_equal(st.st_mtime, TREE_MTIME);
	OK(f, link_tree_copy(f->t, &f->root, copy, 0, &f->err));
	assert_same(f, copy, 0);
	assert_int_not_equal(inode(copy, "d/a"), inode(f->root, "d/a"));
	assert_int_equal(inode(copy, "d/a"), inode(copy, "link"));
	OK(f, link_tree_copy(f->t, &f->root, verified, LINK_VERIFY, &f->err));
	assert_same(f, verified, 0);
}

/* Another owner needs another inode; both of its names share it. */
static void test_link_with_other_metadata(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int to = new_dir(f, "to");

	small_tree(f);
	tree_find(f->t, "d/a")->uid = 9;
	tree_find(f->t, "link")->uid = 9;
	OK(f, link_tree(f->t, &f->root, to, 0, &f->err));
	assert_same(f, to, 0);
	assert_int_not_equal(inode(to, "d/a"), inode(f->root, "d/a"));
	assert_int_equal(inode(to, "d/a"), inode(to, "link"));
	scan(f, 0);
}

static void test_link_from_elsewhere(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int to = new_dir(f, "to");
	_cleanup_tree_ struct tree *t = tree_new();
	const int origins[] = { -1, f->root };
	struct tree_entry *e;

	small_tree(f);
	e = tree_add_copy(t, tree_find(f->t, "d/a"), "new/place");
	e->origin = 1;
	e->source = "d/a";
	OK(f, tree_complete(t, &f->err));
	OK(f, link_tree(t, origins, to, 0, &f->err));
	assert_int_equal(inode(to, "new/place"), inode(f->root, "d/a"));
}

static void test_link_a_delta(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int to = new_dir(f, "to");

	dir(f, "d", 0755);
	set_xattr(f, "d", "user.overlay.opaque", "y", 1);
	assert_int_equal(mknodat(f->root, "gone", S_IFCHR, 0), 0);
	scan(f, SCAN_OVERLAY);
	OK(f, link_tree(f->t, &f->root, to, 0, &f->err));
	assert_same(f, to, SCAN_OVERLAY);
}

static void test_link_verifies(void **state)
{
	struct fixture *f = *state;
	_cleanup_close_ int to = new_dir(f, "to"), other = new_dir(f, "other");

	file(f, "a", 0644, "a");
	scan(f, 0);
	assert_int_equal(unlinkat(f->root, "a", 0), 0);
	file(f, "a", 0644, "b");
	assert_int_equal(link_tree_copy(f->t, &f->root, to, LINK_VERIFY, &f->err), -1);
	assert_string_equal(f->err.text,
			    "make 'a': 'a' is not what its tree says: changed while it was copied");
	gg_err_done(&f->err);
	assert_int_equal(unlinkat(f->root, "a", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->root, "a"), 0);
	assert_int_equal(link_tree(f->t, &f->root, other, 0, &f->err), -1);
	assert_int_equal(f->err.kind, GG_INTEGRITY);
}

static void test_place(void **state)
{
	struct fixture *f = *state;

	small_tree(f);
	assert_int_equal(symlinkat("../..", f->root, "up"), 0);
	scan(f, 0);
	OK(f, place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "/etc/deep/a", 04711,
			 1, 2, "a", 1, &f->err));
	OK(f, place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "up/d/a", 0644, 0, 0,
			 "b", 1, &f->err));
	OK(f, place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "etc/deep/a", 0600,
			 0, 0, "b", 1, &f->err));
	OK(f, place_symlink(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "sym", 3, 4,
			    "elsewhere", &f->err));
	OK(f, place_symlink(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "etc/sym", 3, 4,
			    "elsewhere", &f->err));
	OK(f, place_dir(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "/up/d", 0711, 5, 6,
			&f->err));
	OK(f, place_dir(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "new/dir", 01777, 0,
			0, &f->err));
	OK(f, place_dir(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "/", 0711, 0, 0,
			&f->err));
	assert_same(f, f->root, 0);
	/* The other name of what was replaced keeps content and inode. */
	assert_int_equal(tree_find(f->t, "d/a")->mode, 0644);
	assert_int_equal(tree_find(f->t, "link")->mode, 04755);
	assert_null(tree_find(f->t, "link")->hardlink);
	assert_int_equal(place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "d", 0644,
				    0, 0, "", 0, &f->err),
			 -1);
	assert_string_equal(f->err.text, "place 'd': it is a directory");
	gg_err_done(&f->err);
	assert_int_equal(place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "../x",
				    0644, 0, 0, "", 0, &f->err),
			 -1);
	gg_err_done(&f->err);
	assert_int_equal(place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "pipe/x",
				    0644, 0, 0, "", 0, &f->err),
			 -1);
	gg_err_done(&f->err);
	assert_int_equal(place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "sym/x",
				    0644, 0, 0, "", 0, &f->err),
			 -1);
	assert_same(f, f->root, 0);
	OK(f, place_remove(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "etc", &f->err));
	OK(f, place_remove(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "no/such/thing",
			   &f->err));
	assert_null(tree_find(f->t, "etc/deep"));
	assert_same(f, f->root, 0);
}

static void test_place_over_whiteout(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mknodat(f->root, "gone", S_IFCHR, 0), 0);
	assert_int_equal(mknodat(f->root, "file", S_IFCHR, 0), 0);
	scan(f, SCAN_OVERLAY);
	OK(f, place_dir(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "gone", 0755, 0, 0,
			&f->err));
	OK(f, place_file(&(struct placing){ f->root, f->t, OWNERS_ON_INODES }, "file", 0644, 0, 0,
			 "a", 1, &f->err));
	assert_text(f, "d 755 0 0 .\nf 644 0 0 file 1 " A "\nd 755 0 0 gone o\n");
	assert_same(f, f->root, SCAN_OVERLAY);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_kinds),
		TEST(test_overlay_upper),
		TEST(test_hard_links),
		TEST(test_normalised_and_written),
		cmocka_unit_test_setup_teardown(test_depth, setup_in_memory, teardown),
		TEST(test_many_files),
		TEST(test_change_is_noticed),
		TEST(test_link),
		TEST(test_link_with_other_metadata),
		TEST(test_link_from_elsewhere),
		TEST(test_link_a_delta),
		TEST(test_link_verifies),
		TEST(test_place),
		TEST(test_place_over_whiteout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
