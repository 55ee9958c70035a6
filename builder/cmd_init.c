/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild init`: writes the starter recipe.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/commands.h"
#include "layers/base/fd.h"
#include "recipes/check.h"
#include "recipes/embedded.h"

#define STARTER "starter.recipe"
#define FILE_DEFAULT "hello.recipe"
#define NAME_LINE "\nname: hello\n"

static const struct embedded_file *starter(void)
{
	for (size_t i = 0; i < n_embedded_files; i++)
		if (gg_streq(embedded_files[i].name, STARTER))
			return &embedded_files[i];
	return NULL;
}

/* "dir/app.recipe" is called app. NULL when the language has no such name. */
static char *name_of(const char *file)
{
	const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
	size_t len = strlen(base) - (gg_ends(base, ".recipe") ? strlen(".recipe") : 0);
	_cleanup_free_ char *name = gg_strndup(base, len);

	return check_is_word(name) ? gg_steal(&name) : NULL;
}

static void recipe_text(const char *file, struct gg_buf *ret)
{
	const struct embedded_file *f = starter();
	_cleanup_free_ char *name = name_of(file);
	const char *line = strstr(f->data, NAME_LINE);

	if (!name || !line) {
		gg_buf_add(ret, f->data, f->len);
		return;
	}
	gg_buf_add(ret, f->data, (size_t)(line - f->data));
	gg_buf_printf(ret, "\nname: %s\n", name);
	gg_buf_puts(ret, line + strlen(NAME_LINE));
}

static int write_recipe(const char *file, const struct gg_buf *text, struct gg_err *err)
{
	const char *slash = strrchr(file, '/');
	_cleanup_free_ char *dir =
		slash ? gg_strndup(file, (size_t)(slash - file) + 1) : gg_strdup(".");
	_cleanup_close_ int dirfd = gg_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0, err);
	struct stat st;

	if (dirfd < 0)
		return gg_hint(err, "the directory must exist");
	if (fstatat(dirfd, slash ? slash + 1 : file, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		gg_fail(err, GG_USAGE, "'%s' exists and is not overwritten", file);
		return gg_hint(err, "name another file: ggbuild init FILE");
	}
	if (gg_write_file(dirfd, slash ? slash + 1 : file, text->data, text->len, 0644, 0, err) < 0)
		return gg_context(err, "write '%s'", file);
	return 0;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const char *file = args->n ? args->v[0] : FILE_DEFAULT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_free_ char *next = NULL;

	(void)options;
	recipe_text(file, &text);
	if (gg_streq(file, "-"))
		return command_print(text.data, text.len, err);
	if (write_recipe(file, &text, err) < 0)
		return -1;
	next = gg_asprintf("wrote %s; build it with: ggbuild %s%s -o oci:out\n", file,
			   gg_ends(file, ".recipe") ? "" : "build ", file);
	return command_print(next, strlen(next), err);
}

const struct command_def command_init = {
	.name = "init",
	.args = "[FILE]",
	.summary = "write a commented starter recipe",
	.text = "Writes a recipe that builds, with comments that say what can be changed, to FILE "
		"(" FILE_DEFAULT " when none is given, standard output for '-'). A file that "
		"exists is never overwritten. The recipe "
		"takes its name from the file's.",
	.min_args = 0,
	.max_args = 1,
	.run = run,
};
