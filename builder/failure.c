/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/failure.h"

#include <string.h>

#include "builder/action.h"
#include "builder/printable.h"

enum { LAST_LINES = 40, COMMAND_LINES = 20, COLUMNS = 200 };

static void put_line(struct gg_buf *text, const char *line)
{
	size_t len = strlen(line), shown = printable_clip(line, len, COLUMNS);

	gg_buf_printf(text, "\n  | %.*s%s", (int)shown, line, shown < len ? "…" : "");
}

static void add_line(void *ctx, const char *text, size_t len)
{
	gg_strv_take(ctx, gg_strndup(text, len));
}

/* The output's last lines, as a terminal may be shown them. */
static void put_output(struct gg_buf *text, const struct gg_buf *tail)
{
	_cleanup_strv_ struct gg_strv lines = { 0 };
	struct printable p = { 0 };

	printable_feed(&p, tail->data, tail->len, add_line, &lines);
	printable_end(&p, add_line, &lines);
	printable_done(&p);
	gg_buf_puts(text, "\n  the last lines of its output:");
	for (size_t i = lines.n > LAST_LINES ? lines.n - LAST_LINES : 0; i < lines.n; i++)
		put_line(text, lines.v[i]);
}

/* As a shell would take it. */
static void put_word(struct gg_buf *line, const char *word)
{
	if (*word && !word[strcspn(word, " \t\n\"'\\$`*?[]{}()<>|&;#~!")]) {
		gg_buf_puts(line, word);
		return;
	}
	gg_buf_putc(line, '\'');
	for (; *word; word++)
		if (*word == '\'')
			gg_buf_puts(line, "'\\''");
		else
			gg_buf_putc(line, *word);
	gg_buf_putc(line, '\'');
}

static void put_command(struct gg_buf *text, const struct recipe_command *c)
{
	_cleanup_buf_ struct gg_buf whole = { 0 };
	_cleanup_strv_ struct gg_strv lines = { 0 };
	struct printable p = { 0 };

	for (size_t i = 0; i < c->argv.n; i++) {
		gg_buf_puts(&whole, i ? " " : "");
		put_word(&whole, c->argv.v[i]);
	}
	if (c->shell)
		gg_buf_puts(&whole, c->shell);
	printable_feed(&p, whole.data, whole.len, add_line, &lines);
	printable_end(&p, add_line, &lines);
	printable_done(&p);
	gg_buf_puts(text, "\n  the command:");
	for (size_t i = 0; i < lines.n && i < COMMAND_LINES; i++)
		put_line(text, lines.v[i]);
	if (lines.n > COMMAND_LINES)
		gg_buf_printf(text, "\n  | … and %zu more lines", lines.n - COMMAND_LINES);
}

/* Where the recipe asks for what failed; file NULL where no single place does. */
static struct gg_pos position(const struct plan_node *n)
{
	if (n->step)
		return n->step->pos;
	if (n->test)
		return n->test->pos;
	if (n->layer)
		return n->layer->pos;
	if (n->input)
		return n->input->pos;
	if (n->image)
		return n->image->pos;
	if (n->kind == PLAN_ROOTFS || n->kind == PLAN_DISTRO)
		return n->stage->from.pos;
	return (struct gg_pos){ 0 };
}

static const struct recipe_command *command(const struct plan_node *n)
{
	if (n->test)
		return &n->test->command;
	return n->step && (n->step->command.shell || n->step->command.argv.n) ? &n->step->command
									      : NULL;
}

void failure_describe(const struct action *a, struct gg_err *err)
{
	const struct recipe_command *c = command(a->node);
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *old = err->text;

	if (!err->pos.file)
		err->pos = position(a->node);
	gg_buf_printf(&text, "%s: %s", a->node->name, old ? old : "failed");
	if (err->kind == GG_STEP || err->kind == GG_GATE || err->kind == GG_REMOTE) {
		if (c)
			put_command(&text, c);
		if (a->tail.len)
			put_output(&text, &a->tail);
	}
	if (a->log_path && a->tail.len)
		gg_buf_printf(&text, "\n  the whole of it: %s", a->log_path);
	free(old);
	err->text = gg_buf_steal(&text);
}
