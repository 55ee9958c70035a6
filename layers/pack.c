/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/pack.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "layers/base/fd.h"
#include "layers/base/mem.h"
#include "layers/compress.h"
#include "layers/tar.h"
#include "layers/tree.h"
#include "layers/unlock.h"

enum {
	READ_STEP = 256 * 1024, /* hashed while it is still in the cache */
	WRITEBACK_STEP =
		16
		<< 20, /* the disk works while the processors compress; the caller's fsync finds little */
};

struct packer {
	struct compress *compress;
	struct gg_hash *diff, *blob; /* owned; no blob: it is the tar itself */
	int outfd;
	uint64_t diff_size, size, flushed;
};

static void packer_done(struct packer *p)
{
	compress_free(p->compress);
	gg_hash_free(p->diff);
	gg_hash_free(p->blob);
}

static int write_blob(void *ctx, const void *bytes, size_t len, struct gg_err *err)
{
	struct packer *p = ctx;

	if (p->blob)
		gg_hash_add(p->blob, bytes, len);
	if (gg_write_all(p->outfd, bytes, len, err) < 0) {
		gg_context(err, "write the layer after %llu bytes", (unsigned long long)p->size);
		return err->errnum == ENOSPC
			       ? gg_hint(err,
					 "free some space on the file system that holds the store")
			       : -1;
	}
	p->size += len;
	if (p->size - p->flushed >= WRITEBACK_STEP) {
		/* A pipe or an old file system refuses, and nothing is lost. */
		sync_file_range(p->outfd, 0, 0, SYNC_FILE_RANGE_WRITE);
		p->flushed = p->size;
	}
	return 0;
}

static int add(struct packer *p, const void *bytes, size_t len, struct gg_err *err)
{
	gg_hash_add(p->diff, bytes, len);
	p->diff_size += len;
	return compress_add(p->compress, bytes, len, err);
}

/* openat2 without symlinks; a path beyond PATH_MAX is walked in pieces. ret_dir holds the last piece's directory. */
static int open_source(int rootfd, const char *path, int *ret_dir, struct gg_err *err)
{
	const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	const char *rest = path;
	int fd;

	while (strlen(rest) >= PATH_MAX) {
		const char *slash = memrchr(rest, '/', PATH_MAX - 1);
		_cleanup_free_ char *piece =
			slash ? gg_strndup(rest, (size_t)(slash - rest)) : NULL;

		if (!piece)
			break; /* no component is that long: the open below says so */
		fd = unlock_open(*ret_dir >= 0 ? *ret_dir : rootfd, piece, O_PATH | O_DIRECTORY,
				 resolve);
		if (fd < 0)
			return gg_fail_errno(err, "open '%s'", path);
		gg_close(*ret_dir);
		*ret_dir = fd;
		rest = slash + 1;
	}
	fd = unlock_open(*ret_dir >= 0 ? *ret_dir : rootfd, rest,
			 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, resolve);
	if (fd >= 0)
		return fd;
	gg_fail_errno(err, "open '%s'", path);
	if (errno == ELOOP)
		gg_hint(err,
			"a symlink has taken the place of a file or directory while it was packed");
	return -1;
}

static int changed(const char *path, struct gg_err *err)
{
	return gg_fail(err, GG_INTEGRITY, "read '%s': changed while reading", path);
}

/* Straight into the compressor's block: the content is copied once, by the kernel. */
static int add_content(struct packer *p, int fd, const char *path, uint64_t size,
		       struct gg_err *err)
{
	uint64_t left = size;
	char beyond;

	while (left > 0) {
		size_t room;
		void *to = compress_room(p->compress, &room);
		ssize_t n;

		if (room > READ_STEP)
			room = READ_STEP;
		n = gg_read_full(fd, to, room < left ? room : (size_t)left, err);
		if (n < 0)
			return gg_context(err, "'%s'", path);
		if (n == 0)
			return changed(path, err);
		gg_hash_add(p->diff, to, (size_t)n);
		p->diff_size += (uint64_t)n;
		left -= (uint64_t)n;
		if (compress_fill(p->compress, (size_t)n, err) < 0)
			return -1;
	}
	if (gg_read_full(fd, &beyond, 1, err) != 0)
		return err->kind ? gg_context(err, "'%s'", path) : changed(path, err);
	return 0;
}

static int add_file(struct packer *p, const struct pack_item *item, struct gg_err *err)
{
	const struct tree_entry *e = item->entry;
	_cleanup_close_ int dir = -1, fd = -1;
	struct stat st;

	if (e->size == 0 && !item->source)
		return 0;
	if (item->bytes) {
		if (add(p, item->bytes, e->size, err) < 0)
			return -1;
	} else {
		fd = open_source(item->rootfd, item->source, &dir, err);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return gg_fail_errno(err, "stat '%s'", item->source);
		if (!S_ISREG(st.st_mode))
			return gg_fail(err, GG_INTEGRITY, "read '%s': not a regular file any more",
				       item->source);
		if ((uint64_t)st.st_size != e->size)
			return changed(item->source, err);
		if (add_content(p, fd, item->source, e->size, err) < 0)
			return -1;
	}
	return add(p, tar_zeros, tar_padding(e->size), err);
}

