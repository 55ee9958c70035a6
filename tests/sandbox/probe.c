/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs inside a sandbox, statically linked, and depends on nothing of ours.
 *
 *   probe escape [KEY=VALUE]…   the escape suite, see escape.c
 *   probe VERB [ARGUMENT]…      small helpers for the tests of single promises; see the table at the end
 */
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

extern char **environ;

size_t slurp(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len + 1 < size && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return len;
}

static int verb_env(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (char **e = environ; *e; e++)
		puts(*e);
	return 0;
}

static int verb_exit(int argc, char **argv)
{
	(void)argc;
	return atoi(argv[0]);
}

static int verb_signal(int argc, char **argv)
{
	(void)argc;
	raise(atoi(argv[0]));
	return 0;
}

/* cat PATH…: contents, or the error's name. */
static int verb_cat(int argc, char **argv)
{
	static char text[65536];

	for (int i = 0; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0 || access(argv[i], R_OK) < 0) {
			printf("%s\n", strerrorname_np(errno));
			continue;
		}
		slurp(argv[i], text, sizeof(text));
		printf("%o %s\n", st.st_mode & 07777, text);
	}
	return 0;
}

/* write PATH TEXT */
static int verb_write(int argc, char **argv)
{
	int fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	(void)argc;
	if (fd < 0 || write(fd, argv[1], strlen(argv[1])) < 0 || fsync(fd) < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	return 0;
}

static int verb_unlink(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (remove(argv[i]) < 0)
			printf("%s\n", strerrorname_np(errno));
	return 0;
}

/* swap DIR TARGET: DIR is emptied of its name and becomes a symlink. */
static int verb_swap(int argc, char **argv)
{
	char away[256];

	(void)argc;
	snprintf(away, sizeof(away), "%s.away", argv[0]);
	if (rename(argv[0], away) < 0 || symlink(argv[1], argv[0]) < 0) {
		printf("%s\n", strerrorname_np(errno));
		return 1;
	}
	return 0;
}

static int verb_cwd(int argc, char **argv)
{
	char text[4096];

	(void)argc, (void)argv;
	puts(getcwd(text, sizeof(text)) ? text : strerrorname_np(errno));
	return 0;
}

static int verb_ids(int argc, char **argv)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	(void)argc, (void)argv;
	printf("%u %u", getuid(), getgid());
	for (int i = 0; i < n; i++)
		printf(" %u", groups[i]);
	printf("\n");
	return 0;
}

static int verb_sleep(int argc, char **argv)
{
	signal(SIGTERM, argc > 1 ? SIG_IGN : SIG_DFL);
	sleep((unsigned)atoi(argv[0]));
	return 0;
}

/* daemon: leaves processes in sessions of their own behind, then ends. They hold the output open. */
static int verb_daemon(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			setsid();
			if (fork() != 0)
				_exit(0);
			signal(SIGTERM, SIG_IGN);
			signal(SIGHUP, SIG_IGN);
			sleep(3600);
			_exit(0);
		}
	puts("left");
	return 0;
}

static int count_processes(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int n = 0;

	while (dir && (e = readdir(dir)))
		n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
	closedir(dir);
	return n;
}

/* orphans N: processes whose parents have ended, and end; how many of them are still there, dead or alive */
static int verb_orphans(int argc, char **argv)
{
	int before = count_processes(), left = 0;

	(void)argc;
	for (int i = 0; i < atoi(argv[0]); i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(fork() < 0);
		waitpid(pid, NULL, 0);
	}
	for (int i = 0; i < 500 && (i == 0 || left > 0); i++) {
		left = count_processes() - before;
		usleep(10000);
	}
	printf("%d left\n", left);
	return 0;
}

static int verb_netns(int argc, char **argv)
{
	char text[64] = "";

	(void)argc, (void)argv;
	if (readlink("/proc/self/ns/net", text, sizeof(text) - 1) < 0)
		return 1;
	puts(text);
	return 0;
}

static int verb_memory(int argc, char **argv)
{
	size_t len = (size_t)atoi(argv[0]) << 20;
	char *p = malloc(len);

	(void)argc;
	memset(p, 1, len);
	return p[len / 2] - 1;
}

static int connect_abstract(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(un.sun_path + 1, name, strlen(name));
	return connect(fd, (struct sockaddr *)&un,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}

static int connect_patiently(const char *ip, int to, int type)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to) };
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}

/* A question for a name server, three times if need be. */
static int ask(const char *ip, int to)
{
	static const char query[17] = { 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1 };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons((uint16_t)to) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 1 };
	char answer[512];

	inet_pton(AF_INET, ip, &sa.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	for (int i = 0; i < 3; i++) {
		sendto(fd, query, sizeof(query), 0, (struct sockaddr *)&sa, sizeof(sa));
		if (recv(fd, answer, sizeof(answer), 0) >= 12) {
			puts("answer");
			return 0;
		}
	}
	puts("silence");
	return 1;
}

/* reach tcp|udp|abstract|ask TO PORT: what connect says */
static int verb_reach(int argc, char **argv)
{
	int to = atoi(argv[2]), r;

	(void)argc;
	if (strcmp(argv[0], "ask") == 0)
		return ask(argv[1], to);
	if (strcmp(argv[0], "abstract") == 0)
		r = connect_abstract(argv[1]);
	else
		r = connect_patiently(argv[1], to,
				      strcmp(argv[0], "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM);
	puts(r < 0 ? strerrorname_np(errno) : "success");
	return 0;
}

/* abstract NAME: 0 when a child can connect to our own one */
static int verb_abstract(int argc, char **argv)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status = 1;
	pid_t pid;

	(void)argc;
	memcpy(un.sun_path + 1, argv[0], strlen(argv[0]));
	if (bind(fd, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(argv[0]))) < 0 ||
	    listen(fd, 1) < 0)
		return 1;
	pid = fork();
	if (pid == 0)
		_exit(connect_abstract(argv[0]) < 0);
	waitpid(pid, &status, 0);
	return status != 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	int arguments;
} verbs[] = {
	{ "escape", verb_escape, 0 },
	{ "env", verb_env, 0 },
	{ "exit", verb_exit, 1 },
	{ "signal", verb_signal, 1 },
	{ "cat", verb_cat, 1 },
	{ "write", verb_write, 2 },
	{ "unlink", verb_unlink, 1 },
	{ "swap", verb_swap, 2 },
	{ "cwd", verb_cwd, 0 },
	{ "ids", verb_ids, 0 },
	{ "sleep", verb_sleep, 1 },
	{ "daemon", verb_daemon, 0 },
	{ "netns", verb_netns, 0 },
	{ "memory", verb_memory, 1 },
	{ "reach", verb_reach, 3 },
	{ "orphans", verb_orphans, 1 },
	{ "abstract", verb_abstract, 1 },
	{ "ambient", verb_ambient, 0 },
	{ "names", verb_names, 1 },
	{ "children", verb_children, 1 },
	{ "deadlines", verb_deadlines, 0 },
	{ "busy", verb_busy, 0 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 && argc - 2 >= verbs[i].arguments)
			return verbs[i].run(argc - 2, argv + 2);
	fprintf(stderr, "probe: unknown verb\n");
	return 64;
}
