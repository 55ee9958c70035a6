/* SPDX-License-Identifier: Apache-2.0
 *
 * Mounts by descriptor (Linux 5.2: fsopen, fsmount, open_tree, move_mount; 5.12: mount_setattr). Nothing is mounted
 * by path, so no name can be exchanged between check and use. Errors carry what the file system's own log says.
 */
#pragma once

#include <stdint.h>

#include "layers/base/err.h"

/* A file system being configured. key with value NULL is a flag. */
struct mountapi_option {
	const char *key;
	const char *value;
};

int mountapi_open(const char *type, struct gg_err *err) GG_MUST_USE;
int mountapi_set(int fs, const char *type, const char *key, const char *value,
		 struct gg_err *err) GG_MUST_USE;
/* Creates the superblock and a detached mount of it; attrs are MOUNT_ATTR_*. Returns the mount's descriptor. */
int mountapi_create(int fs, const char *type, uint64_t attrs, struct gg_err *err) GG_MUST_USE;
/* All three. */
int mountapi_new(const char *type, const struct mountapi_option *options, size_t n, uint64_t attrs,
		 struct gg_err *err) GG_MUST_USE;

/* A detached copy of the mount at fd + path ("" is fd itself), without its submounts. */
int mountapi_clone(int fd, const char *path, struct gg_err *err) GG_MUST_USE;
/* Attaches a detached mount to what `target` refers to (O_PATH is enough); `name` is for the error. */
int mountapi_attach(int mount, int target, const char *name, struct gg_err *err) GG_MUST_USE;
/* Adds attributes to an attached mount. */
int mountapi_restrict(int mount, uint64_t attrs, struct gg_err *err) GG_MUST_USE;
