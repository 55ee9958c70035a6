/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of a tar file by name, read where they lie: nothing is extracted, so no name leads anywhere. A compressed
 * file (gzip, zstd) is first decompressed into an unlinked file below TMPDIR. Strict as untar.h; at most
 * ARCHIVE_INDEX_MAX members, none of whose names may come twice, "./x" being "x". Hard links and symlinks between
 * members are followed within the archive, ARCHIVE_INDEX_LINKS deep. Errors: GG_INTEGRITY.
 */
#pragma once

#include <stdbool.h>

#include "layers/image_source.h"

enum { ARCHIVE_INDEX_MAX = 200000, ARCHIVE_INDEX_LINKS = 8 };

struct archive_index;
/* Takes fd in any case. */
int archive_index_take(int fd, struct archive_index **ret, struct gg_err *err) GG_MUST_USE;
void archive_index_free(struct archive_index *x);
void archive_index_freep(struct archive_index **x);
#define _cleanup_archive_index_ GG_CLEANUP(archive_index_freep)

bool archive_index_has(const struct archive_index *x, const char *name);
/* A regular file's bytes; absence is an error. */
int archive_index_open(const struct archive_index *x, const char *name, struct image_bytes *ret,
		       struct gg_err *err) GG_MUST_USE;
