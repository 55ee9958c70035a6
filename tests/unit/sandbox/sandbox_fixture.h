/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the sandbox share: a directory with modes as the store has them (0700 of root above everything,
 * trees of the namespace's root), a root file system that holds tests/sandbox as /bin/probe, and jobs: test
 * functions that run inside the user namespace, where a failed CHECK ends the job and the test.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/userns.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

struct fixture {
	struct userns ns;
	char path[64]; /* 0700 root */
	int dir;
	int lower; /* a tree: /bin/probe, /etc, /tmp */
	int space; /* an empty directory of the namespace's root, for what tests make */
};

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)
static inline void check(bool good, const char *condition, const char *file, int line)
{
	if (good)
		return;
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	_exit(1);
}

#define CHECK_CONTAINS(text, part) check_contains((text), (part), __FILE__, __LINE__)
static inline void check_contains(const char *text, const char *part, const char *file, int line)
{
	if (text && strstr(text, part))
		return;
	fprintf(stderr, "%s:%d: no '%s' in '%s'\n", file, line, part, text ? text : "(null)");
	_exit(1);
}

#define CHECK_TEXT(text, want) check_text((text), (want), __FILE__, __LINE__)
static inline void check_text(const char *text, const char *want, const char *file, int line)
{
	if (text && strcmp(text, want) == 0)
		return;
	fprintf(stderr, "%s:%d: '%s' instead of '%s'\n", file, line, text ? text : "(null)", want);
	_exit(1);
}

/* The root of the store's user namespace owns the trees. `probe` is the compiled tests/sandbox. */
static inline struct fixture *fixture_new(unsigned userns_choice, const char *probe)
{
	struct fixture *f = gg_zalloc(sizeof(*f));
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	_cleanup_free_ char *script = NULL;

	if (userns_choose(userns_choice, &f->ns, &err) < 0 || userns_settle(&f->ns, &err) < 0)
		fail_msg("%s (%s)", err.text, err.hint ? err.hint : "");
	snprintf(f->path, sizeof(f->path), "%s/ggsandbox-XXXXXX",
		 tmp && strlen(tmp) < 32 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->path));
	script = gg_asprintf("set -e; umask 022; cd '%s'; mkdir -p lower/bin lower/etc lower/tmp "
			     "space; chmod 1777 lower/tmp; cp '%s' lower/bin/probe;"
			     "echo root >lower/etc/secret-of-root; chmod 600 "
			     "lower/etc/secret-of-root; chown -R %u:%u lower space",
			     f->path, probe, f->ns.base, f->ns.gid);
	assert_int_equal(system(script), 0);
	f->dir = gg_openat(AT_FDCWD, f->path, O_RDONLY | O_DIRECTORY, 0, &err);
	f->lower = gg_openat(f->dir, "lower", O_RDONLY | O_DIRECTORY, 0, &err);
	f->space = gg_openat(f->dir, "space", O_RDONLY | O_DIRECTORY, 0, &err);
	assert_true(f->dir >= 0 && f->lower >= 0 && f->space >= 0);
	return f;
}

/* Compiles tests/sandbox into a file of its own below `dir`. The name is the caller's. */
static inline char *fixture_probe(const char *dir)
{
	_cleanup_free_ char *file = gg_asprintf("%s/probe", dir);
	_cleanup_free_ char *script =
		gg_asprintf("umask 022; ${CC:-cc} -D_GNU_SOURCE -std=gnu17 -O1 -static -pthread "
			    "-o '%s' '%s'/sandbox/*.c",
			    file, TESTS_DIR);

	assert_int_equal(system(script), 0);
	return gg_steal(&file);
}

static inline void fixture_needs_root(void)
{
	if (geteuid() == 0)
		return;
	fprintf(stderr, "the sandbox's tests run as root\n");
	exit(77);
}

/* As root, or as who FIXTURE_USERNS says that we are (tests/sandbox/test_as_users.sh). */
static inline int fixture_make(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	char dir[] = "/tmp/ggprobe-XXXXXX";
	_cleanup_free_ char *probe = NULL;
	const char *kind = getenv("FIXTURE_USERNS");
	unsigned choice = USERNS_ONLY + USERNS_SHIFTED;

	if (!kind)
		fixture_needs_root();
	for (unsigned i = 0; kind && userns_choice_names[i]; i++)
		if (strcmp(userns_choice_names[i], kind) == 0)
			choice = i;
	assert_non_null(mkdtemp(dir));
	probe = fixture_probe(dir);
	*state = fixture_new(choice, probe);
	assert_int_equal(gg_remove_tree(AT_FDCWD, dir, &err), 0);
	return 0;
}

static inline int fixture_remove(void **state)
{
	struct fixture *f = *state;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	gg_close(f->lower);
	gg_close(f->space);
	gg_close(f->dir);
	userns_done(&f->ns);
	assert_int_equal(gg_remove_tree(AT_FDCWD, f->path, &err), 0);
	free(f);
	return 0;
}

typedef void job_function(struct fixture *f);

