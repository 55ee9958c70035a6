/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild fetch`: brings what a build needs from outside into the store, so that the build needs no connection.
 */
#include "builder/build.h"
#include "builder/commands.h"
#include "builder/progress.h"
#include "builder/registry_options.h"

struct options {
	struct common_options common;
	struct step_options steps;
	const char *target;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "target",
	  .arg = "STAGE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, target),
	  .help = "only what this stage needs" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_STEP_GROUP(offsetof(struct options, steps)),
					      REGISTRY_RECIPE_GROUP(
						      offsetof(struct options, registry)),
					      COMMAND_COMMON_GROUP };

static int fetch(struct command_session *c, const void *options, const struct gg_strv *args,
		 struct gg_err *err)
{
	const struct options *o = options;
	struct build_options how = { .target = o->target,
				     .platform = command_platform(),
				     .fetch_only = true };
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_build_result_ struct build_result result = BUILD_RESULT_INIT;
	_cleanup_free_ char *summary = NULL;
	unsigned ran, cached;

	(void)args;
	command_take_steps(&c->session, &o->steps);
	if (registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	c->session.registry = &access.settings;
	if (build_run(&c->session, &c->project, &how, &result, err) < 0)
		return -1;
	execution_counts(result.execution, &ran, &cached);
	summary = gg_asprintf(
		"%severything that '%s' needs from outside is in the store",
		ran + result.pinning_ran ? "" : "nothing to fetch: ", c->project.recipe->name);
	progress_note(c->session.progress, summary);
	return 0;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	return command_within(command_open, options, args, fetch, err);
}

const struct command_def command_fetch = {
	.name = "fetch",
	.args = "RECIPE",
	.summary = "download all that a build needs, for use offline",
	.text = "Fills the store with packages, inputs and the outputs of fetch steps, and pins in "
		"the lock what is not "
		"pinned yet. Afterwards `ggbuild build RECIPE --offline --locked` needs no "
		"connection. What is there "
		"is not fetched again: a second run opens no connection.\n\n"
		"A download that was cut off, or whose ggbuild was killed, goes on where it was "
		"when the server "
		"can; the whole is checked against its digest whatever came when. 408, 429 and 5xx "
		"answers and broken "
		"connections are tried again up to five times, with the server's Retry-After. "
		"A fetch step starts anew; a `cache:` that it declares keeps what its tool has "
		"downloaded.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
