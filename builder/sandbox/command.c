/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/sandbox/caps.h"
#include "builder/sandbox/filter.h"
#include "builder/sandbox/owner.h"
#include "builder/sandbox/perturb.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/scope.h"
#include "layers/base/fd.h"
#include "layers/base/owners.h"

enum { NOFILE_SOFT = 1024, NOFILE_HARD = 524288, NPROC = 4096 };
static const rlim_t stack_soft = 8 << 20;

/* mkdir -p with each step resolved inside the root. */
static int make_workdir(int root, const char *path, struct gg_err *err)
{
	_cleanup_free_ char *copy = gg_strdup(path);
	int dir = gg_openat(root, ".", O_PATH | O_DIRECTORY, 0, err);

	for (char *p = copy; dir >= 0 && *p; p++) {
		char *slash;
		int parent = dir;

		if (*p == '/')
			continue;
		slash = strchr(p, '/');
		if (slash)
			*slash = '\0';
		dir = gg_try_openat_in(root, copy, O_PATH | O_DIRECTORY, 0);
		if (dir < 0 && errno == ENOENT) {
			if (mkdirat(parent, p, 0755) < 0)
				gg_fail_errno(err, "make the working directory '%s'", copy);
			else
				dir = gg_openat_in(root, copy, O_PATH | O_DIRECTORY, 0, err);
		} else if (dir < 0) {
			gg_fail_errno(err, "open the working directory '%s'", copy);
		}
		gg_close(parent);
		p += strlen(p) - 1;
		if (slash)
			*slash = '/';
		else
			break;
	}
	return dir;
}

int command_open_workdir(const struct sandbox_spec *spec, struct gg_err *err)
{
	const char *path = spec->workdir ? spec->workdir : "/";
	_cleanup_close_ int root = gg_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, err);
	int fd;

	if (root < 0)
		return -1;
	if (path[0] != '/')
		return gg_fail(err, GG_RECIPE,
			       "working directory '%s': it must be an absolute path", path);
	fd = gg_try_openat_in(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0)
		return fd;
	if (errno == ENOENT)
		return make_workdir(root, path, err);
	gg_fail_errno(err, "open the working directory '%s'", path);
	/* What is in the root is the recipe's doing, not the machine's. */
	err->kind = GG_STEP;
	if (err->errnum == ELOOP)
		gg_hint(err, "links of /proc are not followed: name the directory itself");
	return -1;
}

static int enter_workdir(const struct sandbox_spec *spec, int workdir, struct gg_err *err)
{
	char cwd[PATH_MAX];

	if (fchdir(workdir) < 0)
		return gg_fail_errno(err, "enter the working directory '%s'", spec->workdir);
	/* A directory outside of the root reads as "(unreachable)…". */
	if (!getcwd(cwd, sizeof(cwd)) || cwd[0] != '/')
		return gg_fail(err, GG_STEP,
			       "enter the working directory '%s': it is outside of the root",
			       spec->workdir);
	return 0;
}

static int limit(int resource, rlim_t soft, rlim_t hard, struct gg_err *err)
{
	struct rlimit now, want;

	if (getrlimit(resource, &now) < 0)
		return gg_fail_errno(err, "read limit %d", resource);
	/* Only root of the first user namespace can raise a hard limit. */
	want.rlim_max = hard < now.rlim_max ? hard : now.rlim_max;
	want.rlim_cur = soft < want.rlim_max ? soft : want.rlim_max;
	if (setrlimit(resource, &want) < 0)
		return gg_fail_errno(err, "set limit %d", resource);
	return 0;
}

static int set_limits(struct gg_err *err)
{
	if (limit(RLIMIT_CORE, 0, 0, err) < 0 ||
	    limit(RLIMIT_NOFILE, NOFILE_SOFT, NOFILE_HARD, err) < 0 ||
	    limit(RLIMIT_NPROC, NPROC, NPROC, err) < 0)
		return -1;
	return limit(RLIMIT_STACK, stack_soft, RLIM_INFINITY, err);
}

