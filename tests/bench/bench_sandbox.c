/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_sandbox DIR TRUE [N]: what a step that does nothing costs, beside bubblewrap with the same namespaces, taken in
 * turns in one run; medians in ms as JSON. DIR: a new directory is made there, on a file system that can be overlayfs's
 * upper layer. TRUE: a static program that exits. As root.
 *   job      enter the user namespace, make upper and work, sandbox_start, sandbox_wait, read the upper directory, exit
 *   sandbox  sandbox_start to the end of sandbox_wait in there
 *   bwrap    bwrap with every namespace, the same root (not an overlay), no filter, no masks, no snapshot
 */
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/userns.h"
#include "layers/base/fd.h"

enum { MAX_RUNS = 2000 };

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static _Noreturn void die(const char *what, const struct gg_err *err)
{
	fprintf(stderr, "%s: %s\n", what, err && err->text ? err->text : "");
	exit(1);
}

/* One directory made and opened, of the namespace's root. */
static int make_dir(int parent, const char *name, uint32_t owner)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int fd;

	if (mkdirat(parent, name, 0755) < 0 || fchownat(parent, name, owner, owner, 0) < 0)
		die(name, NULL);
	fd = gg_openat(parent, name, O_RDONLY | O_DIRECTORY, 0, &err);
	if (fd < 0)
		die(name, &err);
	return fd;
}

static double run_sandbox(int lower, int space, int index)
{
	static const char *const argv[] = { "/bin/true", NULL }, *const env[] = { "PATH=/bin",
										  NULL };
	_cleanup_free_ char *upper = gg_asprintf("u%d", index), *work = gg_asprintf("w%d", index);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_sandbox_ struct sandbox *s = NULL;
	struct sandbox_result result;
	struct sandbox_spec spec = { .lowers = &lower,
				     .n_lowers = 1,
				     .upper = make_dir(space, upper, 0),
				     .work = make_dir(space, work, 0),
				     .argv = argv,
				     .env = env,
				     .workdir = "/",
				     .stdout_fd = 1,
				     .stderr_fd = 2 };
	double start = now_ms(), took;
	DIR *dir;

	if (sandbox_start(&spec, &s, &err) < 0 || sandbox_wait(s, &result, &err) < 0 ||
	    result.status != 0)
		die("sandbox", &err);
	took = now_ms() - start;
	dir = fdopendir(spec.upper);
	while (dir && readdir(dir))
		;
	closedir(dir);
	close(spec.work);
	return took;
}

static double run_job(struct userns *ns, int lower, int space, int index, double *ret_sandbox)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	double start = now_ms();
	int pidfd, status;
	pid_t pid = userns_fork(ns, &pidfd, &err);

	if (pid < 0)
		die("userns_fork", &err);
	if (pid == 0) {
		*ret_sandbox = run_sandbox(lower, space, index);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(pidfd);
	if (status != 0)
		die("job", NULL);
	return now_ms() - start;
}

static double run_bwrap(const char *root)
{
	extern char **environ;
	char *argv[] = { "bwrap",
			 "--unshare-user",
			 "--unshare-all",
			 "--bind",
			 (char *)root,
			 "/",
			 "--proc",
			 "/proc",
			 "--dev",
			 "/dev",
			 "--die-with-parent",
			 "--new-session",
			 "/bin/true",
			 NULL };
	double start = now_ms();
	int status;
	pid_t pid;

	if (posix_spawnp(&pid, "bwrap", NULL, NULL, argv, environ) != 0)
		die("bwrap", NULL);
	waitpid(pid, &status, 0);
	if (status != 0)
		die("bwrap", NULL);
	return now_ms() - start;
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

int main(int argc, char **argv)
{
	static double job[MAX_RUNS], bwrap[MAX_RUNS];
	double *sandbox =
		mmap(NULL, sizeof(job), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *path = NULL, *copy = NULL, *root = NULL;
	int n = argc > 3 ? atoi(argv[3]) : 200, dir, space, lower;
	struct userns ns;

	if (argc < 3 || n < 1 || n > MAX_RUNS || sandbox == MAP_FAILED)
		die("usage: bench_sandbox DIR TRUE [N]", NULL);
	path = gg_asprintf("%s/ggbench-XXXXXX", argv[1]);
	if (!mkdtemp(path) || userns_detect(&ns, &err) < 0)
		die(path, &err);
	copy = gg_asprintf("mkdir -p '%s/lower/bin' '%s/lower/proc' '%s/lower/dev' && cp '%s' "
			   "'%s/lower/bin/true' && "
			   "chmod -R a+rX '%s/lower' && chown -R %u:%u '%s/lower'",
			   path, path, path, argv[2], path, path, ns.base, ns.base, path);
	root = gg_asprintf("%s/lower", path);
	if (system(copy) != 0)
		die(argv[2], NULL);
	dir = gg_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &err);
	lower = gg_openat(dir, "lower", O_RDONLY | O_DIRECTORY, 0, &err);
	space = make_dir(dir, "space", ns.base);
	for (int i = 0; i < n; i++) {
		job[i] = run_job(&ns, lower, space, i, &sandbox[i]);
		bwrap[i] = run_bwrap(root);
	}
	printf("{\"runs\":%d,\"job\":%.2f,\"sandbox\":%.2f,\"bwrap\":%.2f}\n", n, median(job, n),
	       median(sandbox, n), median(bwrap, n));
	return gg_remove_tree(AT_FDCWD, path, &err) < 0;
}
