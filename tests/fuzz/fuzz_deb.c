/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a package: an error with a text, or control files that hold what they promise. The data archive is
 * fuzz_extract's.
 */
#include "layers/deb.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "layers/base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_deb_ struct deb *d = NULL;
	const struct deb_member *m;
	size_t n, total = 0;

	check(gg_write_all(fd, data, len, &err) == 0);
	if (deb_open(fd, &d, &err) < 0 || deb_control(d, &m, &n, &err) < 0) {
		check(err.kind == GG_INTEGRITY && err.text);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		check(m[i].bytes[m[i].len] == '\0' && !strchr(m[i].name, '/') && *m[i].name);
		check(i == 0 || strcmp(m[i - 1].name, m[i].name) < 0);
		total += m[i].len;
	}
	check(total <= 10 << 20);
	return 0;
}
