/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild lock`: makes the lock beside a recipe complete: what is not pinned yet is resolved, or fetched.
 */
#include <string.h>

#include "builder/build.h"
#include "builder/commands.h"
#include "builder/progress.h"
#include "builder/registry_options.h"

struct options {
	struct common_options common;
	struct step_options steps;
	bool diff, all, prune;
	struct gg_strv update;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "diff",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, diff),
	  .help = "print what would change and write nothing" },
	{ .name = "update",
	  .arg = "NAME",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct options, update),
	  .help = "resolve this stage's packages, or run this fetch, anew; 'compression': take "
		  "this "
		  "program's compressors" },
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, all),
	  .help = "resolve everything anew, and drop what the recipe does not use" },
	{ .name = "prune",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, prune),
	  .help = "only drop what the recipe, with these arguments, does not use" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_STEP_GROUP(offsetof(struct options, steps)),
					      REGISTRY_RECIPE_GROUP(
						      offsetof(struct options, registry)),
					      COMMAND_COMMON_GROUP };

static int print_diff(const struct lock *from, const struct lock *to, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf diff = { 0 };

	lock_diff(from, to, &diff);
	return diff.len ? command_print(diff.data, diff.len, err) : 0;
}

static int update(struct command_session *c, const void *options, const struct gg_strv *args,
		  struct gg_err *err)
{
	const struct options *o = options;
	struct build_options how = { .platform = command_platform(),
				     .relock = o->all,
				     .update = &o->update,
				     .complete = true,
				     .prune = o->prune,
				     .dry = o->diff };
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_build_result_ struct build_result result = BUILD_RESULT_INIT;
	_cleanup_free_ char *old_text = lock_text(c->project.lock), *summary = NULL;
	_cleanup_lock_ struct lock *old = NULL;

	(void)args;
	command_take_steps(&c->session, &o->steps);
	if (registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	c->session.registry = &access.settings;
	if (o->steps.locked && (o->all || o->prune || o->update.n))
		return gg_fail(err, GG_USAGE, "--%s changes the lock, and --locked forbids that",
			       o->all     ? "all"
			       : o->prune ? "prune"
					  : "update");
	if (lock_parse(c->project.lock_name, old_text, strlen(old_text), &old, err) < 0 ||
	    build_lock(&c->session, &c->project, &how, &result, err) < 0)
		return -1;
	if (o->diff)
		return print_diff(old, c->project.lock, err);
	summary = gg_asprintf("%s/%s is complete", c->project.dir, c->project.lock_name);
	progress_note(c->session.progress, summary);
	return 0;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	return command_within(command_open, options, args, update, err);
}

const struct command_def command_lock = {
	.name = "lock",
	.args = "RECIPE",
	.summary = "resolve a recipe's inputs and write its lock",
	.text = "Adds what the lock lacks: packages are resolved, URLs checked, fetches run and "
		"pinned; afterwards "
		"`ggbuild build --locked` accepts it. What is pinned stays as it is, also for "
		"other values of the recipe's "
		"arguments, unless --update or --all asks for it.\n\n"
		"  ggbuild lock app.recipe --all --diff        what has changed outside\n"
		"  ggbuild lock app.recipe --update runtime    newest packages for one stage",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
