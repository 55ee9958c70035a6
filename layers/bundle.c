/* SPDX-License-Identifier: Apache-2.0
 *
 * A bundle that was read: its parts, and their bytes.
 */
#include <string.h>

#include "layers/archive.h"
#include "layers/base/fd.h"
#include "layers/bundle_private.h"

enum { STEP = 1 << 20 };

int bundle_add_base(struct bundle *b, struct bundle *take_base, struct gg_err *err)
{
	char want[GG_DIGEST_TEXT], is[GG_DIGEST_TEXT];
	const struct gg_digest *base =
		b->n_bases ? &b->bases[b->n_bases - 1]->own.base : &b->own.base;
	struct bundle **bases = gg_realloc_n(b->bases, b->n_bases + 1, sizeof(*bases));

	if (gg_digest_eq(base, &take_base->manifest)) {
		b->bases = bases;
		b->bases[b->n_bases++] = take_base;
		bundle_fill_in(b, &take_base->own);
		return 0;
	}
	b->bases = bases;
	if (gg_digest_is_zero(base))
		gg_fail(err, GG_USAGE, "'%s' is not a delta's base: nothing needs one",
			take_base->path);
	else
		gg_fail(err, GG_INTEGRITY, "'%s' is the bundle %s, and the delta is to %s",
			take_base->path, gg_digest_text(&take_base->manifest, is),
			gg_digest_text(base, want));
	bundle_free(take_base);
	return -1;
}

void bundle_free(struct bundle *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_bases; i++)
		bundle_free(b->bases[i]);
	free(b->bases);
	bundle_file_free(b->file);
	gg_arena_free(b->arena);
	free(b->path);
	free(b);
}

void bundle_freep(struct bundle **b)
{
	bundle_free(*b);
}

const struct bundle_part *bundle_find(const struct bundle *b, enum bundle_role role,
				      const char *name)
{
	for (size_t i = 0; i < b->info.n_parts; i++)
		if (b->info.parts[i].role == role &&
		    (!name || gg_streq(b->info.parts[i].name, name)))
			return &b->info.parts[i];
	return NULL;
}

const struct bundle_part *bundle_find_digest(const struct bundle *b, const struct gg_digest *d)
{
	for (size_t i = 0; i < b->info.n_parts; i++)
		if (gg_digest_eq(&b->info.parts[i].digest, d))
			return &b->info.parts[i];
	return NULL;
}

const struct bundle_part *bundle_find_tree(const struct bundle *b, enum bundle_role role,
					   const struct gg_digest *tree)
{
	for (size_t i = 0; i < b->info.n_parts; i++)
		if (b->info.parts[i].role == role && gg_digest_eq(&b->info.parts[i].tree, tree))
			return &b->info.parts[i];
	return NULL;
}

int bundle_each(const struct bundle_part *p,
		int (*each)(void *ctx, const void *bytes, size_t len, struct gg_err *err),
		void *ctx, struct gg_err *err)
{
	_cleanup_hash_ struct gg_hash *h = gg_hash_new();
	_cleanup_free_ char *block = gg_alloc(STEP);
	struct gg_digest is;

	for (uint64_t at = 0; at < p->size;) {
		size_t n = p->size - at < STEP ? (size_t)(p->size - at) : STEP;

		if (bundle_file_get(p->file, block, n, p->offset + at, err) < 0)
			return bundle_blame(p, err);
		gg_hash_add(h, block, n);
		if (each && each(ctx, block, n, err) < 0)
			return bundle_blame(p, err);
		at += n;
	}
	gg_hash_end(h, &is);
	if (gg_digest_eq(&is, &p->digest))
		return 0;
	return bundle_bad_part(p, "it is damaged: its content has another digest", err);
}

static int add_bytes(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	(void)err;
	gg_buf_add(ctx, bytes, len);
	return 0;
}

int bundle_read(const struct bundle_part *p, struct gg_buf *ret, struct gg_err *err)
{
	if (p->size > BUNDLE_MAX_TEXT)
		return bundle_bad_part(p, "it is too large", err);
	return bundle_each(p, add_bytes, ret, err);
}

static int write_bytes(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	const int *fd = ctx;

	return gg_write_all(*fd, bytes, len, err);
}

int bundle_copy(const struct bundle_part *p, int fd, struct gg_err *err)
{
	return bundle_each(p, write_bytes, &fd, err);
}

ssize_t bundle_read_source(void *ctx, void *bytes, size_t len, uint64_t offset)
{
	return bundle_file_read(ctx, bytes, len, offset);
}

int bundle_content(const struct bundle_part *p, struct archive_stream **ret, struct gg_err *err)
{
	const struct archive_source source = { .read = bundle_read_source, .ctx = p->file };

	if (archive_open_source(&source, p->offset, p->size, ret, err) < 0)
		return bundle_blame(p, err);
	return 0;
}
