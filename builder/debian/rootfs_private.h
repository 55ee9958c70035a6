/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of rootfs_make share. Everything that the result holds lives in the result's arena.
 */
#pragma once

#include "builder/debian/rootfs.h"

/* Strings to numbers; the strings are borrowed. */
struct name_map {
	struct name_slot {
		const char *name;
		size_t value;
	} * slots;
	size_t n, size;
};
void name_map_done(struct name_map *m);
/* Keeps the first value of a name; returns the value that the map has. */
size_t name_map_put(struct name_map *m, const char *name, size_t value);
bool name_map_get(const struct name_map *m, const char *name, size_t *ret);

struct rootfs_package {
	const struct debian_package *in;
	const char *name, *version, *arch; /* of the control file */
	const char
		*base; /* how dpkg calls its files: "NAME", or "NAME:ARCH" with Multi-Arch: same */
	struct deb_slice control; /* the whole stanza */
	struct deb_slice depends, pre_depends, provides, replaces;
	bool essential;
};

struct rootfs_work {
	struct rootfs *out;
	struct rootfs_package *packages;
	size_t n;
	size_t *order; /* package numbers in the order of set-up: dependencies first */
	size_t n_essential; /* how many of them are Essential or what that depends on: these come first */
	const char *arch;
	int64_t epoch;
	unsigned flags;
	rootfs_read *read;
	void *ctx;
	size_t cap_files;
};

const struct debian_member *rootfs_member(const struct rootfs_package *p, const char *name);
/* NULL when the package is not there. */
const struct rootfs_package *rootfs_find(const struct rootfs_work *w, const char *name);
int rootfs_order(struct rootfs_work *w, struct gg_err *err) GG_MUST_USE;

/* Generated things; paths, targets and contents are copied. */
void rootfs_put_dir(struct rootfs_work *w, const char *path, uint32_t mode, uint32_t gid);
void rootfs_put_link(struct rootfs_work *w, const char *path, const char *target);
void rootfs_put_file(struct rootfs_work *w, const char *path, uint32_t mode, uint32_t gid,
		     const void *bytes, size_t len);
/* In the merge, symlinks of its parents followed; NULL when no package has it. */
const struct tree_entry *rootfs_entry(const struct rootfs_work *w, const char *path);
/* A regular file's content, whichever package has it. */
int rootfs_content(const struct rootfs_work *w, const char *path, struct gg_buf *ret,
		   struct gg_err *err) GG_MUST_USE;

int rootfs_merge(struct rootfs_work *w, struct gg_err *err) GG_MUST_USE;
int rootfs_database(struct rootfs_work *w, struct gg_err *err) GG_MUST_USE;
int rootfs_bare(struct rootfs_work *w, struct gg_err *err) GG_MUST_USE;
int rootfs_script(struct rootfs_work *w, struct gg_err *err) GG_MUST_USE;
