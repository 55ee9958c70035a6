/* SPDX-License-Identifier: Apache-2.0
 *
 * Help and the manual page out of the option tables.
 */
#include "builder/options.h"

#include <string.h>

enum {
	WIDTH = 80,
	INDENT = 2,
	HELP_COLUMN =
		26, /* where an option's help begins; longer options put it on the next line */
};

/* Appends `len` bytes of words, wrapped, with lines after the first indented to `indent`. *column is where the line
 * stands, before and after. */
static void wrap(struct gg_buf *ret, const char *text, size_t len, unsigned indent,
		 unsigned *column)
{
	const char *end = text + len;
	bool first = true;

	while (text < end) {
		const char *word;
		unsigned n;

		while (text < end && (*text == ' ' || *text == '\n'))
			text++;
		word = text;
		while (text < end && *text != ' ' && *text != '\n')
			text++;
		n = (unsigned)(text - word);
		if (n == 0)
			break;
		if (!first && *column + 1 + n > WIDTH) {
			gg_buf_printf(ret, "\n%*s", (int)indent, "");
			*column = indent;
		} else if (!first) {
			gg_buf_putc(ret, ' ');
			(*column)++;
		}
		gg_buf_add(ret, word, n);
		*column += n;
		first = false;
	}
	gg_buf_putc(ret, '\n');
	*column = 0;
}

/* Paragraphs divided by empty lines; those that begin with two spaces are kept as they are. */
static void paragraphs(struct gg_buf *ret, const char *text)
{
	while (text && *text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);
		unsigned column = 0;

		gg_buf_putc(ret, '\n');
		if (gg_starts(text, "  ")) {
			gg_buf_add(ret, text, len);
			if (len > 0 && text[len - 1] != '\n')
				gg_buf_putc(ret, '\n');
		} else {
			wrap(ret, text, len, 0, &column);
		}
		text = end ? end + 2 : NULL;
	}
}

/* One line of a list: what, and from HELP_COLUMN on what it means. */
static void list_item(struct gg_buf *ret, const char *what, const char *help)
{
	unsigned column = INDENT + (unsigned)strlen(what);

	gg_buf_printf(ret, "%*s%s", INDENT, "", what);
	if (column + INDENT > HELP_COLUMN) {
		gg_buf_putc(ret, '\n');
		column = 0;
	}
	gg_buf_printf(ret, "%*s", (int)(HELP_COLUMN - column), "");
	column = HELP_COLUMN;
	wrap(ret, help, strlen(help), HELP_COLUMN, &column);
}

/* "-o, --output WHERE", with the words instead of WHERE where they are few. */
static void option_words(struct gg_buf *ret, const struct option_def *o)
{
	if (o->letter)
		gg_buf_printf(ret, "-%c, ", o->letter);
	gg_buf_printf(ret, "--%s", o->name);
	if (o->kind != OPTION_FLAG)
		gg_buf_printf(ret, " %s", o->arg);
}

/* The help, with the allowed words at its end. */
static char *option_help(const struct option_def *o)
{
	struct gg_buf text = { 0 };

	gg_buf_puts(&text, o->help);
	for (size_t i = 0; o->values && o->values[i]; i++)
		gg_buf_printf(&text, "%s%s", i == 0 ? ": " : ", ", o->values[i]);
	return gg_buf_steal(&text);
}

void options_help(const struct program_def *p, const struct command_def *c, struct gg_buf *ret)
{
	unsigned column = 0;

	gg_buf_printf(ret, "Usage: %s %s%s%s [OPTION]...\n\n", p->name, c->name, c->args ? " " : "",
		      c->args ? c->args : "");
	wrap(ret, c->summary, strlen(c->summary), 0, &column);
	paragraphs(ret, c->text);
	for (size_t g = 0; g < c->n_groups; g++) {
		const struct option_group *group = &c->groups[g];

		gg_buf_printf(ret, "\n%s:\n", group->title ? group->title : "Options");
		for (size_t i = 0; i < group->n_defs; i++) {
			_cleanup_buf_ struct gg_buf words = { 0 };
			_cleanup_free_ char *help = option_help(&group->defs[i]);

			option_words(&words, &group->defs[i]);
			list_item(ret, words.data, help);
		}
	}
	gg_buf_putc(ret, '\n');
	list_item(ret, "-h, --help", "show this help");
}

