/* SPDX-License-Identifier: Apache-2.0
 *
 * What is known of the contents of a directory's files without reading them: (inode, size, mode, mtime, ctime, to the
 * nanosecond) -> sha256, a note of the store under the directory's path, device and inode. It saves time and changes no
 * result: what does not match is read, and so is what could change unseen. The racy rule, as git has it: a file whose
 * times are not older than the look at it may be written again within the same tick of the clock, with the same size
 * and the same times, so it is not remembered.
 */
#pragma once

#include "layers/scan.h"

struct stat_cache;
struct store;

/* Of a directory's files, or of one file. Starts empty when there is no note, or a damaged or foreign one; without a
 * store it stays so. */
struct stat_cache *stat_cache_open(struct store *s, int fd);
void stat_cache_free(struct stat_cache *c);
void stat_cache_freep(struct stat_cache **c);
#define _cleanup_stat_cache_ GG_CLEANUP(stat_cache_freep)
/* For scan_tree; lives as long as the cache. */
const struct scan_memory *stat_cache_memory(const struct stat_cache *c);
/* Writes what the scan saw, when it is not what was read. */
void stat_cache_save(struct stat_cache *c);
/* The directory's identity: its path, device and inode. */
int stat_cache_identity(int dirfd, const char *purpose, struct gg_digest *ret);
