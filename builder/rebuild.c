/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/rebuild.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/job.h"
#include "builder/progress.h"
#include "layers/base/fd.h"
#include "layers/base/interrupt.h"

extern char **environ;

enum { DIGEST_LINE = 256 };

static char *absolute(const char *path)
{
	_cleanup_free_ char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);

	return here ? gg_asprintf("%s/%s", here, path) : gg_strdup(path);
}

/* The rebuild has another working directory: "id=ID,src=FILE" must name the same file. */
static char *secret(const char *text)
{
	static const char *const keys[] = { ",src=", ",source=" };

	for (size_t i = 0; i < GG_LEN(keys); i++) {
		const char *at = strstr(text, keys[i]);
		size_t len = at ? (size_t)(at - text) + strlen(keys[i]) : 0;
		size_t value = at ? strcspn(text + len, ",") : 0;

		if (at) {
			_cleanup_free_ char *file = gg_strndup(text + len, value);
			_cleanup_free_ char *full = absolute(file);

			return gg_asprintf("%.*s%s%s", (int)len, text, full, text + len + value);
		}
	}
	return gg_strdup(text);
}

static void add_list(struct gg_strv *argv, const char *option, const struct gg_strv *values)
{
	for (size_t i = 0; i < values->n; i++)
		gg_strv_addf(argv, "--%s=%s", option, values->v[i]);
}

/* What only decides how inputs come into the store. */
static void add_network(const struct rebuild *r, struct gg_strv *argv)
{
	add_list(argv, "mirror", &r->common->mirrors);
	add_list(argv, "fetch-env", &r->steps->fetch_env);
	add_list(argv, "fetch-mount", &r->steps->fetch_mounts);
	if (r->steps->locked)
		gg_strv_add(argv, "--locked");
	if (r->common->offline)
		gg_strv_add(argv, "--offline");
}

static void make_arguments(const struct rebuild *r, const char *recipe, struct gg_strv *argv)
{
	unsigned jobs = r->conditions->jobs ? r->conditions->jobs : r->steps->jobs;
	unsigned mode = r->quiet ? PROGRESS_NONE : r->common->progress;

	gg_strv_add(argv, "ggbuild");
	gg_strv_add(argv, r->verb);
	gg_strv_add(argv, recipe);
	gg_strv_addf(argv, "--store=%s", r->store);
	gg_strv_addf(argv, "--progress=%s", progress_mode_names[mode]);
	gg_strv_addf(argv, "--userns=%s", userns_choice_names[r->common->userns]);
	if (r->layout)
		gg_strv_addf(argv, "--output=oci:%s", r->layout);
	if (jobs)
		gg_strv_addf(argv, "--jobs=%u", jobs);
	add_list(argv, "arg", &r->common->args);
	add_list(argv, "allow", &r->common->allow);
	for (size_t i = 0; i < r->steps->secrets.n; i++) {
		_cleanup_free_ char *text = secret(r->steps->secrets.v[i]);

		gg_strv_addf(argv, "--secret=%s", text);
	}
	if (!r->again) {
		add_network(r, argv);
		return;
	}
	gg_strv_add(argv, "--locked");
	gg_strv_add(argv, "--offline");
	gg_strv_add(argv, "--no-test");
	gg_strv_add(argv, "--no-cache");
}

static void make_environment(const struct rebuild *r, struct gg_strv *env)
{
	static const char *const homes[] = { "HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
					     "XDG_RUNTIME_DIR" };
	_cleanup_free_ char *perturb = perturb_text(&r->conditions->perturb);

	for (char **e = environ; *e; e++)
		gg_strv_putenv(env, *e);
	for (size_t i = 0; i < GG_LEN(homes) && r->conditions->home; i++) {
		_cleanup_free_ char *dir = gg_asprintf("%s/%s", r->scratch, homes[i]);

		gg_strv_setenv(env, homes[i], dir);
	}
	for (size_t i = 0; i < r->conditions->env.n; i++)
		gg_strv_putenv(env, r->conditions->env.v[i]);
	gg_strv_setenv(env, PERTURB_VARIABLE, perturb);
}

