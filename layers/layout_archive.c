/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout_archive.h"

#include <string.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/layout_read.h"
#include "layers/oci.h"
#include "layers/tar.h"
#include "layers/transport_private.h"
#include "layers/tree.h"

struct archive_writer {
	const struct transport_target *target;
	const struct transport_image *image;
	int fd;
};

static int put(const struct archive_writer *w, const char *path, enum tree_type type, uint64_t size,
	       struct gg_err *err)
{
	struct tree_entry e = {
		.path = path, .type = type, .mode = type == TREE_DIR ? 0755 : 0644, .size = size
	};
	_cleanup_buf_ struct gg_buf header = { 0 };

	if (tar_entry(&e, 0, &header, err) < 0)
		return -1;
	return gg_write_all(w->fd, header.data, header.len, err);
}

static int put_text(const struct archive_writer *w, const char *path, const char *text,
		    struct gg_err *err)
{
	size_t len = strlen(text);

	if (put(w, path, TREE_FILE, len, err) < 0 || gg_write_all(w->fd, text, len, err) < 0)
		return -1;
	return gg_write_all(w->fd, tar_zeros, tar_padding(len), err);
}

static int put_blob(const struct archive_writer *w, const struct image_blob *b, struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_free_ char *path = gg_asprintf("blobs/sha256/%s", gg_digest_hex(&b->digest, hex));

	if (put(w, path, TREE_FILE, b->size, err) < 0 ||
	    transport_copy_blob(w->image, b, w->fd, err) < 0)
		return -1;
	return gg_write_all(w->fd, tar_zeros, tar_padding(b->size), err);
}

static int put_all(struct archive_writer *w, struct gg_err *err)
{
	struct gg_json *list = gg_json_array();
	_cleanup_json_ struct gg_json *index = oci_index(list);
	_cleanup_free_ char *text = NULL;

	gg_json_append_take(list, transport_descriptor(w->target, w->image));
	text = gg_json_compact(index);
	if (put_text(w, "oci-layout", OCI_LAYOUT_TEXT, err) < 0 ||
	    put_text(w, "index.json", text, err) < 0 || put(w, "blobs", TREE_DIR, 0, err) < 0 ||
	    put(w, "blobs/sha256", TREE_DIR, 0, err) < 0)
		return -1;
	for (size_t i = 0; i < w->image->n_blobs; i++)
		if (put_blob(w, &w->image->blobs[i], err) < 0)
			return -1;
	return gg_write_all(w->fd, tar_zeros, TAR_END, err);
}

static int fill(void *ctx, int fd, int dir, struct gg_err *err)
{
	_cleanup_transport_gathered_ struct transport_gathered local = TRANSPORT_GATHERED_INIT;
	struct archive_writer *w = ctx;
	const struct transport_image *image = w->image;

	if (transport_gather(image, image->blobs, image->n_blobs, dir, &local, err) < 0)
		return -1;
	w->image = &local.image;
	w->fd = fd;
	return put_all(w, err);
}

static int write_archive(const struct transport_target *t, const struct transport_image *image,
			 struct gg_err *err)
{
	struct archive_writer w = { .target = t, .image = image, .fd = -1 };

	return transport_write_file(t, fill, &w, err);
}

const struct transport transport_oci_archive = {
	.name = "oci-archive",
	.form = "oci-archive:FILE[:REF]",
	.index = true,
	.documents = true,
	.parse = transport_parse_path,
	.read = layout_read_archive,
	.list = layout_list_archive,
	.identity = transport_path_identity,
	.check = transport_check_file,
	.write = write_archive,
};
