/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian binary packages (deb(5)), read strictly: an ar archive of exactly debian-binary ("2.0\n"), control.tar and
 * data.tar in this order, control plain or .gz .xz .zst, data these or .bz2; sizes of at most ten decimal digits, even
 * padding, nothing after. Everything else is an error (GG_INTEGRITY) that says where.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct deb;
struct extract_options;
struct tree;

/* fd is borrowed, must be seekable, and stays open as long as the deb. */
int deb_open(int fd, struct deb **ret, struct gg_err *err) GG_MUST_USE;
void deb_close(struct deb *d);
void deb_closep(struct deb **d);
#define _cleanup_deb_ GG_CLEANUP(deb_closep)

/* A file of the control archive: "control", "conffiles", "preinst", "md5sums", "triggers", … */
struct deb_member {
	const char *name;
	const char *bytes; /* NUL follows */
	size_t len;
	uint32_t mode;
};
/* All files of the control archive sorted by name, at most 10 MiB in sum; "control" is always there. Borrowed. */
int deb_control(struct deb *d, const struct deb_member **ret, size_t *ret_n,
		struct gg_err *err) GG_MUST_USE;
/* Writes data.tar below destfd (empty); options may be NULL. */
int deb_extract(struct deb *d, int destfd, const struct extract_options *options, struct tree **ret,
		struct gg_err *err) GG_MUST_USE;
