/* SPDX-License-Identifier: Apache-2.0
 *
 * Safe extraction: a tar archive, compressed or not, becomes files below a directory and a tree that describes them
 * (contents are hashed while they are written). Every byte of the archive is hostile.
 *
 * Names are resolved with chroot semantics in the tree's own model, symlinks included; the disk is then touched only
 * below descriptors that the kernel opened without following any symlink, so no archive and no racing process leads
 * out. "..", NUL, components over 255 bytes, paths over 64 KiB, xattr names over 255 or values over 64 KiB are errors;
 * a leading "/" or "./" is dropped. Malformed headers of any kind are errors, never skipped; so are sparse files
 * (untar.h). Hard links lead to files that are there already. A directory entry for a symlink to a directory keeps
 * the symlink. xattrs: user.* (not user.overlay.*) and security.capability stay, the rest is dropped. Times become
 * TREE_MTIME. Devices are empty files on disk and devices in the tree. Modes are set after owners, so setuid survives.
 * Errors: GG_INTEGRITY for the archive, GG_SYSTEM for the machine.
 *
 * A layer over trees that lie elsewhere (`below`) becomes a delta: what an overlay mount over them needs to show the same.
 * Parents that it does not name are as they are below; what it deletes is a whiteout or an opaque directory where there is
 * something below; hard links to files below bring a copy of those. Where a name leads through a symlink or a file that is
 * below, a directory takes its place, as engines have it: they unpack a layer without seeing those under it.
 */
#pragma once

#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "layers/base/owners.h"

struct archive_stream;
struct gg_strv;
struct tree;

enum extract_flags {
	/* An OCI layer (image-spec layer.md), applied to what destfd and the tree hold: whiteouts delete what lower layers
	 * have and leave nothing; duplicates are errors; a directory replaces a symlink; the end marker may be missing, so
	 * the caller checks the layer's digest. */
	EXTRACT_LAYER = 1 << 0,
	EXTRACT_UNIQUE = 1 << 1, /* a name that comes twice is an error; else the later one wins */
	EXTRACT_OWNERS = 1 << 2, /* every owner is 0:0 */
	EXTRACT_HASH = 1 << 3,   /* hash the decompressed stream too (a layer's diffID) */
	EXTRACT_AHEAD = 1 << 4,  /* of a file: a thread decodes ahead, for one large archive */
	EXTRACT_LENIENT =
		1
		<< 5, /* with EXTRACT_LAYER: names and whiteouts that come twice are counted; the later wins */
};

struct extract_options {
	unsigned flags;
	unsigned strip; /* leading components dropped from every name; shorter names are skipped */
	uint64_t max_entries; /* implied directories included; 0: TREE_MAX_ENTRIES */
	uint64_t
		max_bytes; /* of all contents; 0: 64 GiB; of the stream with 4 KiB an entry and 1 MiB more */
	const struct gg_strv
		*exclude; /* glob_match() patterns of what is not extracted; may be NULL */
	enum owners_kept owners;
	/* With EXTRACT_LAYER and an empty destfd: the merged trees under the layer, and a file of theirs, read from 0. */
	const struct tree *below;
	int (*open_below)(void *ctx, const char *path, struct gg_err *err);
	void *ctx;
};

struct extract_stats {
	uint64_t entries;
	uint64_t bytes;                 /* of contents */
	uint64_t stream_bytes;          /* of the decompressed archive */
	uint64_t duplicates;            /* with EXTRACT_LENIENT */
	struct gg_digest stream_digest; /* with EXTRACT_HASH */
};

/* *io_tree is NULL for an empty destfd, else it describes what is there; on success it is replaced by the new tree.
 * On failure destfd is in disorder and *io_tree unchanged. fd is read from offset 0 by pread. options, ret_stats may be
 * NULL. */
int extract_archive(int fd, int destfd, const struct extract_options *options,
		    struct tree **io_tree, struct extract_stats *ret_stats,
		    struct gg_err *err) GG_MUST_USE;
/* The same for a part of a file: `size` bytes from `offset`. */
int extract_range(int fd, uint64_t offset, uint64_t size, int destfd,
		  const struct extract_options *options, struct tree **io_tree,
		  struct extract_stats *ret_stats, struct gg_err *err) GG_MUST_USE;
/* The same for a stream, which is borrowed. */
int extract_stream(struct archive_stream *stream, int destfd, const struct extract_options *options,
		   struct tree **io_tree, struct extract_stats *ret_stats,
		   struct gg_err *err) GG_MUST_USE;
