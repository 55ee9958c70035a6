/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/failure.h"

#include <string.h>

#include "builder/action.h"

enum { LAST_LINES = 40 };

/* The last lines of the output, whole ones. */
static const char *last_lines(const struct gg_buf *tail)
{
	const char *p = tail->data + tail->len;
	int lines = 0;

	if (tail->len && p[-1] == '\n')
		p--;
	while (p > tail->data && !(p[-1] == '\n' && ++lines == LAST_LINES))
		p--;
	return p;
}

void failure_describe(const struct action *a, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char *old = err->text;

	if (!err->pos.file)
		err->pos = a->node->step ? a->node->step->pos : a->node->test ? a->node->test->pos : err->pos;
	gg_buf_printf(&text, "%s: %s", a->node->name, old ? old : "failed");
	if ((err->kind == GG_STEP || err->kind == GG_GATE || err->kind == GG_REMOTE) && a->tail.len) {
		gg_buf_printf(&text, "\nthe last lines of its output:\n");
		for (const char *p = last_lines(&a->tail); *p;) {
			size_t n = strcspn(p, "\n");

			gg_buf_printf(&text, "  | %.*s\n", (int)n, p);
			p += n + (p[n] == '\n');
		}
		text.len--;
		text.data[text.len] = '\0';
	}
	if (a->log_path)
		gg_buf_printf(&text, "\nfull log: %s", a->log_path);
	free(old);
	err->text = gg_buf_steal(&text);
}
