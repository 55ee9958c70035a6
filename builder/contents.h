/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees without a directory of their own. What is only copied from or packed needs no directory, and making one costs a
 * hard link a file: such a tree is a manifest and a list of trees of the store ("contents" in the record) that hold
 * every content that it names, wherever and under whatever name and mode. Contents are found by digest.
 */
#pragma once

#include <stddef.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/json.h"

struct store;
struct tree;

struct contents {
	size_t n;
	int *fds; /* of the parts' directories */
	struct gg_digest *digests;
	struct tree **trees;
	struct contents_index *index;
	size_t n_index;
};

/* Opens and reads the parts, which the store verifies. Absent: GG_SYSTEM with ENOENT. */
int contents_open(struct store *s, const struct gg_digest *digests, size_t n, struct contents **ret,
		  struct gg_err *err) GG_MUST_USE;
void contents_free(struct contents *c);
/* Sets origin (a part) and source of each file of `t`; one that no part has gets the origin `none`. How many those are. */
size_t contents_locate(const struct contents *c, struct tree *t, unsigned none);

/* In records and results: an array of digests. */
void contents_write(struct gg_json *record, const struct gg_digest *digests, size_t n);
/* *ret (owned by the caller) is NULL when the record has none. */
int contents_read(const struct gg_json *record, struct gg_digest **ret, size_t *ret_n,
		  struct gg_err *err) GG_MUST_USE;
