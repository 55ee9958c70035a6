/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/sandbox/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/sandbox/mountapi.h"
#include "builder/sandbox/sandbox.h"
#include "builder/sandbox/stubs.h"
#include "layers/base/fd.h"

static bool is_at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* Absolute, and no part is empty, "." or "..": targets are compared as text. */
static bool is_plain(const char *path)
{
	if (path[0] != '/' || path[1] == '\0')
		return false;
	for (const char *p = path; *p;) {
		size_t len = strcspn(++p, "/");

		if (len == 0 || (len == 1 && p[0] == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += len;
	}
	return true;
}

static int check_target(const char *target, struct gg_err *err)
{
	static const char *const ours[] = { "/dev", "/proc", "/sys" };

	if (!is_plain(target))
		return gg_fail(
			err, GG_RECIPE,
			"mount on '%s': it must be an absolute path without '.', '..' and empty "
			"parts",
			target);
	for (size_t i = 0; i < GG_LEN(ours); i++)
		if (is_at_or_below(target, ours[i]))
			return gg_fail(err, GG_RECIPE,
				       "mount on '%s': the sandbox makes its own '%s'", target,
				       ours[i]);
	return 0;
}

/*
 * A descriptor that was opened before the caller entered its mount namespace cannot be bound (EINVAL); directories
 * were opened again there (userns.h), files are opened again here, and are checked to be the same.
 */
static int clone_reopened(int fd, const struct stat *want, struct gg_err *err)
{
	_cleanup_close_ int again = -1;
	char link[64], path[PATH_MAX];
	struct stat got;
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return gg_fail_errno(err, "find the path of descriptor %d", fd);
	path[len] = '\0';
	again = gg_openat(AT_FDCWD, path, O_PATH | O_NOFOLLOW, 0, err);
	if (again < 0)
		return gg_hint(err, "what is mounted into a step must be reachable for the step's "
				    "user ids, or lie in the "
				    "store");
	if (fstat(again, &got) < 0 || got.st_dev != want->st_dev || got.st_ino != want->st_ino)
		return gg_fail(err, GG_SYSTEM, "'%s' was exchanged while it was opened", path);
	return mountapi_clone(again, "", err);
}

static int open_source(struct mounts_source *source, struct gg_err *err)
{
	_cleanup_err_ struct gg_err first = GG_ERR_INIT;
	const struct sandbox_mount *m = source->spec;
	struct stat st;

	if (m->flags & (SANDBOX_SECRET | SANDBOX_BYTES))
		return 0;
	if (fstat(m->fd, &st) < 0)
		return gg_fail_errno(err, "stat what is to be mounted");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return gg_fail(err, GG_SYSTEM,
			       "what is to be mounted is neither a directory nor a file");
	source->is_dir = S_ISDIR(st.st_mode);
	source->mount = mountapi_clone(m->fd, "", &first);
	if (source->mount < 0 && first.errnum == EINVAL)
		source->mount = clone_reopened(m->fd, &st, err);
	else
		gg_err_move(err, &first);
	return source->mount < 0 ? -1 : 0;
}

/* What lies in an outer mount must be there already; the rest gets a mount point in the root. */
static int ensure_target(const struct sources *s, size_t index, int root, int upper,
			 struct stubs *stubs, struct gg_err *err)
{
	const char *target = s->v[index].spec->target;

	for (size_t i = 0; i < index; i++) {
		const char *outer = s->v[i].spec->target;

		if (gg_streq(target, outer))
			return gg_fail(err, GG_RECIPE, "two mounts on it");
		if (is_at_or_below(target, outer))
			return 0;
	}
	return stubs_ensure(stubs, root, upper, target, s->v[index].is_dir, err);
}

static int by_target(const void *a, const void *b)
{
	const struct mounts_source *x = a, *y = b;

	return strcmp(x->spec->target, y->spec->target);
}

int sources_open(const struct sandbox_spec *spec, int root, int upper, struct stubs *stubs,
		 struct sources *ret, struct gg_err *err)
{
	*ret = (struct sources){ .v = gg_calloc(spec->n_mounts, sizeof(*ret->v)),
				 .n = spec->n_mounts };
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i] = (struct mounts_source){ .mount = -1, .spec = &spec->mounts[i] };
	if (ret->n > 0)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_target);
	for (size_t i = 0; i < ret->n; i++) {
		const char *target = ret->v[i].spec->target;

		if (check_target(target, err) < 0)
			return -1;
		if (open_source(&ret->v[i], err) < 0 ||
		    ensure_target(ret, i, root, upper, stubs, err) < 0)
			return gg_context(err, "mount on '%s'", target);
	}
	return 0;
}

void sources_done(struct sources *s)
{
	for (size_t i = 0; i < s->n; i++)
		gg_close(s->v[i].mount);
	free(s->v);
	*s = (struct sources){ 0 };
}