/* The directory of the recipe gets a second path: one with a blank, longer than the first. */
static int make_elsewhere(const struct rebuild *r, char **ret_recipe, struct gg_err *err)
{
	const char *slash = strrchr(r->recipe, '/');
	_cleanup_free_ char *dir = gg_strndup(r->recipe, (size_t)(slash - r->recipe) + 1);
	_cleanup_free_ char *link = gg_asprintf("%s/another place of the recipe", r->scratch);

	if (symlink(dir, link) < 0 && errno != EEXIST)
		return gg_fail_errno(err, "make '%s'", link);
	*ret_recipe = gg_asprintf("%s%s", link, slash);
	return 0;
}

static int make_homes(const struct rebuild *r, struct gg_err *err)
{
	static const char *const dirs[] = { "HOME", "TMPDIR", "XDG_RUNTIME_DIR" };
	_cleanup_close_ int fd = gg_openat(AT_FDCWD, r->scratch, O_RDONLY | O_DIRECTORY, 0, err);

	if (fd < 0)
		return -1;
	for (size_t i = 0; i < GG_LEN(dirs); i++)
		if (gg_mkdirs(fd, dirs[i], 0700, err) < 0)
			return -1;
	return 0;
}

/* ---- in the child ---- */

static int enter(const struct rebuild *r, struct gg_err *err)
{
	const char *host = r->conditions->hostname;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGINT, SIG_DFL);
	if (host && (unshare(CLONE_NEWUTS) < 0 || sethostname(host, strlen(host)) < 0))
		return gg_fail_errno(err, "change the host name");
	if (r->conditions->elsewhere && chdir(r->scratch) < 0)
		return gg_fail_errno(err, "enter '%s'", r->scratch);
	if (r->conditions->umask)
		umask((mode_t)r->conditions->umask);
	return 0;
}

static _Noreturn void become(const struct rebuild *r, const struct gg_strv *argv,
			     const struct gg_strv *env, int out)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && dup2(out, STDOUT_FILENO) >= 0 &&
	    enter(r, &err) == 0)
		execve("/proc/self/exe", argv->v, env->v);
	_exit(GG_INTERNAL);
}

static int run(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	const struct rebuild *r = ctx;
	_cleanup_strv_ struct gg_strv argv = { 0 }, env = { 0 };
	_cleanup_free_ char *recipe = NULL;
	_cleanup_buf_ struct gg_buf line = { 0 };
	_cleanup_close_ int here = -1, there = -1;
	int ends[2], status;
	pid_t pid;

	(void)port;
	if (r->conditions->elsewhere && make_elsewhere(r, &recipe, err) < 0)
		return -1;
	if (r->conditions->home && make_homes(r, err) < 0)
		return -1;
	make_arguments(r, recipe ? recipe : r->recipe, &argv);
	make_environment(r, &env);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "pipe");
	here = ends[0];
	there = ends[1];
	pid = fork();
	if (pid < 0)
		return gg_fail_errno(err, "fork");
	if (pid == 0)
		become(r, &argv, &env, there);
	gg_close(gg_steal_fd(&there));
	if (gg_read_fd(here, DIGEST_LINE, &line, err) < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return gg_fail_errno(err, "wait for '%s'", r->verb);
	gg_json_set_int(result, "status",
			WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	if (line.len)
		line.data[strcspn(line.data, "\n")] = '\0';
	gg_json_set_str(result, "digest", line.len ? line.data : "");
	return 0;
}

/* ---- and here ---- */

int rebuild_run(struct session *s, const struct rebuild *r, struct gg_digest *ret,
		struct gg_err *err)
{
	const struct job_spec spec = { .run = run, .ctx = (void *)r };
	_cleanup_json_ struct gg_json *result = NULL;
	const char *digest;
	int status;

	/* The rebuild's view takes the terminal. */
	progress_finish(s->progress);
	if (jobs_call(s->jobs, &spec, &result, err) < 0)
		return -1;
	status = (int)gg_json_get_int(result, "status", GG_INTERNAL);
	if (status > GG_GATE && status != GG_INTERNAL)
		return gg_fail(err, (enum gg_kind)status, "it was ended by signal %d",
			       status - 128);
	if (status != 0)
		return gg_fail(err, (enum gg_kind)status, "it ended with exit status %d", status);
	digest = gg_json_get_str(result, "digest", "");
	return ret ? gg_digest_parse(digest, ret, err) : 0;
}
