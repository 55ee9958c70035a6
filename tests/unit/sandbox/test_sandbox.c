/* SPDX-License-Identifier: Apache-2.0
 *
 * What sandbox.h promises, one promise a test.
 */
#include <signal.h>
#include <sys/mount.h>
#include <time.h>

#include "tests/unit/sandbox/sandbox_fixture.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- how the command ends ---- */

JOB(results)
{
	struct box *b = box_new(f, "results");

	CHECK(box_run(b, "exit", "0", NULL) == 0 && b->result.exited);
	b = box_new(f, "results2");
	CHECK(box_run(b, "exit", "42", NULL) == 42 && b->result.exited && !b->result.timed_out);
	b = box_new(f, "results3");
	CHECK(box_run(b, "signal", "11", NULL) == 128 + 11 && !b->result.exited &&
	      b->result.status == 11);
	b = box_new(f, "results4");
	CHECK(box_run(b, "memory", "48", NULL) == 0);
	CHECK(b->result.max_rss >= 48u << 20 && b->result.max_rss < 128u << 20);
	CHECK(b->result.wall_ns > 0 && b->result.user_ns + b->result.sys_ns > 0);
}

JOB(timeout_term)
{
	struct box *b = box_new(f, "term");
	uint64_t start = now_ms();

	b->spec.timeout = UINT64_C(200) * 1000000;
	CHECK(box_run(b, "sleep", "60", NULL) == 128 + SIGTERM && b->result.timed_out);
	CHECK(now_ms() - start < 5000);
}

JOB(timeout_kill)
{
	struct box *b = box_new(f, "kill");
	uint64_t start = now_ms();

	b->spec.timeout = UINT64_C(200) * 1000000;
	CHECK(box_run(b, "sleep", "60", "deaf", NULL) == 128 + SIGKILL && b->result.timed_out);
	CHECK(now_ms() - start >= 10000 && now_ms() - start < 15000);
}

/* The output's pipe ends with the sandbox although daemons hold it, so nobody is left to write. */
JOB(daemons_die)
{
	struct box *b = box_new(f, "daemons");
	int ends[2];
	char text[64];
	uint64_t start = now_ms();

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	b->spec.stdout_fd = ends[1];
	CHECK(box_run(b, "daemon", NULL) == 0);
	close(ends[1]);
	CHECK(read(ends[0], text, sizeof(text)) == 5 && memcmp(text, "left\n", 5) == 0);
	CHECK(read(ends[0], text, sizeof(text)) == 0);
	CHECK(now_ms() - start < 5000);
}

/* Pid 1 waits for whoever has lost a parent, while the command runs. */
JOB(orphans_are_reaped)
{
	struct box *b = box_new(f, "orphans");

	CHECK(box_run(b, "orphans", "100", NULL) == 0);
	CHECK_TEXT(b->text, "0 left\n");
}

JOB(free_kills)
{
	struct box *b = box_new(f, "free");
	static const char *const argv[] = { "probe", "sleep", "3600", "deaf", NULL };
	struct sandbox *s = NULL;
	uint64_t start = now_ms();
	int ends[2];
	char c;

	CHECK(pipe2(ends, O_CLOEXEC) == 0);
	b->spec.argv = argv;
	b->spec.stdout_fd = ends[1];
	CHECK(box_start(b, &s) == 0);
	close(ends[1]);
	sandbox_freep(&s);
	CHECK(!s && read(ends[0], &c, 1) == 0);
	CHECK(now_ms() - start < 5000);
}

/* The job dies by SIGKILL, as by Ctrl-C or out of memory: the whole tree dies with it. */
static int orphan_pipe[2];
static useconds_t orphan_delay; /* us from the start to the death */

static void job_orphan(struct fixture *f)
{
	struct box *b = box_new(f, "orphan");
	static const char *const argv[] = { "probe", "sleep", "3600", "deaf", NULL };
	struct sandbox *s = NULL;

	close(orphan_pipe[0]);
	b->spec.argv = argv;
	b->spec.stdout_fd = orphan_pipe[1];
	CHECK(box_start(b, &s) == 0);
	usleep(orphan_delay);
	raise(SIGKILL);
}

