/* SPDX-License-Identifier: Apache-2.0
 *
 * A recipe file and its lock file, on disk: reading, checking, writing. The lock lies beside the recipe as NAME.lock,
 * where NAME is the recipe's file name without ".recipe".
 */
#pragma once

#include <stdbool.h>

#include "recipes/lock.h"
#include "recipes/recipe.h"

struct project {
	const char *path; /* as given; borrowed, also by errors' positions */
	char *dir;        /* its directory */
	int dirfd;
	char *lock_name; /* in dir */
	struct gg_buf text;
	struct recipe *recipe;
	struct lock *lock;
	bool lock_missing; /* there was no lock file */
};
#define PROJECT_INIT                                                                               \
	{                                                                                          \
		.dirfd = -1                                                                        \
	}

struct project_options {
	const struct gg_strv *args;    /* "NAME=value" */
	const struct gg_strv *allowed; /* see recipe.h */
};

/* A recipe with complaints is one GG_RECIPE error whose text is all of them, positions and lines included. */
int project_open(const char *path, const struct project_options *options, struct project *ret,
		 struct gg_err *err) GG_MUST_USE;
void project_done(struct project *p);
#define _cleanup_project_ GG_CLEANUP(project_done)
/* Writes the lock when its text differs from the file's. */
int project_save_lock(struct project *p, bool *ret_written, struct gg_err *err) GG_MUST_USE;
