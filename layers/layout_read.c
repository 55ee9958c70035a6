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

static int read_layout(struct image_source *s, struct layout *l, const char *ref,
		       struct gg_err *err)
{
	s->ctx = l;
	s->open = open_blob;
	s->close = close_layout;
	if (check_version(s, err) < 0)
		return -1;
	return read_index(s, ref, err);
}

int layout_read_directory(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct layout *l;
	int dir = open(t->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return transport_open_failed(t, err);
	l = gg_zalloc(sizeof(*l));
	l->dir = dir;
	return read_layout(s, l, t->ref, err);
}

int layout_read_archive(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	struct archive_index *archive = transport_open_archive(t, err);
	struct layout *l;

	if (!archive)
		return -1;
	l = gg_zalloc(sizeof(*l));
	l->dir = -1;
	l->archive = archive;
	return read_layout(s, l, t->ref, err);
}
