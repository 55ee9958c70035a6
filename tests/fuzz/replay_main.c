/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over files and directories of them, without libFuzzer, so that what was once found is tested by
 * every compiler. No corpus is an error: a replay of nothing would pass for ever.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"

enum { INPUT_LIMIT = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int replay(int parent, const char *name, unsigned *n, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	struct stat st;
	DIR *dir;
	int rc = 0;

	if (fstatat(parent, name, &st, 0) < 0)
		return gg_fail_errno(err, "read '%s'", name);
	if (!S_ISDIR(st.st_mode)) {
		_cleanup_buf_ struct gg_buf bytes = { 0 };

		if (gg_read_file(parent, name, INPUT_LIMIT, &bytes, err) < 0)
			return -1;
		(*n)++;
		return LLVMFuzzerTestOneInput((const uint8_t *)bytes.data, bytes.len) == 0
			       ? 0
			       : gg_fail(err, GG_INTERNAL, "target refuses '%s'", name);
	}
	dir = fdopendir(gg_openat(parent, name, O_RDONLY | O_DIRECTORY, 0, err));
	if (!dir)
		return gg_fail_errno(err, "read directory '%s'", name);
	for (struct dirent *d; (d = readdir(dir)) != NULL;)
		if (d->d_name[0] != '.')
			gg_strv_add(&names, d->d_name);
	gg_strv_sort(&names);
	for (size_t i = 0; rc == 0 && i < names.n; i++)
		rc = replay(dirfd(dir), names.v[i], n, err);
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	unsigned n = 0;

	for (int i = 1; i < argc; i++) {
		if (replay(AT_FDCWD, argv[i], &n, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
	}
	if (n == 0)
		fprintf(stderr, "no inputs to replay\n");
	else
		printf("%u inputs\n", n);
	return n == 0;
}