static int compare_item(const void *path, const void *item)
{
	return tree_compare_paths(path, ((const struct pack_item *)item)->entry->path);
}

static const struct tree_entry *find(const struct pack_item *items, size_t n, const char *path)
{
	const struct pack_item *item = bsearch(path, items, n, sizeof(*items), compare_item);

	return item ? item->entry : NULL;
}

static bool is_parent(const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	return strlen(dir) == len && memcmp(dir, path, len) == 0;
}

/* In order, no path twice, below directories that are there, hard links to a file that has come. The parent is the
 * previous entry or the previous entry's parent almost always; else it is searched. */
static int check_item(const struct pack_item *items, size_t i, const struct tree_entry **parent,
		      struct gg_err *err)
{
	const struct tree_entry *e = items[i].entry, *last = i > 0 ? items[i - 1].entry : NULL;

	if (last && tree_compare_paths(last->path, e->path) >= 0)
		return gg_fail(err, GG_INTERNAL, "pack '%s': out of order, or twice", e->path);
	if (last && last->type == TREE_DIR && is_parent(last->path, e->path))
		*parent = last;
	if (strchr(e->path, '/') && !(*parent && is_parent((*parent)->path, e->path))) {
		_cleanup_free_ char *dir =
			gg_strndup(e->path, (size_t)(strrchr(e->path, '/') - e->path));

		*parent = find(items, i, dir);
		if (!*parent || (*parent)->type != TREE_DIR)
			return gg_fail(err, GG_INTERNAL,
				       "pack '%s': its directory is not in the layer", e->path);
	}
	if (e->type == TREE_FILE && e->hardlink) {
		const struct tree_entry *first = find(items, i, e->hardlink);

		if (!first || first->type != TREE_FILE || first->hardlink)
			return gg_fail(
				err, GG_INTERNAL,
				"pack '%s': the first name of its inode, '%s', is not in the layer",
				e->path, e->hardlink);
	}
	return 0;
}

static int add_items(struct packer *p, const struct pack_item *items, size_t n, int64_t mtime,
		     struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf header = { 0 };
	const struct tree_entry *parent = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct tree_entry *e = items[i].entry;

		header.len = 0;
		if (check_item(items, i, &parent, err) < 0 || tar_entry(e, mtime, &header, err) < 0)
			return -1;
		if (header.len > 0 && add(p, header.data, header.len, err) < 0)
			return -1;
		if (e->type == TREE_FILE && !e->hardlink && add_file(p, &items[i], err) < 0)
			return gg_context(err, "pack '%s'", e->path);
	}
	return add(p, tar_zeros, TAR_END, err);
}

static enum compress_kind compress_kind_of(enum pack_compression c)
{
	switch (c) {
	case PACK_GZIP:
		return COMPRESS_GZIP;
	case PACK_ZSTD:
		return COMPRESS_ZSTD;
	case PACK_NONE:
		return COMPRESS_NONE;
	}
	abort();
}

int pack_layer(const struct pack_item *items, size_t n, const struct pack_options *options,
	       int outfd, struct pack_result *ret, struct gg_err *err)
{
	GG_CLEANUP(packer_done) struct packer p = { .outfd = outfd, .diff = gg_hash_new() };
	struct compress_options how = {
		.kind = compress_kind_of(options->compression),
		.level = options->level,
		.threads = options->threads,
		.sink = write_blob,
		.ctx = &p,
	};

	if (how.kind != COMPRESS_NONE)
		p.blob = gg_hash_new();
	if (compress_new(&how, &p.compress, err) < 0 ||
	    add_items(&p, items, n, options->mtime, err) < 0 || compress_end(p.compress, err) < 0)
		return -1;
	gg_hash_end(p.diff, &ret->diff_id);
	ret->digest = ret->diff_id;
	if (p.blob)
		gg_hash_end(p.blob, &ret->digest);
	ret->diff_size = p.diff_size;
	ret->size = p.size;
	return 0;
}

const char *pack_media_type(enum pack_compression c)
{
	switch (c) {
	case PACK_GZIP:
		return "application/vnd.oci.image.layer.v1.tar+gzip";
	case PACK_ZSTD:
		return "application/vnd.oci.image.layer.v1.tar+zstd";
	case PACK_NONE:
		return "application/vnd.oci.image.layer.v1.tar";
	}
	abort();
}
