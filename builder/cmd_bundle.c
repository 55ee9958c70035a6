/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild bundle RECIPE` makes one; cmd_bundle_look.c has the words that look at one.
 */
#include <string.h>
#include <unistd.h>

#include "builder/bundle_make.h"
#include "builder/cmd_bundle.h"
#include "builder/job.h"
#include "builder/progress.h"
#include "builder/table.h"
#include "layers/base/fd.h"
#include "layers/bundle_write.h"
#include "layers/elf.h"

static const char *const compressions[] = { "none", "zstd", NULL };

static const struct option_def defs[] = {
	{ .name = "output",
	  .letter = 'o',
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct bundle_command, output),
	  .help = "the file to write (extract: - is standard output)" },
	{ .name = "split",
	  .arg = "SIZE",
	  .kind = OPTION_SIZE,
	  .offset = offsetof(struct bundle_command, split),
	  .help = "cut it into FILE.001 and so on, of at most this size" },
	{ .name = "delta",
	  .arg = "BUNDLE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct bundle_command, delta),
	  .help = "leave out what this one has" },
	{ .name = "compression",
	  .arg = "KIND",
	  .kind = OPTION_CHOICE,
	  .offset = offsetof(struct bundle_command, compression),
	  .values = compressions,
	  .help = "of the contents of local inputs and fetches (default none)" },
	{ .name = "with-self",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct bundle_command, with_self),
	  .help = "put in the static ggbuild, for a machine that has none" },
	{ .name = "base",
	  .arg = "BUNDLE",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct bundle_command, bases),
	  .help = "ls, verify, extract: what a delta is a delta to; repeatable" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct bundle_command, json),
	  .help = "ls, diff: print JSON" },
};
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	COMMAND_STEP_GROUP(offsetof(struct bundle_command, steps)),
	REGISTRY_RECIPE_GROUP(offsetof(struct bundle_command, registry)),
	COMMAND_COMMON_GROUP,
};
static const char *const words[] = { "ls", "verify", "diff", "extract", NULL };

/* A program that needs no loader. */
static int open_static(const char *path, struct gg_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_elf_ struct elf e = { 0 };

	if (fd < 0 || elf_read(fd, &e, err) != 1 || e.interp || e.needed.n)
		return -1;
	return gg_steal_fd(&fd);
}

/* Beside the running program, or it itself. */
static int open_self(struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	_cleanup_free_ char *self = realpath("/proc/self/exe", NULL), *beside = NULL;
	int fd = -1;

	if (!self)
		return gg_fail_errno(err, "find the running program");
	beside = gg_asprintf("%.*s/ggbuild-static", (int)(strrchr(self, '/') - self), self);
	fd = open_static(beside, &ignored);
	if (fd < 0)
		fd = open_static(self, &ignored);
	if (fd >= 0)
		return fd;
	gg_fail(err, GG_USAGE, "--with-self: there is no static program '%s'", beside);
	return gg_hint(err, "build the target ggbuild-static, or leave out --with-self");
}

static void note_made(struct command_session *c, const struct bundle_command *o,
		      const struct bundle_made *made, uint64_t ns)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	gg_buf_printf(&text, "%s: %zu parts, ", o->output, made->parts);
	table_put_size(&text, made->bytes);
	gg_buf_printf(&text, " in %.1f s", (double)ns / 1e9);
	progress_note(c->session.progress, text.data);
}

static int pack(struct command_session *c, const void *options, const struct gg_strv *args,
		struct gg_err *err)
{
	const struct bundle_command *o = options;
	_cleanup_strv_ struct gg_strv allowed = { 0 };
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_bundle_ struct bundle *old = NULL;
	_cleanup_close_ int program = -1;
	_cleanup_free_ char *line = NULL;
	char text[GG_DIGEST_TEXT];
	struct bundle_options how = { .output = o->output,
				      .platform = command_platform(),
				      .args = &o->common.args,
				      .allowed = &allowed,
				      .zstd = o->compression == 1,
				      .split = o->split };
	uint64_t start = job_now_ns();
	struct bundle_made made;

	(void)args;
	if (registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	c->session.registry = &access.settings;
	command_take_steps(&c->session, &o->steps);
	if (command_take_paths(&o->common, &allowed, err) < 0 ||
	    bundle_write_check(o->output, err) < 0)
		return -1;
	if (o->delta && bundle_open(o->delta, &old, err) < 0)
		return -1;
	how.old = old;
	how.program = program = o->with_self ? open_self(err) : -1;
	if ((o->with_self && program < 0) ||
	    bundle_make(&c->session, &c->project, &how, &made, err) < 0)
		return -1;
	note_made(c, o, &made, job_now_ns() - start);
	line = gg_asprintf("%s\n", gg_digest_text(&made.manifest, text));
	progress_finish(c->session.progress);
	return command_print(line, strlen(line), err);
}

static int make(const struct bundle_command *o, const struct gg_strv *args, struct gg_err *err)
{
	if (args->n != 1)
		return gg_fail(err, GG_USAGE, "more than one recipe: '%s'", args->v[1]);
	if (o->bases.n || o->json) {
		gg_fail(err, GG_USAGE, "--%s is for words that look at a bundle",
			o->json ? "json" : "base");
		return gg_hint(err, o->json ? "`ggbuild bundle ls FILE --json`"
					    : "--delta says what is left out");
	}
	if (!o->output) {
		gg_fail(err, GG_USAGE, "-o FILE says where the bundle goes");
		return gg_hint(err, "such as -o app.bundle");
	}
	return command_within(command_open, o, args, pack, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct bundle_command *o = options;

	for (size_t i = 0; words[i]; i++)
		if (gg_streq(args->v[0], words[i]))
			return cmd_bundle_look(words[i], o, args, err);
	return make(o, args, err);
}

const struct command_def command_bundle = {
	.name = "bundle",
	.args = "RECIPE|ls|verify|diff|extract [FILE]...",
	.summary = "pack a recipe with all that it needs into one file",
	.text = "Writes one file with the recipe, its lock, its local inputs and everything that "
		"the lock pins: packages, downloads, the outputs of fetch steps. What the store "
		"lacks is fetched first. On the other side `ggbuild build FILE -o …` needs no "
		"connection, no package manager and nothing in its store, and gives the same "
		"image. The file is deterministic, and an OCI image layout: registries and their "
		"tools carry it. Prints the digest of its manifest.\n\n"
		"  ls FILE           what is in it\n"
		"  verify FILE       reads every byte; damage is named (exit status 6)\n"
		"  diff OLD NEW      what differs (exit status 1 when something does)\n"
		"  extract FILE PART -o OUT\n"
		"                    one part, by its name or digest in the list\n\n"
		"A delta holds what another bundle lacks; `ggbuild build FILE --base OLD` builds "
		"it. "
		"The pieces of a split bundle stay beside the file that lists them; `cat FILE.*` "
		"is "
		"the whole. With --with-self a bare machine needs tar alone:\n\n"
		"  ggbuild bundle app.recipe -o app.bundle\n"
		"  ggbuild bundle app.recipe --delta old.bundle -o new.bundle\n"
		"  ggbuild bundle app.recipe --with-self -o app.bundle\n"
		"  tar -xf app.bundle ggbuild && ./ggbuild app.bundle -o oci:out",
	.min_args = 1,
	.max_args = 3,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.words = words,
	.options_size = sizeof(struct bundle_command),
	.run = run,
};
