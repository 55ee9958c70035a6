/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/project.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "layers/base/fd.h"
#include "recipes/embedded.h"

enum { LOCK_MAX = 64 << 20 };

#define RECIPE_SUFFIX ".recipe"
#define PIECE_PREFIX "pieces/"
#define PIECE_SUFFIX ".yaml"

static char *stem_of(const char *name)
{
	return gg_strndup(name, strlen(name) -
					(gg_ends(name, RECIPE_SUFFIX) ? strlen(RECIPE_SUFFIX) : 0));
}

/* Pieces are part of the program. */
const char *project_piece(const char *name, size_t *ret_len)
{
	_cleanup_free_ char *file = gg_asprintf(PIECE_PREFIX "%s" PIECE_SUFFIX, name);

	for (size_t i = 0; i < n_embedded_files; i++)
		if (gg_streq(embedded_files[i].name, file)) {
			*ret_len = embedded_files[i].len;
			return embedded_files[i].data;
		}
	return NULL;
}

static const char *find_piece(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len)
{
	(void)ctx;
	(void)arena;
	return project_piece(name, ret_len);
}

static const char *const *piece_names(void *ctx, struct gg_arena *arena, size_t *ret_n)
{
	const char **names = gg_arena_calloc(arena, n_embedded_files + 1, sizeof(*names));

	(void)ctx;
	*ret_n = 0;
	for (size_t i = 0; i < n_embedded_files; i++) {
		const char *name = embedded_files[i].name;

		if (gg_starts(name, PIECE_PREFIX) && gg_ends(name, PIECE_SUFFIX))
			names[(*ret_n)++] =
				gg_arena_strndup(arena, name + strlen(PIECE_PREFIX),
						 strlen(name) - strlen(PIECE_PREFIX PIECE_SUFFIX));
	}
	return names;
}

