/* SPDX-License-Identifier: Apache-2.0
 *
 * Run inside the sandbox by test_owner: asks whoever answers for the kernel what no sane program asks. Ends with what
 * it has seen on standard output; every hang or death is a failure of the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failures;

static void want(const char *what, long r, int errnum)
{
	if (errnum ? r == -1 && errno == errnum : r >= 0)
		return;
	printf("%s: %ld (%s)\n", what, r, r < 0 ? strerror(errno) : "");
	failures++;
}

static const long calls[] = {
	SYS_chown,    SYS_lchown,     SYS_fchown,     SYS_fchownat,   SYS_stat,      SYS_lstat,
	SYS_fstat,    SYS_newfstatat, SYS_statx,      SYS_open,       SYS_openat,    SYS_creat,
	SYS_mkdir,    SYS_mkdirat,    SYS_mknod,      SYS_mknodat,    SYS_symlink,   SYS_symlinkat,
	SYS_setuid,   SYS_setgid,     SYS_setreuid,   SYS_setregid,   SYS_setresuid, SYS_setresgid,
	SYS_setfsuid, SYS_setfsgid,   SYS_setgroups,  SYS_getgroups,  SYS_getresuid, SYS_getresgid,
	SYS_chroot,   SYS_listxattr,  SYS_llistxattr, SYS_flistxattr, SYS_utimensat,
};

/* Every call with every mixture of values that mean nothing. */
static void nonsense(void)
{
	static const uint64_t values[] = {
		0,
		1,
		4095,
		4096,
		UINT64_MAX,
		UINT64_MAX - 4095,
		UINT64_C(1) << 47,
		UINT64_C(0xffff800000000000),
		0x7fffffff,
		0x80000000,
		0x40,
		0x1100,
	};
	size_t n = sizeof(values) / sizeof(*values);

	for (size_t c = 0; c < sizeof(calls) / sizeof(*calls); c++)
		for (size_t i = 0; i < n * n; i++)
			syscall(calls[c], values[i % n], values[i / n], values[(i + c) % n],
				values[(i * 7 + c) % n], values[(i * 5) % n], 0);
}

static void edges(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct stat *low = (struct stat *)(page + 4096 - sizeof(struct stat) / 2);
	static gid_t many[65537];
	char *name;

	munmap(page + 4096, 4096);
	memset(page, 'x', 4096);
	want("unterminated path", chown(page + 4000, 1, 1), EFAULT);
	name = page + 4096 - 2;
	memcpy(name, "n", 2);
	want("file at the end", close(open(name, O_CREAT | O_WRONLY, 0600)), 0);
	want("path to the page's end", chown(name, 3, 4), 0);
	want("half of a stat", stat(name, low), EFAULT);
	name = malloc(70000);
	memset(name, 'y', 69999);
	name[69999] = '\0';
	want("long path", chown(name, 1, 1), ENAMETOOLONG);
	want("closed descriptor", fchown(77, 1, 1), EBADF);
	want("negative descriptor", fchown(-5, 1, 1), EBADF);
	want("bad flags", fchownat(AT_FDCWD, "n", 1, 1, 0x8000), EINVAL);
	want("no path", fchownat(AT_FDCWD, "", 1, 1, 0), ENOENT);
	want("no such user", chown("n", 70000, 0), EINVAL);
	want("groups", syscall(SYS_setgroups, 65537, many), EINVAL);
	want("groups from nowhere", syscall(SYS_setgroups, 9, 8), EFAULT);
	want("unknown group", syscall(SYS_setgroups, 1, &(gid_t){ 99999 }), EINVAL);
	want("three groups", syscall(SYS_setgroups, 3, (gid_t[]){ 4, 5, 6 }), 0);
	want("room for two", syscall(SYS_getgroups, 2, many), EINVAL);
	want("room", syscall(SYS_getgroups, 3, many) == 3 && many[2] == 6 ? 0 : -1, 0);
}

