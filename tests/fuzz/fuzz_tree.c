/* SPDX-License-Identifier: Apache-2.0
 *
 * A manifest that is accepted comes back byte for byte, and a merge with itself changes nothing but whiteouts.
 */
#include "layers/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_tree_ struct tree *t = NULL, *merged = NULL;
	_cleanup_buf_ struct gg_buf text = { 0 };
	const struct tree *twice[2];

	if (tree_parse((const char *)data, len, &t, &err) < 0) {
		check(err.kind == GG_INTEGRITY && err.text);
		return 0;
	}
	tree_text(t, &text);
	check(text.len == len && memcmp(text.data, data, len) == 0);
	twice[0] = twice[1] = t;
	check(tree_merge(twice, 2, TREE_MERGE_KEEP_WHITEOUTS, &merged, &err) == 0);
	check(merged->n == t->n);
	for (size_t i = 0; i < t->n; i++) {
		check(tree_find(t, t->entries[i].path) == &t->entries[i]);
		tree_resolve(t, t->entries[i].path, true, NULL);
	}
	return 0;
}