void options_program_help(const struct program_def *p, struct gg_buf *ret)
{
	unsigned column = 0;

	gg_buf_printf(ret, "Usage: %s COMMAND [ARGUMENT]... [OPTION]...\n\n", p->name);
	wrap(ret, p->summary, strlen(p->summary), 0, &column);
	gg_buf_puts(ret, "\nCommands:\n");
	for (size_t i = 0; p->commands[i]; i++)
		if (!p->commands[i]->hidden)
			list_item(ret, p->commands[i]->name, p->commands[i]->summary);
	paragraphs(ret, p->text);
	if (p->examples)
		gg_buf_printf(ret, "\nExamples:\n%s", p->examples);
	gg_buf_printf(ret, "\nOptions of a command: %s COMMAND --help\n", p->name);
}

/* roff: a backslash, a hyphen that must stay one, and a line that would look like a request. */
static void roff(struct gg_buf *ret, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
			gg_buf_puts(ret, "\\&");
		if (text[i] == '\\')
			gg_buf_puts(ret, "\\e");
		else if (text[i] == '-')
			gg_buf_puts(ret, "\\-");
		else
			gg_buf_putc(ret, text[i]);
	}
}

static void roff_line(struct gg_buf *ret, const char *text)
{
	roff(ret, text, strlen(text));
	gg_buf_putc(ret, '\n');
}

static void roff_verbatim(struct gg_buf *ret, const char *text, size_t len)
{
	gg_buf_puts(ret, ".nf\n");
	roff(ret, text, len);
	if (len == 0 || text[len - 1] != '\n')
		gg_buf_putc(ret, '\n');
	gg_buf_puts(ret, ".fi\n");
}

static void roff_paragraphs(struct gg_buf *ret, const char *text)
{
	while (text && *text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) : strlen(text);

		gg_buf_puts(ret, ".PP\n");
		if (gg_starts(text, "  ")) {
			roff_verbatim(ret, text, len);
		} else {
			roff(ret, text, len);
			gg_buf_putc(ret, '\n');
		}
		text = end ? end + 2 : NULL;
	}
}

static void roff_command(const struct program_def *p, const struct command_def *c,
			 struct gg_buf *ret)
{
	gg_buf_puts(ret, ".SS ");
	roff_line(ret, c->name);
	gg_buf_printf(ret, ".B %s %s\n", p->name, c->name);
	if (c->args)
		roff_line(ret, c->args);
	gg_buf_puts(ret, "[OPTION]...\n");
	gg_buf_puts(ret, ".PP\n");
	roff_line(ret, c->summary);
	roff_paragraphs(ret, c->text);
	for (size_t g = 0; g < c->n_groups; g++) {
		for (size_t i = 0; i < c->groups[g].n_defs; i++) {
			const struct option_def *o = &c->groups[g].defs[i];
			_cleanup_buf_ struct gg_buf words = { 0 };
			_cleanup_free_ char *help = option_help(o);

			option_words(&words, o);
			gg_buf_puts(ret, ".TP\n.B ");
			roff_line(ret, words.data);
			roff_line(ret, help);
		}
	}
}

void options_man(const struct program_def *p, const char *version, struct gg_buf *ret)
{
	gg_buf_printf(ret, ".TH %s 1 \"\" \"%s %s\" \"User Commands\"\n.SH NAME\n%s \\- ", p->name,
		      p->name, version, p->name);
	roff_line(ret, p->summary);
	gg_buf_printf(ret, ".SH SYNOPSIS\n.B %s\nCOMMAND [ARGUMENT]... [OPTION]...\n", p->name);
	if (p->text) {
		gg_buf_puts(ret, ".SH DESCRIPTION\n");
		roff_paragraphs(ret, p->text);
	}
	gg_buf_puts(ret, ".SH COMMANDS\n");
	for (size_t i = 0; p->commands[i]; i++)
		if (!p->commands[i]->hidden)
			roff_command(p, p->commands[i], ret);
	if (p->examples) {
		gg_buf_puts(ret, ".SH EXAMPLES\n");
		roff_verbatim(ret, p->examples, strlen(p->examples));
	}
}
