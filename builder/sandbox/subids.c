/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/subids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/spawn.h"
#include "builder/sandbox/userns.h"
#include "layers/base/fd.h"
#include "layers/base/mem.h"

enum { FILE_MAX = 4 << 20, WORDS_MAX = 512, FIRST_RANGE = 100000 };

static const struct {
	const char *path, *program, *option;
} sides[] = {
	[SUBIDS_UIDS] = { "/etc/subuid", "newuidmap", "--add-subuids" },
	[SUBIDS_GIDS] = { "/etc/subgid", "newgidmap", "--add-subgids" },
};

/* The name of the effective user by /etc/passwd; names from elsewhere (LDAP) are what the session says. */
static char *user_name(void)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_free_ char *id = gg_asprintf("%u", (unsigned)geteuid());
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *rest, *line;

	if (gg_read_file(AT_FDCWD, "/etc/passwd", FILE_MAX, &text, &ignored) == 0 && text.data)
		for (rest = text.data; (line = strsep(&rest, "\n"));) {
			char *name = strsep(&line, ":"), *password = strsep(&line, ":"),
			     *uid = strsep(&line, ":");

			if (password && uid && gg_streq(uid, id))
				return gg_strdup(name);
		}
	return gg_strdup(getenv("USER") ? getenv("USER") : id);
}

static bool parse_id(const char *text, uint32_t *ret)
{
	char *end;
	unsigned long long v;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	*ret = (uint32_t)v;
	return errno == 0 && *end == '\0' && v < UINT32_MAX;
}

static void take_range(struct userns_ranges *r, uint32_t first, uint32_t count, uint32_t max)
{
	uint32_t left = max - subids_count(r);

	if (count > left)
		count = left;
	if (count > UINT32_MAX - first)
		count = UINT32_MAX - first;
	if (count && r->n < USERNS_MAX_RANGES)
		r->v[r->n++] = (struct userns_range){ .first = first, .count = count };
}

/* NAME:FIRST:COUNT a line, NAME may be a number; what is not understood is somebody else's. */
static void take_line(char *line, const char *name, uint32_t max, struct userns_ranges *r)
{
	const char *who = strsep(&line, ":"), *first = strsep(&line, ":"),
		   *count = strsep(&line, ":");
	uint32_t id, from, n;

	if (!gg_streq(who, name) && !(parse_id(who, &id) && id == geteuid()))
		return;
	if (parse_id(first, &from) && parse_id(count, &n))
		take_range(r, from, n, max);
}

uint32_t subids_count(const struct userns_ranges *r)
{
	uint32_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->v[i].count;
	return n;
}

int subids_read(enum subids_which which, const char *path, uint32_t max, struct userns_ranges *ret,
		struct gg_err *err)
{
	_cleanup_free_ char *name = user_name();
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *rest, *line;

	*ret = (struct userns_ranges){ 0 };
	if (!path)
		path = sides[which].path;
	if (gg_read_file(AT_FDCWD, path, FILE_MAX, &text, err) < 0 && err->errnum != ENOENT)
		return -1;
	gg_err_done(err);
	for (rest = text.data; rest && (line = strsep(&rest, "\n"));)
		take_line(line, name, max, ret);
	if (ret->n > 0)
		return 0;
	gg_fail(err, GG_SYSTEM, "find subordinate ids: '%s' has no line for '%s'", path, name);
	return gg_hint(err, "add the line '%s:%d:%d' to %s, or as root: usermod %s %d-%d %s", name,
		       FIRST_RANGE, USERNS_COUNT, path, sides[which].option, FIRST_RANGE,
		       FIRST_RANGE + USERNS_COUNT - 1, name);
}

char *subids_program(enum subids_which which, struct gg_err *err)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *all = gg_asprintf("%s:/usr/bin:/bin", path ? path : "");
	char *rest = all, *dir;

	while ((dir = strsep(&rest, ":"))) {
		_cleanup_free_ char *file = gg_asprintf("%s/%s", dir, sides[which].program);
		struct stat st;

		if (dir[0] == '/' && stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(file, X_OK) == 0)
			return gg_steal(&file);
	}
	gg_fail(err, GG_SYSTEM, "find the program '%s'", sides[which].program);
	gg_hint(err, "install it: Debian and Ubuntu have it in the package uidmap, others in "
		     "shadow-utils");
	return NULL;
}

static void arguments(struct gg_strv *argv, const char *program, pid_t pid, uint32_t self,
		      const struct userns_ranges *ranges)
{
	uint32_t inside = 1;

	gg_strv_add(argv, program);
	gg_strv_addf(argv, "%d", (int)pid);
	gg_strv_add(argv, "0");
	gg_strv_addf(argv, "%u", self);
	gg_strv_add(argv, "1");
	for (size_t i = 0; i < ranges->n; i++) {
		gg_strv_addf(argv, "%u", inside);
		gg_strv_addf(argv, "%u", ranges->v[i].first);
		gg_strv_addf(argv, "%u", ranges->v[i].count);
		inside += ranges->v[i].count;
	}
}

static _Noreturn void exec_program(const struct gg_strv *argv, int output)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(output, STDERR_FILENO) < 0)
		_exit(127);
	execve(argv->v[0], argv->v, (char *const *)env);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(127);
}

int subids_map(enum subids_which which, const char *program, pid_t pid, uint32_t self,
	       const struct userns_ranges *ranges, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv argv = { 0 };
	_cleanup_close_ int pidfd = -1;
	int out[2], status = -1;
	char words[WORDS_MAX] = "";
	ssize_t n;
	pid_t child;

	arguments(&argv, program, pid, self, ranges);
	if (pipe2(out, O_CLOEXEC) < 0)
		return gg_fail_errno(err, "pipe");
	child = spawn_clone(0, &pidfd);
	if (child == 0)
		exec_program(&argv, out[1]);
	gg_close(out[1]);
	n = child < 0 ? gg_fail_errno(err, "run '%s'", program)
		      : gg_read_full(out[0], words, sizeof(words) - 1, err);
	gg_close(out[0]);
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	if (n < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	words[strcspn(words, "\n")] = '\0';
	gg_fail(err, GG_SYSTEM, "'%s' refused the ranges of %s: %s", program, sides[which].path,
		words[0] ? words : "it ended without a word");
	return gg_hint(err,
		       "it must be owned by root and set-uid (chmod u+s %s), or have the "
		       "capability for it, and lie on a file system without nosuid; in a "
		       "process with no_new_privs it has neither",
		       program);
}
