/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild delete`: an image out of a registry.
 */
#include <string.h>

#include "builder/commands.h"
#include "builder/registry_options.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/registry_push.h"

struct options {
	struct registry_options registry;
};
static const struct option_group groups[] = { REGISTRY_OPTIONS_GROUP(
	offsetof(struct options, registry)) };

static const char SCHEME[] = "docker://";

static int parse(const char *word, struct reference *ret, struct gg_err *err)
{
	if (!gg_starts(word, SCHEME)) {
		gg_fail(err, GG_USAGE, "'%s' is no image in a registry", word);
		return gg_hint(err, "write docker://NAME:TAG or docker://NAME@DIGEST");
	}
	return reference_parse(word + strlen(SCHEME), ret, err);
}

/* Registries delete by digest. */
static int find(struct registry *r, const struct reference *of, struct gg_digest *ret,
		struct gg_err *err)
{
	char text[GG_DIGEST_TEXT];
	const char *what = of->has_digest ? gg_digest_text(&of->digest, text) : of->tag;
	bool found;

	if (registry_manifest_head(r, what, ret, &found, err) < 0)
		return -1;
	if (found)
		return 0;
	return gg_fail(err, GG_REMOTE, "the registry has no '%s' in '%s/%s'", what, of->domain,
		       of->path);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_reference_ struct reference r = REFERENCE_INIT;
	_cleanup_registry_ struct registry *registry = NULL;
	_cleanup_free_ char *line = NULL;
	char text[GG_DIGEST_TEXT];
	struct gg_digest digest;

	if (parse(args->v[0], &r, err) < 0 ||
	    registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	/* What is pushed to is what is deleted from: mirrors are neither asked nor told. */
	if (registry_open(&r, REGISTRY_PULL | REGISTRY_DELETE, &access.settings, &registry, err) <
		    0 ||
	    find(registry, &r, &digest, err) < 0 ||
	    registry_manifest_delete(registry, &digest, err) < 0)
		return gg_context(err, "delete '%s'", args->v[0]);
	line = gg_asprintf("%s\n", gg_digest_text(&digest, text));
	return command_print(line, strlen(line), err);
}

const struct command_def command_delete = {
	.name = "delete",
	.args = "IMAGE",
	.summary = "delete an image from a registry",
	.text = "IMAGE is docker://NAME:TAG or docker://NAME@DIGEST. Registries know images by "
		"their digests: what goes is the manifest or index that the tag names, and with it "
		"every other tag that names the same. Its layers go when the registry collects "
		"what nothing needs. Prints the digest.\n\n"
		"  ggbuild delete docker://registry.example/app:old",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
