/* SPDX-License-Identifier: Apache-2.0
 *
 * Any archive, in memory's file system, beside a canary: nothing outside the root changes, no descriptor stays open,
 * and what was accepted is what a scan sees. The first byte is the flags; with bit 4 the headers' checksums are mended,
 * which a fuzzer would not find by itself.
 */
#include "layers/extract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/scan.h"
#include "layers/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(int ok)
{
	if (!ok)
		abort();
}

static char base[64];

static void remove_base(void)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	check(gg_remove_tree(AT_FDCWD, base, &err) == 0);
}

static int open_base(void)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	int fd;

	if (!base[0]) {
		snprintf(base, sizeof(base), "%s/ggfuzz-extract-XXXXXX",
			 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
		check(mkdtemp(base) != NULL);
		atexit(remove_base);
		fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		check(gg_write_file(fd, "canary", "alive", 5, 0640, 0, &err) == 0);
		return fd;
	}
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(fd >= 0);
	return fd;
}

static void mend_checksums(uint8_t *tar, size_t len)
{
	enum { BLOCK = 512, SUM = 148, MAGIC = 257 };

	for (size_t at = 0; at + BLOCK <= len; at += BLOCK) {
		uint8_t *h = tar + at;
		unsigned sum = 0;

		if (memcmp(h + MAGIC, "ustar", 5) != 0)
			continue;
		memset(h + SUM, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += h[i];
		snprintf((char *)h + SUM, 8, "%06o", sum);
	}
}

static void compare(int root, const struct tree *t)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_tree_ struct tree *said = tree_new(), *seen = NULL;
	const struct scan_options o = { 0 };
	const char *path;
	char *what;

	for (size_t i = 0; i < t->n; i++) {
		struct tree_entry *e = tree_add_copy(said, &t->entries[i], NULL);

		if (e->type != TREE_CHAR && e->type != TREE_BLOCK)
			continue;
		e->type = TREE_FILE;
		gg_digest_of("", 0, &e->content);
	}
	check(scan_tree(root, &o, &seen, &err) == 0);
	if (tree_first_difference(said, seen, &path, &what)) {
		fprintf(stderr, "'%s': %s\n", path, what);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;
	_cleanup_tree_ struct tree *t = NULL;
	_cleanup_close_ int dir = open_base(), root = -1, fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct extract_options o = { .max_bytes = 1 << 20, .max_entries = 1000 };
	char canary[8] = "";
	_cleanup_free_ uint8_t *copy = gg_alloc(len);
	struct stat st;

	if (len == 0)
		return 0;
	memcpy(copy, data, len);
	if (copy[0] & 0x10)
		mend_checksums(copy + 1, len - 1);
	o.flags = data[0] & (EXTRACT_LAYER | EXTRACT_UNIQUE | EXTRACT_OWNERS | EXTRACT_HASH);
	o.strip = data[0] >> 6;
	check(gg_write_all(fd, copy + 1, len - 1, &err) == 0 && mkdirat(dir, "root", 0755) == 0);
	root = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (extract_archive(fd, root, &o, &t, NULL, &err) == 0)
		compare(root, t);
	else
		check(err.text != NULL);
	gg_err_done(&err);
	gg_close(root);
	root = -1;
	check(gg_remove_tree(dir, "root", &err) == 0);
	check(fstatat(dir, "canary", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1 &&
	      st.st_mode == (S_IFREG | 0640));
	_cleanup_close_ int file = openat(dir, "canary", O_RDONLY | O_CLOEXEC);
	check(read(file, canary, sizeof(canary)) == 5 && !strcmp(canary, "alive"));
	/* The next descriptor is a small number, whatever the archive was. */
	check(file < 32);
	return 0;
}
