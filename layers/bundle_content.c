/* SPDX-License-Identifier: Apache-2.0
 *
 * A content's archive follows from its tree: every header is known, and every file's digest.
 */
#include <string.h>

#include "layers/archive.h"
#include "layers/bundle_private.h"
#include "layers/bundle_write.h"
#include "layers/tar.h"
#include "layers/tree.h"

int bundle_member(const char *path, bool directory, unsigned mode, uint64_t size,
		  struct gg_buf *ret, struct gg_err *err)
{
	struct tree_entry e = {
		.path = path, .type = directory ? TREE_DIR : TREE_FILE, .mode = mode, .size = size
	};

	ret->len = 0;
	return tar_entry(&e, 0, ret, err);
}

char *bundle_blob_path(const struct gg_digest *d)
{
	char hex[GG_DIGEST_HEX];

	return gg_asprintf("blobs/sha256/%s", gg_digest_hex(d, hex));
}

static bool has_bytes(const struct tree_entry *e)
{
	return e->type == TREE_FILE && !e->hardlink;
}

int bundle_content_size(const struct tree *t, uint64_t *ret, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf header = { 0 };

	*ret = TAR_END;
	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *e = &t->entries[i];

		header.len = 0;
		if (tar_entry(e, 0, &header, err) < 0)
			return -1;
		*ret += header.len;
		if (has_bytes(e))
			*ret += e->size + tar_padding(e->size);
		if (*ret > INT64_MAX / 4)
			return gg_fail(err, GG_INTEGRITY, "a tree of sizes that no disk has");
	}
	return 0;
}

struct reader {
	struct archive_stream *stream;
	const char *at;
	size_t avail;
	struct gg_hash *hash;
};

/* The next `len` bytes: compared with `want`, or hashed when that is NULL. */
static int take(struct reader *r, const char *want, uint64_t len, struct gg_err *err)
{
	while (len > 0) {
		const void *bytes;
		size_t n;

		if (r->avail == 0) {
			if (archive_next(r->stream, &bytes, &r->avail, err) < 0)
				return -1;
			r->at = bytes;
			if (r->avail == 0)
				return gg_fail(err, GG_INTEGRITY, "it ends early");
		}
		n = r->avail < len ? r->avail : (size_t)len;
		if (!want)
			gg_hash_add(r->hash, r->at, n);
		else if (memcmp(r->at, want, n) != 0)
			return gg_fail(err, GG_INTEGRITY, "it is not what its tree says");
		want = want ? want + n : NULL;
		r->at += n;
		r->avail -= n;
		len -= n;
	}
	return 0;
}

static int take_file(struct reader *r, const struct tree_entry *e, struct gg_err *err)
{
	struct gg_digest is;

	if (take(r, NULL, e->size, err) < 0)
		return -1;
	gg_hash_end(r->hash, &is);
	if (!gg_digest_eq(&is, &e->content))
		return gg_fail(err, GG_INTEGRITY, "its content is not what its tree says");
	return take(r, tar_zeros, tar_padding(e->size), err);
}

int bundle_content_check(const struct tree *t, struct archive_stream *stream, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *hash = gg_hash_new();
	struct reader r = { .stream = stream, .hash = hash };
	_cleanup_buf_ struct gg_buf header = { 0 };
	const void *rest;
	size_t n;

	for (size_t i = 0; i < t->n; i++) {
		const struct tree_entry *e = &t->entries[i];

		header.len = 0;
		if (tar_entry(e, 0, &header, err) < 0)
			return -1;
		if (take(&r, header.data ? header.data : "", header.len, err) < 0 ||
		    (has_bytes(e) && take_file(&r, e, err) < 0))
			return gg_context(err, "'%.200s'", e->path);
	}
	if (take(&r, tar_zeros, TAR_END, err) < 0)
		return -1;
	if (r.avail == 0 && archive_next(stream, &rest, &n, err) < 0)
		return -1;
	if (r.avail > 0 || n > 0)
		return gg_fail(err, GG_INTEGRITY, "something follows its end");
	return 0;
}
