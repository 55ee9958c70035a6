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

/* A recipe and its lock that are not on the disk, and pieces that are not the program's. */
struct project_texts {
	const char *path; /* what positions call it; borrowed like project.path */
	const char *lock_name;
	const char *recipe, *lock; /* borrowed for the call */
	size_t recipe_len, lock_len;
	const char *(*piece)(void *ctx, struct gg_arena *arena, const char *name, size_t *ret_len);
	void *ctx;
};

/* A recipe with complaints is one GG_RECIPE error whose text is all of them, positions and lines included. */
int project_open(const char *path, const struct project_options *options, struct project *ret,
		 struct gg_err *err) GG_MUST_USE;
/* The same from texts; there is nothing beside it, and the lock cannot be saved. */
int project_load(const struct project_texts *texts, const struct project_options *options,
		 struct project *ret, struct gg_err *err) GG_MUST_USE;
/* The text of a piece that the program has, or NULL. */
const char *project_piece(const char *name, size_t *ret_len);
void project_done(struct project *p);
#define _cleanup_project_ GG_CLEANUP(project_done)
/* Writes the lock when its text differs from the file's. */
int project_save_lock(struct project *p, bool *ret_written, struct gg_err *err) GG_MUST_USE;
