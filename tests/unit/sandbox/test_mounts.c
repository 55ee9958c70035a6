/* SPDX-License-Identifier: Apache-2.0
 *
 * The spec's mounts: what is seen, what stays of their mount points, and what an image or a step can do to them.
 */
#include <grp.h>
#include <signal.h>

#include "tests/unit/sandbox/sandbox_fixture.h"

static int source_dir(struct fixture *f, const char *name)
{
	int fd = open_dir(f->space, name);

	put_file(fd, "file", name);
	return fd;
}

static void set_mount(struct box *b, const struct sandbox_mount *mounts, size_t n)
{
	b->spec.mounts = mounts;
	b->spec.n_mounts = n;
}

static void check_upper(struct box *b, const char *want)
{
	_cleanup_free_ char *names = list(b->upper);

	CHECK_TEXT(names, want);
}

JOB(directories)
{
	struct box *b = box_new(f, "directories");
	struct sandbox_mount m[] = {
		{ .fd = source_dir(f, "rw"), .target = "/in/rw" },
		{ .fd = source_dir(f, "ro"), .target = "/in/ro", .flags = SANDBOX_RO },
	};

	set_mount(b, m, 2);
	CHECK(box_run(b, "cat", "/in/rw/file", "/in/ro/file", NULL) == 0);
	CHECK_TEXT(b->text, "644 rw\n644 ro\n");
	CHECK(box_run(b, "write", "/in/ro/x", "x", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	CHECK(box_run(b, "write", "/in/rw/x", "x", NULL) == 0 &&
	      faccessat(m[0].fd, "x", F_OK, 0) == 0);
	check_upper(b, "");
	/* The mount point's directory stays when the step puts something beside. */
	CHECK(box_run(b, "write", "/in/beside", "x", NULL) == 0);
	check_upper(b, "in");
	_cleanup_free_ char *in = list(open_dir(b->upper, "in"));
	CHECK_TEXT(in, "beside");
}

/* Given inner first: an inner mount lies on what the outer one brings. */
JOB(nested)
{
	struct box *b = box_new(f, "nested");
	int outer = source_dir(f, "outer");
	struct sandbox_mount m[] = {
		{ .fd = source_dir(f, "inner"), .target = "/src/vendor", .flags = SANDBOX_RO },
		{ .fd = outer, .target = "/src", .flags = SANDBOX_RO },
	};

	set_mount(b, m, 2);
	b->argv[0] = "probe";
	b->argv[1] = "cwd";
	CHECK(box_go(b) < 0);
	CHECK_CONTAINS(b->err.text, "'/src/vendor'");
	gg_close(open_dir(outer, "vendor"));
	CHECK(box_run(b, "cat", "/src/file", "/src/vendor/file", NULL) == 0);
	CHECK_TEXT(b->text, "644 outer\n644 inner\n");
	check_upper(b, "");
}

JOB(files)
{
	struct box *b = box_new(f, "files");
	int dir = source_dir(f, "files");
	struct sandbox_mount m[] = {
		{ .fd = openat(dir, "file", O_RDONLY | O_CLOEXEC),
		  .target = "/etc/resolv.conf",
		  .flags = SANDBOX_RO },
		/* Of the host, readable by everybody, opened before the job was in its mount namespace. */
		{ .fd = 50, .target = "/etc/ssl/certs/ca-certificates.crt", .flags = SANDBOX_RO },
	};

	set_mount(b, m, 2);
	CHECK(box_run(b, "cat", "/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", NULL) ==
	      0);
	CHECK_CONTAINS(b->text, "644 files\n");
	CHECK_CONTAINS(b->text, "root:x:0:0:");
	CHECK(box_run(b, "write", "/etc/resolv.conf", "x", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	/* /etc is a directory of the lower that was copied up; nothing of ours is in it. */
	_cleanup_free_ char *etc = list(open_dir(b->upper, "etc"));
	CHECK_TEXT(etc, "");
}

static void test_host_file(void **state)
{
	assert_int_equal(dup2(open("/etc/passwd", O_RDONLY | O_CLOEXEC), 50), 50);
	test_files(state);
	close(50);
}

JOB(secrets)
{
	struct box *b = box_new(f, "secrets");
	struct sandbox_mount m[] = {
		{ .fd = -1,
		  .target = "/run/secrets/token",
		  .flags = SANDBOX_SECRET,
		  .bytes = "hunter2",
		  .len = 7 },
		{ .fd = -1,
		  .target = "/run/secrets/empty",
		  .flags = SANDBOX_SECRET,
		  .bytes = "",
		  .len = 0 },
	};

	set_mount(b, m, 2);
	b->spec.uid = b->spec.gid = 1000;
	CHECK(box_run(b, "cat", "/run/secrets/token", "/run/secrets/empty", NULL) == 0);
	CHECK_TEXT(b->text, "400 hunter2\n400 \n");
	check_upper(b, "");
	/* Not even a step as root can leave it in the snapshot by writing. */
	b->spec.uid = b->spec.gid = 0;
	CHECK(box_run(b, "write", "/run/secrets/token", "x", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	CHECK(box_run(b, "unlink", "/run/secrets/token", NULL) == 0);
	CHECK_TEXT(b->text, "EBUSY\n");
	check_upper(b, "");
}

/* Option strings have separators; descriptors have none. */
JOB(odd_names)
{
	static const char *const names[] = { "a,lowerdir=", "a:b", "a\\b", "a\nb",
					     "a b",         "-a",  "\xff" };

	for (size_t i = 0; i < GG_LEN(names); i++) {
		_cleanup_free_ char *fresh = gg_asprintf("odd%s", names[i]);
		_cleanup_free_ char *target = gg_asprintf("/in/%s", names[i]),
				    *path = gg_asprintf("%s/file", target);
		struct box *b = box_new(f, fresh);
		struct sandbox_mount m = { .fd = source_dir(f, names[i]), .target = target };
		_cleanup_free_ char *want = gg_asprintf("644 %s\n", names[i]);

		set_mount(b, &m, 1);
		CHECK(box_run(b, "cat", path, NULL) == 0);
		CHECK_TEXT(b->text, want);
		check_upper(b, "");
		box_free(b);
	}
}

JOB(bad_targets)
{
	static const struct {
		const char *target, *text;
	} cases[] = {
		{ "/", "absolute path" },
		{ "relative", "absolute path" },
		{ "/a/../b", "'..'" },
		{ "/a//b", "empty" },
		{ "/a/", "empty" },
		{ "/a/./b", "'.'" },
		{ "", "absolute path" },
		{ "/dev", "its own '/dev'" },
		{ "/dev/shm/x", "its own '/dev'" },
		{ "/proc/sys", "its own '/proc'" },
		{ "/sys", "its own '/sys'" },
		{ "/bin/probe", "no directory there" },
		{ "/bin/probe/below", "Not a directory" },
	};

	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_free_ char *fresh = gg_asprintf("bad%zu", i);
		struct box *b = box_new(f, fresh);
		struct sandbox_mount m = { .fd = source_dir(f, "bad"), .target = cases[i].target };

		set_mount(b, &m, 1);
		b->argv[0] = "probe";
		b->argv[1] = "cwd";
		CHECK(box_go(b) < 0);
		CHECK_CONTAINS(b->err.text, cases[i].text);
		check_upper(b, "");
		box_free(b);
	}
}

JOB(twice)
{
	struct box *b = box_new(f, "twice");
	struct sandbox_mount m[] = { { .fd = source_dir(f, "twice"), .target = "/in" },
				     { .fd = source_dir(f, "twice"), .target = "/in" } };

	set_mount(b, m, 2);
	b->argv[0] = "probe";
	CHECK(box_go(b) < 0);
	CHECK_CONTAINS(b->err.text, "mount on '/in': two mounts on it");
	/* The first one's mount point is gone although nothing was started. */
	check_upper(b, "");
}

/* S3, S4: a mount point that the image made a symlink of, in every shape, stays inside of the root. */
JOB(links_as_targets)
{
	static const struct {
		const char *link, *to;
		bool good;
	} cases[] = {
		{ "resolv.conf", "/run/systemd/resolve/stub-resolv.conf", true },
		{ "resolv.conf", "../run/systemd/resolve/stub-resolv.conf", true },
		{ "resolv.conf", "../../../../../../../../../etc/target", true },
		{ "resolv.conf", "/proc/sys/kernel/core_pattern", true },
		{ "resolv.conf", "/bin", false },
		{ "resolv.conf", "resolv.conf", false },
		{ "resolv.conf", "/bin/probe/x", false },
		{ "resolv.conf", "..", false },
	};

	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_free_ char *fresh = gg_asprintf("links%zu", i);
		struct box *b = box_new(f, fresh);
		_cleanup_close_ int etc = open_dir(b->upper, "etc"), dir = source_dir(f, "links");
		struct sandbox_mount m = { .fd = openat(dir, "file", O_RDONLY | O_CLOEXEC),
					   .target = "/etc/resolv.conf",
					   .flags = SANDBOX_RO };
		char target[256] = "";

		CHECK(symlinkat(cases[i].to, etc, cases[i].link) == 0);
		set_mount(b, &m, 1);
		if (strstr(cases[i].to, "/proc/")) {
			/* Mounted below /proc of the image, and covered by the sandbox's. */
			CHECK(box_run(b, "cwd", NULL) == 0);
		} else if (cases[i].good) {
			CHECK(box_run(b, "cat", "/etc/resolv.conf", NULL) == 0);
			CHECK_TEXT(b->text, "644 links\n");
		} else {
			b->argv[0] = "probe";
			b->argv[1] = "cwd";
			CHECK(box_go(b) < 0);
			CHECK_CONTAINS(b->err.text, "mount on '/etc/resolv.conf'");
		}
		check_upper(b, "etc");
		CHECK(readlinkat(etc, "resolv.conf", target, sizeof(target) - 1) > 0);
		CHECK_TEXT(target, cases[i].to);
		box_free(b);
	}
}

JOB(fifo_as_target)
{
	struct box *b = box_new(f, "fifo");
	_cleanup_close_ int etc = open_dir(b->upper, "etc"), dir = source_dir(f, "fifo");
	struct sandbox_mount m = { .fd = openat(dir, "file", O_RDONLY | O_CLOEXEC),
				   .target = "/etc/resolv.conf",
				   .flags = SANDBOX_RO };

	CHECK(mkfifoat(etc, "resolv.conf", 0644) == 0);
	set_mount(b, &m, 1);
	CHECK(box_run(b, "cat", "/etc/resolv.conf", NULL) == 0);
	CHECK_TEXT(b->text, "644 fifo\n");
	m.fd = openat(etc, "resolv.conf", O_PATH | O_CLOEXEC);
	m.target = "/etc/other";
	CHECK(box_go(b) < 0);
	CHECK_CONTAINS(b->err.text, "neither a directory nor a file");
}

/* S6: the step moves a mount point's parent away and puts a symlink in its place. What has the same name where the
 * symlink leads is not ours. */
JOB(parent_swapped)
{
	struct box *b = box_new(f, "swapped");
	_cleanup_close_ int victim = open_dir(f->space, "victim"), etc = open_dir(b->upper, "etc");
	_cleanup_free_ char *path = gg_asprintf("%s/space/victim", f->path), *left = NULL;
	struct sandbox_mount m = { .fd = source_dir(f, "swap"), .target = "/p/q/in" };

	gg_close(open_dir(victim, "q"));
	gg_close(open_dir(etc, "in"));
	set_mount(b, &m, 1);
	/* The kernel keeps the parents of a mount point from being moved by EBUSY only where they are one themselves. */
	CHECK(box_run(b, "swap", "/p/q", "/etc", NULL) == 0);
	CHECK(faccessat(etc, "in", F_OK, 0) == 0);
	b->spec.mounts = &(struct sandbox_mount){ .fd = m.fd, .target = "/r/q/in" };
	CHECK(box_run(b, "swap", "/r", path, NULL) == 0);
	left = list(victim);
	CHECK_TEXT(left, "q");
}

/* S4: while sandboxes start, what is to be mounted is exchanged for a symlink to what nobody may see, and back. A file
 * that was opened before the job began has to be opened again by its name, so it is the one that can be raced. */
static char race_path[] = "/tmp/ggrace-XXXXXX";
static int race_fd;

JOB(race)
{
	struct box *b = box_new(f, "race");
	struct sandbox_mount m = { .fd = race_fd, .target = "/in", .flags = SANDBOX_RO };
	unsigned seen = 0, refused = 0;

	set_mount(b, &m, 1);
	b->argv[0] = "probe";
	b->argv[1] = "cat";
	b->argv[2] = "/in";
	for (int i = 0; i < 200 && (i < 40 || !seen || !refused); i++) {
		if (box_go(b) == 0) {
			CHECK_TEXT(b->text, "644 ours\n");
			seen++;
		} else {
			CHECK_CONTAINS(b->err.text, "mount on '/in'");
			refused++;
		}
	}
	CHECK(seen > 0);
}

/* dir/file is what is mounted; `other`/file the victim. */
static _Noreturn void swap_for_ever(int top)
{
	for (;;) {
		renameat(top, "dir", top, "away");
		if (symlinkat("other", top, "dir") < 0)
			_exit(EXIT_FAILURE);
		usleep(200);
		unlinkat(top, "dir", 0);
		renameat(top, "away", top, "dir");
		usleep(200);
	}
}

static void test_source_raced(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	pid_t pid;
	int top;

	assert_non_null(mkdtemp(race_path));
	assert_int_equal(chmod(race_path, 0755), 0);
	top = open(race_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(open_dir(top, "dir"), "file", "ours");
	put_file(open_dir(top, "other"), "file", "the victim's");
	race_fd = openat(top, "dir/file", O_RDONLY | O_CLOEXEC);
	assert_true(race_fd >= 0);
	pid = fork();
	if (pid == 0)
		swap_for_ever(top);
	test_race(state);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(gg_remove_tree(AT_FDCWD, race_path, &err), 0);
}

/* The same without luck: the kernel calls a file that was removed "file (deleted)", and somebody else's has that name. */
JOB(exchanged)
{
	struct box *b = box_new(f, "exchanged");
	struct sandbox_mount m = { .fd = race_fd, .target = "/in", .flags = SANDBOX_RO };

	set_mount(b, &m, 1);
	b->argv[0] = "probe";
	CHECK(box_go(b) < 0);
	CHECK_CONTAINS(b->err.text, "was exchanged while it was opened");
	check_upper(b, "");
}

static void test_source_exchanged(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char path[] = "/tmp/ggexchange-XXXXXX";
	int top;

	assert_non_null(mkdtemp(path));
	assert_int_equal(chmod(path, 0755), 0);
	top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	put_file(top, "file", "ours");
	race_fd = openat(top, "file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unlinkat(top, "file", 0), 0);
	put_file(top, "file (deleted)", "the victim's");
	test_exchanged(state);
	close(race_fd);
	close(top);
	assert_int_equal(gg_remove_tree(AT_FDCWD, path, &err), 0);
}

/* A file that was put in the place of a mount point afterwards, by another hand, is not ours either. */
JOB(stub_replaced)
{
	struct box *b = box_new(f, "replaced");
	_cleanup_close_ int dir = source_dir(f, "replaced");
	struct sandbox_mount m = { .fd = openat(dir, "file", O_RDONLY | O_CLOEXEC),
				   .target = "/stub" };
	static const char *const argv[] = { "probe", "sleep", "1", NULL };
	struct sandbox *s = NULL;

	set_mount(b, &m, 1);
	b->spec.argv = argv;
	CHECK(box_start(b, &s) == 0);
	CHECK(unlinkat(b->upper, "stub", 0) == 0);
	put_file(b->upper, "stub", "");
	CHECK(sandbox_wait(s, &b->result, &b->err) == 0);
	sandbox_free(s);
	check_upper(b, "stub");
}

JOB(read_only_root)
{
	struct box *b = box_new(f, "roroot");
	struct sandbox_mount m = { .fd = source_dir(f, "roroot"), .target = "/new/in" };

	set_mount(b, &m, 1);
	b->spec.flags = SANDBOX_READ_ONLY_ROOT;
	CHECK(box_run(b, "cat", "/new/in/file", NULL) == 0);
	CHECK_TEXT(b->text, "644 roroot\n");
	CHECK(box_run(b, "write", "/etc/x", "x", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	CHECK(box_run(b, "write", "/new/in/x", "x", NULL) == 0);
	CHECK(box_run(b, "write", "/dev/shm/x", "x", NULL) == 0);
	check_upper(b, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directories),    cmocka_unit_test(test_nested),
		cmocka_unit_test(test_host_file),      cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_odd_names),      cmocka_unit_test(test_bad_targets),
		cmocka_unit_test(test_twice),          cmocka_unit_test(test_links_as_targets),
		cmocka_unit_test(test_fifo_as_target), cmocka_unit_test(test_parent_swapped),
		cmocka_unit_test(test_source_raced),   cmocka_unit_test(test_source_exchanged),
		cmocka_unit_test(test_stub_replaced),  cmocka_unit_test(test_read_only_root),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
