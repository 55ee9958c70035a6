/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/flatten.h"

#include <sys/stat.h>

#include "layers/extract.h"
#include "layers/image_source.h"
#include "layers/transport_private.h"
#include "layers/tree.h"

static int apply(const struct transport_image *image, const struct image_layer *layer, int rootfd,
		 enum owners_kept owners, struct tree **io_tree, struct gg_err *err)
{
	struct extract_options how = { .flags = EXTRACT_LAYER | EXTRACT_LENIENT, .owners = owners };
	unsigned flags = LAYER_STREAM_AHEAD | (image->verified ? LAYER_STREAM_AGAIN : 0);
	_cleanup_layer_stream_ struct layer_stream *l = NULL;

	if (layer_stream_open_blob(image->open, image->ctx, layer, flags, &l, err) < 0 ||
	    extract_stream(layer_stream_archive(l), rootfd, &how, io_tree, NULL, err) < 0)
		return -1;
	return layer_stream_check(l, err);
}

/* Each blob once. */
static size_t list(const struct transport_image *image, struct image_blob *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < image->n_layers; i++) {
		size_t k = 0;

		while (k < n && !gg_digest_eq(&ret[k].digest, &image->layers[i].blob.digest))
			k++;
		if (k == n)
			ret[n++] = image->layers[i].blob;
	}
	return n;
}

int flatten(const struct transport_image *image, int rootfd, int spool, enum owners_kept owners,
	    struct tree **ret, struct gg_err *err)
{
	_cleanup_transport_gathered_ struct transport_gathered local = TRANSPORT_GATHERED_INIT;
	_cleanup_free_ struct image_blob *blobs = gg_calloc(image->n_layers + 1, sizeof(*blobs));
	_cleanup_tree_ struct tree *tree = NULL;
	size_t n = list(image, blobs);

	/* The umask must not reach the root, which no layer need have. */
	if (fchmod(rootfd, owners == OWNERS_NOWHERE ? 0700 : 0755) < 0)
		return gg_fail_errno(err, "chmod");
	if (transport_gather(image, blobs, n, spool, &local, err) < 0)
		return -1;
	for (size_t i = 0; i < image->n_layers; i++)
		if (apply(&local.image, &image->layers[i], rootfd, owners, &tree, err) < 0)
			return gg_context(err, "layer %zu", i);
	if (!tree) {
		tree = tree_new();
		if (tree_complete(tree, err) < 0)
			return -1;
	}
	*ret = gg_steal(&tree);
	return 0;
}
