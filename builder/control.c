/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/control.h"

#include <stdio.h>
#include <string.h>

#include "builder/debian/rootfs.h"
#include "layers/deb.h"

void control_write(const struct deb_member *members, size_t n, struct gg_buf *ret)
{
	for (size_t i = 0; i < n; i++) {
		gg_buf_printf(ret, "%s %o %zu\n", members[i].name, members[i].mode & 07777,
			      members[i].len);
		gg_buf_add(ret, members[i].bytes, members[i].len);
	}
}

int control_read(struct gg_arena *arena, const char *bytes, size_t len, struct debian_member **ret,
		 size_t *ret_n, struct gg_err *err)
{
	_cleanup_free_ struct debian_member *v = NULL;
	size_t n = 0, cap = 0;

	for (const char *p = bytes, *end = bytes + len; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		char name[256];
		unsigned mode;
		size_t size;

		if (!nl || sscanf(p, "%255s %o %zu", name, &mode, &size) != 3 ||
		    size > (size_t)(end - nl - 1))
			return gg_fail(err, GG_INTEGRITY, "control blob, member %zu: damaged", n);
		GG_GROW(v, n, cap);
		v[n++] = (struct debian_member){ .name = gg_arena_strdup(arena, name),
						 .bytes = nl + 1,
						 .len = size,
						 .mode = mode };
		p = nl + 1 + size;
	}
	*ret = gg_arena_calloc(arena, n + 1, sizeof(**ret));
	if (n)
		memcpy(*ret, v, n * sizeof(*v));
	*ret_n = n;
	return 0;
}
