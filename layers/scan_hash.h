/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of a scan: files are handed over as descriptors and hashed by two threads, which start when there is
 * enough to do and are joined by scan_hash_end. A bounded queue keeps few descriptors open.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "layers/base/digest.h"
#include "layers/base/owners.h"
#include "layers/tree.h"

struct scan_job {
	int fd;           /* owned by the job */
	const char *path; /* for errors; borrowed */
	struct stat st;   /* as it was before reading */
	bool touch;       /* set TREE_MTIME when it has been read */
	bool apply;       /* set owner, mode and xattrs of `meta` too */
	struct tree_entry meta;
	enum owners_kept owners;
	struct gg_digest *ret; /* written before scan_hash_end returns */
};

struct scan_hash;
struct scan_hash *scan_hash_new(void);
/* Takes the job. Errors of earlier jobs show up here or at the end. */
int scan_hash_add(struct scan_hash *h, const struct scan_job *job, struct gg_err *err) GG_MUST_USE;
int scan_hash_end(struct scan_hash *h, struct gg_err *err) GG_MUST_USE;
/* Joins and frees, also after an error. */
void scan_hash_free(struct scan_hash *h);
void scan_hash_freep(struct scan_hash **h);
#define _cleanup_scan_hash_ GG_CLEANUP(scan_hash_freep)
