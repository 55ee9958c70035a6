/* SPDX-License-Identifier: Apache-2.0
 *
 * Where rebuilds can be: a directory on another file system than the store's, in memory where what was built fits.
 */
#pragma once

#include <stdint.h>

#include "layers/base/err.h"

struct surroundings;

/* Bytes that a rebuild needs at most, so far as the reference tells; NULL scratch: memory is tried. Sets
 * ret->filesystem, or why there is none. */
void place_look(int storefd, uint64_t need, struct surroundings *ret);
/* A new directory in `parent`, 0700, locked by the returned descriptor until that is closed; unlocked ones that killed
 * verifications left there are removed. *ret_path is owned by the caller. */
int place_make(const char *parent, char **ret_path, struct gg_err *err) GG_MUST_USE;
