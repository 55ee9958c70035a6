/* SPDX-License-Identifier: Apache-2.0
 *
 * Credential helpers: programs that keep what files should not. Without a shell; what they write is bounded, and so is the
 * time they take.
 */
#include "layers/credentials_private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"

enum { TIME_MS = 30000, MAX_WORDS = 200 };
static const char HUB_KEY[] = "https://index.docker.io/v1/";
extern char **environ;

/* One question. */
struct helper {
	const char *name;
	pid_t pid;
	int in, out; /* ours of its standard input and output */
	struct gg_buf text;
};
#define HELPER_INIT                                                                                \
	{                                                                                          \
		.in = -1, .out = -1                                                                \
	}

static void helper_done(struct helper *h)
{
	gg_close(h->in);
	gg_close(h->out);
	if (h->pid > 0) {
		kill(h->pid, SIGKILL);
		while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (h->text.data)
		explicit_bzero(h->text.data, h->text.len);
	gg_buf_done(&h->text);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int check_name(const char *name, struct gg_err *err)
{
	if (*name && strlen(name) < 64 &&
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0')
		return 0;
	return gg_fail(err, GG_USAGE, "'%.64s' is no credential helper's name", name);
}

static int spawn(struct helper *h, const char *program, const char *verb, struct gg_err *err)
{
	char *const argv[] = { (char *)program, (char *)verb, NULL };
	_cleanup_close_ int in = -1, out = -1;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int p[2], r;
	sigset_t none;

	if (pipe2(p, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "make a pipe");
	in = p[0];
	h->in = p[1];
	if (pipe2(p, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "make a pipe");
	h->out = p[0];
	out = p[1];
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	r = posix_spawnp(&h->pid, program, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (r == 0)
		return 0;
	h->pid = 0;
	errno = r;
	gg_fail_errno(err, "run '%s'", program);
	return gg_hint(err, "a configuration of credentials names it: install it, or take it out "
			    "there");
}

/* What is asked is shorter than a pipe is large; a helper that does not read it is no error of ours. */
static int ask(struct helper *h, const char *question, struct gg_err *err)
{
	size_t len = strlen(question);
	ssize_t n;

	if (len > 4096)
		return gg_fail(err, GG_USAGE, "the credentials are longer than 4096 bytes");
	n = write(h->in, question, len);
	gg_close(h->in);
	h->in = -1;
	return n < 0 && errno != EPIPE ? gg_fail_errno(err, "write to it") : 0;
}

static int listen_to(struct helper *h, int64_t until, struct gg_err *err)
{
	char block[4096];

	for (;;) {
		struct pollfd p = { .fd = h->out, .events = POLLIN };
		int64_t left = until - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return gg_fail(err, GG_SYSTEM, "it says nothing for %d s", TIME_MS / 1000);
		n = read(h->out, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gg_fail_errno(err, "read from it");
		if (n == 0)
			return 0;
		gg_buf_add(&h->text, block, (size_t)n);
		explicit_bzero(block, sizeof(block));
		if (h->text.len > CREDENTIALS_MAX_ANSWER)
			return gg_fail(err, GG_SYSTEM, "it says more than %d bytes",
				       CREDENTIALS_MAX_ANSWER);
	}
}

static int wait_for(struct helper *h, int64_t until, int *ret_status, struct gg_err *err)
{
	for (;;) {
		pid_t r = waitpid(h->pid, ret_status, WNOHANG);

		if (r == h->pid) {
			h->pid = 0;
			return 0;
		}
		if (r < 0 && errno != EINTR)
			return gg_fail_errno(err, "wait for it");
		if (now_ms() >= until)
			return gg_fail(err, GG_SYSTEM, "it does not end within %d s",
				       TIME_MS / 1000);
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
}

/* *ret_status: as waitpid has it. */
static int talk(struct helper *h, const char *verb, const char *question, int *ret_status,
		struct gg_err *err)
{
	_cleanup_free_ char *program = gg_asprintf("docker-credential-%s", h->name);
	int64_t until = now_ms() + TIME_MS;
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;
	int r;

	if (check_name(h->name, err) < 0)
		return -1;
	sigaction(SIGPIPE, &ignore, &old);
	r = spawn(h, program, verb, err);
	if (r == 0 && (ask(h, question, err) < 0 || listen_to(h, until, err) < 0 ||
		       wait_for(h, until, ret_status, err) < 0))
		r = gg_context(err, "credential helper '%s'", program);
	sigaction(SIGPIPE, &old, NULL);
	return r;
}

static const char *key_for_helper(const char *key)
{
	return gg_streq(key, "docker.io") ? HUB_KEY : key;
}

static bool says_unknown(const struct helper *h)
{
	return h->text.data && strstr(h->text.data, "credentials not found");
}

/* An error names no byte of what it said: that may be a password. */
static int refused(const struct helper *h, struct gg_err *err)
{
	return gg_fail(err, GG_SYSTEM, "credential helper 'docker-credential-%s' fails", h->name);
}

int credentials_ask_helper(const char *name, const char *key, struct credentials *ret,
			   struct gg_err *err)
{
	GG_CLEANUP(helper_done) struct helper h = HELPER_INIT;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *j = NULL;
	const char *user, *secret;
	int status = 0;

	h.name = name;
	if (talk(&h, "get", key_for_helper(key), &status, err) < 0)
		return -1;
	if (status != 0)
		return says_unknown(&h) ? 0 : refused(&h, err);
	j = gg_json_parse(h.text.data ? h.text.data : "", h.text.len, &ignored);
	user = gg_json_get_str(j, "Username", NULL);
	secret = gg_json_get_str(j, "Secret", NULL);
	if (!user || !secret)
		return gg_fail(err, GG_SYSTEM,
			       "credential helper 'docker-credential-%s' answers no Username and "
			       "Secret",
			       name);
	if (gg_streq(user, "<token>")) {
		ret->identity_token = gg_strdup(secret);
	} else {
		ret->user = gg_strdup(user);
		ret->password = gg_strdup(secret);
	}
	ret->from = gg_asprintf("'docker-credential-%s'", name);
	return 0;
}

int credentials_tell_helper(const char *name, const char *key, const char *user,
			    const char *password, struct gg_err *err)
{
	GG_CLEANUP(helper_done) struct helper h = HELPER_INIT;
	_cleanup_json_ struct gg_json *j = gg_json_object();
	char *question;
	int status = 0, r;

	h.name = name;
	gg_json_set_str(j, "ServerURL", key_for_helper(key));
	gg_json_set_str(j, "Username", user);
	gg_json_set_str(j, "Secret", password);
	question = gg_json_compact(j);
	r = talk(&h, "store", question, &status, err);
	credentials_wipe(&question);
	return r == 0 && status != 0 ? refused(&h, err) : r;
}

int credentials_clear_helper(const char *name, const char *key, bool *ret_found, struct gg_err *err)
{
	GG_CLEANUP(helper_done) struct helper h = HELPER_INIT;
	int status = 0;

	h.name = name;
	if (talk(&h, "erase", key_for_helper(key), &status, err) < 0)
		return -1;
	*ret_found = status == 0;
	return status == 0 || says_unknown(&h) ? 0 : refused(&h, err);
}
