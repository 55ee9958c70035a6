/* SPDX-License-Identifier: Apache-2.0
 *
 * builder/options.c: parsing, and the texts that come out of the same tables.
 */
#include "builder/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct common {
	const char *store;
	bool quiet;
};
struct values {
	struct common common;
	struct gg_strv outputs;
	bool locked, all;
	unsigned jobs, progress;
	uint64_t size, age;
};

static const char *const modes[] = { "auto", "tty", "plain", NULL };
static const struct option_def common_defs[] = {
	{ .name = "store",
	  .arg = "DIR",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct common, store),
	  .help = "where results are kept" },
	{ .name = "quiet",
	  .letter = 'q',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct common, quiet),
	  .help = "say nothing; it's [quiet]: \\" },
};
static const struct option_def defs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .arg = "WHERE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct values, outputs),
	  .help = "where the image goes" },
	{ .name = "locked",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct values, locked),
	  .help = "change nothing" },
	{ .name = "all",
	  .letter = 'a',
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct values, all),
	  .help = "all" },
	{ .name = "jobs",
	  .letter = 'j',
	  .arg = "N",
	  .kind = OPTION_UINT,
	  .offset = offsetof(struct values, jobs),
	  .help = "at once" },
	{ .name = "progress",
	  .arg = "MODE",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct values, progress),
	  .values = modes,
	  .help = "a long text that has to be wrapped because it does not fit beside the option, "
		  "and then some" },
	{ .name = "keep-the-newest",
	  .arg = "SIZE",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct values, size),
	  .help = "how much" },
	{ .name = "age",
	  .arg = "TIME",
	  .kind = OPTION_TIME,
	  .offset = offsetof(struct values, age),
	  .help = "how old" },
};
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	{ .title = "Common",
	  .defs = common_defs,
	  .n_defs = GG_LEN(common_defs),
	  .offset = offsetof(struct values, common) },
};
static const struct command_def build = {
	.name = "build",
	.args = "RECIPE",
	.summary = "build a recipe",
	.min_args = 1,
	.max_args = 2,
	.text = "First paragraph.\n\n  kept   as it is\n\n.hidden 'third' - with a \\.",
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct values),
};
static const char *const verbs[] = { "ls", "gc", NULL };
static const struct command_def store = { .name = "store",
					  .args = "ls|gc",
					  .summary = "look after the store",
					  .min_args = 1,
					  .max_args = 1,
					  .words = verbs };
static const struct command_def secret = { .name = "secret",
					   .summary = "not shown",
					   .hidden = true };
static const struct command_def *const commands[] = { &build, &store, &secret, NULL };
static const struct program_def program = { .name = "prog",
					    .summary = "does things",
					    .commands = commands,
					    .text = "About it.",
					    .examples = "  prog build x\n" };

struct result {
	int rc;
	struct values values;
	struct gg_strv args;
	bool help;
	struct gg_err err;
};

static void parse(struct result *r, const char *const *argv)
{
	int argc = 0;

	*r = (struct result){ .err = GG_ERR_INIT };
	while (argv[argc])
		argc++;
	r->rc = options_parse(&program, &build, argc, (char *const *)argv, &r->values, &r->args,
			      &r->help, &r->err);
}
#define PARSE(r, ...) parse(r, (const char *const[]){ __VA_ARGS__, NULL })

static void done(struct result *r)
{
	options_done(&build, &r->values);
	gg_strv_done(&r->args);
	gg_err_done(&r->err);
}

static void every_form(void **state)
{
	struct result r;

	(void)state;
	PARSE(&r, "-o", "a", "x.recipe", "--output=b", "-oc", "--output", "d", "--locked", "-aqj3",
	      "--store=s=t", "--progress", "plain", "--keep-the-newest", "2GiB", "--age=90m", "--",
	      "--locked");
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.values.outputs.n, 4);
	assert_string_equal(r.values.outputs.v[2], "c");
	assert_string_equal(r.values.outputs.v[3], "d");
	assert_true(r.values.locked && r.values.all && r.values.common.quiet);
	assert_int_equal(r.values.jobs, 3);
	assert_int_equal(r.values.progress, 2);
	assert_int_equal(r.values.size, UINT64_C(2) << 30);
	assert_int_equal(r.values.age, UINT64_C(5400000000000));
	assert_string_equal(r.values.common.store, "s=t");
	assert_int_equal(r.args.n, 2);
	assert_string_equal(r.args.v[0], "x.recipe");
	assert_string_equal(r.args.v[1], "--locked");
	done(&r);
	PARSE(&r, "-", "--store", "--locked");
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.args.v[0], "-");
	assert_string_equal(r.values.common.store, "--locked");
	done(&r);
}

static void help_wins(void **state)
{
	struct result r;

	(void)state;
	PARSE(&r, "--nonsense", "--help");
	assert_int_equal(r.rc, 0);
	assert_true(r.help);
	done(&r);
	PARSE(&r, "x", "--", "--help");
	assert_int_equal(r.rc, 0);
	assert_false(r.help);
	assert_string_equal(r.args.v[1], "--help");
	done(&r);
}

