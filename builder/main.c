/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/commands.h"
#include "layers/base/log.h"

static const struct command_def *const commands[] = {
	&command_init,	&command_build, &command_lock,	&command_fetch,
	&command_store, &command_completion, &command_man, NULL,
};

const struct program_def command_program = {
	.name = "ggbuild",
	.summary = "build OCI images from declarative recipes: no daemon, hermetic, the same bytes everywhere",
	.commands = commands,
};

static void log_warning(enum gg_log_level level, const char *text)
{
	if (level == GG_LOG_WARNING)
		fprintf(stderr, "ggbuild: warning: %s\n", text);
}

/* "FILE:LINE:COL: error: TEXT" where there is a position; a checked recipe's complaints bring their own. */
static void print_error(const struct gg_err *err)
{
	if (err->pos.file && err->pos.line)
		fprintf(stderr, "%s:%u:%u: ", err->pos.file, err->pos.line, err->pos.col);
	else if (!strstr(err->text, ": error: "))
		fputs("ggbuild: ", stderr);
	fprintf(stderr, "%s%s", strstr(err->text, ": error: ") ? "" : "error: ", err->text);
	if (!gg_ends(err->text, "\n"))
		fputc('\n', stderr);
	if (err->hint)
		fprintf(stderr, "  help: %s\n", err->hint);
}

/* The arguments outlive the call: an error's position borrows the recipe's name from them. */
static int run(const struct command_def *c, int argc, char **argv, struct gg_strv *args, struct gg_err *err)
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
		return command_print("ggbuild " GGBUILD_VERSION "\n", strlen("ggbuild " GGBUILD_VERSION "\n"), err);
	c = options_command(&command_program, argv[1]);
	if (!c && (gg_ends(argv[1], ".recipe") || argv[1][0] == '-'))
		return run(&command_build, argc - 1, argv + 1, args, err);
	if (!c)
		return options_unknown_command(&command_program, argv[1], err);
	return run(c, argc - 2, argv + 2, args, err);
}

int main(int argc, char **argv)
{
	_cleanup_strv_ struct gg_strv args = { 0 };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	gg_log_set(log_warning);
	signal(SIGPIPE, SIG_IGN);
	/* Modes are set where files are made; the caller's umask must not show in them. */
	umask(022);
	if (dispatch(argc, argv, &args, &err) == 0)
		return 0;
	print_error(&err);
	return err.kind;
}
