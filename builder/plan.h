/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan: a pure function of recipe, lock and context digests. No clock, no environment, no descriptor.
 *
 * A node is one action. Its key is the sha256 of a canonical text ("ggbuild-action 1", then "name value" lines) that
 * holds everything its result depends on: the definition, the keys of what it reads, locked digests, environment,
 * epoch, platform, algorithm versions. The text is kept beside the result, so that `explain` can compare. A node
 * behind a fetch that the lock does not pin yet has no key: the fetch runs, is pinned, and the plan is made anew.
 *
 * Results: DEB, DISTRO, ROOTFS, IMAGE, FLAT, LOCAL, STEP, USER, LAYER: a tree. URL, BLOB: a blob. BASE: its config.
 * PACK: a layer blob with diffID. TEST: nothing but that it passed.
 *
 * A stage from an image begins with a tree for each of its layers, and its commands with what the image's config says, as
 * those expect who wrote the image: the environment and the working directory, and where the step names no user, the
 * image's. That is in no lock: the config's digest stands in the texts of those steps instead. What a fetch's pin belongs
 * to stays its own words. Copied and made files are root's all the same, as everywhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"
#include "recipes/lock.h"
#include "recipes/recipe.h"

enum {
	PLAN_VERSION = 1,
	/* Raised when the code that makes a result changes the result: DISTRO's with DEB's, as its text names archives. */
	PLAN_DEB_VERSION = 1,
	PLAN_DISTRO_VERSION = 1,
	PLAN_ROOTFS_VERSION = 1,
	PLAN_IMAGE_VERSION = 1,
	PLAN_STEP_VERSION = 1,
	PLAN_LAYER_VERSION = 1,
	PLAN_TEST_VERSION = 1,
};

enum plan_kind {
	PLAN_DEB,    /* a package archive, decoded */
	PLAN_DISTRO, /* a stage's base from packages */
	PLAN_ROOTFS, /* a stage's base from a tar archive */
	PLAN_BLOB,   /* a manifest, config or layer of an image */
	PLAN_BASE,   /* an image's documents, held against the lock */
	PLAN_IMAGE,  /* what a layer of an image changes over those below it */
	PLAN_FLAT,   /* an image input: its layers as one tree */
	PLAN_LOCAL,  /* a local input, imported */
	PLAN_URL,    /* a URL input: its blob */
	PLAN_STEP,
	PLAN_USER,  /* the image's passwd and group */
	PLAN_LAYER, /* a declared layer, assembled */
	PLAN_PACK,  /* a tree as a layer blob */
	PLAN_TEST,
};

/* An image of the lock, and its nodes. */
struct plan_image {
	const struct lock_image *lock;
	const char *reference;     /* the recipe's, with its transport */
	struct gg_pos pos;         /* where the recipe first has it */
	size_t documents;          /* BASE */
	size_t *layers;            /* IMAGE, bottom first, as many as the lock's */
	size_t *blobs;             /* BLOB, parallel */
	struct gg_digest chain_id; /* of the topmost layer; all zero: there is none */
};

struct plan_node {
	enum plan_kind kind;
	const char *name; /* "builder/compile", "layer ggen", "package curl": for people */
	bool keyed;       /* false: behind an unpinned fetch; key and text are void */
	struct gg_digest key;
	const char *text;   /* canonical */
	const size_t *deps; /* nodes whose results the action reads */
	size_t n_deps;
	/* What the action is about, by kind. */
	const struct recipe_stage *stage; /* DISTRO, ROOTFS, STEP; DEB: the first that needs it */
	const struct recipe_step *step;   /* STEP */
	const struct recipe_layer *layer; /* LAYER */
	const struct recipe_input *input; /* LOCAL, URL, FLAT */
	const struct plan_image
		*image; /* BLOB, BASE, IMAGE, FLAT; RUN and FETCH STEP, TEST: whose config counts */
	const struct recipe_test *test;     /* TEST */
	const struct lock_distro *distro;   /* DISTRO */
	const struct lock_package *package; /* DEB */
	size_t below; /* STEP: nodes of the chain under it are chain[0…below) of its stage; USER,
						* LAYER: image base chain nodes, then `below` earlier layer nodes;
						* IMAGE: the layer's number */
	struct gg_digest definition; /* fetch STEP: what the pin belongs to */
	const char *definition_text; /* fetch STEP: its digest is the definition */
	bool pinned;                 /* fetch STEP */
	struct gg_digest pin;        /* fetch STEP: tree digest of the output */
	struct gg_digest blob;       /* DEB, URL, BLOB, ROOTFS: what must be in the store first */
	uint64_t blob_size;          /* bytes, UINT64_MAX when unknown */
};

/* A stage's content: trees bottom first. */
struct plan_stage {
	const struct recipe_stage *stage;
	const size_t *chain; /* nodes; of an image first its layers */
	size_t n_chain;
	const struct plan_image *image; /* NULL: nothing below is one */
};

struct plan {
	struct gg_arena *arena;
	struct plan_node *nodes;
	size_t n_nodes, cap_nodes;
	struct plan_stage *stages; /* parallel to the recipe's */
	size_t n_stages;
	bool has_image;
	/* the image's trees, bottom first: the base's chain, user, declared layers */
	const size_t *layers;
	size_t n_layers;
	const size_t *packs; /* parallel to layers: PACK, or BLOB for those of an image */
	const struct plan_image *image; /* that the image is from, or NULL */
	const size_t *tests;
	size_t n_tests;
	const char *platform;
	int64_t epoch;
	bool hermetic; /* every step is, see recipe.h */
};

struct plan_input {
	const struct recipe *recipe;
	const struct lock *lock;
	const char *platform;           /* "linux/amd64" */
	const struct gg_digest *locals; /* tree digests, parallel to recipe->inputs (LOCAL ones) */
	const struct gg_digest
		*rootfs_files; /* sha256 of local rootfs archives, parallel to recipe->stages */
};

/* GG_LOCK when the lock lacks something that only a network can give (a distro or URL entry). */
int plan_make(const struct plan_input *input, struct plan **ret, struct gg_err *err) GG_MUST_USE;
void plan_free(struct plan *p);
void plan_freep(struct plan **p);
#define _cleanup_plan_ GG_CLEANUP(plan_freep)

/* The canonical text of a fetch whose pin is known: what its node has once the lock has the pin. */
void plan_pinned_text(const struct recipe_step *s, const struct gg_digest *pin, struct gg_buf *ret);

const char *plan_kind_name(enum plan_kind kind);
/* NULL when absent. Names: "STAGE/STEP", "layer NAME", a bare step name when it is unique. */
const struct plan_node *plan_find(const struct plan *p, const char *name);
bool plan_is_url(const char *rootfs);
/* Whether the node's blob is downloaded; that of a rootfs beside the recipe is not. */
bool plan_downloads(const struct plan_node *n);
/* Marks the goals and everything that they read, in an array parallel to the nodes. */
void plan_reach(const struct plan *p, const size_t *goals, size_t n, bool *reached);
const struct plan_stage *plan_stage(const struct plan *p, const char *name);
/* The lock key of a stage's packages. Owned by the caller. */
char *plan_distro_key(const struct recipe_from *from);
void plan_distro_suites(const struct recipe_from *from, struct gg_strv *ret);
