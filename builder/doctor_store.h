/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of an examination: opened where there is one, else the directory in which it would be made.
 */
#pragma once

#include <stdint.h>

#include "layers/store.h"

struct doctor_store {
	struct store *store; /* NULL where there is none yet */
	struct store_tmp tmp;
	int fd; /* a directory of the caller's on the store's file system, -1: there is none; borrowed from tmp, or owned */
	char *problem, *remedy; /* why there is none; owned */
	const char *path;       /* borrowed */
};
#define DOCTOR_STORE_INIT                                                                          \
	{                                                                                          \
		.tmp = STORE_TMP_INIT, .fd = -1                                                    \
	}

void doctor_store_open(const char *path, const char *ids, struct doctor_store *ret);
void doctor_store_done(struct doctor_store *s);
#define _cleanup_doctor_store_ GG_CLEANUP(doctor_store_done)

/* "ext4"; "" where that cannot be said. Owned by the caller. */
char *doctor_store_file_system(int fd);
