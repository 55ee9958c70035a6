/* SPDX-License-Identifier: Apache-2.0 */
#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>

#include "builder/sandbox/overlay.h"
#include "builder/sandbox/subids.h"
#include "tests/unit/sandbox/sandbox_fixture.h"

JOB(identity)
{
	struct stat st;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf map = { 0 }, status = { 0 };
	unsigned inside, outside, count;

	CHECK(getuid() == 0 && geteuid() == 0 && getgid() == 0 && getegid() == 0 &&
	      getgroups(0, NULL) == 0);
	CHECK(gg_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map, &err) == 0);
	CHECK(sscanf(map.data, "%u %u %u", &inside, &outside, &count) == 3);
	CHECK(inside == 0 && outside == f->ns.base && count == f->ns.count);
	CHECK(gg_read_file(AT_FDCWD, "/proc/self/status", 1 << 16, &status, &err) == 0);
	CHECK_CONTAINS(status.data, "CapInh:\t0000000000000000\n");
	CHECK(prctl(PR_GET_DUMPABLE) == 0);
	/* The host's root is nobody in here: its files are not ours. */
	CHECK(stat("/etc/passwd", &st) == 0 && st.st_uid == 65534);
	CHECK(open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) == -1 && errno == EACCES);
	CHECK(open("/etc/shadow", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	CHECK(setresuid(70000, 70000, 70000) == -1 && errno == EINVAL);
}

JOB(dies_with_the_parent)
{
	int sig = 0;

	(void)f;
	CHECK(prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL);
}

/* A key in the caller's session keyring is possessed by the caller alone. */
static long find_key(void)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "ggcanary", 0);
}

JOB(no_key)
{
	(void)f;
	CHECK(find_key() == -1 && errno == ENOKEY);
}

static void test_keyring(void **state)
{
	assert_true(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) > 0);
	assert_true(syscall(SYS_add_key, "user", "ggcanary", "x", 1, KEY_SPEC_SESSION_KEYRING) > 0);
	assert_true(find_key() > 0);
	test_no_key(state);
}

/* Directories are usable for mounts, files keep position and lock, absent descriptors stay absent. */
static int shared_file, closed_dir;

JOB(inherited)
{
	char text[8] = "";
	int tree;

	(void)f;
	CHECK(read(shared_file, text, 2) == 2 && strcmp(text, "cd") == 0);
	CHECK(fcntl(closed_dir, F_GETFD) == -1);
	tree = (int)syscall(SYS_open_tree, f->lower, "",
			    AT_EMPTY_PATH | 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
	CHECK(tree >= 0);
	CHECK((fcntl(f->lower, F_GETFD) & FD_CLOEXEC) == FD_CLOEXEC);
}

static void test_descriptors(void **state)
{
	struct fixture *f = *state;
	char text[4] = "";

	shared_file = openat(f->dir, "shared", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(shared_file, "abcdef", 6), 6);
	assert_int_equal(lseek(shared_file, 2, SEEK_SET), 2);
	closed_dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(closed_dir);
	test_inherited(state);
	assert_int_equal(read(shared_file, text, 1), 1);
	assert_string_equal(text, "e");
	close(shared_file);
}

/* User namespaces switched off: known, named, with the sysctl to set. The sysctl is set in a namespace of our own, so
 * that nobody else on this machine notices. */
JOB(switched_off)
{
	struct userns all = { .base = 0, .count = 65536 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int pidfd = -1;

	(void)f;
	put_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "0\n");
	CHECK(userns_fork(&all, &pidfd, &err) == -1 && pidfd == -1);
	CHECK_CONTAINS(err.text, "create a user namespace");
	CHECK_CONTAINS(err.hint, "sysctl -w user.max_user_namespaces=15000");
	CHECK(err.kind == GG_SYSTEM && err.errnum == ENOSPC);
	put_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "1000\n");
}

JOB(other_namespaces_off)
{
	static const char *const kinds[] = { "net", "pid", "ipc", "uts", "cgroup" };

	for (size_t i = 0; i < GG_LEN(kinds); i++) {
		_cleanup_free_ char *path =
			gg_asprintf("/proc/sys/user/max_%s_namespaces", kinds[i]);
		_cleanup_free_ char *hint =
			gg_asprintf("sysctl -w user.max_%s_namespaces=15000", kinds[i]);
		struct box *b = box_new(f, kinds[i]);

		put_file(AT_FDCWD, path, "0\n");
		b->argv[0] = "probe";
		CHECK(box_go(b) < 0);
		CHECK_CONTAINS(b->err.text, "create the sandbox's namespaces");
		CHECK_CONTAINS(b->err.hint, hint);
		put_file(AT_FDCWD, path, "1000\n");
		box_free(b);
	}
}

