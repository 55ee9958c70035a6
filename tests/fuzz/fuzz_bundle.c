/* SPDX-License-Identifier: Apache-2.0
 *
 * A bundle from a stranger is opened and read whole, or refused with words. What is accepted is canonical: its manifest
 * comes back byte for byte, and every part has a place. An input that begins with '{' is a manifest as well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_refused(const struct gg_err *err)
{
	if (!err->text || (err->kind != GG_INTEGRITY && err->kind != GG_SYSTEM))
		abort();
}

static void try_manifest(const char *text, size_t size)
{
	_cleanup_arena_ struct gg_arena *arena = gg_arena_new();
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_free_ char *again = NULL;
	struct bundle_info info;

	if (bundle_manifest_parse(text, size, arena, &info, &err) < 0) {
		check_refused(&err);
		return;
	}
	again = bundle_manifest(&info);
	if (strlen(again) != size || memcmp(again, text, size) != 0)
		abort();
}

static void try_file(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("bundle", MFD_CLOEXEC);
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_bundle_ struct bundle *b = NULL;
	char path[64];

	if (fd < 0 || gg_write_all(fd, data, size, &err) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	bundle_recognise(path);
	if (bundle_open(path, &b, &err) < 0) {
		check_refused(&err);
		return;
	}
	for (size_t i = 0; i < b->own.n_parts; i++)
		if (!b->own.parts[i].file || b->own.parts[i].offset + b->own.parts[i].size > size)
			abort();
	if (bundle_verify(b, NULL, NULL, &err) < 0)
		check_refused(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && data[0] == '{')
		try_manifest((const char *)data, size);
	try_file(data, size);
	return 0;
}
