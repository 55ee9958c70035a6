/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild build`: the default command.
 */
#include <string.h>

#include "builder/build.h"
#include "builder/commands.h"
#include "builder/image.h"
#include "builder/policy_report.h"
#include "builder/progress.h"
#include "builder/publish.h"
#include "builder/registry_options.h"
#include "layers/bundle.h"

struct options {
	struct common_options common;
	struct step_options steps;
	const char *target;
	bool relock, no_cache, no_test;
	struct gg_strv outputs, bases;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .arg = "OUTPUT",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct options, outputs),
	  .help = "where the image goes, such as oci:DIR[:REF] or docker://NAME[:TAG]; "
		  "repeatable" },
	{ .name = "target",
	  .arg = "STAGE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, target),
	  .help = "make only this stage and what it needs" },
	{ .name = "relock",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, relock),
	  .help = "resolve everything anew, and drop from the lock what the recipe does not use" },
	{ .name = "no-cache",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, no_cache),
	  .help = "run every step again that is not pinned by content" },
	{ .name = "base",
	  .arg = "BUNDLE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct options, bases),
	  .help = "what a delta bundle is a delta to; repeatable" },
	{ .name = "no-test",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, no_test),
	  .help = "skip the recipe's tests" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) },
					      COMMAND_STEP_GROUP(offsetof(struct options, steps)),
					      REGISTRY_OPTIONS_GROUP(
						      offsetof(struct options, registry)),
					      COMMAND_COMMON_GROUP };

struct targets {
	struct transport_target *v;
	size_t n;
};

static void targets_done(struct targets *t)
{
	for (size_t i = 0; i < t->n; i++)
		transport_target_done(&t->v[i]);
	free(t->v);
}

/* Nothing is made for an output that cannot be written. */
static int check_outputs(const struct command_session *c, const struct options *o,
			 struct targets *ret, struct gg_err *err)
{
	ret->v = gg_calloc(o->outputs.n, sizeof(*ret->v));
	for (; ret->n < o->outputs.n; ret->n++)
		if (transport_parse(o->outputs.v[ret->n], &ret->v[ret->n], err) < 0)
			return -1;
	if (ret->n && o->target) {
		gg_fail(err, GG_USAGE, "--target makes a stage, which has no image to write");
		return gg_hint(err, "leave out --target, or -o");
	}
	if (ret->n && !c->project.recipe->image.present) {
		gg_fail(err, GG_USAGE, "the recipe declares no image to write");
		return gg_hint(err, "leave out -o, or add 'image' to the recipe");
	}
	return transport_check(ret->v, ret->n, err);
}

static int write_outputs(struct command_session *c, const struct build_result *b,
			 struct gg_err *err)
{
	_cleanup_image_ struct image image = IMAGE_INIT;
	_cleanup_free_ char *line = NULL;
	char text[GG_DIGEST_TEXT];

	if (image_make(&c->session, c->project.recipe, b, &image, err) < 0 ||
	    publish_image(c->session.publish, &image.written, err) < 0)
		return -1;
	line = gg_asprintf("%s\n", gg_digest_text(&image.written.root.digest, text));
	progress_finish(c->session.progress);
	return command_print(line, strlen(line), err);
}

static int build(struct command_session *c, const void *options, const struct gg_strv *args,
		 struct gg_err *err)
{
	const struct options *o = options;
	struct build_options how = { .target = o->target,
				     .platform = command_platform(),
				     .relock = o->relock };
	_cleanup_build_result_ struct build_result result = BUILD_RESULT_INIT;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	struct transport_settings settings = { 0 };
	GG_CLEANUP(targets_done) struct targets targets = { 0 };
	_cleanup_publish_ struct publish *publish = NULL;
	_cleanup_free_ char *summary = NULL;
	struct session *s = &c->session;
	unsigned ran, cached;

	(void)args;
	if (check_outputs(c, o, &targets, err) < 0 ||
	    registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	settings.registry = access.settings;
	for (size_t i = 0; i < targets.n; i++)
		targets.v[i].settings = &settings;
	s->publish = publish = publish_new(s, targets.v, targets.n);
	command_take_steps(s, &o->steps);
	if (o->relock && s->locked)
		return gg_fail(err, GG_USAGE, "--relock changes the lock, and %s",
			       s->bundle ? "a bundle's is final" : "--locked forbids that");
	s->no_cache = o->no_cache;
	s->no_test = o->no_test;
	if (build_run(s, &c->project, &how, &result, err) < 0)
		return -1;
	if (s->policy && !o->target && c->project.recipe->image.present &&
	    policy_check_image(s, &c->project, &result, err) < 0)
		return -1;
	execution_counts(result.execution, &ran, &cached);
	ran += result.pinning_ran;
	summary = gg_asprintf("%u action%s run, %u cached", ran, ran == 1 ? "" : "s", cached);
	progress_note(s->progress, summary);
	if (targets.n == 0 && !o->target && c->project.recipe->image.present)
		progress_note(s->progress,
			      "no image is written: -o says where to, such as -o oci:out");
	return targets.n ? write_outputs(c, &result, err) : 0;
}

/* A bundle is known by its content: it may have any name. */
static int open(struct command_session *c, const struct common_options *common, const char *file,
		struct gg_err *err)
{
	const struct options *o = (const struct options *)common;

	if (bundle_recognise(file))
		return command_open_bundle(c, common, file, &o->bases, err);
	*c = (struct command_session){ .project = PROJECT_INIT, .session = { .recipe_dirfd = -1 } };
	if (o->bases.n)
		return gg_fail(err, GG_USAGE, "--base is for bundles, and '%s' is none", file);
	return command_open(c, common, file, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	return command_within(open, options, args, build, err);
}

const struct command_def command_build = {
	.name = "build",
	.args = "RECIPE|BUNDLE",
	.summary = "build a recipe (the default command)",
	.text = "Makes what the recipe's image needs and the store does not have, runs the "
		"recipe's tests on it and writes it "
		"to each output, whole or not at all. Prints the digest of the image's manifest. A "
		"lock that is missing or "
		"lacks something is written; --locked forbids that. Without -o the store is filled "
		"and nothing else "
		"happens; a recipe without an image builds its stages.\n\n"
		"  ggbuild app.recipe -o oci:out             an OCI image layout, tagged latest\n"
		"  ggbuild app.recipe -o oci:out:1.2         tagged 1.2; other tags are kept\n"
		"  ggbuild app.recipe -o oci-archive:app.tar\n"
		"  ggbuild app.recipe -o docker://reg.example.org/app:1.2   pushed, layers while "
		"others are made\n"
		"  ggbuild app.recipe --target builder       only a stage\n"
		"  ggbuild app.recipe --arg VERSION=2 -o oci:out\n"
		"  ggbuild app.bundle -o oci:out             without a connection",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
