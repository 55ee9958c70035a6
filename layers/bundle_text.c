/* SPDX-License-Identifier: Apache-2.0
 *
 * The documents of a bundle: plain data to canonical JSON and back.
 */
#include <string.h>

#include "layers/base/json.h"
#include "layers/bundle_private.h"
#include "layers/oci.h"

#define EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define TITLE "org.opencontainers.image.title"
#define ROLE "dev.ggbuild.role"
#define NAME "dev.ggbuild.name"
#define PLATFORM "dev.ggbuild.platform"
#define TREE "dev.ggbuild.tree"
#define BASE "dev.ggbuild.base"

const char *const bundle_role_names[BUNDLE_N_ROLES] = {
	[BUNDLE_RECIPE] = "recipe",        [BUNDLE_LOCK] = "lock",
	[BUNDLE_SETTINGS] = "settings",    [BUNDLE_PIECE] = "piece",
	[BUNDLE_KEYRING] = "keyring",      [BUNDLE_TREE] = "tree",
	[BUNDLE_INPUT] = "input",          [BUNDLE_FETCH] = "fetch",
	[BUNDLE_PACKAGE] = "package",      [BUNDLE_URL] = "url",
	[BUNDLE_ROOTFS] = "rootfs",        [BUNDLE_IMAGE] = "image",
	[BUNDLE_PROGRAM_FILE] = "program", [BUNDLE_WHOLE] = "whole",
};

static const char *const media_types[BUNDLE_N_ROLES] = {
	[BUNDLE_RECIPE] = "application/vnd.ggbuild.recipe.v1+yaml",
	[BUNDLE_LOCK] = "application/vnd.ggbuild.lock.v1+json",
	[BUNDLE_SETTINGS] = "application/vnd.ggbuild.bundle.settings.v1+json",
	[BUNDLE_PIECE] = "application/vnd.ggbuild.piece.v1+yaml",
	[BUNDLE_KEYRING] = "application/vnd.ggbuild.keyring.v1",
	[BUNDLE_TREE] = "application/vnd.ggbuild.tree.v1",
	[BUNDLE_INPUT] = "application/vnd.ggbuild.content.v1.tar",
	[BUNDLE_FETCH] = "application/vnd.ggbuild.content.v1.tar",
	[BUNDLE_PACKAGE] = "application/vnd.ggbuild.package.v1",
	[BUNDLE_URL] = "application/vnd.ggbuild.url.v1",
	[BUNDLE_ROOTFS] = "application/vnd.ggbuild.rootfs.v1",
	[BUNDLE_IMAGE] = "application/vnd.ggbuild.image.v1",
	[BUNDLE_PROGRAM_FILE] = "application/vnd.ggbuild.program.v1",
	[BUNDLE_WHOLE] = "application/vnd.ggbuild.bundle.manifest.v1+json",
};
#define ZSTD "+zstd"

static bool is_content(enum bundle_role role)
{
	return role == BUNDLE_INPUT || role == BUNDLE_FETCH;
}

static struct gg_json *descriptor(const char *media_type, const struct gg_digest *d, uint64_t size)
{
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "mediaType", media_type);
	gg_json_set_str(o, "digest", gg_digest_text(d, text));
	gg_json_set_int(o, "size", (int64_t)size);
	return o;
}

static void set_digest(struct gg_json *o, const char *key, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	if (!gg_digest_is_zero(d))
		gg_json_set_str(o, key, gg_digest_text(d, text));
}

static struct gg_json *part_json(const struct bundle_info *info, const struct bundle_part *p)
{
	_cleanup_free_ char *type = gg_asprintf("%s%s", media_types[p->role], p->zstd ? ZSTD : "");
	struct gg_json *o = descriptor(type, &p->digest, p->size), *notes = gg_json_object();

	gg_json_set_str(notes, TITLE, p->title);
	gg_json_set_str(notes, ROLE, bundle_role_names[p->role]);
	gg_json_set_str(notes, NAME, p->name);
	gg_json_set_str(notes, PLATFORM, info->platform);
	set_digest(notes, TREE, &p->tree);
	gg_json_take(o, "annotations", notes);
	return o;
}

char *bundle_manifest(const struct bundle_info *info)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *layers = gg_json_array(), *notes = gg_json_object();
	struct gg_digest empty;

	gg_digest_of(BUNDLE_EMPTY_CONFIG, strlen(BUNDLE_EMPTY_CONFIG), &empty);
	gg_json_set_int(o, "schemaVersion", 2);
	gg_json_set_str(o, "mediaType", OCI_MANIFEST_TYPE);
	gg_json_set_str(o, "artifactType", BUNDLE_TYPE);
	gg_json_take(o, "config", descriptor(EMPTY_TYPE, &empty, strlen(BUNDLE_EMPTY_CONFIG)));
	for (size_t i = 0; i < info->n_parts; i++)
		gg_json_append_take(layers, part_json(info, &info->parts[i]));
	gg_json_take(o, "layers", layers);
	gg_json_set_str(notes, TITLE, info->name);
	gg_json_set_str(notes, PLATFORM, info->platform);
	set_digest(notes, BASE, &info->base);
	gg_json_take(o, "annotations", notes);
	return gg_json_compact(o);
}

char *bundle_index(const struct gg_digest *manifest, uint64_t size)
{
	struct gg_json *list = gg_json_array(), *notes = gg_json_object();
	struct gg_json *d = descriptor(OCI_MANIFEST_TYPE, manifest, size);
	_cleanup_json_ struct gg_json *index = oci_index(list);

	gg_json_set_str(d, "artifactType", BUNDLE_TYPE);
	gg_json_set_str(notes, OCI_REF_NAME, "latest");
	gg_json_take(d, "annotations", notes);
	gg_json_append_take(list, d);
	return gg_json_compact(index);
}

