/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile bytes give an error or a result, both clean.
 */
#include <stdint.h>
#include <stdlib.h>

#include "layers/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_elf_ struct elf e = { 0 };
	int rc = elf_parse(data, size, &e, &err);

	if ((rc < 0) != (err.text != NULL) || (rc < 1 && (e.interp || e.needed.n || e.n_needs)))
		abort();
	return 0;
}
