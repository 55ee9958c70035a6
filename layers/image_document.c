/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image_document.h"

#include <inttypes.h>
#include <string.h>

#include "layers/base/json.h"
#include "layers/image_fields.h"
#include "layers/oci.h"

#define DOCKER_LIST_TYPE "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_CONFIG_TYPE "application/vnd.docker.container.image.v1+json"

enum { TEXT_MAX = 200 }; /* of somebody's text in a message */

int image_document_too_large(uint64_t size, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "a document of %" PRIu64 " bytes, more than 4 MiB", size);
}

int image_document_digest(const char *text, struct gg_digest *ret, struct gg_err *err)
{
	if (!text)
		return gg_fail(err, GG_INTEGRITY, "the digest is no string");
	if (!image_fields_is_word(text))
		return gg_fail(err, GG_INTEGRITY, "the digest is malformed");
	if (!gg_starts(text, "sha256:"))
		return gg_fail(err, GG_INTEGRITY, "digest '%.*s' is no sha256", TEXT_MAX, text);
	if (gg_digest_from_hex(text + strlen("sha256:"), ret) < 0)
		return gg_fail(err, GG_INTEGRITY, "digest '%.*s' is malformed", TEXT_MAX, text);
	return 0;
}

int image_document_blob(const struct gg_json *descriptor, struct image_blob *ret,
			struct gg_err *err)
{
	const struct gg_json *size = gg_json_get(descriptor, "size");

	*ret = (struct image_blob){ .addressed = true };
	if (!gg_json_is_object(descriptor))
		return gg_fail(err, GG_INTEGRITY, "the descriptor is no object");
	ret->media_type = gg_json_get_str(descriptor, "mediaType", NULL);
	if (!ret->media_type)
		return gg_fail(err, GG_INTEGRITY, "the descriptor has no mediaType");
	if (!image_fields_is_word(ret->media_type))
		return gg_fail(err, GG_INTEGRITY, "the descriptor's mediaType is malformed");
	if (!gg_json_get(descriptor, "digest"))
		return gg_fail(err, GG_INTEGRITY, "the descriptor has no digest");
	if (image_document_digest(gg_json_text(gg_json_get(descriptor, "digest")), &ret->digest,
				  err) < 0)
		return -1;
	if (!gg_json_is_int(size))
		return gg_fail(err, GG_INTEGRITY, "the descriptor's size is no integer");
	if (gg_json_number(size) < 0)
		return gg_fail(err, GG_INTEGRITY, "the descriptor's size is negative");
	ret->size = (uint64_t)gg_json_number(size);
	return image_fields_check_descriptor(descriptor, err);
}

static bool one_of(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (gg_streq(word, list[i]))
			return true;
	return false;
}

static const char *const index_types[] = { OCI_INDEX_TYPE, DOCKER_LIST_TYPE };
static const char *const manifest_types[] = { OCI_MANIFEST_TYPE, DOCKER_MANIFEST_TYPE };

/* The same bytes must not be a manifest to one reader and an index to another (GHSA-qq97-vm5h-rrhg). */
static int kind_by_fields(const struct gg_json *o, enum image_document_kind *ret,
			  struct gg_err *err)
{
	const struct gg_json *manifests = gg_json_get(o, "manifests"),
			     *layers = gg_json_get(o, "layers");

	if (!gg_json_is_object(o))
		return gg_fail(err, GG_INTEGRITY, "the document is no object");
	if (gg_json_get(o, "fsLayers"))
		return gg_fail(err, GG_INTEGRITY, "a manifest of schema 1, which is not read");
	if (gg_json_get_int(o, "schemaVersion", 0) != 2)
		return gg_fail(err, GG_INTEGRITY, "schemaVersion is not 2");
	if (manifests && (layers || gg_json_get(o, "config")))
		return gg_fail(err, GG_INTEGRITY, "it is both an index and a manifest");
	if (!manifests && !layers && !gg_json_get(o, "config"))
		return gg_fail(err, GG_INTEGRITY, "it is neither an index nor a manifest");
	if (manifests && !gg_json_is_array(manifests))
		return gg_fail(err, GG_INTEGRITY, "index: manifests is no list");
	if (!manifests && !layers)
		return gg_fail(err, GG_INTEGRITY, "manifest: there are no layers");
	if (!manifests && !gg_json_is_array(layers))
		return gg_fail(err, GG_INTEGRITY, "manifest: layers is no list");
	if (!manifests && !gg_json_get(o, "config"))
		return gg_fail(err, GG_INTEGRITY, "manifest: there is no config");
	*ret = manifests ? IMAGE_DOCUMENT_INDEX : IMAGE_DOCUMENT_MANIFEST;
	return 0;
}

