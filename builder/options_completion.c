/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion scripts out of the option tables. Each shell's script decides by the command and the word before.
 */
#include "builder/options.h"

#include <string.h>

/* Text inside single quotes of a shell; fish escapes a quote with a backslash, the others leave and re-enter. */
static void quoted(struct gg_buf *ret, const char *text, const char *quote)
{
	gg_buf_putc(ret, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			gg_buf_puts(ret, quote);
		else
			gg_buf_putc(ret, *text);
	}
	gg_buf_putc(ret, '\'');
}

static void join(struct gg_buf *ret, const char *const *words)
{
	for (size_t i = 0; words[i]; i++)
		gg_buf_printf(ret, "%s%s", i ? " " : "", words[i]);
}

/* bash: `words` are offered, and files when `files` is set. */
static void bash_values(struct gg_buf *ret, const struct option_def *o)
{
	if (o->values) {
		gg_buf_puts(ret, "words='");
		join(ret, o->values);
		gg_buf_puts(ret, "'");
	} else if (gg_streq(o->arg, "FILE")) {
		gg_buf_puts(ret, "files=-f");
	} else if (gg_streq(o->arg, "DIR")) {
		gg_buf_puts(ret, "files=-d");
	} else {
		gg_buf_puts(ret, ":");
	}
}

static void bash_command(const struct command_def *c, struct gg_buf *ret)
{
	gg_buf_printf(ret, "\t%s)\n\t\tcase $prev in\n", c->name);
	for (size_t g = 0; g < c->n_groups; g++) {
		for (size_t i = 0; i < c->groups[g].n_defs; i++) {
			const struct option_def *o = &c->groups[g].defs[i];

			if (o->kind == OPTION_FLAG)
				continue;
			gg_buf_puts(ret, "\t\t");
			if (o->letter)
				gg_buf_printf(ret, "-%c | ", o->letter);
			gg_buf_printf(ret, "--%s) ", o->name);
			bash_values(ret, o);
			gg_buf_puts(ret, " ;;\n");
		}
	}
	gg_buf_puts(ret, "\t\t*)\n\t\t\tcase $cur in\n\t\t\t-*) words='");
	for (size_t g = 0; g < c->n_groups; g++)
		for (size_t i = 0; i < c->groups[g].n_defs; i++)
			gg_buf_printf(ret, "--%s ", c->groups[g].defs[i].name);
	gg_buf_puts(ret, "--help' ;;\n\t\t\t*) ");
	if (c->words) {
		gg_buf_puts(ret, "words='");
		join(ret, c->words);
		gg_buf_puts(ret, "'");
	} else {
		gg_buf_puts(ret, c->max_args > 0 ? "files=-f" : ":");
	}
	gg_buf_puts(ret, " ;;\n\t\t\tesac\n\t\t\t;;\n\t\tesac\n\t\t;;\n");
}

