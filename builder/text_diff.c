/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/text_diff.h"

#include <string.h>

#include "layers/base/mem.h"

static bool same(const struct text_item *a, const struct text_item *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* left[i * (m + 1) + j]: how long the longest common subsequence of old[i…n) and fresh[j…m) is. */
static unsigned *measure(const struct text_item *old, size_t n, const struct text_item *fresh,
			 size_t m)
{
	unsigned *left = gg_calloc((n + 1) * (m + 1), sizeof(*left));

	for (size_t i = n; i-- > 0;) {
		unsigned *row = left + i * (m + 1), *below = row + m + 1;

		for (size_t j = m; j-- > 0;) {
			if (same(&old[i], &fresh[j]))
				row[j] = below[j + 1] + 1;
			else
				row[j] = below[j] > row[j + 1] ? below[j] : row[j + 1];
		}
	}
	return left;
}

void text_diff(const struct text_item *old, size_t n_old, const struct text_item *fresh,
	       size_t n_fresh, void (*emit)(void *ctx, enum text_side side, size_t index),
	       void *ctx)
{
	size_t head = 0, tail = 0, n, m, i = 0, j = 0;
	_cleanup_free_ unsigned *left = NULL;

	while (head < n_old && head < n_fresh && same(&old[head], &fresh[head]))
		emit(ctx, TEXT_SAME, head++);
	while (tail < n_old - head && tail < n_fresh - head &&
	       same(&old[n_old - 1 - tail], &fresh[n_fresh - 1 - tail]))
		tail++;
	n = n_old - head - tail;
	m = n_fresh - head - tail;
	if (n && m && n <= TEXT_DIFF_MAX / m)
		left = measure(old + head, n, fresh + head, m);
	while (i < n || j < m) {
		if (left && i < n && j < m && same(&old[head + i], &fresh[head + j])) {
			emit(ctx, TEXT_SAME, head + j++);
			i++;
		} else if (j == m || (i < n && (!left || left[(i + 1) * (m + 1) + j] >=
								 left[i * (m + 1) + j + 1]))) {
			emit(ctx, TEXT_OLD, head + i++);
		} else {
			emit(ctx, TEXT_NEW, head + j++);
		}
	}
	for (; tail > 0; tail--)
		emit(ctx, TEXT_SAME, n_fresh - tail);
}
