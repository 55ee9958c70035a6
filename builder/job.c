/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/job.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "builder/sandbox/userns.h"
#include "layers/base/fd.h"
#include "layers/base/interrupt.h"
#include "layers/base/log.h"

enum { READ_STEP = 64 * 1024, MEMORY_MAX = 768 << 20 };

struct job {
	struct job_spec spec;
	pid_t pid;
	int pidfd, messages, output; /* -1 once closed */
	struct gg_buf line;
	struct gg_json *result;
	struct gg_err err;
	bool finished;
};

struct jobs {
	struct job **v;
	size_t n, cap;
	int signals;
};

uint64_t job_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

struct jobs *jobs_new(struct gg_err *err)
{
	struct jobs *j = gg_zalloc(sizeof(*j));
	sigset_t set;

	gg_interrupt_signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	j->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (j->signals < 0) {
		gg_fail_errno(err, "signalfd");
		free(j);
		return NULL;
	}
	return j;
}

static void job_free(struct job *job)
{
	if (!job->finished) {
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
	}
	gg_close(job->pidfd);
	gg_close(job->messages);
	gg_close(job->output);
	gg_buf_done(&job->line);
	gg_json_unref(job->result);
	gg_err_done(&job->err);
	free(job);
}

void jobs_kill(struct jobs *j)
{
	for (size_t i = 0; i < j->n; i++) {
		struct job_spec spec = j->v[i]->spec;

		job_free(j->v[i]);
		if (spec.killed)
			spec.killed(spec.ctx);
	}
	j->n = 0;
}

void jobs_free(struct jobs *j)
{
	if (!j)
		return;
	jobs_kill(j);
	gg_close(j->signals);
	free(j->v);
	free(j);
}

void jobs_freep(struct jobs **j)
{
	jobs_free(*j);
}

size_t jobs_running(const struct jobs *j)
{
	return j->n;
}

void job_send(const struct job_port *port, const struct gg_json *message)
{
	_cleanup_free_ char *text = gg_json_compact(message);
	_cleanup_free_ char *line = gg_asprintf("%s\n", text);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (gg_write_all(port->messages, line, strlen(line), &err) < 0)
		_exit(GG_INTERNAL);
}

static struct gg_json *error_message(const struct job_spec *spec, const struct gg_err *err)
{
	struct gg_json *e = gg_json_object(), *m = gg_json_object();

	gg_json_set_int(e, "kind", err->kind);
	gg_json_set_int(e, "errno", err->errnum);
	gg_json_set_str(e, "text", err->text ? err->text : "");
	if (err->hint)
		gg_json_set_str(e, "hint", err->hint);
	if (spec->file && err->pos.file && gg_streq(err->pos.file, spec->file)) {
		gg_json_set_int(e, "line", err->pos.line);
		gg_json_set_int(e, "col", err->pos.col);
	}
	gg_json_take(m, "error", e);
	return m;
}

static void take_error(struct job *job, const struct gg_json *e)
{
	const char *hint = gg_json_get_str(e, "hint", NULL);

	gg_fail(&job->err, (enum gg_kind)gg_json_get_int(e, "kind", GG_INTERNAL), "%s",
		gg_json_get_str(e, "text", "unknown error"));
	job->err.errnum = (int)gg_json_get_int(e, "errno", 0);
	if (gg_json_get(e, "line"))
		job->err.pos = (struct gg_pos){ .file = job->spec.file,
						.line = (unsigned)gg_json_get_int(e, "line", 0),
						.col = (unsigned)gg_json_get_int(e, "col", 0) };
	if (hint)
		gg_hint(&job->err, "%s", hint);
}

static _Noreturn void child(const struct job_spec *spec, int messages, int output)
{
	struct job_port port = { .messages = messages, .output = output };
	_cleanup_json_ struct gg_json *result = gg_json_object(), *last = NULL;
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	sigset_t set;

	gg_interrupt_signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	/* A terminal sends its interrupt to the whole foreground group; the parent decides for us. */
	signal(SIGINT, SIG_IGN);
	gg_log_set(NULL);
	if (spec->run(spec->ctx, &port, result, &err) < 0) {
		last = error_message(spec, &err);
	} else {
		last = gg_json_object();
		gg_json_take(last, "result", gg_json_ref(result));
	}
	job_send(&port, last);
	_exit(0);
}