/* A name that is not there: the recipe beside it that may be meant, or how to begin one. */
static int hint_absent(const struct project *p, const char *base, struct gg_err *err)
{
	_cleanup_free_ char *word = stem_of(base);
	_cleanup_strv_ struct gg_strv names = { 0 };
	int fd = openat(p->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const char *near;

	if (!dir) {
		gg_close(fd);
		return -1;
	}
	for (struct dirent *e; (e = readdir(dir));)
		if (gg_ends(e->d_name, RECIPE_SUFFIX) && !gg_streq(e->d_name, base))
			gg_strv_take(&names, stem_of(e->d_name));
	closedir(dir);
	gg_strv_sort(&names);
	near = gg_nearest(word, (const char *const *)names.v, names.n);
	if (near)
		return gg_hint(err, "did you mean '%s" RECIPE_SUFFIX "'?", near);
	return gg_hint(err, "`ggbuild init FILE` writes a recipe to begin with");
}

static int check_recipe(struct project *p, const struct project_options *options,
			struct recipe_options *o, struct gg_err *err)
{
	struct recipe_errors errors = { 0 };
	_cleanup_buf_ struct gg_buf words = { 0 };
	int r;

	gg_strv_copy(&o->args, options->args);
	gg_strv_copy(&o->allowed, options->allowed);
	r = recipe_load(p->path, p->text.data ? p->text.data : "", p->text.len, o, &p->recipe,
			&errors);
	if (r < 0) {
		recipe_errors_print(&errors, p->text.data, p->text.len, &words);
		gg_fail(err, GG_RECIPE, "%s", words.data ? words.data : "the recipe is wrong");
		err->whole = true;
	}
	recipe_errors_done(&errors);
	gg_strv_done(&o->args);
	gg_strv_done(&o->allowed);
	return r;
}

static int read_recipe(struct project *p, const struct project_options *options, struct gg_err *err)
{
	struct recipe_options o = { .piece = find_piece, .piece_names = piece_names };
	const char *slash = strrchr(p->path, '/'), *base = slash ? slash + 1 : p->path;

	if (gg_read_regular(p->dirfd, base, RECIPE_MAX_BYTES + 1, &p->text, err) < 0)
		return err->errnum == ENOENT ? hint_absent(p, base, err) : -1;
	return check_recipe(p, options, &o, err);
}

/* The position borrows a name that does not outlive the project: it becomes text. */
static int name_lock(const struct project *p, struct gg_err *err)
{
	bool here = gg_streq(p->dir, ".");
	unsigned line = err->pos.line;

	err->pos = (struct gg_pos){ 0 };
	if (line)
		gg_context(err, "line %u", line);
	return gg_context(err, "lock '%s%s%s'", here ? "" : p->dir, here ? "" : "/", p->lock_name);
}

static int read_lock(struct project *p, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	int fd = openat(p->dirfd, p->lock_name, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int owned = fd;

	if (fd < 0 && errno == ENOENT) {
		p->lock_missing = true;
		p->lock = lock_new();
		return 0;
	}
	if (fd < 0)
		return gg_fail_errno(err, "open lock '%s'", p->lock_name);
	if (gg_read_fd(owned, LOCK_MAX, &text, err) < 0)
		return gg_context(err, "lock '%s'", p->lock_name);
	if (lock_parse(p->lock_name, text.data ? text.data : "", text.len, &p->lock, err) == 0)
		return 0;
	return name_lock(p, err);
}

int project_open(const char *path, const struct project_options *options, struct project *ret,
		 struct gg_err *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	_cleanup_free_ char *stem = stem_of(base);

	ret->path = path;
	ret->dir = slash == path ? gg_strdup("/")
		   : slash       ? gg_strndup(path, (size_t)(slash - path))
				 : gg_strdup(".");
	ret->lock_name = gg_asprintf("%s.lock", stem);
	ret->dirfd = gg_openat(AT_FDCWD, ret->dir, O_RDONLY | O_DIRECTORY, 0, err);
	if (ret->dirfd < 0 || read_recipe(ret, options, err) < 0)
		return -1;
	return read_lock(ret, err);
}

int project_load(const struct project_texts *texts, const struct project_options *options,
		 struct project *ret, struct gg_err *err)
{
	struct recipe_options o = { .piece = texts->piece,
				    .piece_names = piece_names,
				    .ctx = texts->ctx };

	ret->path = texts->path;
	ret->dir = gg_strdup(".");
	ret->lock_name = gg_strdup(texts->lock_name);
	gg_buf_add(&ret->text, texts->recipe, texts->recipe_len);
	if (check_recipe(ret, options, &o, err) < 0)
		return -1;
	if (lock_parse(ret->lock_name, texts->lock, texts->lock_len, &ret->lock, err) < 0)
		return name_lock(ret, err);
	return 0;
}

void project_done(struct project *p)
{
	recipe_free(p->recipe);
	lock_free(p->lock);
	gg_buf_done(&p->text);
	free(p->dir);
	free(p->lock_name);
	gg_close(p->dirfd);
	*p = (struct project)PROJECT_INIT;
}

int project_save_lock(struct project *p, bool *ret_written, struct gg_err *err)
{
	_cleanup_free_ char *text = lock_text(p->lock);
	_cleanup_buf_ struct gg_buf old = { 0 };
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_close_ int fd = openat(p->dirfd, p->lock_name, O_RDONLY | O_CLOEXEC);

	*ret_written = false;
	if (fd >= 0 && gg_read_fd(fd, LOCK_MAX, &old, &ignored) == 0 && old.data &&
	    gg_streq(old.data, text))
		return 0;
	if (gg_write_file(p->dirfd, p->lock_name, text, strlen(text), 0644, GG_COMMIT_REPLACE,
			  err) < 0) {
		if (err->errnum == ENOSPC || err->errnum == EDQUOT)
			gg_hint(err, "free some space on the file system that holds '%s'", p->dir);
		else if (err->errnum == EROFS || err->errnum == EACCES)
			gg_hint(err, "the lock is written beside its recipe; where it is complete, "
				     "--locked needs no writing");
		return gg_context(err, "write the lock in '%s'", p->dir);
	}
	*ret_written = true;
	return 0;
}
