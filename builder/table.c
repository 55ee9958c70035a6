/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/table.h"

#include <string.h>

void table_add(struct table *t, const char *cell)
{
	gg_strv_add(&t->cells, cell);
}

void table_take(struct table *t, char *cell)
{
	gg_strv_take(&t->cells, cell);
}

void table_print(const struct table *t, struct gg_buf *ret)
{
	_cleanup_free_ size_t *widths = gg_calloc(t->columns, sizeof(*widths));

	for (size_t i = 0; i < t->cells.n; i++)
		if (strlen(t->cells.v[i]) > widths[i % t->columns])
			widths[i % t->columns] = strlen(t->cells.v[i]);
	for (size_t i = 0; i < t->cells.n; i++) {
		size_t column = i % t->columns;
		int width = (int)widths[column];

		gg_buf_printf(ret, "%*s%s", (t->right >> column) & 1 ? width : -width,
			      t->cells.v[i], column + 1 < t->columns ? "  " : "");
		if (column + 1 < t->columns)
			continue;
		while (ret->len && ret->data[ret->len - 1] == ' ')
			ret->len--;
		gg_buf_putc(ret, '\n');
	}
}

void table_done(struct table *t)
{
	gg_strv_done(&t->cells);
}

void table_put_size(struct gg_buf *b, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB" };
	uint64_t unit = 1000;
	size_t i = 0;

	if (bytes < unit) {
		gg_buf_printf(b, "%u B", (unsigned)bytes);
		return;
	}
	for (; i + 1 < GG_LEN(units) && bytes >= unit * 1000; i++)
		unit *= 1000;
	gg_buf_printf(b, "%llu.%llu %s", (unsigned long long)(bytes / unit),
		      (unsigned long long)(bytes % unit * 10 / unit), units[i]);
}

char *table_size(uint64_t bytes)
{
	_cleanup_buf_ struct gg_buf b = { 0 };

	table_put_size(&b, bytes);
	return gg_buf_steal(&b);
}