static int malformed(const char *what, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "the manifest is not a bundle's: %s", what);
}

/* What is printed, and what tools may take for a file name. */
static bool is_word(const char *s)
{
	if (!s || !*s || strlen(s) > 4096)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static const char *word(const struct gg_json *o, const char *key, struct gg_arena *arena)
{
	const char *s = gg_json_get_str(o, key, NULL);

	return is_word(s) ? gg_arena_strdup(arena, s) : NULL;
}

static bool read_digest(const struct gg_json *o, const char *key, struct gg_digest *ret)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	const char *text = gg_json_get_str(o, key, NULL);

	*ret = (struct gg_digest){ 0 };
	return text && gg_digest_parse(text, ret, &ignored) == 0 && !gg_digest_is_zero(ret);
}

static bool read_role(const struct gg_json *o, const struct gg_json *notes, struct bundle_part *p)
{
	const char *role = gg_json_get_str(notes, ROLE, ""),
		   *type = gg_json_get_str(o, "mediaType", "");

	for (unsigned i = 0; i < BUNDLE_N_ROLES; i++) {
		if (!gg_streq(role, bundle_role_names[i]))
			continue;
		p->role = (enum bundle_role)i;
		p->zstd = is_content(p->role) && gg_ends(type, ZSTD);
		return true;
	}
	return false;
}

static int read_part(const struct gg_json *o, struct gg_arena *arena, struct bundle_part *p,
		     struct gg_err *err)
{
	const struct gg_json *notes = gg_json_get(o, "annotations");
	int64_t size = gg_json_get_int(o, "size", -1);
	bool has_tree = gg_json_get(notes, TREE) != NULL;

	*p = (struct bundle_part){ .offset = BUNDLE_ABSENT,
				   .title = word(notes, TITLE, arena),
				   .name = word(notes, NAME, arena) };
	if (!p->title || !p->name)
		return malformed("a part without a name", err);
	if (!read_role(o, notes, p))
		return malformed("a part of an unknown role", err);
	if (!read_digest(o, "digest", &p->digest) || size < 0 || size > INT64_MAX / 4)
		return malformed("a part without digest or size", err);
	if (has_tree != is_content(p->role) || (has_tree && !read_digest(notes, TREE, &p->tree)))
		return malformed("a content without its tree", err);
	p->size = (uint64_t)size;
	return 0;
}

static int read_manifest(const struct gg_json *o, struct gg_arena *arena, struct bundle_info *ret,
			 struct gg_err *err)
{
	const struct gg_json *layers = gg_json_get(o, "layers"),
			     *notes = gg_json_get(o, "annotations");
	uint64_t total = 0;

	if (!gg_streq(gg_json_get_str(o, "artifactType", ""), BUNDLE_TYPE)) {
		malformed("its artifactType is another", err);
		return gg_hint(err,
			       "a bundle is what `ggbuild bundle` writes; this may be an image");
	}
	ret->name = word(notes, TITLE, arena);
	ret->platform = word(notes, PLATFORM, arena);
	if (!ret->name || !ret->platform)
		return malformed("it has no name or platform", err);
	if (gg_json_get(notes, BASE) && !read_digest(notes, BASE, &ret->base))
		return malformed("its base is no digest", err);
	ret->n_parts = gg_json_len(layers);
	if (ret->n_parts > BUNDLE_MAX_PARTS)
		return malformed("too many parts", err);
	ret->parts = gg_arena_calloc(arena, ret->n_parts + 1, sizeof(*ret->parts));
	for (size_t i = 0; i < ret->n_parts; i++) {
		if (read_part(gg_json_at(layers, i), arena, &ret->parts[i], err) < 0)
			return -1;
		total += ret->parts[i].size;
		if (total > INT64_MAX / 4)
			return malformed("sizes that no disk has", err);
	}
	return 0;
}

int bundle_manifest_parse(const char *text, size_t len, struct gg_arena *arena,
			  struct bundle_info *ret, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_parse(text, len, err);
	_cleanup_free_ char *again = NULL;

	*ret = (struct bundle_info){ 0 };
	if (!o) {
		err->kind = GG_INTEGRITY;
		return gg_context(err, "the manifest");
	}
	if (read_manifest(o, arena, ret, err) < 0)
		return -1;
	again = bundle_manifest(ret);
	if (strlen(again) != len || memcmp(again, text, len) != 0)
		return malformed("it is not written as ggbuild writes it", err);
	return 0;
}

int bundle_index_parse(const char *text, size_t len, struct gg_digest *ret, uint64_t *ret_size,
		       struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_parse(text, len, err);
	const struct gg_json *list = gg_json_get(o, "manifests"), *d = gg_json_at(list, 0);
	int64_t size = gg_json_get_int(d, "size", -1);

	if (!o) {
		err->kind = GG_INTEGRITY;
		return gg_context(err, "index.json");
	}
	if (gg_json_len(list) != 1 || !read_digest(d, "digest", ret) || size < 0 ||
	    size > BUNDLE_MAX_MANIFEST)
		return gg_fail(err, GG_INTEGRITY, "index.json does not name one manifest");
	*ret_size = (uint64_t)size;
	return 0;
}

int bundle_blame(const struct bundle_part *p, struct gg_err *err)
{
	return gg_context(err, "part '%s' (%s)", p->title, bundle_role_names[p->role]);
}
