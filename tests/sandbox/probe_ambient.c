/* SPDX-License-Identifier: Apache-2.0
 *
 * What a program sees of the machine around it, by the C library, which asks the vDSO where there is one.
 */
#include "probe.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

int verb_ambient(int argc, char **argv)
{
	struct utsname u;
	struct timeval day;
	cpu_set_t set;

	(void)argc, (void)argv;
	uname(&u);
	gettimeofday(&day, NULL);
	sched_getaffinity(0, sizeof(set), &set);
	printf("real %lld\nday %lld\ntime %lld\ncoarse %lld\n", now_ms(CLOCK_REALTIME) / 1000,
	       (long long)day.tv_sec, (long long)time(NULL), now_ms(CLOCK_REALTIME_COARSE) / 1000);
	printf("monotonic %lld\nvdso %lu\ncpus %d\nrelease %s\npersonality %x\npid %d\n",
	       now_ms(CLOCK_MONOTONIC) / 1000, getauxval(AT_SYSINFO_EHDR), CPU_COUNT(&set),
	       u.release, personality(0xffffffff), getpid());
	return 0;
}

/* The names of a directory, and, by telldir and seekdir, the second half of them again. */
int verb_names(int argc, char **argv)
{
	DIR *d = opendir(argv[0]);
	struct dirent *e;
	long half = -1, n = 0, again = 0;

	(void)argc;
	if (!d)
		return 1;
	while ((e = readdir(d))) {
		printf("%s\n", e->d_name);
		if (++n == 3)
			half = telldir(d);
	}
	seekdir(d, half);
	while (readdir(d))
		again++;
	printf("%ld of %ld again\n", again, n);
	return 0;
}

/* Children that start one after the other say their number as soon as they run. */
int verb_children(int argc, char **argv)
{
	int ends[2], n = atoi(argv[0]);
	char c;

	(void)argc;
	if (pipe(ends) < 0)
		return 1;
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			c = (char)('a' + i);
			_exit(write(ends[1], &c, 1) != 1);
		}
	close(ends[1]);
	while (read(ends[0], &c, 1) == 1)
		putchar(c);
	putchar('\n');
	while (wait(NULL) > 0)
		;
	return 0;
}

/* Deadlines on the wall clock pass when that says so. */
int verb_deadlines(int argc, char **argv)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	long long start = now_ms(CLOCK_MONOTONIC), middle;
	struct timespec t;
	int r;

	(void)argc, (void)argv;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 1;
	pthread_mutex_lock(&mutex);
	do
		r = pthread_cond_timedwait(&cond, &mutex, &t);
	while (r == 0);
	middle = now_ms(CLOCK_MONOTONIC);
	t.tv_sec += 1;
	clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
	printf("condition %lld sleep %lld\n", (middle - start + 500) / 1000,
	       (now_ms(CLOCK_MONOTONIC) - middle + 500) / 1000);
	return 0;
}

static volatile sig_atomic_t handled;

static void handle(int sig)
{
	(void)sig;
	handled++;
}

static void *work(void *arg)
{
	for (int i = 0; i < 200; i++)
		if (now_ms(CLOCK_REALTIME) == 0)
			return NULL;
	return arg;
}

/* Threads, signals, stops: all that a tracer sees and must pass on. */
int verb_busy(int argc, char **argv)
{
	pthread_t threads[8];
	int status, good = 0;
	void *r;
	pid_t pid;

	(void)argc, (void)argv;
	signal(SIGUSR1, handle);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, work, &threads[i]);
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	for (int i = 0; i < 8; i++)
		good += pthread_join(threads[i], &r) == 0 && r == &threads[i];
	pid = fork();
	if (pid == 0) {
		raise(SIGSTOP);
		_exit(7);
	}
	good += waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status);
	kill(pid, SIGCONT);
	good += waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7;
	pid = fork();
	if (pid == 0)
		abort();
	good += waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
		WTERMSIG(status) == SIGABRT;
	printf("%d good, %d handled\n", good, (int)handled);
	return 0;
}
