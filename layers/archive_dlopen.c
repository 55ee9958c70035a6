/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/archive_private.h"

#include <dlfcn.h>

int archive_library_find(struct archive_library *ret, struct gg_err *err)
{
	/* Never closed: its dependencies are not made for that, and a second dlopen is free. */
	void *handle = dlopen("libarchive.so.13", RTLD_LAZY | RTLD_LOCAL);

	if (!handle) {
		gg_fail(err, GG_SYSTEM, "load libarchive: %s", dlerror());
		return gg_hint(err, "install the package libarchive13 (libarchive13t64)");
	}
#define FIND(name)                                                                                 \
	*(void **)&ret->name = dlsym(handle, #name);                                               \
	if (!ret->name)                                                                            \
		return gg_fail(err, GG_SYSTEM, "load libarchive: it has no " #name);
	ARCHIVE_FUNCTIONS(FIND)
#undef FIND
	return 0;
}
