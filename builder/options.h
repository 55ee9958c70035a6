/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, from tables. One table a command gives the parser, `--help`, the man page and the shells'
 * completions, so that they cannot disagree. Owns no state, reads no environment, prints nothing: texts are
 * appended to a buffer. Errors are GG_USAGE, name the option, the nearest one that exists, and the help to read.
 *
 * Accepted: --name VALUE, --name=VALUE, -n VALUE, -nVALUE, -ab (flags), options and arguments in any order, "--" ends
 * the options, "-" is an argument. Names are never abbreviated. --help and -h exist everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"
#include "layers/base/mem.h"

/* What the value becomes, and the type of the field at `offset`. */
enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *, borrowed from argv; the last one wins */
	OPTION_LIST,   /* struct gg_strv; each one is appended */
	OPTION_UINT,   /* unsigned; decimal, at least 1 */
	OPTION_SIZE, /* uint64_t bytes; decimal with an optional KiB, MiB, GiB or TiB; more than 0 */
	OPTION_TIME,   /* uint64_t ns; decimal with one of ms s m h d; more than 0 */
	OPTION_CHOICE, /* unsigned: the index in `values` */
};

struct option_def {
	const char *name; /* without dashes */
	char letter;      /* short form, 0: none */
	/* Name of the value in the help, NULL for flags. "FILE" and "DIR" complete to those; "REF" and the like to nothing. */
	const char *arg;
	enum option_kind kind;
	size_t offset;    /* of the field in the group's struct */
	const char *help; /* a phrase; wrapped by the printer */
	const char *const *
		values; /* allowed words, NULL-terminated; needed for CHOICE, allowed for STRING and LIST */
};

/* Options under one heading. Several commands share a group by embedding its struct. */
struct option_group {
	const char *title; /* "Inputs"; NULL: "Options" */
	const struct option_def *defs;
	size_t n_defs;
	size_t offset; /* of the group's struct in the command's */
};

struct command_def {
	const char *name;
	const char *args;    /* the positional arguments in the help: "RECIPE [STEP]"; NULL: none */
	const char *summary; /* one line */
	const char *
		text; /* paragraphs divided by empty lines, wrapped by the printer; lines that begin with two
				spaces are kept as they are. May be NULL */
	unsigned min_args, max_args;
	const struct option_group *groups;
	size_t n_groups;
	size_t options_size; /* bytes of the command's option struct; all zero before parsing */
	const char *const *
		words; /* completions of the first argument, NULL-terminated ("ls", "gc"); NULL: files */
	bool hidden; /* neither in the list of commands nor in the completions */
	/* 0, or -1 with err set; its kind is the exit status. May be NULL for tables in tests. */
	int (*run)(const void *options, const struct gg_strv *args, struct gg_err *err);
};

struct program_def {
	const char *name; /* "ggbuild" */
	const char *summary;
	const char *text;     /* as in command_def; printed after the list of commands */
	const char *examples; /* kept as they are; may be NULL */
	const struct command_def *const *commands; /* NULL-terminated, in the order of the help */
};

/* The command of that name, or NULL. */
const struct command_def *options_command(const struct program_def *p, const char *name);
/* Fails with the nearest command's name. */
int options_unknown_command(const struct program_def *p, const char *word, struct gg_err *err);

/* Parses argv[0..argc) (the words after the command's) into `values`, options_size zeroed bytes, and the positional
 * arguments into ret_args. With ret_help set to true nothing else was checked. Free with options_done, also after -1. */
int options_parse(const struct program_def *p, const struct command_def *c, int argc,
		  char *const *argv, void *values, struct gg_strv *ret_args, bool *ret_help,
		  struct gg_err *err) GG_MUST_USE;
void options_done(const struct command_def *c, void *values);

/* Help, at most 80 columns. */
void options_program_help(const struct program_def *p, struct gg_buf *ret);
void options_help(const struct program_def *p, const struct command_def *c, struct gg_buf *ret);
/* The manual page in man(7) roff; `version` and nothing of the clock goes into it. */
void options_man(const struct program_def *p, const char *version, struct gg_buf *ret);
/* A script for "bash", "zsh" or "fish". */
int options_completion(const struct program_def *p, const char *shell, struct gg_buf *ret,
		       struct gg_err *err) GG_MUST_USE;
