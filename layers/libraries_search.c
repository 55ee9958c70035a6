/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/libraries_private.h"

#include <string.h>

#include "layers/base/fd.h"
#include "layers/base/glob.h"

enum { LINKS_MAX = 40, CONF_MAX = 1 << 20, INCLUDES_MAX = 8 };

/* ---- walking ---- */

static void cut_last(struct gg_buf *path)
{
	const char *slash = path->len ? memrchr(path->data, '/', path->len) : NULL;

	path->len = slash ? (size_t)(slash - path->data) : 0;
	if (path->data)
		path->data[path->len] = '\0';
}

static void remember(struct libraries_trail *trail, const struct tree_entry *e)
{
	if (!trail)
		return;
	GG_GROW(trail->v, trail->n, trail->cap);
	trail->v[trail->n++] = e;
}

const struct tree_entry *libraries_walk(const struct tree *t, const char *path,
					struct libraries_trail *trail)
{
	_cleanup_buf_ struct gg_buf at = { 0 };
	_cleanup_free_ char *rest = gg_strdup(path);
	const struct tree_entry *e = NULL;
	unsigned links = 0;
	char *p = rest;

	while (*(p += strspn(p, "/"))) {
		size_t len = strcspn(p, "/");
		bool dot = p[0] == '.';

		if (e && e->type != TREE_DIR)
			return NULL;
		if (len == 2 && dot && p[1] == '.')
			cut_last(&at);
		if ((len == 1 && dot) || (len == 2 && dot && p[1] == '.')) {
			p += len;
			continue;
		}
		gg_buf_puts(&at, at.len ? "/" : "");
		gg_buf_add(&at, p, len);
		p += len;
		e = tree_find(t, at.data);
		if (!e)
			return NULL;
		if (e->type == TREE_SYMLINK) {
			char *longer = gg_asprintf("%s/%s", e->target, p);

			remember(trail, e);
			at.len = e->target[0] == '/' ? 0 : at.len;
			cut_last(&at);
			free(rest);
			p = rest = longer;
			e = NULL;
			if (++links > LINKS_MAX)
				return NULL;
		}
	}
	e = at.len ? tree_find(t, at.data) : NULL;
	return e && e->type == TREE_FILE ? e : NULL;
}

/* ---- directories ---- */

void libraries_dirs_done(struct libraries_dirs *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].from);
		free(d->v[i].to);
	}
	free(d->v);
	*d = (struct libraries_dirs){ 0 };
}

static void add_dir(struct libraries_dirs *dirs, const char *from, const char *to)
{
	GG_GROW(dirs->v, dirs->n, dirs->cap);
	dirs->v[dirs->n++] = (struct libraries_dir){ gg_strdup(from), gg_strdup(to), false };
}

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? gg_strndup(path, (size_t)(slash - path)) : gg_strdup("/");
}

/* The length of a variable at p, as "$NAME" or "${NAME}", or 0. */
static size_t variable(const char *p, const char *name)
{
	size_t len = strlen(name);

	if (p[0] == '$' && strncmp(p + 1, name, len) == 0 &&
	    !strchr("_abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
		    p[len + 1] ? p[len + 1] : '/'))
		return len + 1;
	if (p[0] == '$' && p[1] == '{' && strncmp(p + 2, name, len) == 0 && p[len + 2] == '}')
		return len + 3;
	return 0;
}

static char *expand(const char *text, size_t text_len, const char *origin, const char *lib,
		    const char *platform)
{
	const struct {
		const char *name, *value;
	} vars[] = { { "ORIGIN", origin }, { "LIB", lib }, { "PLATFORM", platform } };
	_cleanup_buf_ struct gg_buf out = { 0 };

	for (const char *p = text; p < text + text_len;) {
		size_t len = 0;

		for (size_t i = 0; i < GG_LEN(vars) && !len; i++) {
			len = variable(p, vars[i].name);
			if (len)
				gg_buf_puts(&out, vars[i].value);
		}
		if (!len)
			gg_buf_putc(&out, *p);
		p += len ? len : 1;
	}
	return gg_buf_steal(&out);
}

/* Lexically, "/a/b/../c" to "/a/c": a place to put something, where no symlink is on the way yet. */
static char *cleaned(const char *path)
{
	_cleanup_buf_ struct gg_buf out = { 0 };

	for (const char *p = path; *(p += strspn(p, "/"));) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.') {
			cut_last(&out);
		} else if (len != 1 || p[0] != '.') {
			gg_buf_putc(&out, '/');
			gg_buf_add(&out, p, len);
		}
		p += len;
	}
	return out.len ? gg_buf_steal(&out) : gg_strdup("/");
}