/* What only pid 1 may follow leads to files of the host: the kernel's answer is the caller's own. */
static void links(void)
{
	struct stat st;
	/* u::rwx, u:7:rwx, g::rwx, m::rwx, o::rwx */
	static const unsigned acl[] = { 2,   0x00070001, ~0u, 0x00070002, 7,  0x00070004,
					~0u, 0x00070010, ~0u, 0x00070020, ~0u };
	int fd;

	want("exe of pid 1", chown("/proc/1/exe", 1, 1), EACCES);
	want("the same, from there", chdir("/proc/1"), 0);
	want("exe", chown("exe", 1, 1), EACCES);
	want("acl of exe", setxattr("exe", "system.posix_acl_access", acl, sizeof(acl), 0), EACCES);
	want("stat of exe", stat("/proc/1/exe", &st), EACCES);
	want("file below", open("/proc/1/root/tmp/x", O_CREAT | O_EXCL | O_WRONLY, 0600), EACCES);
	want("back", chdir("/tmp"), 0);
	want("acl", setxattr("n", "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	want("is in force", stat("n", &st) == 0 && (st.st_mode & 0777) == 0777 ? 0 : -1, 0);
	want("acl away", removexattr("n", "system.posix_acl_access"), 0);
	fd = open("n", O_RDONLY);
	want("descriptor", fd == 3 ? 0 : -1, 0);
	want("own descriptor", chown("/proc/self/fd/3", 9, 9), 0);
	want("own descriptor", fstat(fd, &st) == 0 && st.st_uid == 9 ? 0 : -1, 0);
	want("own descriptor", chown("/dev/fd/3", 10, 9), 0);
	want("own descriptor", stat("/dev/fd/3", &st) == 0 && st.st_uid == 10 ? 0 : -1, 0);
	close(fd);
}

/* A child that is not dumpable, as agents for keys are. */
static void undumpable(void)
{
	struct stat st;

	prctl(PR_SET_DUMPABLE, 0);
	want("chown, undumpable", chown("n", 5, 6), 0);
	want("stat, undumpable", stat("n", &st) == 0 && st.st_uid == 5 && st.st_gid == 6 ? 0 : -1,
	     0);
	prctl(PR_SET_DUMPABLE, 1);
}

/* Where a symlink's owner is kept, every way of asking for its time shows another. */
static void times(void)
{
	struct statx sx;
	struct stat st;

	want("symlink", symlink("n", "link"), 0);
	want("its owner", lchown("link", 3, 4), 0);
	want("its time", lstat("link", &st) == 0 && st.st_mtime == 315532800 ? 0 : -1, 0);
	want("its time alone",
	     statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_MTIME, &sx) == 0 &&
			     sx.stx_mtime.tv_sec == 315532800 && sx.stx_uid == 3
		     ? 0
		     : -1,
	     0);
}

static void attributes(void)
{
	char names[256] = "";
	ssize_t n;

	want("own attribute", setxattr("n", "user.mine", "1", 1, 0), 0);
	n = listxattr("n", NULL, 0);
	want("size of the list", n == 10 ? 0 : -1, 0);
	want("list",
	     listxattr("n", names, sizeof(names)) == 10 && !strcmp(names, "user.mine") ? 0 : -1, 0);
	want("short list", listxattr("n", names, 5), ERANGE);
	want("owner in words", setxattr("n", "user.ggbuild.owner", "root", 4, 0), 0);
	struct stat st;
	want("which mean nothing", stat("n", &st) == 0 && st.st_uid == 0 ? 0 : -1, 0);
}

/* Root is given up, and what goes with it, unless it is kept. */
static void users(void)
{
	gid_t groups[2];
	int r;

	if (fork() == 0) {
		want("saved root", setresuid(1000, 1000, 0), 0);
		want("back", seteuid(0) == 0 && geteuid() == 0 && getuid() == 1000 ? 0 : -1, 0);
		want("for good", setresuid(1000, 1000, 1000), 0);
		want("no way back", seteuid(0), EPERM);
		want("no groups", setgroups(0, NULL), EPERM);
		want("no group", setresgid(5, 5, 5), EPERM);
		want("chown", chown("n", 1000, 1000), EPERM);
		want("chown to nobody else", chown("n", -1, -1), 0);
		_exit(failures);
	}
	wait(&r);
	failures += r != 0;
	if (fork() == 0) {
		want("keep", prctl(PR_SET_KEEPCAPS, 1), 0);
		want("user", setresuid(1000, 1000, 1000), 0);
		want("group, later", setresgid(5, 6, 7), 0);
		want("groups, later", setgroups(2, (gid_t[]){ 8, 9 }), 0);
		want("as told",
		     getgid() == 5 && getegid() == 6 && getgroups(2, groups) == 2 && groups[1] == 9
			     ? 0
			     : -1,
		     0);
		want("keep no more", prctl(PR_SET_KEEPCAPS, 0), 0);
		want("no groups", setgroups(0, NULL), EPERM);
		_exit(failures);
	}
	wait(&r);
	failures += r != 0;
}

/* More credentials than anybody has, and a limit that says anything. */
static void credentials(void)
{
	struct rlimit limit;
	int r = 0;

	if (fork() == 0) {
		for (uid_t u = 1; u < 6000 && r == 0; u++)
			r = (int)syscall(SYS_setresuid, u, 0, 0);
		_exit(r == -1 && errno == ENOMEM ? 0 : 1);
	}
	wait(&r);
	want("credentials end", r == 0 ? 0 : -1, 0);
	getrlimit(RLIMIT_RTTIME, &limit);
	for (rlim_t v = 0; v < 100; v++) {
		limit.rlim_cur = limit.rlim_max - 1 - v * v * v * v;
		setrlimit(RLIMIT_RTTIME, &limit);
		getuid();
		chown("n", 1, 1);
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_RTTIME, &limit);
	want("root again", getuid() == 0 ? 0 : -1, 0);
}

static void *worker(void *arg)
{
	char name[32];
	struct stat st;

	snprintf(name, sizeof(name), "w%ld", (long)(intptr_t)arg);
	for (int i = 0; i < 50; i++) {
		close(open(name, O_CREAT | O_WRONLY, 0600));
		if (chown(name, 7, 8) < 0 || stat(name, &st) < 0 || st.st_uid != 7 ||
		    st.st_gid != 8)
			return "wrong";
		unlink(name);
	}
	return NULL;
}

static void crowd(void)
{
	enum { THREADS = 200 };
	pthread_t threads[THREADS];
	pthread_attr_t attr;
	void *r;
	long n = 0, wrong = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	while (n < THREADS && pthread_create(&threads[n], &attr, worker, (void *)(intptr_t)n) == 0)
		n++;
	for (long i = 0; i < n; i++)
		if (pthread_join(threads[i], &r) == 0 && r)
			wrong++;
	want("threads", n == THREADS && wrong == 0 ? 0 : -1, 0);
}

/* Callers that are killed, and interrupted, in the middle of what they ask. */
static void nothing(int sig)
{
	(void)sig;
}

static void deaths(void)
{
	struct sigaction a = { .sa_handler = nothing, .sa_flags = SA_RESTART };

	for (int i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0)
			for (;;) {
				struct stat st;

				chown("n", 1, 1);
				stat("n", &st);
				close(open("q", O_CREAT | O_EXCL, 0600));
				unlink("q");
			}
		usleep((useconds_t)(i * 13 % 900));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	sigaction(SIGALRM, &a, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 200 }, { 0, 200 } }, NULL);
	for (int i = 0; i < 2000; i++)
		if (chown("n", (uid_t)(i % 9), 1) < 0) {
			want("interrupted", -1, 0);
			break;
		}
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "ids")) {
		uid_t u[3];
		gid_t g[3];

		getresuid(&u[0], &u[1], &u[2]);
		getresgid(&g[0], &g[1], &g[2]);
		printf("%u %u %u, %u %u %u\n", u[0], u[1], u[2], g[0], g[1], g[2]);
		return 0;
	}
	if (chdir("/tmp") < 0)
		return 1;
	edges();
	links();
	undumpable();
	times();
	attributes();
	users();
	credentials();
	crowd();
	deaths();
	/* Last: among the nonsense is what gives root up, and the output with it. */
	pid_t pid = fork();
	if (pid == 0) {
		nonsense();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	printf("%d failures\n", failures);
	return 0;
}
