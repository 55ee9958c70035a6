/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "layers/archive.h"
#include "layers/bundle_private.h"
#include "layers/tar.h"
#include "layers/tree.h"

struct verify {
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
	uint64_t done, total;
};

static int count(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	struct verify *v = ctx;

	(void)bytes;
	(void)err;
	v->done += len;
	if (v->progress)
		v->progress(v->ctx, v->done, v->total);
	return 0;
}

static bool is_content(const struct bundle_part *p)
{
	return p->role == BUNDLE_INPUT || p->role == BUNDLE_FETCH;
}

static int verify_content(const struct bundle *b, const struct bundle_part *p, struct gg_err *err)
{
	_cleanup_archive_ struct archive_stream *stream = NULL;
	const struct bundle_part *manifest = bundle_find_digest(b, &p->tree);
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_tree_ struct tree *t = NULL;

	if (!manifest)
		return gg_fail(err, GG_INTEGRITY, "its tree is no part of the bundle");
	/* A delta's base may have it. */
	if (!manifest->file)
		return 0;
	if (bundle_read(manifest, &text, err) < 0 ||
	    tree_parse(text.data ? text.data : "", text.len, &t, err) < 0 ||
	    bundle_content(p, &stream, err) < 0)
		return -1;
	return bundle_content_check(t, stream, err);
}

static int verify_part(struct verify *v, const struct bundle *b, const struct bundle_part *p,
		       struct gg_err *err)
{
	if (bundle_each(p, count, v, err) < 0)
		return -1;
	if (bundle_zeros(p->file, p->offset + p->size, tar_padding(p->size), err) < 0 ||
	    (is_content(p) && verify_content(b, p, err) < 0))
		return bundle_blame(p, err);
	return 0;
}

/* The entry that has only the program's name. */
static int verify_program(const struct bundle *b, struct gg_err *err)
{
	for (size_t i = 0; i < b->own.n_parts; i++) {
		struct bundle_part entry = b->own.parts[i];

		/* Tools that carry layouts leave it behind. */
		if (entry.role != BUNDLE_PROGRAM_FILE || b->program_offset == BUNDLE_ABSENT)
			continue;
		entry.offset = b->program_offset;
		if (bundle_each(&entry, NULL, NULL, err) < 0 ||
		    bundle_zeros(entry.file, entry.offset + entry.size, tar_padding(entry.size),
				 err) < 0)
			return gg_context(err, "the entry '" BUNDLE_PROGRAM "'");
	}
	return 0;
}

static int verify_file(struct verify *v, const struct bundle *b, struct gg_err *err)
{
	if (bundle_file_verify(b->file, err) < 0 || verify_program(b, err) < 0)
		return -1;
	for (size_t i = 0; i < b->own.n_parts; i++) {
		const struct bundle_part *p = &b->own.parts[i];

		if ((!p->again || is_content(p)) && verify_part(v, b, p, err) < 0)
			return -1;
	}
	return 0;
}

static uint64_t bytes_of(const struct bundle *b)
{
	uint64_t total = 0;

	for (size_t i = 0; i < b->own.n_parts; i++)
		total += b->own.parts[i].size;
	return total;
}

int bundle_verify(const struct bundle *b,
		  void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
		  struct gg_err *err)
{
	struct verify v = { .progress = progress, .ctx = ctx, .total = bytes_of(b) };

	for (size_t i = 0; i < b->n_bases; i++)
		v.total += bytes_of(b->bases[i]);
	if (verify_file(&v, b, err) < 0)
		return gg_context(err, "bundle '%s'", b->path);
	for (size_t i = 0; i < b->n_bases; i++)
		if (verify_file(&v, b->bases[i], err) < 0)
			return gg_context(err, "bundle '%s'", b->bases[i]->path);
	return 0;
}
