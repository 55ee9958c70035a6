/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild lock`: resolves what a recipe names and writes the lock beside it.
 */
#include <string.h>

#include "builder/commands.h"
#include "builder/progress.h"
#include "builder/resolve_lock.h"

struct options {
	struct common_options common;
	bool diff, all;
	struct gg_strv update;
};

static const struct option_def defs[] = {
	{ .name = "diff", .kind = OPTION_FLAG, .offset = offsetof(struct options, diff),
	  .help = "print what would change and write nothing" },
	{ .name = "update", .arg = "NAME", .kind = OPTION_LIST, .offset = offsetof(struct options, update),
	  .help = "resolve this stage, input or fetch anew" },
	{ .name = "all", .kind = OPTION_FLAG, .offset = offsetof(struct options, all),
	  .help = "resolve everything anew" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) }, COMMAND_COMMON_GROUP };

static int update(struct command_session *c, const struct options *o, struct gg_err *err)
{
	struct resolve_options resolve = { .platform = command_platform(), .all = o->all, .names = &o->update };
	_cleanup_free_ char *old_text = lock_text(c->project.lock), *summary = NULL;
	_cleanup_buf_ struct gg_buf diff = { 0 };
	_cleanup_lock_ struct lock *old = NULL;
	bool changed, written;

	if (lock_parse(c->project.lock_name, old_text, strlen(old_text), &old, err) < 0)
		return -1;
	if (resolve_lock(&c->session, c->project.recipe, c->project.lock, &resolve, &changed, err) < 0)
		return -1;
	if (o->diff) {
		lock_diff(old, c->project.lock, &diff);
		return command_print(diff.data, diff.len, err);
	}
	if (project_save_lock(&c->project, &written, err) < 0)
		return -1;
	summary = gg_asprintf("%s/%s %s", c->project.dir, c->project.lock_name, written ? "written" : "is up to date");
	progress_note(c->session.progress, summary);
	return 0;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	struct command_session c;
	int r = command_open(&c, &o->common, args->v[0], err);

	if (r == 0)
		r = update(&c, o, err);
	command_close(&c);
	return r;
}

const struct command_def command_lock = {
	.name = "lock", .args = "RECIPE", .summary = "resolve a recipe's inputs and write its lock",
	.min_args = 1, .max_args = 1, .groups = groups, .n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options), .run = run,
};
