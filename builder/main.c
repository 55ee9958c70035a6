/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/printable.h"
#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "recipes/recipe.h"

static const struct command_def *const commands[] = {
	&command_init,       &command_build,   &command_lock,
	&command_fetch,      &command_bundle,  &command_plan,
	&command_explain,    &command_verify,  &command_diff,
	&command_copy,       &command_inspect, &command_ls,
	&command_extract,    &command_delete,  &command_login,
	&command_logout,     &command_store,   &command_doctor,
	&command_completion, &command_man,     NULL,
};

const struct program_def command_program = {
	.name = "ggbuild",
	.summary = "build OCI images from declarative recipes: no daemon, hermetic, the same bytes "
		   "everywhere",
	.text = "A recipe (NAME.recipe) says what an image is made of. The first build resolves "
		"what it names and writes "
		"NAME.lock beside it; from then on the same bytes are built, with or without a "
		"network. "
		"`ggbuild RECIPE` is short for `ggbuild build RECIPE`.\n\n"
		"Results go to standard output, progress and errors to standard error. Exit "
		"status: 0 ok, 1 system, "
		"2 usage, 3 recipe, 4 lock, 5 step failed, 6 integrity, 7 remote, 8 test, policy "
		"or "
		"verification failed, "
		"70 internal error, "
		"128 + n ended by signal n.",
	.examples =
		"  ggbuild init app.recipe                     a recipe to begin with\n"
		"  ggbuild app.recipe -o oci:out               build it, write an OCI layout\n"
		"  ggbuild app.recipe --locked -o oci:out      in CI: as the lock has it, or not\n"
		"  ggbuild fetch app.recipe                    all that needs a network, and then\n"
		"  ggbuild app.recipe --offline --locked       without one\n"
		"  ggbuild bundle app.recipe -o app.bundle     all of it, in one file\n"
		"  ggbuild app.bundle -o oci:out               without any network\n"
		"  ggbuild plan app.recipe                     what would run\n"
		"  ggbuild explain app.recipe                  and why\n",
	.commands = commands,
};

/* Names out of archives and what commands printed are in these texts: no control character reaches the terminal. */
static void say(const char *text, size_t len)
{
	_cleanup_buf_ struct gg_buf out = { 0 };

	printable_text(text, len, &out);
	if (out.len) /* not of an error without words: differences were the result */
		fwrite(out.data, 1, out.len, stderr);
}

static void log_warning(enum gg_log_level level, const char *text)
{
	_cleanup_free_ char *line = gg_asprintf("ggbuild: warning: %s", text);

	if (level == GG_LOG_WARNING)
		say(line, strlen(line));
}

/* The file of a position, so that its line can be shown; nothing where it cannot be read. */
static void read_source(const struct gg_pos *pos, struct gg_buf *ret)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (!pos->file || !pos->line ||
	    gg_read_regular(AT_FDCWD, pos->file, RECIPE_MAX_BYTES, ret, &ignored) < 0)
		gg_buf_done(ret);
}

/* The first line of the text is the error, the others are what goes with it. */
static void print_error(const struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 }, source = { 0 };
	size_t first = strcspn(err->text, "\n");
	_cleanup_free_ char *head = gg_strndup(err->text, first);

	if (err->whole) {
		say(err->text, strlen(err->text));
		return;
	}
	read_source(&err->pos, &source);
	if (!err->pos.file)
		gg_buf_puts(&text, "ggbuild: ");
	recipe_error_print(err->pos, head, NULL, source.data, source.len, &text);
	if (err->text[first])
		gg_buf_printf(&text, "%s\n", err->text + first + 1);
	if (err->hint)
		gg_buf_printf(&text, "  help: %s\n", err->hint);
	say(text.data, text.len);
}

/* The arguments outlive the call: an error's position borrows the recipe's name from them. */
static int run(const struct command_def *c, int argc, char **argv, struct gg_strv *args,
	       struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf help = { 0 };
	void *values = gg_zalloc(c->options_size);
	bool wants_help = false;
	int r = options_parse(&command_program, c, argc, argv, values, args, &wants_help, err);

	if (r == 0 && wants_help) {
		options_help(&command_program, c, &help);
		r = command_print(help.data, help.len, err);
	} else if (r == 0) {
		r = c->run(values, args, err);
	}
	options_done(c, values);
	free(values);
	return r;
}

static int dispatch(int argc, char **argv, struct gg_strv *args, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	const struct command_def *c;

	if (argc < 2 || gg_streq(argv[1], "--help") || gg_streq(argv[1], "-h")) {
		options_program_help(&command_program, &text);
		return command_print(text.data, text.len, err);
	}
	if (gg_streq(argv[1], "--version"))
		return command_print("ggbuild " GGBUILD_VERSION "\n",
				     strlen("ggbuild " GGBUILD_VERSION "\n"), err);
	c = options_command(&command_program, argv[1]);
	if (!c && (gg_ends(argv[1], ".recipe") || gg_ends(argv[1], ".bundle") || argv[1][0] == '-'))
		return run(&command_build, argc - 1, argv + 1, args, err);
	if (!c)
		return options_unknown_command(&command_program, argv[1], err);
	return run(c, argc - 2, argv + 2, args, err);
}

/* Who closed one of the standard descriptors would find a file of ours in its place. Results that nobody can get are
 * an error still: standard output is then open for reading only. */
static void claim_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(GG_SYSTEM);
}

int main(int argc, char **argv)
{
	_cleanup_strv_ struct gg_strv args = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	claim_standard_descriptors();
	gg_log_set(log_warning);
	signal(SIGPIPE, SIG_IGN);
	/* Modes are set where files are made; the caller's umask must not show in them. */
	umask(022);
	if (dispatch(argc, argv, &args, &err) == 0)
		return 0;
	print_error(&err);
	return err.kind;
}
