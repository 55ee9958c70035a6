/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild copy SRC DST`: an image from one place to another.
 */
#include <signal.h>
#include <string.h>

#include "builder/commands.h"
#include "builder/job.h"
#include "builder/progress.h"
#include "builder/registry_options.h"
#include "layers/base/fd.h"
#include "layers/base/interrupt.h"
#include "layers/image_source.h"
#include "layers/transfer.h"

struct options {
	bool all;
	const char *platform, *digestfile;
	unsigned format, progress;
	struct registry_options both, source, destination;
};

/* As enum transfer_format; the first is what "as it is" means and no word. */
static const char *const formats[] = { "as-is", "oci", "docker", NULL };

static const struct option_def defs[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, all),
	  .help = "the whole index, with the images of every platform" },
	{ .name = "platform",
	  .arg = "OS/ARCH",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, platform),
	  .help = "which image of an index (default: this machine's)" },
	{ .name = "format",
	  .arg = "FORMAT",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct options, format),
	  .values = formats,
	  .help = "media types: as they are, those of OCI, or Docker's (schema 2)" },
	{ .name = "digestfile",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, digestfile),
	  .help = "write the digest into this file too" },
	{ .name = "progress",
	  .arg = "MODE",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct options, progress),
	  .values = progress_mode_names,
	  .help = "how progress is shown on standard error" },
};
/* A password is for one of the two places. */
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	REGISTRY_RECIPE_GROUP(offsetof(struct options, both)),
	REGISTRY_SOURCE_GROUP(offsetof(struct options, source)),
	REGISTRY_DESTINATION_GROUP(offsetof(struct options, destination)),
};

struct copy {
	const struct options *o;
	struct command_session session;
	struct registry_access_options source_access, destination_access;
	struct transport_settings from, to;
	struct transport_target target;
	bool shown; /* something is under way that takes its time */
};

static void copy_done(struct copy *c)
{
	transport_target_done(&c->target);
	registry_access_options_done(&c->source_access);
	registry_access_options_done(&c->destination_access);
	command_close(&c->session);
}

/* The progress view's job. */
enum { JOB = 1 };

static void show_bytes(void *ctx, uint64_t done, uint64_t total)
{
	struct copy *c = ctx;
	struct progress *p = c->session.session.progress;

	if (!c->shown)
		progress_job_start(p, JOB, "copy");
	c->shown = true;
	progress_job_bytes(p, JOB, done, total);
	progress_tick(p, job_now_ns());
}

static int open_target(struct copy *c, const char *text, struct gg_err *err)
{
	if (transport_parse(text, &c->target, err) < 0)
		return -1;
	c->target.settings = &c->to;
	if (c->o->all && !c->target.transport->index) {
		gg_fail(err, GG_USAGE, "output '%s' holds one image, and --all is many", text);
		return gg_hint(err, "leave out --all, or name one with --platform");
	}
	return transport_check(&c->target, 1, err);
}

/* The digest that the image has there, and what the user may not expect of it. */
static const struct gg_digest *digest_there(struct copy *c, const struct transfer *t)
{
	const struct transport *to = c->target.transport;
	_cleanup_free_ char *line = NULL;

	if (!to->documents)
		line = gg_asprintf("%s keeps no manifest: this is the digest of the config, which "
				   "engines call the image's ID",
				   to->name);
	else if (t->why)
		line = gg_asprintf("the digest is new: %s", t->why);
	if (line)
		progress_note(c->session.session.progress, line);
	return to->documents ? &t->image.root.digest : &t->image.config.digest;
}

static int tell(struct copy *c, const struct transfer *t, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];
	_cleanup_free_ char *line = gg_asprintf("%s\n", gg_digest_text(digest_there(c, t), text));

	if (c->o->digestfile && gg_write_file(AT_FDCWD, c->o->digestfile, text, strlen(text), 0644,
					      GG_COMMIT_REPLACE, err) < 0)
		return gg_context(err, "--digestfile");
	progress_finish(c->session.session.progress);
	return command_print(line, strlen(line), err);
}

static int copy(struct copy *c, const struct gg_strv *args, struct gg_err *err)
{
	struct image_source_options how = { .platform = c->o->platform,
					    .whole = c->o->all,
					    .registry = &c->from.registry };
	_cleanup_image_source_ struct image_source *source = NULL;
	_cleanup_transfer_ struct transfer t = TRANSFER_INIT;
	struct progress *p = c->session.session.progress;
	uint64_t start = job_now_ns();
	int r;

	if (open_target(c, args->v[1], err) < 0 ||
	    image_source_open(args->v[0], &how, &source, err) < 0 ||
	    transfer_make(source, (enum transfer_format)c->o->format, &t, err) < 0)
		return -1;
	r = transport_write(&c->target, &t.image, err);
	progress_job_end(p, JOB, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, job_now_ns() - start);
	return r < 0 ? -1 : tell(c, &t, err);
}

static int take_registries(struct copy *c, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = c->o;

	if (registry_options_take(&o->both, &o->source, &c->source_access, err) < 0 ||
	    registry_options_take(&o->both, &o->destination, &c->destination_access, err) < 0)
		return -1;
	c->from.registry = c->source_access.settings;
	c->to.registry = c->destination_access.settings;
	/* The environment's then are for the other one. */
	if (c->from.registry.creds || c->to.registry.creds)
		return 0;
	return registry_options_check(&c->from.registry, (const char *const *)args->v, args->n,
				      err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	GG_CLEANUP(copy_done)
	struct copy c = { .o = options, .target = TRANSPORT_TARGET_INIT };
	struct common_options common = { .progress = c.o->progress };

	if (c.o->all && c.o->platform) {
		gg_fail(err, GG_USAGE, "--all is every platform, and --platform one");
		return gg_hint(err, "leave one of them out");
	}
	if (take_registries(&c, args, err) < 0)
		return -1;
	/* Also makes an interrupt wait until what was begun is taken away. */
	if (command_open_view(&c.session, &common, err) < 0)
		return -1;
	c.from.registry.progress = c.to.registry.progress = show_bytes;
	c.from.registry.ctx = c.to.registry.ctx = &c;
	return copy(&c, args, err);
}

const struct command_def command_copy = {
	.name = "copy",
	.args = "SRC DST",
	.summary = "copy an image from one place to another",
	.text = "SRC is what `ggbuild inspect` takes, DST what `ggbuild build -o` takes. Every "
		"blob is verified, and the documents stay byte for byte, so that the digest is the "
		"same; where it cannot be, standard error says why. The place is complete "
		"afterwards, or as it was. Prints the digest that the image has there.\n\n"
		"  ggbuild copy oci:out oci-archive:app.tar:1.2\n"
		"  ggbuild copy oci:out docker-archive:app.tar:app:1.2   for `docker load`\n"
		"  ggbuild copy --all oci:out oci:mirror:app             with every platform\n"
		"  ggbuild copy docker://ubuntu:24.04 oci:ubuntu         out of a registry\n"
		"  ggbuild copy oci:out docker://registry.example/app:1  and into one\n"
		"  ggbuild copy --format docker oci:out oci:old          Docker's media types",
	.min_args = 2,
	.max_args = 2,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
