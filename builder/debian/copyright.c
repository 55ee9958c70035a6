/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/debian/copyright.h"

#include "builder/debian/deb822.h"

/* The first line of the value, with single blanks; NULL when there is none. */
static char *expression(struct deb_slice license)
{
	struct deb_slice line = license, word;
	struct gg_buf b = { 0 };

	for (size_t i = 0; i < line.len; i++)
		if (line.p[i] == '\n')
			line.len = i;
	while (deb_slice_word(&line, &word)) {
		if (b.len)
			gg_buf_putc(&b, ' ');
		gg_buf_add(&b, word.p, word.len);
	}
	return b.len ? gg_buf_steal(&b) : NULL;
}

bool copyright_licenses(const char *text, size_t len, struct gg_strv *ret)
{
	enum { FORMAT, OLD_FORMAT, FILES, LICENSE, N_NAMES };
	static const char *const names[] = { "Format", "Format-Specification", "Files", "License" };
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
	struct deb_slice v[N_NAMES];
	struct deb822 d;
	bool first = true;
	int r;

	deb822_init(&d, "copyright", text, len, 0);
	while ((r = deb822_stanza(&d, names, N_NAMES, v, NULL, &ignored)) > 0) {
		_cleanup_free_ char *license = expression(v[LICENSE]);

		if (first && !v[FORMAT].p && !v[OLD_FORMAT].p)
			return false;
		if (v[FILES].p && !license)
			return false;
		if (license && (first || v[FILES].p) && !gg_strv_has(ret, license))
			gg_strv_add(ret, license);
		first = false;
	}
	gg_strv_sort(ret);
	return r == 0 && ret->n > 0;
}