/* Ids that cannot be given away: the child must not stay. */
static void test_no_such_ids(void **state)
{
	struct userns beyond = { .base = UINT32_MAX - 10, .count = 65536 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int pidfd = 7;

	(void)state;
	assert_int_equal(userns_fork(&beyond, &pidfd, &err), -1);
	assert_int_equal(pidfd, -1);
	assert_non_null(strstr(err.text, "enter a user namespace: write 'uid_map'"));
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
}

/* In a user namespace that has only some ids there is no range to shift into; its other ids do. */
JOB(detect_without_range)
{
	struct userns found;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	CHECK(userns_choose(USERNS_ONLY + USERNS_SHIFTED, &found, &err) == -1 &&
	      err.kind == GG_SYSTEM);
	CHECK_CONTAINS(err.text, "find user ids 1879048192 to 1879113727");
	CHECK(err.hint);
	gg_err_done(&err);
	CHECK(userns_detect(&found, &err) == 0 && found.kind == USERNS_SUBUID &&
	      found.count == 65536);
	CHECK(userns_settle(&found, &err) == 0 && found.kind == USERNS_SUBUID && found.inside);
	CHECK(fchown(f->lower, 65535, 7) == 0 && fchown(f->lower, 0, 0) == 0);
	userns_done(&found);
}

static void become_user(void)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(54998, 54998, 54998) == 0 &&
	      setresuid(54999, 54999, 54999) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
}

/* Somebody without a line in /etc/subuid: the line to add is told; one id is what there is. */
JOB(single)
{
	struct userns found;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf map = { 0 };
	unsigned inside, outside, count;
	int pidfd, status, dir = open_dir(f->space, "mine");
	pid_t pid;

	CHECK(fchown(dir, 54999, 54998) == 0);
	become_user();
	CHECK(userns_choose(USERNS_ONLY + USERNS_SHIFTED, &found, &err) == -1);
	CHECK_CONTAINS(err.text, "uid 54999");
	gg_err_done(&err);
	CHECK(userns_choose(USERNS_ONLY + USERNS_SUBUID, &found, &err) == -1);
	CHECK_CONTAINS(err.hint, access("/usr/bin/newuidmap", X_OK) == 0
					 ? "add the line '54999:100000:65536' to /etc/subuid"
					 : "package uidmap");
	gg_err_done(&err);
	CHECK(userns_detect(&found, &err) == 0 && found.kind == USERNS_SINGLE &&
	      found.base == 54999 && found.gid == 54998 && found.count == 1);
	CHECK(userns_settle(&found, &err) == 0 && found.kind == USERNS_SINGLE && found.inside &&
	      found.base == 0 && geteuid() == 0 && getegid() == 0);
	CHECK(gg_read_file(AT_FDCWD, "/proc/self/uid_map", 4096, &map, &err) == 0);
	CHECK(sscanf(map.data, "%u %u %u", &inside, &outside, &count) == 3);
	CHECK(inside == 0 && outside == 54999 && count == 1);
	CHECK(fchown(dir, 1, 1) == -1 && errno == EINVAL);
	CHECK(userns_allows_sandbox(&found, &err) == 0);
	pid = userns_fork(&found, &pidfd, &err);
	if (pid == 0) {
		CHECK(getuid() == 0 && prctl(PR_GET_DUMPABLE) == 0);
		CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	userns_done(&found);
}

/* Refused: plain children, and a reason for who wants more. */
JOB(none)
{
	struct userns found;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int pidfd, status;
	pid_t pid;

	(void)f;
	put_file(AT_FDCWD, "/proc/sys/user/max_user_namespaces", "0\n");
	become_user();
	CHECK(userns_detect(&found, &err) == 0 && found.kind == USERNS_SINGLE);
	CHECK(userns_settle(&found, &err) == 0 && found.kind == USERNS_NONE && !found.inside);
	CHECK(userns_allows_sandbox(&found, &err) == -1 && err.kind == GG_SYSTEM);
	CHECK_CONTAINS(err.text, "create a user namespace");
	CHECK_CONTAINS(err.hint, "sysctl -w user.max_user_namespaces=15000");
	userns_done(&found);
	/* A fork settles it, too. */
	CHECK(userns_detect(&found, &err) == 0);
	CHECK(found.kind == USERNS_SINGLE);
	gg_err_done(&err);
	pid = userns_fork(&found, &pidfd, &err);
	if (pid == 0) {
		int sig = 0;

		CHECK(geteuid() == 54999 && prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGKILL);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	userns_done(&found);
	CHECK(userns_choose(USERNS_ONLY + USERNS_SINGLE, &found, &err) == 0);
	CHECK(userns_settle(&found, &err) == -1);
	CHECK_CONTAINS(err.hint, "sysctl -w user.max_user_namespaces=15000");
}

static void check_ranges(const char *text, uint32_t max, const char *want)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf got = { 0 };
	struct userns_ranges r;
	char path[] = "/tmp/ggsubuid-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && gg_write_all(fd, text, strlen(text), &err) == 0);
	close(fd);
	if (subids_read(SUBIDS_UIDS, path, max, &r, &err) < 0)
		gg_buf_puts(&got, "none");
	for (size_t i = 0; i < r.n; i++)
		gg_buf_printf(&got, "%u+%u ", r.v[i].first, r.v[i].count);
	CHECK(unlink(path) == 0);
	CHECK_TEXT(got.data, want);
}

JOB(subordinate_ids)
{
	(void)f;
	become_user();
	check_ranges("54999:100000:65536\n", 65535, "100000+65535 ");
	check_ranges("x:1:5\n54999:10:20\n54999:1000:7", 65535, "10+20 1000+7 ");
	check_ranges("54999:10:20\n54999:1000:700\n", 30, "10+20 1000+10 ");
	check_ranges("54999:10\n54999:a:b\n54999:5:99999999999\n54999:-4:4\n:::\n\n", 65535,
		     "none");
	check_ranges("549990:1:1\n54999x:1:1\n", 65535, "none");
	check_ranges("54999:4294967290:65536\n", 65535, "4294967290+5 ");
	check_ranges("", 65535, "none");
}

/* ---- older kernels: newer calls are hidden by a filter of this process ---- */

static void hide(long call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = GG_LEN(code), .filter = code };

	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
	CHECK(syscall(call, 0L, 0L, 0L, 0L, 0L, 0L) == -1 && errno == ENOSYS);
}

