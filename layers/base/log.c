/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/base/log.h"

static gg_log_sink *current;

void gg_log_set(gg_log_sink *sink)
{
	current = sink;
}

void gg_log(enum gg_log_level level, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	if (!current)
		return;
	va_start(ap, fmt);
	text = gg_vasprintf(fmt, ap);
	va_end(ap);
	current(level, text);
}
