/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* One command's parse. */
struct parse {
	const struct program_def *program;
	const struct command_def *command;
	int argc;
	char *const *argv;
	int at; /* the next word */
	char *values;
	struct gg_err *err;
};

const struct command_def *options_command(const struct program_def *p, const char *name)
{
	for (size_t i = 0; p->commands[i]; i++)
		if (gg_streq(p->commands[i]->name, name))
			return p->commands[i];
	return NULL;
}

int options_unknown_command(const struct program_def *p, const char *word, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	const char *near;

	for (size_t i = 0; p->commands[i]; i++)
		if (!p->commands[i]->hidden)
			gg_strv_add(&names, p->commands[i]->name);
	near = gg_nearest(word, (const char *const *)names.v, names.n);
	gg_fail(err, GG_USAGE, "unknown command '%s'", word);
	if (near)
		return gg_hint(err, "did you mean '%s'? All commands: %s --help", near, p->name);
	return gg_hint(err, "all commands: %s --help; a recipe's name ends in .recipe", p->name);
}

static int usage_hint(struct parse *p)
{
	return gg_hint(p->err, "all options: %s %s --help", p->program->name, p->command->name);
}

/* The option whose long name is the first len bytes of word; ret_field is where its value goes. */
static const struct option_def *find_long(struct parse *p, const char *word, size_t len,
					  void **ret_field)
{
	for (size_t g = 0; g < p->command->n_groups; g++) {
		const struct option_group *group = &p->command->groups[g];

		for (size_t i = 0; i < group->n_defs; i++) {
			const struct option_def *o = &group->defs[i];

			if (strlen(o->name) == len && memcmp(o->name, word, len) == 0) {
				*ret_field = p->values + group->offset + o->offset;
				return o;
			}
		}
	}
	return NULL;
}

static const struct option_def *find_letter(struct parse *p, char letter, void **ret_field)
{
	for (size_t g = 0; g < p->command->n_groups; g++) {
		const struct option_group *group = &p->command->groups[g];

		for (size_t i = 0; i < group->n_defs; i++) {
			if (group->defs[i].letter == letter) {
				*ret_field = p->values + group->offset + group->defs[i].offset;
				return &group->defs[i];
			}
		}
	}
	return NULL;
}

static int unknown_option(struct parse *p, const char *word, size_t len)
{
	_cleanup_free_ char *name = gg_strndup(word, len);
	_cleanup_strv_ struct gg_strv names = { 0 };
	const char *near;

	for (size_t g = 0; g < p->command->n_groups; g++)
		for (size_t i = 0; i < p->command->groups[g].n_defs; i++)
			gg_strv_add(&names, p->command->groups[g].defs[i].name);
	gg_strv_add(&names, "help");
	near = gg_nearest(name, (const char *const *)names.v, names.n);
	gg_fail(p->err, GG_USAGE, "unknown option '--%s'", name);
	if (near)
		return gg_hint(p->err, "did you mean '--%s'? All options: %s %s --help", near,
			       p->program->name, p->command->name);
	return usage_hint(p);
}

static int bad_value(struct parse *p, const struct option_def *o, const char *value,
		     const char *want)
{
	gg_fail(p->err, GG_USAGE, "option '--%s' with value '%s': %s", o->name, value, want);
	return usage_hint(p);
}

/* A decimal number and the first byte after it; no sign, no space. */
static int read_number(const char *text, uint64_t *ret, const char **ret_rest)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	*ret_rest = end;
	return errno == 0 ? 0 : -1;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
};

static const struct unit time_units[] = {
	{ "ms", UINT64_C(1000000) },       { "s", UINT64_C(1000000000) },
	{ "m", UINT64_C(60000000000) },    { "h", UINT64_C(3600000000000) },
	{ "d", UINT64_C(86400000000000) },
};

/* Zero would be the same as not given. */
static int read_quantity(const char *text, const struct unit *units, size_t n_units, uint64_t *ret)
{
	const char *rest;
	uint64_t n;

	if (read_number(text, &n, &rest) < 0)
		return -1;
	for (size_t i = 0; i < n_units; i++)
		if (gg_streq(rest, units[i].name))
			return n == 0 || __builtin_mul_overflow(n, units[i].factor, ret) ? -1 : 0;
	return -1;
}

/* The index of value among the option's words; -1 with an error that lists them. */
static int find_word(struct parse *p, const struct option_def *o, const char *value)
{
	_cleanup_buf_ struct gg_buf want = { 0 };

	for (int i = 0; o->values[i]; i++)
		if (gg_streq(o->values[i], value))
			return i;
	gg_buf_puts(&want, "must be ");
	for (int i = 0; o->values[i]; i++)
		gg_buf_printf(&want, "%s%s",
			      i == 0             ? ""
			      : o->values[i + 1] ? ", "
						 : " or ",
			      o->values[i]);
	return bad_value(p, o, value, want.data);
}

