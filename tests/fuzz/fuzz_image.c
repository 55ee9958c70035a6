/* SPDX-License-Identifier: Apache-2.0
 *
 * Images of strangers. The first byte says what the rest is: 'd' one JSON document, read as each kind; anything else an
 * archive, opened by what it holds, whose layers are listed when it is an image.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_source.h"
#include "layers/layer_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

/* Fails with a text or succeeds without one. */
static void clean(struct gg_err *err, int r)
{
	check((r < 0) == (err->text != NULL));
	gg_err_done(err);
}

static void read_document(const uint8_t *data, size_t size)
{
	static const char *const types[] = { "application/vnd.oci.image.index.v1+json",
					     "application/vnd.oci.image.manifest.v1+json" };
	struct gg_err err = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *json = gg_json_parse((const char *)data, size, &err),
				      *found = NULL;
	struct image_document doc = { .json = json };
	enum image_document_kind kind;
	const struct gg_json *part;
	struct image_blob blob;

	clean(&err, json ? 0 : -1);
	if (!json)
		return;
	for (size_t i = 0; i < GG_LEN(types); i++) {
		doc.blob.media_type = types[i];
		clean(&err, image_document_check(&doc, &kind, &err));
	}
	clean(&err, image_document_diff_ids(json, &part, &err));
	clean(&err, image_document_blob(json, &blob, &err));
	clean(&err, image_document_find(json, "v1", &found, &err));
	gg_json_unref(gg_steal(&found));
	clean(&err, image_document_find(json, NULL, &found, &err));
	if (found)
		clean(&err, image_document_choose(found, "linux/amd64", &part, &err));
}

static void list_layers(const struct image_source *s)
{
	for (size_t i = 0; i < s->n_layers && i < 4; i++) {
		const struct layer_ref refs[2] = { { s, i }, { s, i } };
		struct layer_list lists[2] = { { 0 } };
		struct gg_err err = GG_ERR_INIT;
		int r = layer_list_pair(refs, lists, &err);

		check(r < 0 || lists[0].n == lists[1].n);
		layer_list_done(&lists[0]);
		layer_list_done(&lists[1]);
		clean(&err, r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("image", MFD_CLOEXEC);
	_cleanup_image_source_ struct image_source *s = NULL;
	struct gg_err err = GG_ERR_INIT;
	char path[64];
	int r;

	if (size == 0)
		return 0;
	if (data[0] == 'd') {
		read_document(data + 1, size - 1);
		return 0;
	}
	check(gg_write_all(fd, data + 1, size - 1, &err) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = image_source_open(path, NULL, &s, &err);
	if (r == 0)
		list_layers(s);
	clean(&err, r);
	return 0;
}