static void kill_job(struct fixture *f, useconds_t delay)
{
	uint64_t start = now_ms();
	int status;
	char c;

	orphan_delay = delay;
	assert_int_equal(pipe2(orphan_pipe, O_CLOEXEC), 0);
	status = job_status(f, job_orphan);
	assert_true(WIFSIGNALED(status));
	close(orphan_pipe[1]);
	assert_int_equal(read(orphan_pipe[0], &c, 1), 0);
	assert_true(now_ms() - start < 5000);
	close(orphan_pipe[0]);
}

/* Also before pid 1 could ask for its death signal. */
static void test_job_killed(void **state)
{
	for (int i = 0; i < 20; i++)
		kill_job(*state, 0);
	kill_job(*state, 50000);
}

/* ---- what it sees ---- */

JOB(environment)
{
	struct box *b = box_new(f, "environment");

	setenv("CANARY", "of the host", 1);
	CHECK(box_run(b, "env", NULL) == 0);
	CHECK_TEXT(b->text, "PATH=/bin\nGIVEN=1\n");
}

JOB(ids)
{
	static const uint32_t groups[] = { 20, 65535 };
	struct box *b = box_new(f, "ids");

	CHECK(box_run(b, "ids", NULL) == 0);
	CHECK_TEXT(b->text, "0 0\n");
	b = box_new(f, "ids2");
	b->spec.uid = 65534;
	b->spec.gid = 1234;
	b->spec.groups = groups;
	b->spec.n_groups = 2;
	CHECK(box_run(b, "ids", NULL) == 0);
	CHECK_TEXT(b->text, "65534 1234 20 65535\n");
}

JOB(ids_refused)
{
	static const uint32_t bad[] = { 65536, 2147483648u, 4294967294u, 4294967295u };

	for (size_t i = 0; i < GG_LEN(bad); i++) {
		struct box *b = box_new(f, "ids3");

		b->argv[0] = "probe";
		b->argv[1] = "ids";
		b->spec.uid = bad[i];
		CHECK(box_go(b) < 0);
		CHECK_CONTAINS(b->err.text, "u");
		CHECK_TEXT(b->text, "");
		box_free(b);
	}
}

JOB(network)
{
	struct box *b = box_new(f, "network");
	char host[64] = "";

	CHECK(readlink("/proc/self/ns/net", host, sizeof(host) - 1) > 0);
	CHECK(box_run(b, "netns", NULL) == 0 && !strstr(b->text, host));
	b = box_new(f, "network2");
	b->spec.flags = SANDBOX_NETWORK;
	CHECK(box_run(b, "netns", NULL) == 0 && strstr(b->text, host));
}

JOB(no_capabilities)
{
	struct box *b = box_new(f, "nocaps");

	b->spec.flags = SANDBOX_NO_CAPABILITIES;
	CHECK(box_run(b, "cat", "/proc/self/status", NULL) == 0);
	CHECK_CONTAINS(b->text, "CapBnd:\t0000000000000000\n");
	CHECK_CONTAINS(b->text, "CapEff:\t0000000000000000\n");
	CHECK_CONTAINS(b->text, "Umask:\t0022\n");
}

/* A setuid program of root gives a user root's id only where the step asked for it. */
JOB(setuid)
{
	struct box *b = box_new(f, "setuid");
	_cleanup_close_ int bin = open_dir(b->upper, "bin");

	put_probe(f, bin, "sudo", 04755);
	for (int on = 0; on < 2; on++) {
		static const char *const argv[] = { "/bin/sudo", "cat", "/proc/self/status", NULL };

		b->spec.argv = argv;
		b->spec.uid = b->spec.gid = 1000;
		b->spec.flags = on ? SANDBOX_SETUID : 0;
		CHECK(box_go(b) == 0 && b->result.status == 0);
		/* One id: the program runs as who starts it (owner.h), and /proc shows the real one. */
		if (f->ns.kind == USERNS_SINGLE)
			CHECK_CONTAINS(b->text, "Uid:\t0\t0\t0\t0\n");
		else
			CHECK_CONTAINS(b->text, on ? "Uid:\t1000\t0\t0\t0\n"
						   : "Uid:\t1000\t1000\t1000\t1000\n");
	}
}