/* Ignored signals and a mask would pass through execve. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int fail_id(struct gg_err *err, const char *which, uint32_t id)
{
	gg_fail_errno(err, "become %s %u", which, id);
	return err->errnum == EINVAL ? owners_hint(err) : -1;
}

static int become_groups(const struct sandbox_spec *spec, struct gg_err *err)
{
	if (setgroups(spec->n_groups, spec->groups) < 0)
		return gg_fail_errno(err, "set %zu supplementary groups", spec->n_groups);
	if (setresgid(spec->gid, spec->gid, spec->gid) < 0)
		return fail_id(err, "gid", spec->gid);
	return 0;
}

static int load_filter(const struct filter *filter, int sock, struct gg_err *err)
{
	_cleanup_close_ int listener = -1;

	if (filter_load(filter, &listener, err) < 0)
		return -1;
	return listener >= 0 ? owner_send_listener(sock, listener, err) : 0;
}

/* Made-up ids end where those of every other namespace do. */
static int check_made_up(const struct sandbox_spec *spec, struct gg_err *err)
{
	errno = EINVAL;
	for (size_t i = 0; i < spec->n_groups; i++)
		if (spec->groups[i] >= OWNERS_LIMIT)
			return gg_fail_errno(err, "set %zu supplementary groups", spec->n_groups);
	if (spec->gid >= OWNERS_LIMIT)
		return fail_id(err, "gid", spec->gid);
	return spec->uid < OWNERS_LIMIT ? 0 : fail_id(err, "uid", spec->uid);
}

/* With made-up ids there is one real id, which we have already. */
static int drop_privileges(const struct sandbox_spec *spec, const struct filter *filter, int sock,
			   struct gg_err *err)
{
	bool none = spec->flags & SANDBOX_NO_CAPABILITIES;
	bool real = !(spec->flags & SANDBOX_OWNERSHIP);

	if ((real ? become_groups(spec, err) : check_made_up(spec, err)) < 0)
		return -1;
	/* Both need CAP_SYS_ADMIN, which goes with the next lines; what they call, the filter allows. */
	if ((spec->flags & SANDBOX_NETWORK) && scope_abstract_sockets(err) < 0)
		return -1;
	if (load_filter(filter, sock, err) < 0)
		return -1;
	if (real && setresuid(spec->uid, spec->uid, spec->uid) < 0)
		return fail_id(err, "uid", spec->uid);
	if (caps_set(spec->uid == 0 && !none ? caps_default() : 0, err) < 0)
		return -1;
	if (!(spec->flags & SANDBOX_SETUID) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return gg_fail_errno(err, "set no_new_privs");
	return 0;
}

static int fail_exec(struct gg_err *err, const char *name)
{
	int saved = errno;

	gg_fail(err, GG_STEP, "run '%s': %s", name, strerror(saved));
	err->errnum = saved;
	if (saved == ENOEXEC)
		return gg_hint(err, "it is no program of this machine's architecture, or a script "
				    "without a '#!' line");
	if (saved == EACCES)
		return gg_hint(err, "it is no file that the step's user may execute");
	if (saved == ENOENT && name[0] == '/')
		return gg_hint(
			err,
			"the file, its interpreter or its dynamic loader is missing in the root");
	if (saved == ENOENT)
		return gg_hint(err, "no directory of the step's PATH holds it; install it in an "
				    "earlier step, or give its "
				    "absolute path");
	return -1;
}

/* As execvpe, but with the PATH of the given environment, no default PATH and no shell for what has no "#!". */
static int exec_in_path(const struct sandbox_spec *spec, const char *path, struct gg_err *err)
{
	int worst = ENOENT;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *file = gg_asprintf("%.*s/%s", (int)len, p, spec->argv[0]);

		/* Relative entries would depend on the working directory. */
		if (p[0] == '/')
			execve(file, (char *const *)spec->argv, (char *const *)spec->env);
		if (p[0] == '/' && errno != ENOENT && errno != ENOTDIR)
			worst = errno;
		if (worst != ENOENT && worst != EACCES)
			break;
		p += len + (p[len] == ':');
	}
	errno = worst;
	return fail_exec(err, spec->argv[0]);
}

static int exec(const struct sandbox_spec *spec, struct gg_err *err)
{
	const char *path = "";

	if (strchr(spec->argv[0], '/')) {
		execve(spec->argv[0], (char *const *)spec->argv, (char *const *)spec->env);
		return fail_exec(err, spec->argv[0]);
	}
	for (const char *const *e = spec->env; *e; e++)
		if (gg_starts(*e, "PATH="))
			path = *e + strlen("PATH=");
	return exec_in_path(spec, path, err);
}

int command_exec(const struct sandbox_spec *spec, int workdir, const struct filter *filter,
		 int sock, struct gg_err *err)
{
	if (setsid() < 0)
		return gg_fail_errno(err, "setsid");
	umask(022);
	reset_signals();
	if (perturb_process(spec->perturb, err) < 0 || set_limits(err) < 0 ||
	    drop_privileges(spec, filter, sock, err) < 0 || enter_workdir(spec, workdir, err) < 0)
		return -1;
	return exec(spec, err);
}
