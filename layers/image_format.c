/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image_format.h"

#include <string.h>

#include "layers/base/json.h"
#include "layers/oci.h"

#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define DOCKER "application/vnd.docker."

static const char *const types[][2] = {
	{ OCI_INDEX_TYPE, DOCKER "distribution.manifest.list.v2+json" },
	{ OCI_MANIFEST_TYPE, DOCKER "distribution.manifest.v2+json" },
	{ OCI_CONFIG_TYPE, DOCKER "container.image.v1+json" },
	{ OCI_LAYER "+gzip", DOCKER "image.rootfs.diff.tar.gzip" },
	{ OCI_LAYER, DOCKER "image.rootfs.diff.tar" },
};
/* Some write it, and few read it: never made. */
#define DOCKER_ZSTD DOCKER "image.rootfs.diff.tar.zstd"
#define OCI_ZSTD OCI_LAYER "+zstd"

const char *image_format_type(enum image_format f, const char *type)
{
	for (size_t i = 0; i < GG_LEN(types); i++)
		if (gg_streq(type, types[i][0]) || gg_streq(type, types[i][1]))
			return types[i][f];
	if (gg_streq(type, DOCKER_ZSTD) || gg_streq(type, OCI_ZSTD))
		return f == IMAGE_FORMAT_OCI ? OCI_ZSTD : NULL;
	return NULL;
}

/* The descriptor with the other type; takes nothing. */
static struct gg_json *retyped(const struct gg_json *descriptor, const char *type)
{
	struct gg_json *d = gg_json_copy(descriptor);

	gg_json_set_str(d, "mediaType", type);
	return d;
}

static int no_type(const char *type, size_t layer, struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "layer %zu is '%.200s', which Docker's format does not have", layer,
		type);
	return gg_hint(err,
		       "build the image with 'compression: gzip', or leave it in OCI's format");
}

static int retype_layers(enum image_format f, const struct gg_json *manifest, struct gg_json **ret,
			 struct gg_err *err)
{
	const struct gg_json *layers = gg_json_get(manifest, "layers");
	_cleanup_json_ struct gg_json *list = gg_json_array();

	for (size_t i = 0; i < gg_json_len(layers); i++) {
		const struct gg_json *l = gg_json_at(layers, i);
		const char *old = gg_json_get_str(l, "mediaType", ""), *type;

		type = image_format_type(f, old);
		if (!type)
			return no_type(old, i, err);
		gg_json_append_take(list, retyped(l, type));
	}
	*ret = gg_steal(&list);
	return 0;
}

int image_format_manifest(enum image_format f, const struct gg_json *manifest, struct gg_json **ret,
			  struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_copy(manifest);
	const struct gg_json *config = gg_json_get(manifest, "config");
	const char *type = image_format_type(f, gg_json_get_str(config, "mediaType", ""));
	struct gg_json *layers = NULL;

	if (!type)
		return gg_fail(err, GG_USAGE, "its config is a '%.200s': an artifact, not an image",
			       gg_json_get_str(config, "mediaType", ""));
	if (retype_layers(f, manifest, &layers, err) < 0)
		return -1;
	gg_json_take(o, "config", retyped(config, type));
	gg_json_take(o, "layers", layers);
	if (!gg_streq(gg_json_get_str(manifest, "mediaType", OCI_MANIFEST_TYPE), types[1][f]))
		gg_json_set_str(o, "mediaType", types[1][f]);
	*ret = gg_json_eq(o, manifest) ? gg_json_ref((struct gg_json *)manifest) : gg_steal(&o);
	return 0;
}
