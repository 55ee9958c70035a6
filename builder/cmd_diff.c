/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild diff A B`: two images compared. Its exit status is diff(1)'s: 0 equal, 1 different, more for trouble; what
 * would be 1 elsewhere (GG_SYSTEM) is 2 here.
 */
#include <string.h>

#include "builder/commands.h"
#include "builder/compare.h"
#include "layers/base/json.h"
#include "layers/image_source.h"

enum { DIFFERENT = 1, SHOWN = 20 };

struct options {
	const char *platform;
	struct gg_strv ignore;
	bool all, json;
};

static const char *const ignorable[] = { "compression", "mtime", NULL };

static const struct option_def defs[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, all),
	  .help = "show every difference, not the first 20" },
	{ .name = "ignore",
	  .arg = "WHAT",
	  .kind = OPTION_LIST,
	  .offset = offsetof(struct options, ignore),
	  .values = ignorable,
	  .help = "what does not count" },
	{ .name = "platform",
	  .arg = "OS/ARCH",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, platform),
	  .help = "which image of an index (default: this machine's)" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "print JSON" },
};
static const struct option_group groups[] = { { .defs = defs, .n_defs = GG_LEN(defs) } };

static int print(const struct options *o, const struct comparison *c, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (o->json) {
		_cleanup_json_ struct gg_json *object = compare_json(c);
		_cleanup_free_ char *pretty = gg_json_pretty(object);

		return command_print(pretty, strlen(pretty), err);
	}
	compare_text(c, o->all ? 0 : SHOWN, &text);
	return text.len ? command_print(text.data, text.len, err) : 0;
}

static int diff(const struct options *o, const struct gg_strv *args, bool *ret_equal,
		struct gg_err *err)
{
	_cleanup_image_source_ struct image_source *a = NULL, *b = NULL;
	_cleanup_comparison_ struct comparison c = COMPARISON_INIT;
	struct image_source_options which = { .platform = o->platform };
	struct compare_options how = { 0 };

	if (gg_strv_has(&o->ignore, "compression"))
		how.ignore |= COMPARE_IGNORE_COMPRESSION;
	if (gg_strv_has(&o->ignore, "mtime"))
		how.ignore |= COMPARE_IGNORE_MTIME;
	if (image_source_open(args->v[0], &which, &a, err) < 0 ||
	    image_source_open(args->v[1], &which, &b, err) < 0 ||
	    compare_images(a, b, &how, &c, err) < 0 || print(o, &c, err) < 0)
		return -1;
	*ret_equal = c.n == 0;
	return 0;
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	bool equal = false;

	if (diff(options, args, &equal, err) < 0) {
		if (err->kind == GG_SYSTEM)
			err->kind = GG_USAGE;
		return -1;
	}
	if (equal)
		return 0;
	/* What differs is on standard output; there is nothing more to say. */
	gg_fail(err, (enum gg_kind)DIFFERENT, "%s", "");
	err->whole = true;
	return -1;
}

const struct command_def command_diff = {
	.name = "diff",
	.args = "A B",
	.summary = "compare two images",
	.text = "A and B are images: oci:DIR[:REF], oci-archive:FILE[:REF], "
		"docker-archive:FILE[:REF], or the path[:REF] of one. Compares documents and "
		"layers, and of layers that differ every path, and says where contents differ and "
		"why, as far as it shows: time stamp, build path, order, build-id and so on. "
		"Layers of one diffID are equal and not read.\n\n"
		"Exit status: 0 when they are equal, 1 when they differ, 2 and more when that "
		"cannot be told.",
	.min_args = 2,
	.max_args = 2,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
