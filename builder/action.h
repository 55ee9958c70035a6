/* SPDX-License-Identifier: Apache-2.0
 *
 * How each kind of node is made. One struct of functions a kind, in one table. `prepare` runs in the scheduler's
 * process: it opens what the child may not. `work` runs in a child inside the store's user namespace, with a private
 * directory of the store; it leaves its products there and names them in its result. `commit` runs in the scheduler
 * again: it takes the products into the store and completes the record.
 */
#pragma once

#include "builder/execute.h"
#include "builder/job.h"
#include "builder/session.h"
#include "layers/base/owners.h"
#include "layers/store.h"

struct action_ops;
struct redact;
struct contents;
struct tree;

/* An unpacked tree: its root's descriptor and its manifest. */
struct action_tree {
	int fd;
	struct gg_digest digest;
	struct tree *tree; /* NULL until action_load */
	/* of a tree that is no directory (fd -1): its files' origins index these; else NULL */
	struct contents *contents;
	size_t node;
};

struct action {
	const struct action_ops *ops;
	struct execution *execution;
	struct session *session;
	const struct recipe *recipe;
	const struct plan *plan;
	const struct plan_node *node;
	size_t id;
	struct store_tmp tmp;
	bool directory;            /* something mounts the tree that the action makes */
	int blobfd;                /* the node's blob, -1 if it has none */
	struct action_tree *trees; /* opened by action_open_tree; one a node */
	size_t n_trees, cap_trees;
	int *fds; /* other descriptors that prepare opened */
	size_t n_fds, cap_fds;
	struct gg_json *config; /* of the node's image, see action_read_config; else NULL */
	void *extra;            /* prepare's own */
	void (*extra_free)(void *extra);
	char *log_path;
	int logfd;
	struct redact *redact; /* the output goes through it; prepare's, borrowed; NULL: as it is */
	struct gg_buf tail;    /* the end of the output, for a failed step */
	uint64_t started;      /* ns */
	struct gg_json *record;
	struct gg_json *result; /* of a package that waits to be saved with others */
	struct action *next;
};

struct action_ops {
	bool outside; /* `work` runs as the caller is, outside of the user namespace */
	bool bounded; /* `work` decodes what strangers made: its memory is limited */
	int (*prepare)(struct action *a, struct gg_err *err);
	int (*work)(struct action *a, const struct job_port *port, struct gg_json *result,
		    struct gg_err *err);
	int (*commit)(struct action *a, const struct gg_json *result, struct gg_err *err);
};
extern const struct action_ops action_deb, action_distro, action_rootfs, action_blob, action_base,
	action_image, action_flat, action_local, action_url, action_step, action_user, action_layer,
	action_pack, action_test, action_bundle;

/* For the scheduler: what all kinds have in common. */
const struct action_ops *action_ops_of(const struct session *s, const struct plan_node *n);
int action_work(void *action, const struct job_port *port, struct gg_json *result,
		struct gg_err *err) GG_MUST_USE;
void action_take_output(void *action, const char *bytes, size_t len);
void action_end_output(struct action *a);
/* Writes the record last: what it names is in the store by then. */
int action_commit(struct action *a, const struct gg_json *result, struct gg_err *err) GG_MUST_USE;
void action_free(struct action *a);

/* The tree of a finished node, opened once. */
int action_open_tree(struct action *a, size_t node, struct action_tree **ret,
		     struct gg_err *err) GG_MUST_USE;
/* Also reads the manifest. */
int action_load_tree(struct action *a, size_t node, struct action_tree **ret,
		     struct gg_err *err) GG_MUST_USE;
/* Several nodes; pointers into a->trees would move, so this gives indices. */
int action_open_trees(struct action *a, const size_t *nodes, size_t n, bool load,
		      struct gg_err *err) GG_MUST_USE;
struct action_tree *action_tree(const struct action *a, size_t node); /* opened before, or NULL */
/* For prepare: what the action prints is kept, too. */
int action_open_log(struct action *a, struct gg_err *err) GG_MUST_USE;
int action_keep_fd(struct action *a, int fd);
/* Where the store that the action works in has its owners. */
enum owners_kept action_owners(const struct action *a);
unsigned action_link(const struct action *a); /* the same as link_flags */
/* In the child: directory `name` of the private directory, created; the caller owns the descriptor. */
int action_mkdir(struct action *a, const char *name, struct gg_err *err) GG_MUST_USE;
/* In the child: writes the manifest of directory `dir` beside it and names both in the result. */
int action_give_tree(struct action *a, const char *dir, const struct tree *t,
		     struct gg_json *result, struct gg_err *err) GG_MUST_USE;
/* In the scheduler, also as a commit: adopts what action_give_tree left; sets record.tree. */
int action_take_tree(struct action *a, const struct gg_json *result,
		     struct gg_err *err) GG_MUST_USE;
/* The same for a tree that needs no directory; its contents are in these trees and in that which action_give_tree was
 * told of, if it was. */
int action_give_contents(struct action *a, const struct tree *t, const struct gg_digest *parts,
			 size_t n, struct gg_json *result, struct gg_err *err) GG_MUST_USE;
/* In the child: a file of the private directory that becomes a blob, and back in the scheduler. */
int action_take_blob(struct action *a, const struct gg_json *result, const char *field,
		     struct gg_err *err) GG_MUST_USE;
/* For prepare: what the image says of commands whose node counts its config; nothing where there is none. */
int action_read_config(struct action *a, struct gg_err *err) GG_MUST_USE;
#define ACTION_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The environment every sandbox starts from, the image's over it; `env` and `args` go over that. */
void action_environment(const struct action *a, struct gg_strv *ret);
