/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a bundle (bundle.h). Every place is known before anything is written, since all sizes are: parts are written
 * in any order, by any process, each where it belongs; digests that come out of that go into the head at the end. The
 * file then appears by one rename, 0644 and fsynced; a split one as its pieces, and last the list of them.
 * Errors: GG_USAGE for a place that is no regular file, GG_SYSTEM for the machine.
 */
#pragma once

#include "layers/bundle.h"

/* Before any work: whether a bundle can be written there. */
int bundle_write_check(const char *path, struct gg_err *err) GG_MUST_USE;

struct bundle_writer;
/* The parts' sizes are final; digests that are not known yet (contents, BUNDLE_WHOLE) are zero. `info` is borrowed.
 * split: the most bytes of a piece, 0: one file. */
int bundle_writer_open(const char *path, struct bundle_info *info, uint64_t split,
		       struct bundle_writer **ret, struct gg_err *err) GG_MUST_USE;
void bundle_writer_free(struct bundle_writer *w);
void bundle_writer_freep(struct bundle_writer **w);
#define _cleanup_bundle_writer_ GG_CLEANUP(bundle_writer_freep)
/* An earlier part is the same blob, so that this one is not to be written. */
bool bundle_writer_has(const struct bundle_writer *w, size_t part);
/* A new descriptor at the place of the part's bytes. */
int bundle_writer_fd(const struct bundle_writer *w, size_t part, struct gg_err *err);
/* The digest of what was written there. */
void bundle_writer_set(struct bundle_writer *w, size_t part, const struct gg_digest *d);
/* When every part has its bytes and its digest. */
int bundle_writer_end(struct bundle_writer *w, struct gg_digest *ret_manifest,
		      struct gg_err *err) GG_MUST_USE;

/* The bytes that the content of a tree will have, uncompressed. */
struct tree;
int bundle_content_size(const struct tree *t, uint64_t *ret, struct gg_err *err) GG_MUST_USE;
