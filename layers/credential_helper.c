/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/credential_helper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/credentials.h"

enum { ANSWER_MAX = 64 << 10, NAME_MAX_LEN = 64, LIMIT_MS = 30000 };
extern char **environ;

/* What a run of it came to. */
struct run {
	const struct credential_helper *helper;
	pid_t pid; /* 0: not started, or waited for */
	int pidfd, output;
	int64_t deadline; /* ms */
	struct gg_buf answer;
	int status;
};

static void run_done(struct run *r)
{
	if (r->pid > 0) {
		kill(-r->pid, SIGKILL);
		while (waitpid(r->pid, &r->status, 0) < 0 && errno == EINTR)
			;
	}
	gg_close(r->pidfd);
	gg_close(r->output);
	if (r->answer.data)
		explicit_bzero(r->answer.data, r->answer.cap);
	gg_buf_done(&r->answer);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

/* Standard input is a file in memory: a program that reads none of it cannot make us wait. */
static int make_input(const char *text, struct gg_err *err)
{
	_cleanup_close_ int fd = memfd_create("credentials", MFD_CLOEXEC);

	if (fd < 0)
		return gg_fail_errno(err, "memfd_create");
	if (gg_write_all(fd, text, strlen(text), err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "seek");
	return gg_steal_fd(&fd);
}

/* 0, or an errno. */
static int spawn(const char *program, const char *verb, int input, int output, pid_t *ret)
{
	char *argv[] = { (char *)program, (char *)verb, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, pipe;
	int r;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigaddset(&pipe, SIGINT);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &pipe);
	r = posix_spawnp(ret, program, &files, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* *ret_there false: no such program. */
static int start(struct run *r, const char *verb, const char *input, bool *ret_there,
		 struct gg_err *err)
{
	_cleanup_free_ char *program = gg_asprintf("docker-credential-%s", r->helper->name);
	_cleanup_close_ int in = -1, out = -1;
	int ends[2], e;

	*ret_there = true;
	if (!name_valid(r->helper->name))
		return gg_fail(err, GG_USAGE, "'%.80s' is no name of a credential helper",
			       r->helper->name);
	in = make_input(input, err);
	if (in < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "pipe");
	r->output = ends[0];
	out = ends[1];
	if (fcntl(r->output, F_SETFL, O_NONBLOCK) < 0)
		return gg_fail_errno(err, "pipe");
	e = spawn(program, verb, in, out, &r->pid);
	if (e) {
		r->pid = 0;
		*ret_there = e != ENOENT;
		errno = e;
		gg_fail_errno(err, "start '%s'", program);
		return gg_hint(err, "install it, or take '%s' out of the file with credentials",
			       r->helper->name);
	}
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->pidfd < 0)
		return gg_fail_errno(err, "pidfd_open");
	r->deadline = now_ms() + (r->helper->limit_ms ? r->helper->limit_ms : LIMIT_MS);
	return 0;
}

/* What can be read now. *ret_end: there will be no more. */
static int read_some(struct run *r, bool *ret_end, struct gg_err *err)
{
	for (;;) {
		ssize_t n;

		gg_buf_reserve(&r->answer, ANSWER_MAX + 1);
		n = read(r->output, r->answer.data + r->answer.len, ANSWER_MAX + 1 - r->answer.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return gg_fail_errno(err, "read from it");
		r->answer.len += (size_t)n;
		if (r->answer.len > ANSWER_MAX)
			return gg_fail(err, GG_SYSTEM, "its answer is longer than %d KiB",
				       ANSWER_MAX >> 10);
		if (n == 0) {
			*ret_end = true;
			return 0;
		}
	}
}

/* Until it has ended: what it has left running may hold the pipe open for ever. */
static int wait_end(struct run *r, struct gg_err *err)
{
	bool end = false;

	for (;;) {
		struct pollfd polled[] = { { .fd = r->pidfd, .events = POLLIN },
					   { .fd = end ? -1 : r->output, .events = POLLIN } };
		int64_t left = r->deadline - now_ms();

		if (left <= 0)
			return gg_fail(err, GG_SYSTEM, "it has not answered within %u s",
				       (r->helper->limit_ms ? r->helper->limit_ms : LIMIT_MS) /
					       1000);
		if (poll(polled, GG_LEN(polled), (int)left) < 0 && errno != EINTR)
			return gg_fail_errno(err, "wait for it");
		if (polled[1].revents && read_some(r, &end, err) < 0)
			return -1;
		if (polled[0].revents)
			break;
	}
	if (!end && read_some(r, &end, err) < 0)
		return -1;
	if (waitpid(r->pid, &r->status, 0) < 0)
		return gg_fail_errno(err, "wait for it");
	r->pid = 0;
	gg_buf_putc(&r->answer, '\0');
	r->answer.len--;
	return 0;
}

/* *ret_found false: it says that it has nothing. Other trouble than that is an error. */
static int ask(struct run *r, const char *verb, const char *input, bool *ret_found, bool *ret_there,
	       struct gg_err *err)
{
	*ret_found = false;
	if (start(r, verb, input, ret_there, err) < 0)
		return -1;
	if (wait_end(r, err) < 0)
		return -1;
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0) {
		*ret_found = true;
		return 0;
	}
	if (WIFEXITED(r->status) && strstr(r->answer.data, "credentials not found"))
		return 0;
	if (WIFSIGNALED(r->status))
		return gg_fail(err, GG_SYSTEM, "it was ended by signal %d", WTERMSIG(r->status));
	gg_fail(err, GG_SYSTEM, "it ended with exit status %d", WEXITSTATUS(r->status));
	return gg_hint(err, "try it: echo '%s' | docker-credential-%s %s", r->helper->server,
		       r->helper->name, verb);
}

static int context(const struct credential_helper *h, struct gg_err *err)
{
	return gg_context(err, "credential helper '%.80s'", h->name);
}

#define RUN_INIT(h)                                                                                \
	{                                                                                          \
		.helper = (h), .pidfd = -1, .output = -1                                           \
	}

static int take_answer(const struct run *r, struct credentials *ret, struct gg_err *err)
{
	_cleanup_err_ struct gg_err inner = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *answer =
		gg_json_parse(r->answer.data, r->answer.len, &inner);
	const char *user = gg_json_get_str(answer, "Username", NULL),
		   *secret = gg_json_get_str(answer, "Secret", NULL);

	if (!user || !secret)
		return gg_fail(err, GG_SYSTEM, "its answer is no JSON with Username and Secret");
	if (gg_streq(user, "<token>")) {
		ret->identity_token = gg_strdup(secret);
		return 0;
	}
	ret->user = gg_strdup(user);
	ret->password = gg_strdup(secret);
	return 0;
}

int credential_helper_get(const struct credential_helper *h, struct credentials *ret,
			  bool *ret_found, bool *ret_there, struct gg_err *err)
{
	struct run r GG_CLEANUP(run_done) = RUN_INIT(h);

	if (ask(&r, "get", h->server, ret_found, ret_there, err) < 0) {
		if (*ret_there)
			return context(h, err);
		gg_err_done(err);
		return 0;
	}
	if (*ret_found && take_answer(&r, ret, err) < 0)
		return context(h, err);
	return 0;
}

int credential_helper_store(const struct credential_helper *h, const char *user,
			    const char *password, struct gg_err *err)
{
	struct run r GG_CLEANUP(run_done) = RUN_INIT(h);
	_cleanup_json_ struct gg_json *input = gg_json_object();
	_cleanup_free_ char *text = NULL;
	bool taken = false, there;
	int rc;

	gg_json_set_str(input, "ServerURL", h->server);
	gg_json_set_str(input, "Username", user);
	gg_json_set_str(input, "Secret", password);
	text = gg_json_compact(input);
	rc = ask(&r, "store", text, &taken, &there, err);
	explicit_bzero(text, strlen(text));
	if (rc == 0 && !taken)
		rc = gg_fail(err, GG_SYSTEM, "it has not stored them");
	return rc < 0 ? context(h, err) : 0;
}

int credential_helper_erase(const struct credential_helper *h, bool *ret_found, struct gg_err *err)
{
	struct run r GG_CLEANUP(run_done) = RUN_INIT(h);
	bool there;

	if (ask(&r, "erase", h->server, ret_found, &there, err) < 0)
		return context(h, err);
	return 0;
}