/* $LIB is "lib/<multiarch>" where the loader comes from Debian, "lib64" or "lib" elsewhere: all are tried. */
void libraries_add_runpath(struct libraries_dirs *dirs, const char *runpath, const char *from,
			   const char *to, const struct elf *e)
{
	_cleanup_free_ char *origin = directory_of(from), *new_origin = directory_of(to);
	const char *tuple = elf_multiarch(e), *platform = elf_platform(e) ? elf_platform(e) : "";
	_cleanup_free_ char *multiarch = tuple ? gg_asprintf("lib/%s", tuple) : gg_strdup("lib");
	const char *const libs[] = { multiarch, e->bits == 64 ? "lib64" : "lib32", "lib" };

	for (const char *p = runpath; *p;) {
		size_t len = strcspn(p, ":");
		bool uses_lib = memmem(p, len, "$LIB", 4) || memmem(p, len, "${LIB}", 6);

		for (size_t i = 0; len && i < (uses_lib ? GG_LEN(libs) : 1); i++) {
			_cleanup_free_ char *a = expand(p, len, origin, libs[i], platform);
			_cleanup_free_ char *b = expand(p, len, new_origin, libs[i], platform);
			_cleanup_free_ char *there = gg_streq(a, b) ? gg_strdup(b) : cleaned(b);

			/* relative to wherever the program is started from: never a promise */
			if (a[0] == '/')
				add_dir(dirs, a, there);
		}
		p += len + (p[len] == ':');
	}
}

void libraries_add_builtin(struct libraries_dirs *dirs, const struct elf *e, bool musl)
{
	static const char *const musl_dirs[] = { "/lib", "/usr/local/lib", "/usr/lib" };
	static const char *const wide[] = { "/lib64", "/usr/lib64" }, *const narrow[] = {
		"/lib", "/usr/lib"
	};
	const char *tuple = elf_multiarch(e);

	for (size_t i = 0; musl && i < GG_LEN(musl_dirs); i++)
		add_dir(dirs, musl_dirs[i], musl_dirs[i]);
	if (musl)
		return;
	for (size_t i = 0; tuple && i < GG_LEN(narrow); i++) {
		_cleanup_free_ char *dir = gg_asprintf("%s/%s", narrow[i], tuple);

		add_dir(dirs, dir, dir);
	}
	for (size_t i = 0; i < GG_LEN(narrow); i++)
		add_dir(dirs, narrow[i], narrow[i]);
	for (size_t i = 0; e->bits == 64 && i < GG_LEN(wide); i++)
		add_dir(dirs, wide[i], wide[i]);
}

/* ---- /etc/ld.so.conf ---- */

struct conf {
	const struct libraries_tree *t;
	struct gg_strv *dirs;
	struct gg_err *err;
};

static int read_conf(struct conf *c, const char *path, unsigned depth);

/* Matches come in tree order, which is the C locale's. */
static int include(struct conf *c, const char *pattern, unsigned depth)
{
	const char *relative = pattern + strspn(pattern, "/");
	const struct tree *t = c->t->tree;
	struct glob *g;
	int rc = 0;

	if (glob_is_literal(pattern))
		return read_conf(c, pattern, depth + 1);
	g = glob_compile(relative);
	for (size_t i = 0; i < t->n && rc == 0; i++) {
		if (glob_test(g, t->entries[i].path))
			rc = read_conf(c, t->entries[i].path, depth + 1);
	}
	glob_free(g);
	return rc;
}

static int read_line(struct conf *c, const char *file, char *line, unsigned depth)
{
	char *save = NULL, *word;
	int rc = 0;

	line[strcspn(line, "#=")] = '\0';
	word = strtok_r(line, " \t\r", &save);
	if (!word || gg_streq(word, "hwcap"))
		return 0;
	if (!gg_streq(word, "include")) {
		if (word[0] == '/' && !gg_strv_has(c->dirs, word))
			gg_strv_add(c->dirs, word);
		return 0;
	}
	while (rc == 0 && (word = strtok_r(NULL, " \t\r", &save))) {
		_cleanup_free_ char *dir = directory_of(file);
		_cleanup_free_ char *pattern =
			word[0] == '/' ? gg_strdup(word) : gg_asprintf("%s/%s", dir, word);

		rc = include(c, pattern, depth);
	}
	return rc;
}

static int read_conf(struct conf *c, const char *path, unsigned depth)
{
	const struct tree_entry *e = libraries_walk(c->t->tree, path, NULL);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = -1;
	char *save = NULL;

	if (!e || depth > INCLUDES_MAX)
		return 0;
	fd = c->t->open(c->t->ctx, e, c->err);
	if (fd < 0 || gg_read_fd(fd, CONF_MAX, &text, c->err) < 0)
		return gg_context(c->err, "read '/%s' of stage '%s'", e->path, c->t->stage);
	if (!text.len)
		return 0;
	for (char *line = strtok_r(text.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (read_line(c, path, line, depth) < 0)
			return -1;
	}
	return 0;
}

int libraries_read_conf(const struct libraries_tree *t, struct gg_strv *ret, struct gg_err *err)
{
	struct conf c = { t, ret, err };

	return read_conf(&c, "/etc/ld.so.conf", 0);
}
