/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/compressor.h"

#include "builder/project.h"
#include "builder/session.h"
#include "layers/base/log.h"
#include "layers/golden.h"

enum compress_kind compressor_kind(const struct recipe_image *image)
{
	static const enum compress_kind map[] = { [RECIPE_GZIP] = COMPRESS_GZIP,
						  [RECIPE_ZSTD] = COMPRESS_ZSTD,
						  [RECIPE_UNCOMPRESSED] = COMPRESS_NONE };

	return map[image->compression];
}

int compressor_level(const struct recipe_image *image)
{
	return image->level ? image->level : compress_default_level(compressor_kind(image));
}

const struct lock_compressor *compressor_of(const struct lock_formats *f, enum compress_kind kind)
{
	switch (kind) {
	case COMPRESS_GZIP:
		return &f->gzip;
	case COMPRESS_ZSTD:
		return &f->zstd;
	case COMPRESS_NONE:
		return NULL;
	}
	return NULL;
}

const struct lock_compressor *compressor_known(const struct lock_formats *f,
					       const struct recipe_image *image)
{
	const struct lock_compressor *c = compressor_of(f, compressor_kind(image));

	if (!c || gg_digest_is_zero(&c->golden) || c->level != compressor_level(image))
		return NULL;
	return c;
}

void compressor_set(struct lock_formats *f, enum compress_kind kind,
		    const struct lock_compressor *c)
{
	*(kind == COMPRESS_GZIP ? &f->gzip : &f->zstd) = *c;
}

int compressor_describe(enum compress_kind kind, int level, struct lock_compressor *ret,
			struct gg_err *err)
{
	*ret = (struct lock_compressor){ .format = COMPRESS_FORMAT,
					 .library = compress_library(kind),
					 .level = level,
					 .block = compress_block_size(kind) };
	return golden_digest(kind, level, &ret->golden, err);
}

#define MOVES                                                                                      \
	"digests of layer blobs and of the manifest may become others, diffIDs and the image's "   \
	"id do "                                                                                   \
	"not"

int compressor_check(const struct session *s, const struct project *p,
		     struct lock_compressor *ret_own, bool *ret_other, struct gg_err *err)
{
	const struct recipe_image *image = &p->recipe->image;
	const struct lock_compressor *c = compressor_known(&p->lock->formats, image);
	_cleanup_free_ char *what = NULL;

	*ret_other = false;
	if (!c)
		return 0;
	if (compressor_describe(compressor_kind(image), c->level, ret_own, err) < 0)
		return -1;
	*ret_other = !gg_digest_eq(&ret_own->golden, &c->golden);
	if (!*ret_other)
		return 0;
	what = gg_asprintf("this program's %s compresses to other bytes than the lock's %s: " MOVES,
			   ret_own->library, c->library);
	if (!s->locked) {
		gg_log(GG_LOG_WARNING, "%s", what);
		return 0;
	}
	gg_fail(err, GG_LOCK, "%s", what);
	return gg_hint(err,
		       "build with the ggbuild-static of the version that wrote the lock, put "
		       "`compression: none` into the image, or run `ggbuild lock %s "
		       "--update " COMPRESSOR_WORD "` and commit the lock file",
		       p->path);
}
