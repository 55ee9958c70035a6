/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild doctor`.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/doctor.h"
#include "builder/settings.h"
#include "layers/base/json.h"

enum { WIDTH = 80, NAME_COLUMN = 11, TEXT_COLUMN = 30, HINT_COLUMN = 17, LIMIT_COLUMN = 4 };

struct options {
	struct common_options common;
	bool json;
};

static const struct option_def defs[] = {
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
};
static const struct option_group groups[] = { COMMAND_STORE_GROUP,
					      { .defs = defs, .n_defs = GG_LEN(defs) } };

static const struct {
	const char *word, *colour;
} states[] = {
	[ABILITY_OK] = { "ok", "32" },
	[ABILITY_MISSING] = { "missing", "31" },
	[ABILITY_UNUSED] = { "-", "2" },
};

/* ---- for people ---- */

/* Words from column `from` on, where the line already stands. A line that begins with a blank is a command, or a part
 * of one, and stays as it is, to be copied. */
static void put_wrapped(struct gg_buf *b, const char *text, unsigned from)
{
	unsigned column = from;

	while (*text) {
		size_t n = strcspn(text, " \n");

		if (column > from && column + 1 + n > WIDTH) {
			gg_buf_printf(b, "\n%*s", (int)from, "");
			column = from;
		} else if (column > from) {
			gg_buf_putc(b, ' ');
			column++;
		}
		gg_buf_add(b, text, n);
		column += (unsigned)n;
		text += n;
		if (*text == '\n')
			break;
		text += *text == ' ';
	}
	gg_buf_printf(b, "%s\n", text);
}

static void put_check(struct gg_buf *b, const struct doctor_check *c, bool colour)
{
	const char *word = states[c->found.state].word;

	if (colour)
		gg_buf_printf(b, "  \033[%sm%-*s\033[0m", states[c->found.state].colour,
			      NAME_COLUMN - 2, word);
	else
		gg_buf_printf(b, "  %-*s", NAME_COLUMN - 2, word);
	gg_buf_printf(b, "%-*s", TEXT_COLUMN - NAME_COLUMN, c->ability->name);
	put_wrapped(b, c->found.text, TEXT_COLUMN);
	if (c->found.hint) {
		gg_buf_printf(b, "%*shelp: ", NAME_COLUMN, "");
		put_wrapped(b, c->found.hint, HINT_COLUMN);
	}
}

static const char *mode_words(const char *mode)
{
	static const char *const words[][2] = {
		{ "root", "as root" },
		{ "subuid", "with subordinate ids" },
		{ "single-uid", "with a single user id" },
		{ "none", "without user namespaces" },
	};

	for (size_t i = 0; i < GG_LEN(words); i++)
		if (gg_streq(words[i][0], mode))
			return words[i][1];
	return mode;
}

static void put_verdict(struct gg_buf *b, const struct doctor *d)
{
	_cleanup_strv_ struct gg_strv limits = { 0 };

	doctor_limits(d, &limits);
	gg_buf_printf(b, "\nBuilds work%s, %s. %s\n",
		      gg_strv_has(&limits, ABILITY_NO_STEPS) ? " in part" : "",
		      mode_words(doctor_mode(d)), limits.n ? "But:" : "Nothing is missing.");
	for (size_t i = 0; i < limits.n; i++) {
		gg_buf_puts(b, "  - ");
		put_wrapped(b, limits.v[i], LIMIT_COLUMN);
	}
}

static bool wants_colour(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && !gg_streq(term, "dumb");
}

static int print_text(const struct doctor *d, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf b = { 0 };
	const char *section = NULL;
	bool colour = wants_colour();

	for (size_t i = 0; i < d->n; i++) {
		if (!section || !gg_streq(section, d->v[i].section))
			gg_buf_printf(&b, "%s%s\n", section ? "\n" : "", d->v[i].section);
		section = d->v[i].section;
		put_check(&b, &d->v[i], colour);
	}
	if (!doctor_obstacle(d))
		put_verdict(&b, d);
	return command_print(b.data, b.len, err);
}

/* ---- for scripts ---- */

static struct gg_json *check_json(const struct doctor_check *c)
{
	static const char *const words[] = {
		[ABILITY_OK] = "ok",
		[ABILITY_MISSING] = "missing",
		[ABILITY_UNUSED] = "not needed",
	};
	struct gg_json *o = gg_json_object();

	gg_json_set_str(o, "section", c->section);
	gg_json_set_str(o, "name", c->ability->name);
	gg_json_set_str(o, "state", words[c->found.state]);
	gg_json_set_str(o, "text", c->found.text);
	if (c->found.hint)
		gg_json_set_str(o, "help", c->found.hint);
	return o;
}

static int print_json(const struct doctor *d, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	_cleanup_strv_ struct gg_strv limits = { 0 };
	struct gg_json *abilities = gg_json_array(), *without = gg_json_array();
	_cleanup_free_ char *text = NULL;

	doctor_limits(d, &limits);
	for (size_t i = 0; i < d->n; i++)
		gg_json_append_take(abilities, check_json(&d->v[i]));
	for (size_t i = 0; i < limits.n; i++)
		gg_json_append_str(without, limits.v[i]);
	gg_json_take(o, "abilities", abilities);
	gg_json_take(o, "limits", without);
	gg_json_set_str(o, "mode", doctor_mode(d));
	gg_json_set_bool(o, "works", !doctor_obstacle(d));
	text = gg_json_pretty(o);
	return command_print(text, strlen(text), err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_config_ struct config *config = NULL;
	_cleanup_doctor_ struct doctor d = { 0 };
	_cleanup_free_ char *store = NULL;
	const struct doctor_check *obstacle;

	(void)args;
	if (settings_read(&config, err) < 0)
		return -1;
	store = command_store_path(&o->common, config, err);
	if (!store)
		return -1;
	doctor_examine(store, o->common.userns, config, &d);
	if ((o->json ? print_json(&d, err) : print_text(&d, err)) < 0)
		return -1;
	obstacle = doctor_obstacle(&d);
	if (!obstacle)
		return 0;
	gg_fail(err, GG_SYSTEM, "builds do not work here: %s: %s", obstacle->ability->name,
		obstacle->found.text);
	return obstacle->found.hint ? gg_hint(err, "%s", obstacle->found.hint) : -1;
}

const struct command_def command_doctor = {
	.name = "doctor",
	.summary = "try what builds need from this machine",
	.text = "Each ability is tried, in a process of its own: nothing is concluded from a "
		"version, no connection is made, and nothing is left behind. For each it says "
		"whether it is there (ok), missing, or not needed here (-), what it is used for, "
		"and, "
		"where it is missing, what to do. The last line says how builds will run and what "
		"will not work.\n\n"
		"Exit status: 0 when builds, of some kind at least, work; 1 when they do not.",
	.min_args = 0,
	.max_args = 0,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