int image_document_check(const struct image_document *doc, enum image_document_kind *ret,
			 struct gg_err *err)
{
	const struct gg_json *own = gg_json_get(doc->json, "mediaType");
	const struct gg_json *subject = gg_json_get(doc->json, "subject");
	const char *type = doc->blob.media_type;
	bool fits;

	if (kind_by_fields(doc->json, ret, err) < 0 ||
	    image_fields_check_document(doc->json, err) < 0)
		return -1;
	if (gg_json_is_object(subject) && image_fields_check_descriptor(subject, err) < 0)
		return gg_context(err, "subject");
	if (own && !gg_json_is_string(own))
		return gg_fail(err, GG_INTEGRITY, "its mediaType is no string");
	if (own && !gg_streq(gg_json_text(own), type))
		return gg_fail(err, GG_INTEGRITY,
			       "its mediaType is '%.*s', and the descriptor says '%.*s'", TEXT_MAX,
			       gg_json_text(own), TEXT_MAX, type);
	fits = *ret == IMAGE_DOCUMENT_INDEX ? one_of(type, index_types, GG_LEN(index_types))
					    : one_of(type, manifest_types, GG_LEN(manifest_types));
	if (!fits)
		return gg_fail(err, GG_INTEGRITY,
			       "the descriptor's mediaType '%.*s' is not that of %s", TEXT_MAX,
			       type, *ret == IMAGE_DOCUMENT_INDEX ? "an index" : "a manifest");
	return 0;
}

bool image_document_is_manifest_type(const char *type)
{
	return type && (one_of(type, manifest_types, GG_LEN(manifest_types)) ||
			one_of(type, index_types, GG_LEN(index_types)));
}

const char *image_document_manifest_type(const struct image_document *doc)
{
	return doc->blob.media_type && gg_streq(doc->blob.media_type, DOCKER_MANIFEST_TYPE)
		       ? DOCKER_MANIFEST_TYPE
		       : OCI_MANIFEST_TYPE;
}

int image_document_check_config_type(const char *type, struct gg_err *err)
{
	static const char *const types[] = { OCI_CONFIG_TYPE, DOCKER_CONFIG_TYPE };

	if (one_of(type, types, GG_LEN(types)))
		return 0;
	return gg_fail(err, GG_INTEGRITY, "its config is a '%.*s': an artifact, not an image",
		       TEXT_MAX, type);
}

int image_document_check_layer_type(const char *type, struct gg_err *err)
{
	static const char *const types[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
	};

	if (one_of(type, types, GG_LEN(types)))
		return 0;
	if (strstr(type, "nondistributable") || strstr(type, ".foreign."))
		return gg_fail(err, GG_INTEGRITY, "a foreign layer, which is not in the image");
	if (strstr(type, "+encrypted"))
		return gg_fail(err, GG_INTEGRITY, "an encrypted layer, which is not read");
	return gg_fail(err, GG_INTEGRITY, "media type '%.*s' is not known", TEXT_MAX, type);
}

int image_document_diff_ids(const struct gg_json *config, const struct gg_json **ret,
			    struct gg_err *err)
{
	const struct gg_json *rootfs = gg_json_get(config, "rootfs");

	*ret = gg_json_get(rootfs, "diff_ids");
	if (!gg_json_is_object(config))
		return gg_fail(err, GG_INTEGRITY, "the config is no object");
	if (!gg_json_is_object(rootfs))
		return gg_fail(err, GG_INTEGRITY, "config: there is no rootfs");
	if (!gg_streq(gg_json_get_str(rootfs, "type", ""), "layers"))
		return gg_fail(err, GG_INTEGRITY, "config: rootfs.type is not 'layers'");
	if (!gg_json_is_array(*ret))
		return gg_fail(err, GG_INTEGRITY, "config: rootfs.diff_ids is no list");
	return 0;
}

/* ---- which of several ---- */

static const char *ref_of(const struct gg_json *descriptor)
{
	return gg_json_get_str(gg_json_get(descriptor, "annotations"), OCI_REF_NAME, NULL);
}

