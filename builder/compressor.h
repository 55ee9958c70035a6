/* SPDX-License-Identifier: Apache-2.0
 *
 * What layers are compressed with: what the lock promises of the bytes (layers/golden.h), and what this program gives.
 */
#pragma once

#include <stdbool.h>

#include "layers/compress.h"
#include "recipes/lock.h"
#include "recipes/recipe.h"

struct project;
struct session;

/* What `ggbuild lock --update` calls it. */
#define COMPRESSOR_WORD "compression"

enum compress_kind compressor_kind(const struct recipe_image *image);
/* The one that the default stands for, too. */
int compressor_level(const struct recipe_image *image);
/* The entry; NULL for COMPRESS_NONE. */
const struct lock_compressor *compressor_of(const struct lock_formats *f, enum compress_kind kind);
/* The same when it knows what the image's compressor gives, else NULL. */
const struct lock_compressor *compressor_known(const struct lock_formats *f,
					       const struct recipe_image *image);
/* Sets the entry, not for COMPRESS_NONE. */
void compressor_set(struct lock_formats *f, enum compress_kind kind,
		    const struct lock_compressor *c);
/* What this program has; the golden block is compressed for it. ret->library is static. */
int compressor_describe(enum compress_kind kind, int level, struct lock_compressor *ret,
			struct gg_err *err) GG_MUST_USE;
/* To be called before anything is compressed. *ret_other: this program gives other bytes than the lock knows of, and
 * *ret_own is what they come from; a warning has said what that moves. GG_LOCK under --locked. */
int compressor_check(const struct session *s, const struct project *p,
		     struct lock_compressor *ret_own, bool *ret_other,
		     struct gg_err *err) GG_MUST_USE;
