/* SPDX-License-Identifier: Apache-2.0
 *
 * Release files and armoured keys: what is accepted has plain relative paths only, each once and in order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/debian/release.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT, armour = GG_ERR_INIT;
	_cleanup_release_ struct release *r = NULL;
	_cleanup_buf_ struct gg_buf key = { 0 };

	if (release_dearmor("fuzz", (const char *)data, size, &key, &armour) < 0 &&
	    armour.kind != GG_INTEGRITY)
		abort();
	if (release_parse("fuzz", (const char *)data, size, &r, &err) < 0) {
		if (err.kind != GG_INTEGRITY || !err.text)
			abort();
		return 0;
	}
	for (size_t i = 0; i < r->n_files; i++) {
		const char *path = r->files[i].path;

		if (*path == '/' || gg_starts(path, "../") || strstr(path, "/../"))
			abort();
		if (i && strcmp(r->files[i - 1].path, path) >= 0)
			abort();
		if (release_find(r, path) != &r->files[i])
			abort();
	}
	return 0;
}
