/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/openat2.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"
#include "layers/unlock.h"

enum { READERS = 4, ROUNDS = 300 };

static const uint64_t plain = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);         \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static int make_dir(int parent, const char *name)
{
	int fd;

	CHECK(mkdirat(parent, name, 0755) == 0);
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	return fd;
}

static void make_file(int dir, const char *name, mode_t mode)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0 && write(fd, "text", 4) == 4 && fchmod(fd, mode) == 0);
	close(fd);
}

static bool reads(int root, const char *path)
{
	int fd = unlock_open(root, path, O_RDONLY | O_NOFOLLOW, plain);
	char text[5] = "";
	bool good = fd >= 0 && read(fd, text, 4) == 4 && gg_streq(text, "text");

	gg_close(fd);
	return good;
}

static mode_t mode_of(int dir, const char *name)
{
	struct stat st;

	CHECK(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st.st_mode & 07777;
}

static void closed_files(int root, int foreign)
{
	int deep = make_dir(root, "deep"), dir = make_dir(deep, "dir"), fd;

	make_file(root, "none", 0);
	make_file(root, "setuid", 04011);
	make_file(dir, "inner", 0);
	CHECK(symlinkat("none", root, "link") == 0);
	CHECK(fchmod(dir, 0) == 0 && fchmod(deep, 0111) == 0);
	CHECK(openat(root, "none", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES);
	CHECK(reads(root, "none") && mode_of(root, "none") == 0);
	CHECK(reads(root, "setuid") && mode_of(root, "setuid") == 04011);
	CHECK(reads(root, "deep/dir/inner"));
	CHECK(mode_of(root, "deep") == 0111 && mode_of(deep, "dir") == 0);
	fd = unlock_open(root, "deep/dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, plain);
	CHECK(fd >= 0 && mode_of(deep, "dir") == 0);
	close(fd);
	CHECK(unlock_open(root, "link", O_RDONLY | O_NOFOLLOW, plain) == -1 && errno == ELOOP);
	CHECK(unlock_open(root, "absent", O_RDONLY, plain) == -1 && errno == ENOENT);
	/* Somebody else's is not ours to open. */
	if (mode_of(foreign, "secret") == 0)
		CHECK(unlock_open(foreign, "secret", O_RDONLY, plain) == -1 && errno == EACCES);
	CHECK(fchmod(deep, 0755) == 0 && fchmod(dir, 0755) == 0);
}

/* Many at once read, and none puts back a mode that was never there. */
static void together(int root)
{
	pid_t pids[READERS];
	int status;

	make_file(root, "shared", 0);
	for (int i = 0; i < READERS; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		for (int j = 0; pids[i] == 0 && j < ROUNDS; j++)
			CHECK(reads(root, "shared"));
		if (pids[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < READERS; i++)
		CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
	CHECK(mode_of(root, "shared") == 0);
}

static void as_user(void (*work)(int root, int foreign))
{
	char path[] = "/tmp/ggtest-unlock-XXXXXX";
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int root, foreign, status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(path));
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	foreign = make_dir(root, "foreign");
	make_file(foreign, "secret", 0600);
	assert_int_equal(fchown(root, 65534, 65534), 0);
	pid = fork();
	if (pid == 0) {
		CHECK(setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0);
		work(root, foreign);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(root);
	close(foreign);
	assert_int_equal(gg_remove_tree(AT_FDCWD, path, &err), 0);
}

static void run_together(int root, int foreign)
{
	(void)foreign;
	together(root);
}

static void test_closed(void **state)
{
	(void)state;
	as_user(closed_files);
}

static void test_together(void **state)
{
	(void)state;
	as_user(run_together);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