JOB(old_kernel)
{
	struct box *b = box_new(f, "old");
	struct sandbox_mount m = { .fd = open_dir(f->space, "oldsource"),
				   .target = "/in",
				   .flags = SANDBOX_RO };

	put_file(m.fd, "file", "x");
	hide(SYS_mount_setattr);
	hide(SYS_clone3);
	b->spec.mounts = &m;
	b->spec.n_mounts = 1;
	CHECK(box_run(b, "escape", NULL) == 0);
	CHECK(box_run(b, "write", "/in/file", "y", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	b->spec.flags = SANDBOX_READ_ONLY_ROOT;
	CHECK(box_run(b, "write", "/file", "y", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
}

/* A container's profile that knows nothing of the calls of Linux 5.2. */
JOB(hidden_mounts)
{
	static const long calls[] = { SYS_fsopen, SYS_fsmount, SYS_fsconfig };

	for (size_t i = 0; i < GG_LEN(calls); i++) {
		struct box *b = box_new(f, "hidden");

		hide(calls[i]);
		b->argv[0] = "probe";
		CHECK(box_go(b) < 0 && b->err.kind == GG_SYSTEM);
		CHECK_CONTAINS(b->err.text, "mount the root of the sandbox");
		CHECK_CONTAINS(b->err.hint, "seccomp=unconfined");
		box_free(b);
	}
}

static void test_kernel_release(void **state)
{
	static const struct {
		const char *release;
		bool good;
	} cases[] = {
		{ "5.11.0", true },
		{ "5.11", true },
		{ "5.15.0-91-generic", true },
		{ "6.1.0-13-amd64", true },
		{ "10.0", true },
		{ "5.10.200-x", false },
		{ "4.19.300", false },
		{ "3.11", false },
		{ "2.6.78", false },
		{ "5", false },
		{ "", false },
		{ "x.y", false },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_err_ struct gg_err err = GG_ERR_INIT;
		int r = sandbox_check_kernel(cases[i].release, &err);

		assert_int_equal(r, cases[i].good ? 0 : -1);
		assert_int_equal(err.kind, cases[i].good ? GG_OK : GG_SYSTEM);
	}
}

JOB(one_page)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, many = GG_ERR_INIT;
	int lowers[300] = { f->lower, open_dir(f->space, "pagelower") };
	int upper = open_dir(f->space, "page.upper"), work = open_dir(f->space, "page.work"), root;
	struct stat st;

	put_file(lowers[1], "top", "x");
	root = overlay_mount_one_page(lowers, 2, upper, work, &err);
	CHECK(root >= 0 && fstatat(root, "top", &st, 0) == 0 &&
	      fstatat(root, "bin/probe", &st, 0) == 0);
	CHECK(mkdirat(root, "made", 0755) == 0 && fstatat(upper, "made", &st, 0) == 0);
	CHECK(access("/proc/self/status", F_OK) == 0);
	for (size_t i = 1; i < GG_LEN(lowers); i++)
		lowers[i] = f->lower;
	CHECK(overlay_mount_one_page(lowers, GG_LEN(lowers), upper, work, &many) == -1);
	CHECK_CONTAINS(many.text, "do not fit into one page");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identity),       cmocka_unit_test(test_dies_with_the_parent),
		cmocka_unit_test(test_keyring),        cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_switched_off),   cmocka_unit_test(test_other_namespaces_off),
		cmocka_unit_test(test_no_such_ids),    cmocka_unit_test(test_detect_without_range),
		cmocka_unit_test(test_single),         cmocka_unit_test(test_subordinate_ids),
		cmocka_unit_test(test_old_kernel),     cmocka_unit_test(test_hidden_mounts),
		cmocka_unit_test(test_kernel_release), cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
