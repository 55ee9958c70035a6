/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/failure_report.h"

#include <string.h>

#include "layers/base/fd.h"
#include "layers/base/log.h"
#include "recipes/recipe.h"

static void put_list(struct gg_buf *text, const struct recipe_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strchr(l->v[i], '\n'))
			gg_buf_printf(text, "env %s\n", l->v[i]);
}

void failure_report(const char *path, enum gg_kind kind, const struct recipe_step *step)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_buf_ struct gg_buf text = { 0 };
	_cleanup_close_ int fd = -1;

	if (!path || !*path)
		return;
	gg_buf_printf(&text, "kind %d\n", (int)kind);
	if (step) {
		gg_buf_printf(&text, "step %s\n", step->fetch ? step->fetch : step->name);
		if (step->piece)
			gg_buf_printf(&text, "piece %s\n", step->piece);
		put_list(&text, &step->args);
		put_list(&text, &step->env);
	}
	/* In place: it is the caller's own file, with the caller's mode, or a pipe. */
	fd = gg_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &err);
	if (fd < 0 || gg_write_all(fd, text.data, text.len, &err) < 0)
		gg_log(GG_LOG_WARNING, "report: %s", err.text);
}
