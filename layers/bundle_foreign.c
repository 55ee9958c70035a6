/* SPDX-License-Identifier: Apache-2.0
 *
 * A bundle that came out of a registry, or through another tool: the same blobs in an archive of another order. What its
 * entries are is read as strictly as they allow: directories and regular files of a layout, each once, each named by the
 * manifest.
 */
#include <string.h>

#include "layers/archive.h"
#include "layers/bundle_private.h"
#include "layers/oci.h"
#include "layers/untar.h"

enum { ENTRIES_MAX = BUNDLE_MAX_PARTS + 16 };

struct place {
	struct gg_digest digest;
	uint64_t offset, size;
	bool named; /* by the manifest, or it or its config */
};

struct layout {
	struct place layout, index, program; /* offset BUNDLE_ABSENT: not there */
	struct place *blobs;
	size_t n, cap;
};

static void layout_done(struct layout *l)
{
	free(l->blobs);
}

#define BLOBS "blobs/sha256/"

static int put_file(struct layout *l, const char *name, uint64_t offset, uint64_t size,
		    struct gg_err *err)
{
	struct place *p = gg_streq(name, "oci-layout")     ? &l->layout
			  : gg_streq(name, "index.json")   ? &l->index
			  : gg_streq(name, BUNDLE_PROGRAM) ? &l->program
							   : NULL;

	if (p && p->offset != BUNDLE_ABSENT)
		return gg_fail(err, GG_INTEGRITY, "the entry '%s' comes twice", name);
	if (!p) {
		struct place blob = { 0 };

		if (!gg_starts(name, BLOBS) ||
		    gg_digest_from_hex(name + strlen(BLOBS), &blob.digest) < 0)
			return gg_fail(err, GG_INTEGRITY,
				       "the entry '%.200s' has no place in a bundle", name);
		GG_GROW(l->blobs, l->n, l->cap);
		p = &l->blobs[l->n++];
		*p = blob;
	}
	p->offset = offset;
	p->size = size;
	return 0;
}

static int put_entry(struct layout *l, const struct untar_entry *e, uint64_t offset,
		     struct gg_err *err)
{
	const char *name = gg_starts(e->name, "./") ? e->name + 2 : e->name;
	size_t len = strlen(name);
	_cleanup_free_ char *plain =
		gg_strndup(name, len > 0 && name[len - 1] == '/' ? len - 1 : len);

	if (e->type == '5' &&
	    (!*plain || gg_streq(plain, "blobs") || gg_streq(plain, "blobs/sha256")))
		return 0;
	if (e->type != '0')
		return gg_fail(err, GG_INTEGRITY, "the entry '%.200s' has no place in a bundle",
			       e->name);
	return put_file(l, name, offset, e->size, err);
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return memcmp(x->digest.bytes, y->digest.bytes, GG_DIGEST_LEN);
}

static int read_entries(struct bundle *b, struct layout *l, struct gg_err *err)
{
	const struct archive_source source = { .read = bundle_read_source, .ctx = b->file };
	_cleanup_archive_ struct archive_stream *stream = NULL;
	_cleanup_untar_ struct untar *u = NULL;
	const struct untar_entry *e;

	if (archive_open_source(&source, 0, b->file->size, &stream, err) < 0)
		return -1;
	u = untar_new(stream, b->file->size, NULL);
	for (size_t n = 0;; n++) {
		if (untar_next(u, &e, err) < 0)
			return -1;
		if (!e)
			break;
		if (n == ENTRIES_MAX)
			return gg_fail(err, GG_INTEGRITY, "it has more than %d entries",
				       ENTRIES_MAX);
		if (put_entry(l, e, untar_offset(u), err) < 0)
			return -1;
	}
	if (l->n)
		qsort(l->blobs, l->n, sizeof(*l->blobs), compare_places);
	for (size_t i = 1; i < l->n; i++)
		if (compare_places(&l->blobs[i - 1], &l->blobs[i]) == 0)
			return gg_fail(err, GG_INTEGRITY, "a blob comes twice");
	return 0;
}

static int read_place(const struct bundle *b, const struct place *p, const char *what, size_t max,
		      struct gg_buf *ret, struct gg_err *err)
{
	if (!p || p->offset == BUNDLE_ABSENT)
		return gg_fail(err, GG_INTEGRITY, "it has no %s", what);
	if (p->size > max)
		return gg_fail(err, GG_INTEGRITY, "%s is too large", what);
	gg_buf_reserve(ret, (size_t)p->size + 1);
	ret->len = (size_t)p->size;
	ret->data[ret->len] = '\0';
	return bundle_file_get(b->file, ret->data, ret->len, p->offset, err);
}

static struct place *find_blob(const struct layout *l, const struct gg_digest *d)
{
	const struct place key = { .digest = *d };
	struct place *found =
		l->n ? bsearch(&key, l->blobs, l->n, sizeof(*l->blobs), compare_places) : NULL;

	if (found)
		found->named = true;
	return found;
}

static int read_documents(struct bundle *b, const struct layout *l, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf layout = { 0 }, index = { 0 }, manifest = { 0 };
	const struct place *p;
	struct gg_digest empty;

	if (read_place(b, &l->layout, "oci-layout", BUNDLE_MAX_INDEX, &layout, err) < 0 ||
	    read_place(b, &l->index, "index.json", BUNDLE_MAX_INDEX, &index, err) < 0 ||
	    bundle_index_parse(index.data, index.len, &b->manifest, &b->manifest_size, err) < 0)
		return -1;
	p = find_blob(l, &b->manifest);
	if (read_place(b, p, "manifest", BUNDLE_MAX_MANIFEST, &manifest, err) < 0 ||
	    bundle_check_digest(manifest.data, manifest.len, &b->manifest, err) < 0)
		return gg_context(err, "the manifest");
	b->manifest_offset = p->offset;
	b->manifest_size = p->size;
	gg_digest_of(BUNDLE_EMPTY_CONFIG, strlen(BUNDLE_EMPTY_CONFIG), &empty);
	find_blob(l, &empty);
	return bundle_manifest_parse(manifest.data, manifest.len, b->arena, &b->own, err);
}

static int place_parts(struct bundle *b, const struct layout *l, struct gg_err *err)
{
	for (size_t i = 0; i < b->own.n_parts; i++) {
		struct bundle_part *part = &b->own.parts[i];
		struct place *p = find_blob(l, &part->digest);

		if (!p || p->size != part->size) {
			gg_fail(err, GG_INTEGRITY,
				p ? "its blob has another size" : "its blob is not there");
			return bundle_blame(part, err);
		}
		part->file = b->file;
		part->offset = p->offset;
	}
	for (size_t i = 0; i < l->n; i++) {
		char text[GG_DIGEST_TEXT];

		if (!l->blobs[i].named)
			return gg_fail(err, GG_INTEGRITY, "the blob %s has no place in a bundle",
				       gg_digest_text(&l->blobs[i].digest, text));
	}
	return 0;
}

int bundle_read_foreign(struct bundle *b, struct gg_err *err)
{
	const struct place absent = { .offset = BUNDLE_ABSENT };
	GG_CLEANUP(layout_done)
	struct layout l = { .layout = absent, .index = absent, .program = absent };

	if (read_entries(b, &l, err) < 0 || read_documents(b, &l, err) < 0)
		return -1;
	/* Tools that carry layouts leave it behind; what none carried is not to run. */
	if (l.program.offset != BUNDLE_ABSENT && bundle_check_program(b, l.program.size, err) < 0)
		return -1;
	b->program_offset = l.program.offset;
	return place_parts(b, &l, err);
}
