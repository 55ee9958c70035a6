/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/ability.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/sandbox/spawn.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"

enum { WORDS_MAX = 1 << 16 };

const char ability_untried[] = "not tried, for there are no user namespaces";

void ability_found_done(struct ability_found *f)
{
	free(f->text);
	free(f->hint);
	*f = (struct ability_found){ 0 };
}

/* overlayfs leaves directories of mode 0, which only the root of their ids can empty. */
static void empty(int dir)
{
	DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *e;

	while (d && (e = readdir(d))) {
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

		if (!gg_streq(e->d_name, ".") && !gg_streq(e->d_name, "..") &&
		    gg_remove_tree(dir, e->d_name, &ignored) < 0)
			gg_log(GG_LOG_DEBUG, "%s", ignored.text);
	}
	if (d)
		closedir(d);
}

/* Child. What it found goes to `words`: a byte for the state, the text, a NUL, the hint. */
static _Noreturn void run_probe(const struct ability *a, const struct ability_place *p, int words)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, lost = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf seen = { 0 }, out = { 0 };
	enum ability_state state = a->probe(p, &seen, &err);
	const char *text = state == ABILITY_MISSING ? err.text : seen.data;

	if (p->dir >= 0)
		empty(p->dir);
	gg_buf_printf(&out, "%c%s", 'a' + (int)state, text ? text : "");
	gg_buf_putc(&out, '\0');
	gg_buf_puts(&out, state == ABILITY_MISSING && err.hint ? err.hint : "");
	_exit(gg_write_all(words, out.data, out.len, &lost) < 0);
}

static int read_words(int words, int status, struct ability_found *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	const char *hint;

	if (lseek(words, 0, SEEK_SET) < 0 || gg_read_fd(words, WORDS_MAX, &text, err) < 0)
		return -1;
	if (status != 0 || text.len < 2)
		return gg_fail(err, GG_SYSTEM, "the process that tried it died");
	hint = text.data + strlen(text.data) + 1;
	ret->state = (enum ability_state)(text.data[0] - 'a');
	ret->text = gg_strdup(text.data + 1);
	ret->hint = *hint ? gg_strdup(hint) : NULL;
	return 0;
}

static int try_in(const struct ability *a, const struct ability_place *p, struct ability_found *ret,
		  struct gg_err *err)
{
	_cleanup_close_ int words = memfd_create("ability", MFD_CLOEXEC), pidfd = -1;
	int status = 0;
	pid_t pid;

	if (words < 0)
		return gg_fail_errno(err, "memfd_create");
	if (a->flags & ABILITY_INSIDE)
		pid = userns_fork(p->ns, &pidfd, err);
	else if ((pid = spawn_clone(0, &pidfd)) < 0)
		gg_fail_errno(err, "fork");
	if (pid < 0)
		return -1;
	if (pid == 0)
		run_probe(a, p, words);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return read_words(words, status, ret, err);
}

static int try_on_store(const struct ability *a, const struct ability_place *p,
			struct ability_found *ret, struct gg_err *err)
{
	_cleanup_free_ char *name = gg_temp_name(".doctor");
	_cleanup_err_ struct gg_err later = GG_ERR_INIT;
	_cleanup_close_ int dir = -1;
	struct ability_place inner = *p;
	int r = -1;

	if (mkdirat(p->dir, name, 0700) < 0)
		return gg_fail_errno(err, "make a directory in the store");
	dir = gg_openat(p->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, err);
	inner.dir = dir;
	if (dir >= 0 && (a->flags & ABILITY_INSIDE) && p->ns->base != geteuid() &&
	    fchown(dir, p->ns->base, p->ns->base) < 0)
		gg_fail_errno(err, "give a directory of the store to uid %u", p->ns->base);
	else if (dir >= 0)
		r = try_in(a, &inner, ret, err);
	if (gg_remove_tree(p->dir, name, &later) < 0)
		gg_log(GG_LOG_WARNING, "%s", later.text);
	return r;
}

void ability_try(const struct ability *a, const struct ability_place *p, struct ability_found *ret)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	struct ability_place without = { .ns = p->ns, .dir = -1, .ctx = p->ctx };
	const char *untried = NULL;
	int r;

	*ret = (struct ability_found){ .state = ABILITY_MISSING };
	if ((a->flags & ABILITY_INSIDE) && !p->ns)
		untried = ability_untried;
	else if ((a->flags & ABILITY_ON_STORE) && p->dir < 0)
		untried = "not tried, for there is no store";
	if (untried) {
		ret->state = ABILITY_UNUSED;
		ret->text = gg_strdup(untried);
		return;
	}
	if (a->flags & ABILITY_ON_STORE)
		r = try_on_store(a, p, ret, &err);
	else
		r = try_in(a, &without, ret, &err);
	if (r == 0)
		return;
	ret->text = gg_steal(&err.text);
	ret->hint = gg_steal(&err.hint);
}
