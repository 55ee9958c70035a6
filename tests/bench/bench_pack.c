/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_pack DIR gzip|zstd|none THREADS OUT: packs the tree at DIR as one layer and prints what it took, as JSON.
 * Reading the directory is part of the time. Device nodes and sockets are left out.
 */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"
#include "layers/pack.h"
#include "layers/tree.h"

struct inode {
	dev_t dev;
	ino_t ino;
	const char *path;
};

struct scan {
	struct tree *tree;
	struct inode *inodes;
	size_t n, cap;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void add_entry(struct scan *s, const FTSENT *f, const char *path, const char *full)
{
	const struct stat *st = f->fts_statp;
	enum tree_type type = S_ISDIR(st->st_mode) ? TREE_DIR : S_ISLNK(st->st_mode) ? TREE_SYMLINK : TREE_FILE;
	struct tree_entry *e = tree_add(s->tree, path, type);
	char target[4097];
	ssize_t len;

	e->mode = st->st_mode & 07777;
	e->uid = st->st_uid;
	e->gid = st->st_gid;
	if (type == TREE_SYMLINK) {
		len = readlink(full, target, sizeof(target) - 1);
		target[len < 0 ? 0 : len] = '\0';
		e->target = gg_arena_strdup(s->tree->arena, target);
	}
	if (type != TREE_FILE)
		return;
	e->size = (uint64_t)st->st_size;
	if (st->st_nlink < 2)
		return;
	GG_GROW(s->inodes, s->n, s->cap);
	s->inodes[s->n++] = (struct inode){ st->st_dev, st->st_ino, e->path };
}

static int by_inode(const void *a, const void *b)
{
	const struct inode *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return tree_compare_paths(x->path, y->path);
}

static void link_names(struct scan *s)
{
	qsort(s->inodes, s->n, sizeof(*s->inodes), by_inode);
	for (size_t i = 1, first = 0; i < s->n; i++) {
		if (s->inodes[i].ino != s->inodes[first].ino)
			first = i;
		else
			tree_find(s->tree, s->inodes[i].path)->hardlink = s->inodes[first].path;
	}
}

static int scan_tree(const char *dir, struct scan *s, struct gg_err *err)
{
	char *roots[] = { (char *)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *f;

	if (!fts)
		return gg_fail_errno(err, "open '%s'", dir);
	while ((f = fts_read(fts))) {
		const char *path = f->fts_path + strlen(dir);
		mode_t mode = f->fts_info == FTS_DP ? 0 : f->fts_statp->st_mode;

		if (S_ISDIR(mode) || S_ISREG(mode) || S_ISLNK(mode))
			add_entry(s, f, *path ? path + 1 : ".", f->fts_path);
	}
	fts_close(fts);
	if (tree_sort(s->tree, err) < 0)
		return -1;
	link_names(s);
	return 0;
}

static int run(char **argv, struct gg_err *err)
{
	struct scan s = { .tree = tree_new() };
	struct pack_options options = { .mtime = 1, .threads = (unsigned)atoi(argv[3]) };
	struct pack_result result;
	struct rusage usage;
	double start = now();
	_cleanup_close_ int root = gg_openat(AT_FDCWD, argv[1], O_RDONLY | O_DIRECTORY, 0, err);
	_cleanup_close_ int out = gg_openat(AT_FDCWD, argv[4], O_WRONLY | O_CREAT | O_TRUNC, 0644, err);
	struct pack_item *items;
	char digest[GG_DIGEST_TEXT];

	options.compression = gg_streq(argv[2], "gzip") ? PACK_GZIP : gg_streq(argv[2], "zstd") ? PACK_ZSTD : PACK_NONE;
	if (root < 0 || out < 0 || scan_tree(argv[1], &s, err) < 0)
		return -1;
	items = gg_calloc(s.tree->n, sizeof(*items));
	for (size_t i = 0; i < s.tree->n; i++)
		items[i] = (struct pack_item){ &s.tree->entries[i], root, s.tree->entries[i].path, NULL };
	if (pack_layer(items, s.tree->n, &options, out, &result, err) < 0)
		return -1;
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"seconds\":%.3f,\"entries\":%zu,\"diff_size\":%llu,\"size\":%llu,\"rss_kib\":%ld,"
	       "\"cpu\":%.2f,\"digest\":\"%s\"}\n",
	       now() - start, s.tree->n, (unsigned long long)result.diff_size, (unsigned long long)result.size,
	       usage.ru_maxrss, (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec),
	       gg_digest_text(&result.digest, digest));
	free(items);
	free(s.inodes);
	tree_free(s.tree);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_err_ struct gg_err err = GG_ERR_INIT;

	if (argc != 5) {
		fprintf(stderr, "usage: bench_pack DIR gzip|zstd|none THREADS OUT\n");
		return 2;
	}
	if (run(argv, &err) < 0) {
		fprintf(stderr, "bench_pack: %s\n", err.text);
		return 1;
	}
	return 0;
}