static char *list_refs(const struct gg_json *manifests)
{
	_cleanup_strv_ struct gg_strv refs = { 0 };
	_cleanup_buf_ struct gg_buf b = { 0 };

	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		const char *ref = ref_of(gg_json_at(manifests, i));

		if (ref && image_fields_is_word(ref) && !gg_strv_has(&refs, ref))
			gg_strv_add(&refs, ref);
		if (refs.n == 20)
			break;
	}
	for (size_t i = 0; i < refs.n; i++)
		gg_buf_printf(&b, "%s'%.*s'", i ? ", " : "", TEXT_MAX, refs.v[i]);
	return gg_buf_steal(&b);
}

static bool same_ref(const char *a, const char *b)
{
	return a && b ? gg_streq(a, b) : a == b;
}

int image_document_find(const struct gg_json *index, const char *ref, struct gg_json **ret,
			struct gg_err *err)
{
	const struct gg_json *manifests = gg_json_get(index, "manifests");
	_cleanup_json_ struct gg_json *found = gg_json_array();
	_cleanup_free_ char *refs = NULL;
	const char *first = ref_of(gg_json_at(manifests, 0));
	bool several = false;

	if (!gg_json_is_array(manifests))
		return gg_fail(err, GG_INTEGRITY, "'index.json': manifests is no list");
	if (gg_json_len(manifests) == 0)
		return gg_fail(err, GG_INTEGRITY, "there is no image in it");
	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		struct gg_json *m = gg_json_at(manifests, i);

		several = several || !same_ref(first, ref_of(m));
		if (!ref || same_ref(ref, ref_of(m)))
			gg_json_append_take(found, gg_json_ref(m));
	}
	refs = list_refs(manifests);
	if (!ref && several) {
		gg_fail(err, GG_USAGE, "there are several images in it");
		return gg_hint(err, "name one of them after a ':'; there are: %s", refs);
	}
	if (gg_json_len(found) == 0) {
		gg_fail(err, GG_USAGE, "there is no '%.*s' in it", TEXT_MAX, ref);
		return *refs ? gg_hint(err, "there are: %s", refs)
			     : gg_hint(err, "what is in it has no name: leave the reference out");
	}
	*ret = gg_steal(&found);
	return 0;
}

char *image_document_platform(const struct gg_json *p)
{
	const char *os = gg_json_get_str(p, "os", NULL),
		   *arch = gg_json_get_str(p, "architecture", NULL),
		   *variant = gg_json_get_str(p, "variant", NULL);

	if (!os || !arch || !image_fields_is_word(os) || !image_fields_is_word(arch) ||
	    (variant && !image_fields_is_word(variant)))
		return NULL;
	return gg_asprintf("%.*s/%.*s%s%.*s", TEXT_MAX, os, TEXT_MAX, arch, variant ? "/" : "",
			   TEXT_MAX, variant ? variant : "");
}

/* "linux/arm64" takes "linux/arm64/v8" too. */
static bool platform_fits(const char *have, const char *want)
{
	size_t len = strlen(want);

	return strncmp(have, want, len) == 0 && (have[len] == '\0' || have[len] == '/');
}

static bool is_attestation(const struct gg_json *descriptor, const char *platform)
{
	return (platform && gg_streq(platform, "unknown/unknown")) ||
	       gg_json_get(gg_json_get(descriptor, "annotations"), "vnd.docker.reference.type");
}

int image_document_choose(const struct gg_json *descriptors, const char *platform,
			  const struct gg_json **ret, struct gg_err *err)
{
	const struct gg_json *fits = NULL, *last = NULL;
	_cleanup_buf_ struct gg_buf there = { 0 };
	size_t images = 0;

	for (size_t i = 0; i < gg_json_len(descriptors); i++) {
		const struct gg_json *d = gg_json_at(descriptors, i);
		_cleanup_free_ char *have = image_document_platform(gg_json_get(d, "platform"));

		if (is_attestation(d, have))
			continue;
		images++;
		last = d;
		if (!fits && have && platform_fits(have, platform))
			fits = d;
		if (images <= 20)
			gg_buf_printf(&there, "%s%s", there.len ? ", " : "",
				      have ? have : "one without a platform");
	}
	if (images == 0)
		return gg_fail(err, GG_INTEGRITY, "the index lists no image");
	*ret = images == 1 ? last : fits;
	if (*ret)
		return 0;
	gg_fail(err, GG_USAGE, "there is no image for %s in it", platform);
	return gg_hint(err, "there are: %s", there.data);
}
