/* SPDX-License-Identifier: Apache-2.0
 *
 * TEST: a recipe's test in a sandbox on the image's layers, as the image's user with its environment, without network
 * and without capabilities. A test that does not give what it expects is a GG_GATE error.
 */
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "builder/action.h"
#include "builder/command_run.h"
#include "builder/sandbox/sandbox.h"
#include "builder/view.h"
#include "layers/base/fd.h"
#include "layers/image_config.h"

enum { OUTPUT_MAX = 16 << 20 };

static int test_prepare(struct action *a, struct gg_err *err)
{
	if (action_read_config(a, err) < 0)
		return -1;
	if (action_open_trees(a, a->plan->layers, a->plan->n_layers, true, err) < 0)
		return -1;
	return action_open_log(a, err);
}

static void test_environment(const struct action *a, const char *home, struct gg_strv *env)
{
	const struct recipe_list *lists[] = { &a->recipe->image.env, &a->node->test->env };

	gg_strv_setenv(env, "PATH", ACTION_PATH);
	gg_strv_setenv(env, "HOME", home ? home : "/");
	if (a->config)
		image_config_env(a->config, env);
	for (size_t i = 0; i < GG_LEN(lists); i++)
		for (size_t j = 0; j < lists[i]->n; j++)
			gg_strv_putenv(env, lists[i]->v[j]);
}

static bool some_line_matches(const char *text, const char *pattern)
{
	regex_t re;
	bool found;

	/* The checker compiled it before; REG_NEWLINE makes ^ and $ mean lines. */
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
		return false;
	found = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

static int expect_lines(const char *stream, const char *text, const struct recipe_list *patterns,
			struct gg_err *err)
{
	for (size_t i = 0; i < patterns->n; i++)
		if (!some_line_matches(text, patterns->v[i]))
			return gg_fail(err, GG_GATE, "no line of its %s matches '%s'", stream,
				       patterns->v[i]);
	return 0;
}

static int judge(const struct recipe_test *t, const struct sandbox_result *r, const char *out,
		 const char *errors, struct gg_err *err)
{
	unsigned long long ms = t->timeout / 1000000u;

	if (r->timed_out)
		return gg_fail(err, GG_GATE, "it ran longer than its timeout of %llu %s",
			       ms % 1000 ? ms : ms / 1000, ms % 1000 ? "ms" : "s");
	if (!r->exited)
		return gg_fail(err, GG_GATE, "it was ended by signal %d (%s)", r->status,
			       strsignal(r->status));
	if (r->status != t->exit)
		return gg_fail(err, GG_GATE, "exit status %d instead of %d", r->status, t->exit);
	if (expect_lines("standard output", out, &t->stdout_lines, err) < 0 ||
	    expect_lines("standard error", errors, &t->stderr_lines, err) < 0)
		return -1;
	if (t->stdout_text && !gg_streq(out, t->stdout_text))
		return gg_fail(err, GG_GATE, "its standard output is not what the test expects");
	return 0;
}

/* Reads back what the test printed and shows it, as every command's output is shown. */
static int read_output(int fd, const struct job_port *port, struct gg_buf *ret, struct gg_err *err)
{
	if (lseek(fd, 0, SEEK_SET) < 0)
		return gg_fail_errno(err, "lseek");
	gg_buf_puts(ret, "");
	if (gg_read_fd(fd, OUTPUT_MAX, ret, err) < 0)
		return gg_context(err, "the test's output");
	return gg_write_all(port->output, ret->data, ret->len, err);
}

static int test_work(struct action *a, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	const struct recipe_test *t = a->node->test;
	const struct recipe_image *image = &a->recipe->image;
	const char *user = t->user            ? t->user
			   : image->user.name ? image->user.name
					      : image_config_user(a->config);
	const char *inherited = image_config_workdir(a->config);
	const char *const shell[] = { "/bin/sh", "-eu", "-c", t->command.shell, NULL };
	_cleanup_view_ struct view layers = VIEW_INIT;
	_cleanup_strv_ struct gg_strv env = { 0 };
	_cleanup_buf_ struct gg_buf out = { 0 }, errors = { 0 };
	_cleanup_close_ int outfd = -1, errfd = -1;
	struct owner owner = { 0 };
	struct sandbox_result ended;
	struct command_run run = {
		.argv = t->command.shell ? shell : t->command.argv.v,
		.env = &env,
		.port = port,
		.timeout = t->timeout,
		.flags = SANDBOX_NO_CAPABILITIES,
		.result = &ended,
		.workdir = t->workdir       ? t->workdir
			   : image->workdir ? image->workdir
			   : inherited      ? inherited
					    : "/",
	};

	(void)result;
	if (view_make(a, a->plan->layers, a->plan->n_layers, &layers, err) < 0 ||
	    view_flatten(&layers, a, err) < 0)
		return -1;
	if (user && view_owner(&layers, user, &owner, err) < 0)
		return -1;
	test_environment(a, owner.home, &env);
	free(owner.home);
	run.uid = owner.uid;
	run.gid = owner.gid;
	run.lowers = layers.fds;
	run.n_lowers = layers.n;
	outfd = gg_openat(a->tmp.fd, "stdout", O_RDWR | O_CREAT | O_EXCL, 0600, err);
	errfd = outfd < 0 ? -1
			  : gg_openat(a->tmp.fd, "stderr", O_RDWR | O_CREAT | O_EXCL, 0600, err);
	if (errfd < 0)
		return -1;
	run.stdout_fd = outfd;
	run.stderr_fd = errfd;
	if (command_run(a, &run, err) < 0 || read_output(outfd, port, &out, err) < 0 ||
	    read_output(errfd, port, &errors, err) < 0)
		return -1;
	return judge(t, &ended, out.data, errors.data, err);
}

static int test_commit(struct action *a, const struct gg_json *result, struct gg_err *err)
{
	(void)a;
	(void)result;
	(void)err;
	return 0;
}

const struct action_ops action_test = { .prepare = test_prepare,
					.work = test_work,
					.commit = test_commit };
