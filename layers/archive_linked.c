/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

int archive_library_find(struct archive_library *ret, struct gg_err *err)
{
	(void)err;
#define ARCHIVE_TAKE(name) ret->name = name;
	ARCHIVE_FUNCTIONS(ARCHIVE_TAKE)
#undef ARCHIVE_TAKE
	return 0;
}
