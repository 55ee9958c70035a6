/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever the parser accepts is canonical: its text comes back byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "recipes/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_lock_ struct lock *l = NULL;
	_cleanup_free_ char *text = NULL;

	if (lock_parse("fuzz.lock", (const char *)data, size, &l, &err) < 0) {
		if (!err.text || err.kind != GG_LOCK)
			abort();
		return 0;
	}
	text = lock_text(l);
	if (strlen(text) != size || memcmp(text, data, size) != 0)
		abort();
	return 0;
}