/* A plain child dies with us too, as userns_fork's do. */
static pid_t plain_fork(int *ret_pidfd, struct gg_err *err)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return gg_fail_errno(err, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(GG_INTERNAL);
		return 0;
	}
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*ret_pidfd < 0) {
		gg_fail_errno(err, "pidfd_open");
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	return pid;
}

/* An archive says how large a window its decoder needs: xz up to 4 GiB. */
int job_bound_memory(struct gg_err *err)
{
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any limit */
	const struct rlimit limit = { MEMORY_MAX, MEMORY_MAX };

	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return gg_fail_errno(err, "limit the memory");
#endif
	(void)err;
	return 0;
}

int jobs_start(struct jobs *j, const struct job_spec *spec, struct gg_err *err)
{
	int messages[2] = { -1, -1 }, output[2] = { -1, -1 };
	int pidfd = -1;
	struct job *job;
	pid_t pid;

	if (pipe2(messages, O_CLOEXEC) < 0 || pipe2(output, O_CLOEXEC) < 0) {
		gg_fail_errno(err, "pipe");
		goto fail;
	}
	pid = spec->userns ? userns_fork(spec->userns, &pidfd, err) : plain_fork(&pidfd, err);
	if (pid < 0)
		goto fail;
	if (pid == 0) {
		gg_close(messages[0]);
		gg_close(output[0]);
		child(spec, messages[1], output[1]);
	}
	gg_close(messages[1]);
	gg_close(output[1]);
	fcntl(messages[0], F_SETFL, O_NONBLOCK);
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	job = gg_zalloc(sizeof(*job));
	*job = (struct job){ .spec = *spec,
			     .pid = pid,
			     .pidfd = pidfd,
			     .messages = messages[0],
			     .output = output[0] };
	GG_GROW(j->v, j->n, j->cap);
	j->v[j->n++] = job;
	return 0;
fail:
	for (int i = 0; i < 2; i++) {
		gg_close(messages[i]);
		gg_close(output[i]);
	}
	return -1;
}

static void take_line(struct job *job, const char *line, size_t len)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *m = gg_json_parse(line, len, &err);
	struct gg_json *v;

	if (!m) {
		gg_fail(&job->err, GG_INTERNAL, "a job sent an unreadable message: %s", err.text);
		return;
	}
	if ((v = gg_json_get(m, "error")))
		take_error(job, v);
	else if ((v = gg_json_get(m, "result")))
		job->result = gg_json_ref(v);
	else if (job->spec.message)
		job->spec.message(job->spec.ctx, m);
}

/* Returns false at the end of the stream. */
static bool drain_messages(struct job *job)
{
	for (;;) {
		char *nl;

		gg_buf_reserve(&job->line, READ_STEP);
		ssize_t n = read(job->messages, job->line.data + job->line.len, READ_STEP);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		job->line.len += (size_t)n;
		job->line.data[job->line.len] = '\0';
		size_t start = 0;
		while ((nl = memchr(job->line.data + start, '\n', job->line.len - start))) {
			size_t end = (size_t)(nl - job->line.data);

			take_line(job, job->line.data + start, end - start);
			start = end + 1;
		}
		memmove(job->line.data, job->line.data + start, job->line.len - start);
		job->line.len -= start;
	}
}

static bool drain_output(struct job *job)
{
	char block[READ_STEP];

	for (;;) {
		ssize_t n = read(job->output, block, sizeof(block));

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		if (job->spec.output)
			job->spec.output(job->spec.ctx, block, (size_t)n);
	}
}

