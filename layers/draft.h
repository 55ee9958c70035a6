/* SPDX-License-Identifier: Apache-2.0
 *
 * A draft: a tree while it is being made, changed in any order. Nodes are found by parent and name, so that walking a
 * path costs its components and removing a directory costs what is below it, whatever the order of an archive. Names of
 * one inode share it. Pure: no descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/mem.h"
#include "layers/tree.h"

/* What hard links share. `entry` without path and hardlink; its strings belong to the draft's arena. */
struct draft_inode {
	struct tree_entry entry;
	const char *first; /* while the tree is written: path of its first name */
};

struct draft_node {
	const char *name; /* "" for the root */
	struct draft_node *parent, *children, *next, *previous;
	struct draft_node *bucket; /* next in its hash bucket */
	struct draft_inode *inode;
	uint64_t hash;
	size_t path_len; /* bytes of its path */
	bool own;        /* came in this round, not with draft_load */
	bool implicit;   /* a parent that nothing has named yet */
	bool cleared;    /* a whiteout has been here in this round */
	bool here;       /* part of the result: all but what a delta is applied to */
};

struct draft {
	struct gg_arena *arena;
	struct draft_node *root;
	struct draft_node **buckets;
	size_t n, n_buckets;
	uint64_t seed; /* names come from strangers */
};

struct draft *draft_new(void);
void draft_free(struct draft *d);
void draft_freep(struct draft **d);
#define _cleanup_draft_ GG_CLEANUP(draft_freep)
/* Adds a sorted, complete tree. `here`: the result holds it. */
void draft_load(struct draft *d, const struct tree *t, bool here);

struct draft_inode *draft_inode_new(struct draft *d, enum tree_type type);
/* NULL when absent. `name` need not be NUL-terminated. */
struct draft_node *draft_find(const struct draft *d, const struct draft_node *dir, const char *name,
			      size_t len);
struct draft_node *draft_add(struct draft *d, struct draft_node *dir, const char *name, size_t len,
			     struct draft_inode *inode);
/* Takes the node and everything below it out. Its memory stays until the draft dies. */
void draft_remove(struct draft *d, struct draft_node *node);
/* The node's path, as in trees, replaces ret. */
void draft_path(const struct draft_node *node, struct gg_buf *ret);
/* The next node in preorder below `top` (children first), NULL at the end. */
struct draft_node *draft_next(const struct draft_node *top, struct draft_node *node);
/* All that is here, in tree order. */
struct tree *draft_tree(struct draft *d);
