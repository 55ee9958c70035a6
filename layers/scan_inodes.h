/* SPDX-License-Identifier: Apache-2.0
 *
 * The inodes with several names that a scan has seen: a hash table by device and inode number.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gg_digest;

struct scan_inode {
	size_t index;                   /* of the first name's entry */
	const struct gg_digest *digest; /* NULL: not seen before */
};

struct scan_inodes {
	struct scan_inodes_slot *slots;
	size_t n, cap;
};

/* The inode's record, made when it is not there. Valid until the next call. */
struct scan_inode *scan_inodes_get(struct scan_inodes *t, dev_t dev, ino_t ino);
void scan_inodes_done(struct scan_inodes *t);
