/* SPDX-License-Identifier: Apache-2.0
 *
 * Two contents compared: two bytes, the length of the first, then both. Each is a block of its own, so that a look beyond
 * its end is seen. Facts and windows are those of two builds in the first byte's odd cases.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/compare_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct compare_fact facts_a[] = { { "host-name", "alpha" },
						       { "cpu-count", "2" } },
					 facts_b[] = { { "host-name", "beta" },
						       { "cpu-count", "1" } };
	struct compare_options options = { 0 };
	_cleanup_comparison_ struct comparison ret = COMPARISON_INIT;
	struct compare c = { .options = &options, .ret = &ret };
	struct difference d = { .kind = DIFFERENCE_BYTES };
	_cleanup_free_ uint8_t *one = NULL, *two = NULL;
	struct span a, b;

	if (size < 2)
		return 0;
	a.len = (size_t)(data[0] | data[1] << 8) % (size - 1);
	b.len = size - 2 - a.len;
	one = gg_alloc(a.len ? a.len : 1);
	two = gg_alloc(b.len ? b.len : 1);
	memcpy(one, data + 2, a.len);
	memcpy(two, data + 2 + a.len, b.len);
	a.p = one;
	b.p = two;
	if (span_eq(&a, &b))
		return 0;
	if (data[0] & 1) {
		options.a = (struct compare_build){ 1700000000, 1700000100, facts_a, 2 };
		options.b = (struct compare_build){ 1800000000, 1800000100, facts_b, 2 };
	}
	ret.arena = gg_arena_new();
	compare_contents(&c, &a, &b, &d);
	if (!d.cause || !d.located || d.offset > a.len || d.offset > b.len)
		abort();
	return 0;
}