static int set_value(struct parse *p, const struct option_def *o, void *field, const char *value)
{
	const char *rest;
	uint64_t n;
	int word = 0;

	if (o->values && (word = find_word(p, o, value)) < 0)
		return -1;
	switch (o->kind) {
	case OPTION_FLAG:
		*(bool *)field = true;
		return 0;
	case OPTION_STRING:
		*(const char **)field = value;
		return 0;
	case OPTION_LIST:
		gg_strv_add(field, value);
		return 0;
	case OPTION_CHOICE:
		*(unsigned *)field = (unsigned)word;
		return 0;
	case OPTION_UINT:
		if (read_number(value, &n, &rest) < 0 || *rest || n < 1 || n > UINT_MAX)
			return bad_value(p, o, value, "must be a whole number, 1 or more");
		*(unsigned *)field = (unsigned)n;
		return 0;
	case OPTION_SIZE:
		if (read_quantity(value, size_units, GG_LEN(size_units), field) < 0)
			return bad_value(p, o, value,
					 "must be a size such as 512MiB (KiB, MiB, GiB, TiB)");
		return 0;
	case OPTION_TIME:
		if (read_quantity(value, time_units, GG_LEN(time_units), field) < 0)
			return bad_value(p, o, value,
					 "must be a time such as 30s (ms, s, m, h, d)");
		return 0;
	}
	return gg_fail(p->err, GG_INTERNAL, "option '--%s' has no kind", o->name);
}

/* The value in the next word. */
static int take_value(struct parse *p, const struct option_def *o, void *field)
{
	if (p->at == p->argc) {
		gg_fail(p->err, GG_USAGE, "option '--%s' needs a value: --%s %s", o->name, o->name,
			o->arg);
		return usage_hint(p);
	}
	return set_value(p, o, field, p->argv[p->at++]);
}

static int parse_long(struct parse *p, const char *word)
{
	size_t len = strcspn(word, "=");
	void *field;
	const struct option_def *o = find_long(p, word, len, &field);

	if (!o)
		return unknown_option(p, word, len);
	if (o->kind == OPTION_FLAG) {
		if (word[len] != '=')
			return set_value(p, o, field, "");
		gg_fail(p->err, GG_USAGE, "option '--%s' takes no value", o->name);
		return usage_hint(p);
	}
	if (word[len] == '=')
		return set_value(p, o, field, word + len + 1);
	return take_value(p, o, field);
}

static int parse_letters(struct parse *p, const char *letters)
{
	for (; *letters; letters++) {
		void *field;
		const struct option_def *o = find_letter(p, *letters, &field);

		if (!o) {
			gg_fail(p->err, GG_USAGE, "unknown option '-%c'", *letters);
			return usage_hint(p);
		}
		if (o->kind != OPTION_FLAG)
			return letters[1] ? set_value(p, o, field, letters + 1)
					  : take_value(p, o, field);
		if (set_value(p, o, field, "") < 0)
			return -1;
	}
	return 0;
}

static int check_args(struct parse *p, const struct gg_strv *args)
{
	const struct command_def *c = p->command;

	if (args->n >= c->min_args && args->n <= c->max_args)
		return 0;
	if (args->n > c->max_args)
		gg_fail(p->err, GG_USAGE, "too many arguments: '%s'", args->v[c->max_args]);
	else
		gg_fail(p->err, GG_USAGE, "missing argument: %s %s %s", p->program->name, c->name,
			c->args);
	return usage_hint(p);
}

int options_parse(const struct program_def *program, const struct command_def *c, int argc,
		  char *const *argv, void *values, struct gg_strv *ret_args, bool *ret_help,
		  struct gg_err *err)
{
	struct parse p = { .program = program,
			   .command = c,
			   .argc = argc,
			   .argv = argv,
			   .values = values,
			   .err = err };

	*ret_help = false;
	/* Help first: a line with a mistake in it is when it is wanted. */
	for (int i = 0; i < argc && !gg_streq(argv[i], "--"); i++)
		if (gg_streq(argv[i], "--help") || gg_streq(argv[i], "-h"))
			*ret_help = true;
	if (*ret_help)
		return 0;
	while (p.at < argc) {
		const char *word = argv[p.at++];

		if (gg_streq(word, "--")) {
			while (p.at < argc)
				gg_strv_add(ret_args, argv[p.at++]);
		} else if (gg_starts(word, "--")) {
			if (parse_long(&p, word + 2) < 0)
				return -1;
		} else if (word[0] == '-' && word[1]) {
			if (parse_letters(&p, word + 1) < 0)
				return -1;
		} else {
			gg_strv_add(ret_args, word);
		}
	}
	return check_args(&p, ret_args);
}

void options_done(const struct command_def *c, void *values)
{
	for (size_t g = 0; g < c->n_groups; g++) {
		const struct option_group *group = &c->groups[g];

		for (size_t i = 0; i < group->n_defs; i++)
			if (group->defs[i].kind == OPTION_LIST)
				gg_strv_done((void *)((char *)values + group->offset +
						      group->defs[i].offset));
	}
}