/* Runs fn as a job; the job's exit status is the test's. */
static inline int job_status(struct fixture *f, job_function *fn)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int pidfd = -1, status;
	pid_t pid = userns_fork(&f->ns, &pidfd, &err);

	if (pid < 0)
		fprintf(stderr, "%s\n", err.text);
	assert_true(pid >= 0);
	if (pid == 0) {
		fn(f);
		_exit(0);
	}
	gg_close(pidfd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void in_job(void **state, job_function *fn)
{
	assert_int_equal(job_status(*state, fn), 0);
}

/* Each `JOB(name) { … }` is a cmocka test test_name whose body runs in a job. */
#define JOB(name)                                                                                  \
	static void job_##name(struct fixture *f);                                                 \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		in_job(state, job_##name);                                                         \
	}                                                                                          \
	static void job_##name(struct fixture *f)

/* ---- one sandbox, from inside a job ---- */

enum { BOX_ARGS = 16, BOX_OUT = 1 << 16 };

struct box {
	struct sandbox_spec spec;
	const char *argv[BOX_ARGS];
	int lower, upper, out;
	int space; /* borrowed; where each run gets a fresh work directory, as `volatile` wants */
	char text[BOX_OUT]; /* what the command printed */
	struct sandbox_result result;
	struct gg_err err;
};

static inline int open_dir(int dir, const char *name)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (mkdirat(dir, name, 0755) < 0)
		CHECK(errno == EEXIST);
	int fd = gg_openat(dir, name, O_RDONLY | O_DIRECTORY, 0, &err);

	CHECK(fd >= 0);
	return fd;
}

/* `fresh` names the upper and work directories; no two boxes share it. */
static inline struct box *box_new(struct fixture *f, const char *fresh)
{
	static const char *const env[] = { "PATH=/bin", "GIVEN=1", NULL };
	_cleanup_free_ char *upper = gg_asprintf("%s.upper", fresh);
	struct box *b = gg_zalloc(sizeof(*b));

	b->lower = f->lower;
	b->upper = open_dir(f->space, upper);
	b->space = f->space;
	b->out = memfd_create("output", MFD_CLOEXEC);
	b->spec = (struct sandbox_spec){ .lowers = &b->lower,
					 .n_lowers = 1,
					 .upper = b->upper,
					 .work = -1,
					 .argv = b->argv,
					 .env = env,
					 .workdir = "/",
					 .stdout_fd = b->out,
					 .stderr_fd = b->out };
	return b;
}

static inline void box_free(struct box *b)
{
	gg_close(b->upper);
	gg_close(b->out);
	gg_err_done(&b->err);
	free(b);
}

static inline void box_command(struct box *b, va_list ap)
{
	size_t n = 0;

	b->argv[n++] = "probe";
	while (n + 1 < BOX_ARGS && (b->argv[n] = va_arg(ap, const char *)))
		n++;
	b->argv[n] = NULL;
}

static inline void box_read(struct box *b)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	ssize_t n;

	CHECK(lseek(b->out, 0, SEEK_SET) == 0);
	n = gg_read_full(b->out, b->text, sizeof(b->text) - 1, &err);
	CHECK(n >= 0 && ftruncate(b->out, 0) == 0 && lseek(b->out, 0, SEEK_SET) == 0);
	b->text[n] = '\0';
}

static inline int box_start(struct box *b, struct sandbox **ret)
{
	static unsigned runs;
	_cleanup_free_ char *name = gg_asprintf("work.%d.%u", getpid(), runs++);
	_cleanup_close_ int work = open_dir(b->space, name);

	gg_err_done(&b->err);
	b->spec.work = work;
	return sandbox_start(&b->spec, ret, &b->err);
}

/* Starts and waits: 0 or -1 as the sandbox says. */
static inline int box_go(struct box *b)
{
	_cleanup_sandbox_ struct sandbox *s = NULL;
	int r = box_start(b, &s);

	if (r == 0)
		r = sandbox_wait(s, &b->result, &b->err);
	box_read(b);
	return r;
}

/* The probe's exit status; a set-up error fails the test. */
static inline int box_run(struct box *b, ...)
{
	va_list ap;

	va_start(ap, b);
	box_command(b, ap);
	va_end(ap);
	if (box_go(b) < 0) {
		fprintf(stderr, "%s (%s)\n", b->err.text, b->err.hint ? b->err.hint : "");
		_exit(1);
	}
	return b->result.exited ? b->result.status : 128 + b->result.status;
}

/* Copies the probe to `name` in a directory. */
static inline void put_probe(struct fixture *f, int dir, const char *name, mode_t mode)
{
	_cleanup_close_ int from = openat(f->lower, "bin/probe", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	CHECK(copy_file_range(from, NULL, to, NULL, 64u << 20, 0) > 0 && fchmod(to, mode) == 0);
}

/* The names in a directory, sorted, separated by blanks. */
static inline char *list(int dir)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	_cleanup_buf_ struct gg_buf text = { 0 };
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			gg_strv_add(&names, e->d_name);
	closedir(d);
	gg_strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		gg_buf_printf(&text, "%s%s", i ? " " : "", names.v[i]);
	return gg_buf_steal(&text);
}

static inline void put_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static inline size_t count_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}