/* ---- the root and what is left of it ---- */

JOB(changes)
{
	struct box *b = box_new(f, "changes");
	_cleanup_free_ char *names = NULL, *etc = NULL;
	struct stat st;

	CHECK(box_run(b, "write", "/etc/new", "text", NULL) == 0);
	names = list(b->upper);
	/* No stub of /dev, /proc or /sys, which the lower does not have. */
	CHECK_TEXT(names, "etc");
	etc = list(open_dir(b->upper, "etc"));
	CHECK_TEXT(etc, "new");
	CHECK(fstatat(b->upper, "etc/new", &st, 0) == 0 && (st.st_mode & 07777) == 0644 &&
	      st.st_uid == 0);
}

JOB(whiteout)
{
	struct box *b = box_new(f, "whiteout");
	struct stat st;

	CHECK(box_run(b, "unlink", "/etc/secret-of-root", NULL) == 0);
	CHECK_TEXT(b->text, "");
	CHECK(fstatat(b->upper, "etc/secret-of-root", &st, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK(S_ISCHR(st.st_mode) && st.st_rdev == 0);
}

JOB(layers_above_each_other)
{
	enum { N = 120 };
	struct box *b = box_new(f, "layers");
	int lowers[N];

	lowers[0] = f->lower;
	for (int i = 1; i < N; i++) {
		_cleanup_free_ char *name = gg_asprintf("layer%d", i), *text = gg_asprintf("%d", i);

		lowers[i] = open_dir(f->space, name);
		put_file(lowers[i], "top", text);
		put_file(lowers[i], name, "x");
	}
	b->spec.lowers = lowers;
	b->spec.n_lowers = N;
	CHECK(box_run(b, "cat", "/top", "/layer1", "/layer119", NULL) == 0);
	CHECK_TEXT(b->text, "644 119\n644 x\n644 x\n");
}

/* Without an upper directory changes work and vanish. */
JOB(no_upper)
{
	struct box *b = box_new(f, "noupper");
	_cleanup_free_ char *before = list(f->lower), *after = NULL;

	b->spec.upper = b->spec.work = -1;
	CHECK(box_run(b, "write", "/etc/new", "text", NULL) == 0);
	b->spec.flags = SANDBOX_READ_ONLY_ROOT;
	CHECK(box_run(b, "write", "/etc/new", "text", NULL) == 1);
	CHECK_TEXT(b->text, "EROFS\n");
	after = list(f->lower);
	CHECK_TEXT(after, before);
}

JOB(no_lowers)
{
	struct box *b = box_new(f, "nolowers");
	_cleanup_close_ int bin = open_dir(b->upper, "bin");
	_cleanup_free_ char *names = NULL;

	put_probe(f, bin, "probe", 0755);
	b->spec.n_lowers = 0;
	CHECK(box_run(b, "write", "/file", "text", NULL) == 0);
	names = list(b->upper);
	CHECK_TEXT(names, "bin file");
	b->spec.upper = -1;
	CHECK(box_go(b) < 0 && b->err.kind == GG_INTERNAL);
}

JOB(workdir)
{
	struct box *b = box_new(f, "workdir");
	struct stat st;

	umask(077);
	b->spec.workdir = "/new/deep/dir";
	CHECK(box_run(b, "cwd", NULL) == 0);
	CHECK_TEXT(b->text, "/new/deep/dir\n");
	CHECK(fstatat(b->upper, "new/deep", &st, 0) == 0 && (st.st_mode & 07777) == 0755 &&
	      st.st_uid == 0);
	b = box_new(f, "workdir2");
	CHECK(symlinkat("../../../tmp", b->upper, "link") == 0);
	b->spec.workdir = "/link";
	CHECK(box_run(b, "cwd", NULL) == 0);
	CHECK_TEXT(b->text, "/tmp\n");
}

/* S1: links of /proc to the builder's descriptors, and descriptors that were left open. */
JOB(workdir_escapes)
{
	struct box *b = box_new(f, "workdir3");

	for (int fd = 7; fd < 200; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			CHECK(dup2(f->dir, fd) == fd);
	b->argv[0] = "probe";
	b->argv[1] = "cwd";
	for (int fd = 3; fd < 256; fd++) {
		_cleanup_free_ char *path = gg_asprintf("/proc/self/fd/%d", fd);

		b->spec.workdir = path;
		CHECK(box_go(b) < 0);
		CHECK_CONTAINS(b->err.text, "working directory '/proc/self/fd/");
		CHECK_TEXT(b->text, "");
	}
	b->spec.workdir = "/proc/1/cwd";
	CHECK(box_go(b) < 0);
	b->spec.workdir = "relative";
	CHECK(box_go(b) < 0);
	CHECK_CONTAINS(b->err.text, "absolute");
}

/* ---- set-up errors ---- */

JOB(command_missing)
{
	static const struct {
		const char *command, *text, *hint;
	} cases[] = {
		{ "nothing-of-that-name", "run 'nothing-of-that-name': No such file or directory",
		  "PATH" },
		{ "/bin/nothing", "run '/bin/nothing': No such file or directory", "loader" },
		{ "/etc/secret-of-root", "run '/etc/secret-of-root': Permission denied", NULL },
		{ "/tmp", "run '/tmp': Permission denied", NULL },
		{ "/script", "run '/script': Exec format error", "#!" },
		{ "", "it has no name", NULL },
	};

	for (size_t i = 0; i < GG_LEN(cases); i++) {
		_cleanup_free_ char *name = gg_asprintf("missing%zu", i);
		struct box *b = box_new(f, name);

		put_file(b->upper, "script", "echo\n");
		CHECK(fchmodat(b->upper, "script", 0755, 0) == 0);
		b->argv[0] = cases[i].command;
		CHECK(box_go(b) < 0);
		CHECK_CONTAINS(b->err.text, cases[i].text);
		if (cases[i].hint)
			CHECK_CONTAINS(b->err.hint, cases[i].hint);
		CHECK(b->err.kind == (cases[i].command[0] ? GG_STEP : GG_RECIPE));
		box_free(b);
	}
}

/* S3: what an image may have in the places that are mounted on. */
JOB(hostile_tops)
{
	static const char *const tops[] = { "dev", "proc", "sys" };

	for (size_t i = 0; i < GG_LEN(tops); i++)
		for (int kind = 0; kind < 5; kind++) {
			_cleanup_free_ char *name = gg_asprintf("hostile%zu-%d", i, kind);
			struct box *b = box_new(f, name);
			int r = kind == 0   ? symlinkat("/etc", b->upper, tops[i])
				: kind == 1 ? symlinkat(tops[i], b->upper, tops[i])
				: kind == 2 ? symlinkat("/nowhere", b->upper, tops[i])
				: kind == 3 ? mkfifoat(b->upper, tops[i], 0644)
					    : mknodat(b->upper, tops[i], S_IFREG | 0644, 0);

			CHECK(r == 0);
			b->argv[0] = "probe";
			b->argv[1] = "cwd";
			CHECK(box_go(b) < 0 && b->err.kind == GG_STEP);
			CHECK_CONTAINS(b->err.text, tops[i]);
			CHECK_CONTAINS(b->err.text, "must be a directory");
			box_free(b);
		}
}

/* Entries inside of an image's own /dev and /proc are covered, and still there afterwards. */
JOB(hostile_insides)
{
	struct box *b = box_new(f, "insides");
	int dev = open_dir(b->upper, "dev"), proc = open_dir(b->upper, "proc");
	_cleanup_free_ char *names = NULL;

	CHECK(symlinkat("/etc/secret-of-root", dev, "null") == 0 &&
	      symlinkat("/etc", dev, "pts") == 0 && mkfifoat(dev, "shm", 0644) == 0 &&
	      symlinkat("/etc", proc, "self") == 0);
	CHECK(box_run(b, "write", "/dev/null", "into the void", NULL) == 0);
	CHECK(box_run(b, "cat", "/etc/secret-of-root", NULL) == 0);
	CHECK_TEXT(b->text, "600 root\n\n");
	names = list(dev);
	CHECK_TEXT(names, "null pts shm");
}

/* ---- hygiene of the caller ---- */

JOB(descriptors)
{
	size_t before = 0, after = 0;

	for (int i = 0; i < 30; i++) {
		_cleanup_free_ char *name = gg_asprintf("fds%d", i);
		struct box *b;

		if (i == 5)
			before = count_descriptors();
		b = box_new(f, name);
		if (i % 3 == 0) {
			b->argv[0] = "nothing";
			CHECK(box_go(b) < 0);
		} else if (i % 3 == 1) {
			b->spec.workdir = "not absolute";
			b->argv[0] = "probe";
			CHECK(box_go(b) < 0);
		} else {
			CHECK(box_run(b, "exit", "0", NULL) == 0);
		}
		box_free(b);
	}
	after = count_descriptors();
	CHECK(before == after);
}

static char *mounts_of_caller(void)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct gg_buf text = { 0 };

	CHECK(gg_read_file(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text, &err) == 0);
	return gg_buf_steal(&text);
}

JOB(caller_unchanged)
{
	struct box *b = box_new(f, "caller");
	char before[64] = "", after[64] = "", *mounts = mounts_of_caller();

	CHECK(readlink("/proc/self/ns/mnt", before, sizeof(before) - 1) > 0);
	CHECK(box_run(b, "exit", "0", NULL) == 0);
	CHECK(readlink("/proc/self/ns/mnt", after, sizeof(after) - 1) > 0);
	CHECK_TEXT(after, before);
	CHECK_TEXT(mounts_of_caller(), mounts);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* A caller whose mounts are shared, as an init system makes them: nothing of the sandbox comes out to it. */
JOB(shared_mounts)
{
	struct box *b = box_new(f, "shared");
	struct sandbox_mount m = { .fd = open_dir(f->space, "shared-source"), .target = "/in" };
	char *mounts;

	CHECK(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) == 0);
	mounts = mounts_of_caller();
	CHECK(strstr(mounts, " shared:"));
	b->spec.mounts = &m;
	b->spec.n_mounts = 1;
	CHECK(box_run(b, "exit", "0", NULL) == 0);
	CHECK_TEXT(mounts_of_caller(), mounts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_timeout_term),
		cmocka_unit_test(test_timeout_kill),
		cmocka_unit_test(test_daemons_die),
		cmocka_unit_test(test_orphans_are_reaped),
		cmocka_unit_test(test_free_kills),
		cmocka_unit_test(test_job_killed),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_ids_refused),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_no_capabilities),
		cmocka_unit_test(test_setuid),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_whiteout),
		cmocka_unit_test(test_layers_above_each_other),
		cmocka_unit_test(test_no_upper),
		cmocka_unit_test(test_no_lowers),
		cmocka_unit_test(test_workdir),
		cmocka_unit_test(test_workdir_escapes),
		cmocka_unit_test(test_command_missing),
		cmocka_unit_test(test_hostile_tops),
		cmocka_unit_test(test_hostile_insides),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_caller_unchanged),
		cmocka_unit_test(test_shared_mounts),
	};

	return cmocka_run_group_tests(tests, fixture_make, fixture_remove);
}
