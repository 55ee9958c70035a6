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
#include "layers/base/fd.h"
#include "layers/bundle.h"
#include "layers/transport_registry.h"

struct options {
	struct common_options common;
	struct step_options steps;
	struct registry_options registry;
	const char *target, *digestfile, *iidfile, *metadata_file;
	bool relock, no_cache, no_test;
	unsigned format; /* enum image_format */
	struct gg_strv outputs, bases;
};

static const char *const formats[] = { "oci", "docker", NULL };

static const struct option_def defs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .arg = "OUTPUT",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct options, outputs),
	  .help = "where the image goes: oci:DIR[:REF], oci-archive:FILE[:REF], "
		  "docker-archive:FILE[:REF], docker-daemon:REF, docker://NAME[:TAG], "
		  "containers-storage:REF, rootfs:DIR or tar:FILE; repeatable" },
	{ .name = "format",
	  .arg = "FORMAT",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct options, format),
	  .values = formats,
	  .help = "media types of the manifest: OCI's, or Docker's (schema 2), without which "
		  "podman sees no health check" },
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
	{ .name = "digestfile",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, digestfile),
	  .help = "write the manifest's digest into this file too" },
	{ .name = "iidfile",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, iidfile),
	  .help = "write the config's digest, which engines call the image's ID" },
	{ .name = "metadata-file",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, metadata_file),
	  .help = "write both and the manifest's descriptor, as JSON" },
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

/* That it can be written at all. */
static int check_image(const struct command_session *c, const struct options *o, const char *option,
		       struct gg_err *err)
{
	if (o->target) {
		gg_fail(err, GG_USAGE, "--target makes a stage, which has no image to write");
		return gg_hint(err, "leave out --target, or %s", option);
	}
	if (!c->project.recipe->image.present) {
		gg_fail(err, GG_USAGE, "the recipe declares no image to write");
		return gg_hint(err, "leave out %s, or add 'image' to the recipe", option);
	}
	return 0;
}

/* Layers of the base are looked at when it is there. */
static int check_format(const struct command_session *c, const struct options *o,
			struct gg_err *err)
{
	const struct recipe_image *image = &c->project.recipe->image;

	if (o->format != IMAGE_FORMAT_DOCKER || !image->present ||
	    image->compression != RECIPE_ZSTD)
		return 0;
	gg_fail(err, GG_USAGE,
		"--format docker: Docker's format has no layers compressed with zstd");
	return gg_hint(err, "write 'compression: gzip' in the recipe, or leave out --format");
}

static int no_connection(const struct transport_target *t, struct gg_err *err)
{
	gg_fail(err, GG_USAGE,
		"output '%s' is in a registry, and --offline forbids every connection", t->text);
	return gg_hint(err, "leave out --offline; --locked keeps the build from looking for "
			    "anything new");
}

/* Nothing is made for an output that cannot be written. */
static int check_outputs(const struct command_session *c, const struct options *o,
			 const struct transport_settings *settings, struct targets *ret,
			 struct gg_err *err)
{
	const char *file = o->digestfile      ? "--digestfile"
			   : o->iidfile       ? "--iidfile"
			   : o->metadata_file ? "--metadata-file"
					      : NULL;

	ret->v = gg_calloc(o->outputs.n, sizeof(*ret->v));
	while (ret->n < o->outputs.n) {
		struct transport_target *t = &ret->v[ret->n];

		if (transport_parse(o->outputs.v[ret->n], t, err) < 0)
			return -1;
		ret->n++;
		t->settings = settings;
		if (o->common.offline && t->transport == &transport_registry)
			return no_connection(t, err);
	}
	if (registry_options_check(&settings->registry, (const char *const *)o->outputs.v,
				   o->outputs.n, err) < 0)
		return -1;
	if (ret->n && check_image(c, o, "-o", err) < 0)
		return -1;
	if (file && check_image(c, o, file, err) < 0)
		return -1;
	if (check_format(c, o, err) < 0)
		return -1;
	return transport_check(ret->v, ret->n, err);
}

static int put_file(const char *option, const char *path, const char *text, struct gg_err *err)
{
	if (!path ||
	    gg_write_file(AT_FDCWD, path, text, strlen(text), 0644, GG_COMMIT_REPLACE, err) == 0)
		return 0;
	return gg_context(err, "%s", option);
}