/* The child has ended and both pipes are at their end: tell the owner. */
static void finish(struct job *job)
{
	int status = 0;

	waitpid(job->pid, &status, 0);
	job->finished = true;
	if (job->err.kind == GG_OK && !job->result) {
		if (WIFSIGNALED(status))
			gg_fail(&job->err, GG_SYSTEM, "a job was ended by signal %d (%s)",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			gg_fail(&job->err, GG_INTERNAL, "a job ended with status %d and no result",
				WEXITSTATUS(status));
	}
	job->spec.done(job->spec.ctx, job->err.kind == GG_OK ? job->result : NULL, &job->err);
}

static void service(struct job *job, const struct pollfd *p)
{
	if (job->messages >= 0 && p[1].revents && !drain_messages(job)) {
		gg_close(job->messages);
		job->messages = -1;
	}
	if (job->output >= 0 && p[2].revents && !drain_output(job)) {
		gg_close(job->output);
		job->output = -1;
	}
	if (p[0].revents) {
		/* Dead: what is still in the pipes was written before; a stray holder of the write end is ignored. */
		if (job->messages >= 0)
			drain_messages(job);
		if (job->output >= 0)
			drain_output(job);
		finish(job);
	}
}

static int take_signal(struct jobs *j, struct gg_err *err)
{
	struct signalfd_siginfo info;

	if (read(j->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	return gg_fail_signal(err, (int)info.ssi_signo);
}

int jobs_poll(struct jobs *j, int timeout_ms, struct gg_err *err)
{
	size_t n = j->n;
	_cleanup_free_ struct pollfd *p = gg_calloc(n * 3 + 1, sizeof(*p));
	int r;

	p[0] = (struct pollfd){ .fd = j->signals, .events = POLLIN };
	for (size_t i = 0; i < n; i++) {
		p[3 * i + 1] = (struct pollfd){ .fd = j->v[i]->pidfd, .events = POLLIN };
		p[3 * i + 2] = (struct pollfd){ .fd = j->v[i]->messages, .events = POLLIN };
		p[3 * i + 3] = (struct pollfd){ .fd = j->v[i]->output, .events = POLLIN };
	}
	do
		r = poll(p, n * 3 + 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return gg_fail_errno(err, "poll");
	if (p[0].revents && take_signal(j, err) < 0)
		return -1;
	/* Callbacks may start jobs, which are appended; only the first n were polled. */
	for (size_t i = 0; i < n; i++)
		service(j->v[i], &p[3 * i + 1]);
	size_t kept = 0;
	for (size_t i = 0; i < j->n; i++) {
		if (j->v[i]->finished)
			job_free(j->v[i]);
		else
			j->v[kept++] = j->v[i];
	}
	j->n = kept;
	return 0;
}

struct call {
	const struct job_spec *spec;
	bool ended;
	struct gg_json *result;
	struct gg_err err;
};

static int call_run(void *ctx, const struct job_port *port, struct gg_json *result,
		    struct gg_err *err)
{
	const struct call *c = ctx;

	return c->spec->run(c->spec->ctx, port, result, err);
}

static void call_done(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct call *c = ctx;

	c->ended = true;
	c->result = result ? gg_json_ref((struct gg_json *)result) : NULL;
	gg_err_move(&c->err, err);
}

int jobs_call(struct jobs *j, const struct job_spec *spec, struct gg_json **ret, struct gg_err *err)
{
	struct call c = { .spec = spec, .err = GG_ERR_INIT };
	struct job_spec wrapped = { .run = call_run,
				    .done = call_done,
				    .ctx = &c,
				    .file = spec->file,
				    .userns = spec->userns };
	_cleanup_json_ struct gg_json *result = NULL;

	if (jobs_start(j, &wrapped, err) < 0)
		return -1;
	while (!c.ended)
		if (jobs_poll(j, -1, err) < 0) {
			/* What it would tell is about to be gone. */
			jobs_kill(j);
			return -1;
		}
	result = c.result;
	if (c.err.kind != GG_OK) {
		gg_err_move(err, &c.err);
		return -1;
	}
	if (ret)
		*ret = gg_steal(&result);
	return 0;
}
