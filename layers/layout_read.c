/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/layout_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/archive_index.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/oci.h"
#include "layers/transport_private.h"

enum { LAYOUT_MAX = 4096 };

struct layout {
	int dir; /* -1: an archive */
	struct archive_index *archive;
};

static int open_member(const struct layout *l, const char *name, struct image_bytes *ret,
		       struct gg_err *err)
{
	struct stat st;

	if (l->archive)
		return archive_index_open(l->archive, name, ret, err);
	ret->fd = gg_openat2(l->dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
			     RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
	if (ret->fd < 0 && errno == ENOENT)
		return gg_fail(err, GG_INTEGRITY, "there is no '%s' in it", name);
	if (ret->fd < 0 && (errno == ELOOP || errno == EXDEV))
		return gg_fail(err, GG_INTEGRITY, "'%s' is a symlink, which a layout has none of",
			       name);
	if (ret->fd < 0)
		return gg_fail_errno(err, "open '%s'", name);
	if (fstat(ret->fd, &st) < 0)
		return gg_fail_errno(err, "look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return gg_fail(err, GG_INTEGRITY, "'%s' is no regular file", name);
	ret->offset = 0;
	ret->size = (uint64_t)st.st_size;
	return 0;
}

static int open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		     struct gg_err *err)
{
	char hex[GG_DIGEST_HEX];
	_cleanup_free_ char *name =
		b->member ? gg_strdup(b->member)
			  : gg_asprintf("blobs/sha256/%s", gg_digest_hex(&b->digest, hex));

	return open_member(ctx, name, ret, err);
}

static void close_layout(void *ctx)
{
	struct layout *l = ctx;

	if (!l)
		return;
	gg_close(l->dir);
	archive_index_free(l->archive);
	free(l);
}

static int check_version(const struct image_source *s, struct gg_err *err)
{
	struct image_blob b = { .member = "oci-layout" };
	struct image_document doc = { 0 };
	int r = image_source_read(s, &b, &doc, err);
	const char *version = gg_json_get_str(doc.json, "imageLayoutVersion", NULL);

	if (r == 0 && !version)
		r = gg_fail(err, GG_INTEGRITY, "'oci-layout': there is no imageLayoutVersion");
	else if (r == 0 && !gg_streq(version, OCI_LAYOUT_VERSION))
		r = gg_fail(err, GG_INTEGRITY, "'oci-layout': version '%.40s' is not known",
			    version);
	free(doc.bytes);
	gg_json_unref(doc.json);
	return r;
}

/* What a layout says of its images, under the names of struct transport's list. */
static struct gg_json *list_images(const struct gg_json *index)
{
	const struct gg_json *manifests = gg_json_get(index, "manifests");
	struct gg_json *list = gg_json_array();

	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		const struct gg_json *d = gg_json_at(manifests, i);
		_cleanup_free_ char *platform = image_document_platform(gg_json_get(d, "platform"));
		struct gg_json *o = gg_json_object();

		gg_json_set_str(o, "reference",
				gg_json_get_str(gg_json_get(d, "annotations"), OCI_REF_NAME, ""));
		gg_json_set_str(o, "digest", gg_json_get_str(d, "digest", ""));
		gg_json_set_str(o, "mediaType", gg_json_get_str(d, "mediaType", ""));
		gg_json_set_str(o, "platform", platform ? platform : "");
		gg_json_append_take(list, o);
	}
	return list;
}

static int list_index(struct image_source *s, struct gg_json **ret, struct gg_err *err)
{
	struct image_blob b = { .member = "index.json" };
	struct image_document doc = { 0 };
	int r = image_source_read(s, &b, &doc, err);

	if (r == 0 && !gg_json_is_array(gg_json_get(doc.json, "manifests")))
		r = gg_fail(err, GG_INTEGRITY, "'index.json' lists no manifests");
	if (r == 0)
		*ret = list_images(doc.json);
	free(doc.bytes);
	gg_json_unref(doc.json);
	return r;
}

static int read_index(struct image_source *s, const char *ref, struct gg_err *err)
{
	struct image_blob b = { .member = "index.json" };
	_cleanup_json_ struct gg_json *found = NULL;
	struct image_document doc = { 0 };
	int r = image_source_read(s, &b, &doc, err);

	if (r == 0)
		r = image_document_find(doc.json, ref, &found, err);
	free(doc.bytes);
	gg_json_unref(doc.json);
	return r < 0 ? -1 : image_source_resolve(s, found, err);
}

/* l is the source's from now on. */
static int begin(struct image_source *s, struct layout *l, struct gg_err *err)
{
	s->ctx = l;
	s->open = open_blob;
	s->close = close_layout;
	return check_version(s, err);
}

static struct layout *open_directory(struct transport_target *t, struct gg_err *err)
{
	struct layout *l;
	int dir = open(t->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		transport_open_failed(t, err);
		return NULL;
	}
	l = gg_zalloc(sizeof(*l));
	l->dir = dir;
	return l;
}

static struct layout *open_archive(struct transport_target *t, struct gg_err *err)
{
	struct archive_index *archive = transport_open_archive(t, err);
	struct layout *l;

	if (!archive)
		return NULL;
	l = gg_zalloc(sizeof(*l));
	l->dir = -1;
	l->archive = archive;
	return l;
}

int layout_read_directory(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct layout *l = open_directory(t, err);

	return l && begin(s, l, err) == 0 ? read_index(s, t->ref, err) : -1;
}

int layout_read_archive(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct layout *l = open_archive(t, err);

	return l && begin(s, l, err) == 0 ? read_index(s, t->ref, err) : -1;
}

int layout_list_directory(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			  struct gg_err *err)
{
	struct layout *l = t->ref ? NULL : open_directory(t, err);

	if (t->ref)
		return 0;
	return l && begin(s, l, err) == 0 ? list_index(s, ret, err) : -1;
}

int layout_list_archive(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			struct gg_err *err)
{
	struct layout *l = t->ref ? NULL : open_archive(t, err);

	if (t->ref)
		return 0;
	return l && begin(s, l, err) == 0 ? list_index(s, ret, err) : -1;
}