/* The keys that other builders use. */
static char *metadata(const struct image *image)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(m, "containerimage.digest",
			gg_digest_text(&image->written.root.digest, text));
	gg_json_set_str(m, "containerimage.config.digest",
			gg_digest_text(&image->written.config.digest, text));
	gg_json_take(m, "containerimage.descriptor", gg_json_copy(image->written.descriptor));
	return gg_json_pretty(m);
}

static int put_files(const struct options *o, const struct image *image, struct gg_err *err)
{
	_cleanup_free_ char *json = o->metadata_file ? metadata(image) : NULL;
	char text[GG_DIGEST_TEXT];

	if (put_file("--digestfile", o->digestfile,
		     gg_digest_text(&image->written.root.digest, text), err) < 0 ||
	    put_file("--iidfile", o->iidfile, gg_digest_text(&image->written.config.digest, text),
		     err) < 0)
		return -1;
	return put_file("--metadata-file", o->metadata_file, json, err);
}

static int write_outputs(struct command_session *c, const struct options *o, struct publish *p,
			 const struct build_result *b, struct gg_err *err)
{
	_cleanup_image_ struct image image = IMAGE_INIT;
	_cleanup_free_ char *line = NULL;
	char text[GG_DIGEST_TEXT];

	if (o->outputs.n == 0 && !o->digestfile && !o->iidfile && !o->metadata_file)
		return 0;
	if (image_make(&c->session, c->project.recipe, b, (enum image_format)o->format, &image,
		       err) < 0 ||
	    publish_image(p, &image, err) < 0 || put_files(o, &image, err) < 0)
		return -1;
	line = gg_asprintf("%s\n", gg_digest_text(&image.written.root.digest, text));
	progress_finish(c->session.progress);
	return command_print(line, strlen(line), err);
}

/* What is said when the build itself is done. */
static void note_end(struct command_session *c, const struct options *o,
		     const struct build_result *b)
{
	_cleanup_free_ char *summary = NULL;
	unsigned ran, cached;

	execution_counts(b->execution, &ran, &cached);
	ran += b->pinning_ran;
	summary = gg_asprintf("%u action%s run, %u cached", ran, ran == 1 ? "" : "s", cached);
	progress_note(c->session.progress, summary);
	if (o->outputs.n == 0 && !o->target && c->project.recipe->image.present)
		progress_note(c->session.progress,
			      "no image is written: -o says where to, such as -o oci:out");
}

static int build(struct command_session *c, const void *options, const struct gg_strv *args,
		 struct gg_err *err)
{
	const struct options *o = options;
	struct build_options how = { .target = o->target,
				     .platform = command_platform(),
				     .relock = o->relock };
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	struct transport_settings settings = { 0 };
	_cleanup_build_result_ struct build_result result = BUILD_RESULT_INIT;
	GG_CLEANUP(targets_done) struct targets targets = { 0 };
	_cleanup_publish_ struct publish *publish = NULL;
	struct session *s = &c->session;

	(void)args;
	if (registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	settings.registry = access.settings;
	s->registry = &settings.registry;
	if (check_outputs(c, o, &settings, &targets, err) < 0)
		return -1;
	command_take_steps(s, &o->steps);
	if (o->relock && s->locked)
		return gg_fail(err, GG_USAGE, "--relock changes the lock, and %s",
			       s->bundle ? "a bundle's is final" : "--locked forbids that");
	s->no_cache = o->no_cache;
	s->no_test = o->no_test;
	how.publish = publish = publish_new(s, targets.v, targets.n);
	if (build_run(s, &c->project, &how, &result, err) < 0)
		return -1;
	if (s->policy && !o->target && c->project.recipe->image.present &&
	    policy_check_image(s, &c->project, &result, err) < 0)
		return -1;
	note_end(c, o, &result);
	return write_outputs(c, o, publish, &result, err);
}

/* A bundle is known by its content: it may have any name. */
static int open_input(struct command_session *c, const struct common_options *common,
		      const char *file, struct gg_err *err)
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
	return command_within(open_input, options, args, build, err);
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
		"happens; a recipe without an image builds its stages. To a registry layers go "
		"while "
		"others are still made, and what it has is not sent; the tag comes last.\n\n"
		"  ggbuild app.recipe -o oci:out             an OCI image layout, tagged latest\n"
		"  ggbuild app.recipe -o oci:out:1.2         tagged 1.2; other tags are kept\n"
		"  ggbuild app.recipe -o oci-archive:app.tar\n"
		"  ggbuild app.recipe -o docker://registry.example/app:1.2\n"
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
