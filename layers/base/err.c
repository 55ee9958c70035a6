/* SPDX-License-Identifier: Apache-2.0 */
#define GG_ERR_DEFINES
#include "layers/base/err.h"

#include <errno.h>
#include <string.h>

void gg_err_done(struct gg_err *err)
{
	free(err->text);
	free(err->hint);
	*err = (struct gg_err)GG_ERR_INIT;
}

void gg_err_move(struct gg_err *err, struct gg_err *from)
{
	if (err->kind != GG_OK) {
		gg_err_done(from);
		return;
	}
	*err = *from;
	*from = (struct gg_err)GG_ERR_INIT;
}

int gg_vfail(struct gg_err *err, enum gg_kind kind, const char *fmt, va_list ap)
{
	if (err->kind != GG_OK)
		return -1;
	err->kind = kind;
	err->text = gg_vasprintf(fmt, ap);
	return -1;
}

int gg_fail(struct gg_err *err, enum gg_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	gg_vfail(err, kind, fmt, ap);
	va_end(ap);
	return -1;
}

int gg_fail_errno(struct gg_err *err, const char *fmt, ...)
{
	int saved = errno;
	_cleanup_free_ char *words = NULL;
	va_list ap;

	va_start(ap, fmt);
	words = gg_vasprintf(fmt, ap);
	va_end(ap);
	if (err->kind == GG_OK)
		err->errnum = saved;
	return gg_fail(err, GG_SYSTEM, "%s: %s", words, strerror(saved));
}

int gg_fail_at(struct gg_err *err, enum gg_kind kind, struct gg_pos pos, const char *fmt, ...)
{
	va_list ap;

	if (err->kind == GG_OK)
		err->pos = pos;
	va_start(ap, fmt);
	gg_vfail(err, kind, fmt, ap);
	va_end(ap);
	return -1;
}

int gg_context(struct gg_err *err, const char *fmt, ...)
{
	_cleanup_free_ char *words = NULL;
	char *inner = err->text;
	va_list ap;

	va_start(ap, fmt);
	words = gg_vasprintf(fmt, ap);
	va_end(ap);
	err->text = gg_asprintf("%s: %s", words, inner ? inner : "unknown error");
	free(inner);
	return -1;
}

int gg_hint(struct gg_err *err, const char *fmt, ...)
{
	va_list ap;

	if (err->hint)
		return -1;
	va_start(ap, fmt);
	err->hint = gg_vasprintf(fmt, ap);
	va_end(ap);
	return -1;
}
