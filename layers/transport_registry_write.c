/* SPDX-License-Identifier: Apache-2.0
 *
 * The write side of docker://: blobs, then manifests, the tag last.
 */
#include "layers/base/fd.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/registry_push.h"
#include "layers/transport_registry.h"

#include "layers/transport_private.h"

static bool is_manifest(const struct transport_image *image, const struct image_blob *b)
{
	for (size_t i = 0; i < image->n_manifests; i++)
		if (gg_digest_eq(&image->manifests[i].digest, &b->digest))
			return true;
	return false;
}

static int push_blobs(struct registry_push *p, const struct reference *to,
		      const struct transport_image *image, struct gg_err *err)
{
	const char *from = image->mount_host && gg_streq(image->mount_host, to->domain) &&
					   !gg_streq(image->mount_path, to->path)
				   ? image->mount_path
				   : NULL;
	bool idle;

	for (size_t i = 0; i < image->n_blobs; i++)
		if (!is_manifest(image, &image->blobs[i]) &&
		    registry_push_add(p, &image->blobs[i], image->open, image->ctx, from, err) < 0)
			return -1;
	return registry_push_run(p, -1, &idle, err);
}

/* The root comes last, under its tag. */
static int push_manifests(struct registry_push *p, const struct reference *to,
			  const struct transport_image *image, struct gg_err *err)
{
	for (size_t i = 0; i < image->n_manifests; i++) {
		const struct image_blob *b = &image->manifests[i];
		bool root = gg_digest_eq(&b->digest, &image->root.digest);
		_cleanup_buf_ struct gg_buf bytes = { 0 };

		if (transport_read_blob(image, b, IMAGE_MAX_DOCUMENT, &bytes, err) < 0 ||
		    registry_push_manifest(p, bytes.data, bytes.len, b->media_type,
					   root ? to->tag : NULL, err) < 0)
			return -1;
	}
	return 0;
}

int transport_registry_push(struct registry *r, struct registry_push *p, const struct reference *to,
			    const struct transport_image *image, struct gg_err *err)
{
	char text[GG_DIGEST_TEXT], said[GG_DIGEST_TEXT];
	struct gg_digest there;
	bool found;

	if (to->has_digest && !gg_digest_eq(&to->digest, &image->root.digest))
		return gg_fail(err, GG_USAGE, "the image's digest is %s, not %s",
			       gg_digest_text(&image->root.digest, text),
			       gg_digest_text(&to->digest, said));
	/* A registry lists nothing before it has all of it. */
	if (registry_manifest_head(r, to->tag ? to->tag : gg_digest_text(&image->root.digest, text),
				   &there, &found, err) < 0)
		return -1;
	if (found && gg_digest_eq(&there, &image->root.digest))
		return 0;
	if (push_blobs(p, to, image, err) < 0)
		return -1;
	return push_manifests(p, to, image, err);
}

int transport_registry_write(const struct transport_target *t, const struct transport_image *image,
			     struct gg_err *err)
{
	const struct registry_settings *settings = t->settings ? &t->settings->registry : NULL;
	_cleanup_registry_push_ struct registry_push *p = NULL;
	_cleanup_registry_ struct registry *r = NULL;
	_cleanup_reference_ struct reference to = REFERENCE_INIT;

	if (reference_parse(t->place, &to, err) < 0 ||
	    registry_open(&to, REGISTRY_PULL | REGISTRY_PUSH, settings, &r, err) < 0)
		return -1;
	p = registry_push_new(r);
	return transport_registry_push(r, p, &to, image, err);
}