static void mistakes(void **state)
{
	static const struct {
		const char *const argv[4];
		const char *text, *hint;
	} cases[] = {
		{ { "x", "--lokced" },
		  "unknown option '--lokced'",
		  "did you mean '--locked'? All options: prog build --help" },
		{ { "x", "--zzzzzzzzzz=1" },
		  "unknown option '--zzzzzzzzzz'",
		  "all options: prog build --help" },
		{ { "x", "--lock" }, "unknown option '--lock'", NULL },
		{ { "x", "-az" }, "unknown option '-z'", "all options: prog build --help" },
		{ { "x", "--locked=yes" }, "option '--locked' takes no value", NULL },
		{ { "x", "-o" }, "option '--output' needs a value: --output WHERE", NULL },
		{ { "x", "--jobs", "0" },
		  "option '--jobs' with value '0': must be a whole number, 1 or more",
		  NULL },
		{ { "x", "--age", "0s" },
		  "option '--age' with value '0s': must be a time such as 30s (ms, s, m, h, d)",
		  NULL },
		{ { "x", "--jobs", "-1" },
		  "option '--jobs' with value '-1': must be a whole number, 1 or more",
		  NULL },
		{ { "x", "-j4294967296" },
		  "option '--jobs' with value '4294967296': must be a whole number, 1 or more",
		  NULL },
		{ { "x", "--progress=tt" },
		  "option '--progress' with value 'tt': must be auto, tty or plain",
		  NULL },
		{ { "x", "--keep-the-newest=16777216TiB" },
		  "option '--keep-the-newest' with value '16777216TiB': must be a size such as "
		  "512MiB (KiB, MiB, GiB, TiB)",
		  NULL },
		{ { "x", "--keep-the-newest=1 MiB" },
		  "option '--keep-the-newest' with value '1 MiB': must be a size such as 512MiB "
		  "(KiB, MiB, GiB, TiB)",
		  NULL },
		{ { "x", "--age=90" },
		  "option '--age' with value '90': must be a time such as 30s (ms, s, m, h, d)",
		  NULL },
		{ { "x", "y", "z" }, "too many arguments: 'z'", NULL },
		{ { "--locked" },
		  "missing argument: prog build RECIPE",
		  "all options: prog build --help" },
	};

	(void)state;
	for (size_t i = 0; i < GG_LEN(cases); i++) {
		struct result r;

		parse(&r, cases[i].argv);
		assert_int_equal(r.rc, -1);
		assert_int_equal(r.err.kind, GG_USAGE);
		assert_string_equal(r.err.text, cases[i].text);
		assert_non_null(r.err.hint);
		if (cases[i].hint)
			assert_string_equal(r.err.hint, cases[i].hint);
		done(&r);
	}
}

static void commands_by_name(void **state)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_err_ struct gg_err far = GG_ERR_INIT;

	(void)state;
	assert_ptr_equal(options_command(&program, "store"), &store);
	assert_null(options_command(&program, "stor"));
	assert_int_equal(options_unknown_command(&program, "stor", &err), -1);
	assert_string_equal(err.text, "unknown command 'stor'");
	assert_string_equal(err.hint, "did you mean 'store'? All commands: prog --help");
	options_unknown_command(&program, "qqqqqqqqqqq", &far);
	assert_string_equal(far.hint, "all commands: prog --help; a recipe's name ends in .recipe");
}

static void help_text(void **state)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	(void)state;
	options_help(&program, &build, &text);
	assert_string_equal(
		text.data,
		"Usage: prog build RECIPE [OPTION]...\n"
		"\n"
		"build a recipe\n"
		"\n"
		"First paragraph.\n"
		"\n"
		"  kept   as it is\n"
		"\n"
		".hidden 'third' - with a \\.\n"
		"\n"
		"Options:\n"
		"  -o, --output WHERE      where the image goes\n"
		"  --locked                change nothing\n"
		"  -a, --all               all\n"
		"  -j, --jobs N            at once\n"
		"  --progress MODE         a long text that has to be wrapped because it does not\n"
		"                          fit beside the option, and then some: auto, tty, plain\n"
		"  --keep-the-newest SIZE  how much\n"
		"  --age TIME              how old\n"
		"\n"
		"Common:\n"
		"  --store DIR             where results are kept\n"
		"  -q, --quiet             say nothing; it's [quiet]: \\\n"
		"\n"
		"  -h, --help              show this help\n");
	text.len = 0;
	options_program_help(&program, &text);
	assert_string_equal(text.data, "Usage: prog COMMAND [ARGUMENT]... [OPTION]...\n"
				       "\n"
				       "does things\n"
				       "\n"
				       "Commands:\n"
				       "  build                   build a recipe\n"
				       "  store                   look after the store\n"
				       "\n"
				       "About it.\n"
				       "\n"
				       "Examples:\n"
				       "  prog build x\n"
				       "\n"
				       "Options of a command: prog COMMAND --help\n");
}

static void manual(void **state)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	(void)state;
	options_man(&program, "1.2", &text);
	assert_true(gg_starts(text.data, ".TH prog 1 \"\" \"prog 1.2\" \"User Commands\"\n.SH "
					 "NAME\nprog \\- does things\n"));
	assert_non_null(strstr(text.data, "\n\\&.hidden 'third' \\- with a \\e.\n"));
	assert_non_null(
		strstr(text.data, "\n.TP\n.B \\-o, \\-\\-output WHERE\nwhere the image goes\n"));
	assert_null(strstr(text.data, "secret"));
}

static void completions(void **state)
{
	static const char *const shells[] = { "bash", "zsh", "fish" };
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf none = { 0 };

	(void)state;
	for (size_t i = 0; i < GG_LEN(shells); i++) {
		_cleanup_buf_ struct gg_buf text = { 0 };

		assert_int_equal(options_completion(&program, shells[i], &text, &err), 0);
		assert_non_null(strstr(text.data, "keep-the-newest"));
		assert_non_null(strstr(text.data, "auto tty plain"));
		assert_null(strstr(text.data, "secret"));
	}
	assert_int_equal(options_completion(&program, "csh", &none, &err), -1);
	assert_string_equal(err.text, "no completion for shell 'csh'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),  cmocka_unit_test(help_wins),
		cmocka_unit_test(mistakes),    cmocka_unit_test(commands_by_name),
		cmocka_unit_test(help_text),   cmocka_unit_test(manual),
		cmocka_unit_test(completions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