static void bash_script(const struct program_def *p, struct gg_buf *ret)
{
	gg_buf_printf(ret,
		      "# bash completion of %s\n"
		      "_%s() {\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		      "\tlocal words='' files=''\n"
		      "\t# --name=VALUE arrives as three words\n"
		      "\tif [ \"$cur\" = = ]; then\n"
		      "\t\tcur=''\n"
		      "\telif [ \"$prev\" = = ]; then\n"
		      "\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
		      "\tfi\n"
		      "\tif [ \"$COMP_CWORD\" -eq 1 ]; then\n"
		      "\t\tfiles=-f words='",
		      p->name, p->name);
	for (size_t i = 0; p->commands[i]; i++)
		if (!p->commands[i]->hidden)
			gg_buf_printf(ret, "%s ", p->commands[i]->name);
	gg_buf_puts(ret, "--help --version'\n\telse case ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; p->commands[i]; i++)
		if (!p->commands[i]->hidden)
			bash_command(p->commands[i], ret);
	gg_buf_printf(ret,
		      "\t*) files=-f ;;\n"
		      "\tesac fi\n"
		      "\tmapfile -t COMPREPLY < <(compgen $files -W \"$words\" -- \"$cur\")\n"
		      "}\n"
		      "complete -o filenames -F _%s %s\n",
		      p->name, p->name);
}

/* A text inside zsh's option specifications, where [ ] : and \ mean something. */
static void zsh_text(struct gg_buf *ret, const char *text)
{
	for (; *text; text++) {
		if (strchr("[]:\\", *text))
			gg_buf_putc(ret, '\\');
		if (*text == '\'')
			gg_buf_puts(ret, "'\\''");
		else
			gg_buf_putc(ret, *text);
	}
}

static void zsh_action(struct gg_buf *ret, const struct option_def *o)
{
	gg_buf_printf(ret, ":%s:", o->arg);
	if (o->values) {
		gg_buf_putc(ret, '(');
		join(ret, o->values);
		gg_buf_putc(ret, ')');
	} else if (gg_streq(o->arg, "FILE")) {
		gg_buf_puts(ret, "_files");
	} else if (gg_streq(o->arg, "DIR")) {
		gg_buf_puts(ret, "_files -/");
	}
}

static void zsh_option(struct gg_buf *ret, const struct option_def *o)
{
	bool flag = o->kind == OPTION_FLAG;

	for (int letter = o->letter ? 1 : 0; letter >= 0; letter--) {
		gg_buf_printf(ret, "'%s", o->kind == OPTION_LIST ? "*" : "");
		if (letter)
			gg_buf_printf(ret, "-%c%s[", o->letter, flag ? "" : "+");
		else
			gg_buf_printf(ret, "--%s%s[", o->name, flag ? "" : "=");
		zsh_text(ret, o->help);
		gg_buf_puts(ret, "]");
		if (!flag)
			zsh_action(ret, o);
		gg_buf_puts(ret, "' \\\n\t\t\t");
	}
}

static void zsh_script(const struct program_def *p, struct gg_buf *ret)
{
	gg_buf_printf(ret, "#compdef %s\n_%s() {\n\tlocal -a commands\n\tcommands=(\n", p->name,
		      p->name);
	for (size_t i = 0; p->commands[i]; i++) {
		if (p->commands[i]->hidden)
			continue;
		gg_buf_printf(ret, "\t\t'%s:", p->commands[i]->name);
		zsh_text(ret, p->commands[i]->summary);
		gg_buf_puts(ret, "'\n");
	}
	gg_buf_puts(ret, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command "
			 "commands\n\t\t_files\n\t\treturn\n"
			 "\tfi\n\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- "
			 "))\n\tcase $command in\n");
	for (size_t i = 0; p->commands[i]; i++) {
		const struct command_def *c = p->commands[i];

		if (c->hidden)
			continue;
		gg_buf_printf(ret, "\t%s)\n\t\t_arguments ", c->name);
		for (size_t g = 0; g < c->n_groups; g++)
			for (size_t k = 0; k < c->groups[g].n_defs; k++)
				zsh_option(ret, &c->groups[g].defs[k]);
		if (c->words) {
			gg_buf_puts(ret, "'1:argument:(");
			join(ret, c->words);
			gg_buf_puts(ret, ")' ");
		}
		gg_buf_puts(ret, c->max_args > 0 ? "'--help[show the help]' '*:file:_files' ;;\n"
						 : "'--help[show the help]' ;;\n");
	}
	gg_buf_printf(ret, "\t*) _files ;;\n\tesac\n}\n_%s \"$@\"\n", p->name);
}

static void fish_option(const struct program_def *p, const struct command_def *c,
			const struct option_def *o, struct gg_buf *ret)
{
	gg_buf_printf(ret, "complete -c %s -n '__fish_seen_subcommand_from %s' -l %s", p->name,
		      c->name, o->name);
	if (o->letter)
		gg_buf_printf(ret, " -s %c", o->letter);
	if (o->values) {
		gg_buf_puts(ret, " -x -a '");
		join(ret, o->values);
		gg_buf_puts(ret, "'");
	} else if (o->kind != OPTION_FLAG) {
		gg_buf_puts(ret, gg_streq(o->arg, "FILE") ? " -r -F"
				 : gg_streq(o->arg, "DIR")
					 ? " -x -a '(__fish_complete_directories)'"
					 : " -x");
	}
	gg_buf_puts(ret, " -d ");
	quoted(ret, o->help, "\\'");
	gg_buf_putc(ret, '\n');
}

static void fish_script(const struct program_def *p, struct gg_buf *ret)
{
	for (size_t i = 0; p->commands[i]; i++) {
		const struct command_def *c = p->commands[i];

		if (c->hidden)
			continue;
		gg_buf_printf(ret, "complete -c %s -n __fish_use_subcommand -a %s -d ", p->name,
			      c->name);
		quoted(ret, c->summary, "\\'");
		gg_buf_putc(ret, '\n');
		if (c->words) {
			gg_buf_printf(ret,
				      "complete -c %s -n '__fish_seen_subcommand_from %s' -f -a '",
				      p->name, c->name);
			join(ret, c->words);
			gg_buf_puts(ret, "'\n");
		}
		for (size_t g = 0; g < c->n_groups; g++)
			for (size_t k = 0; k < c->groups[g].n_defs; k++)
				fish_option(p, c, &c->groups[g].defs[k], ret);
	}
}

int options_completion(const struct program_def *p, const char *shell, struct gg_buf *ret,
		       struct gg_err *err)
{
	static const char *const names[] = { "bash", "zsh", "fish" };
	static void (*const scripts[])(const struct program_def *p,
				       struct gg_buf *ret) = { bash_script, zsh_script,
							       fish_script };

	for (size_t i = 0; i < GG_LEN(names); i++) {
		if (gg_streq(shell, names[i])) {
			scripts[i](p, ret);
			return 0;
		}
	}
	gg_fail(err, GG_USAGE, "no completion for shell '%s'", shell);
	return gg_hint(err, "there is one for bash, zsh and fish");
}
