/* SPDX-License-Identifier: Apache-2.0
 *
 * Bundles: a recipe and all that its build needs, in one file. The file is an image layout (image-spec
 * image-layout.md) in an uncompressed tar archive, so registries and their tools carry it as an artifact:
 *
 *   oci-layout, index.json
 *   [ggbuild]               the program, 0755, for a machine that has only tar
 *   blobs/, blobs/sha256/   the manifest, its empty config, then the parts in the manifest's order, each blob once
 *
 * The manifest (artifactType BUNDLE_TYPE) lists the parts as layers; annotations say what each is, so that the list
 * needs only the head of the file. Its text is canonical: what bundle_manifest would not have written is refused. All
 * bytes of the archive follow from it: the reader asks for exactly those headers (tar.h), and there is no room for other
 * entries, links, or sizes that lie. An archive of the same layout that another tool wrote is read by its entries.
 *
 * A tree is two parts: its manifest text (tree.h) and a tar archive of its content (pack.h, mtime 0), which follows from
 * that text but for the files' bytes. A delta holds only what its base lacks; the part "whole" then is the manifest that
 * the complete bundle would have, and the annotation "base" names the base's manifest.
 *
 * A split bundle is the archive cut into FILE.001 … and FILE itself, a JSON text that says so:
 *   {"ggbuild-split":1,"parts":[{"name","sha256","size"}…],"size":N}
 *
 * Errors: GG_INTEGRITY, with the name of the part.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/digest.h"
#include "layers/base/err.h"

#define BUNDLE_TYPE "application/vnd.ggbuild.bundle.v1"
#define BUNDLE_PROGRAM "ggbuild"

enum bundle_role {
	BUNDLE_RECIPE,
	BUNDLE_LOCK,
	BUNDLE_SETTINGS, /* JSON: what the command line said when it was made */
	BUNDLE_PIECE,
	BUNDLE_KEYRING,
	BUNDLE_TREE,    /* a manifest text */
	BUNDLE_INPUT,   /* the content of a local input */
	BUNDLE_FETCH,   /* the content of a fetch */
	BUNDLE_PACKAGE, /* an archive */
	BUNDLE_URL,
	BUNDLE_ROOTFS,
	BUNDLE_IMAGE, /* a manifest, config or layer of an image */
	BUNDLE_PROGRAM_FILE,
	BUNDLE_WHOLE, /* in a delta: the manifest of all */
	BUNDLE_N_ROLES,
};
/* "recipe", "lock", … by role. */
extern const char *const bundle_role_names[BUNDLE_N_ROLES];

enum { BUNDLE_MAX_PARTS = 20000, BUNDLE_MAX_MANIFEST = 16 << 20, BUNDLE_MAX_TEXT = 128 << 20 };
#define BUNDLE_ABSENT UINT64_MAX

struct bundle_file;
struct bundle_part {
	enum bundle_role role;
	bool zstd;         /* INPUT, FETCH: how the content is compressed */
	const char *title; /* a file name for people */
	const char *name;  /* what of the recipe it is */
	struct gg_digest digest;
	uint64_t size;
	struct gg_digest tree;    /* INPUT, FETCH: of its manifest; else zero */
	struct bundle_file *file; /* where it is read from; borrowed */
	bool again;               /* an earlier part is the same blob */
	uint64_t offset; /* in the file; BUNDLE_ABSENT: a delta's base has it, which is not there */
};

/* What the manifest says. */
struct bundle_info {
	const char *name;      /* the recipe's */
	const char *platform;  /* "linux/amd64" */
	struct gg_digest base; /* of a delta, else zero */
	struct bundle_part *parts;
	size_t n_parts;
};
/* Canonical text, owned by the caller. */
char *bundle_manifest(const struct bundle_info *info);
/* What it points to lives in the arena. */
int bundle_manifest_parse(const char *text, size_t len, struct gg_arena *arena,
			  struct bundle_info *ret, struct gg_err *err) GG_MUST_USE;
/* The text of index.json. */
char *bundle_index(const struct gg_digest *manifest, uint64_t size);

struct bundle {
	struct gg_arena *arena;
	char *path;
	struct bundle_file *file;
	struct gg_digest manifest; /* the digest that the bundle has */
	uint64_t manifest_offset, manifest_size;
	uint64_t program_offset; /* of the entry BUNDLE_PROGRAM; BUNDLE_ABSENT: there is none */
	struct bundle_info own;  /* what is in this file */
	struct bundle_info info; /* what it describes: of a delta, also what is elsewhere */
	struct bundle **bases;   /* owned */
	size_t n_bases;
};

/* Whether the file begins like a bundle. */
bool bundle_recognise(const char *path);
/* Reads and checks all but the parts' bytes. */
int bundle_open(const char *path, struct bundle **ret, struct gg_err *err) GG_MUST_USE;
/* Adds one that has parts which a delta lacks; its manifest, or that of one of the bases which are there already, must
 * name it as its base. Takes it, also on failure. */
int bundle_add_base(struct bundle *b, struct bundle *take_base, struct gg_err *err) GG_MUST_USE;
void bundle_free(struct bundle *b);
void bundle_freep(struct bundle **b);
#define _cleanup_bundle_ GG_CLEANUP(bundle_freep)

/* Reads every byte, bases included: digests, and contents against their trees. `progress` may be NULL. */
int bundle_verify(const struct bundle *b,
		  void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
		  struct gg_err *err) GG_MUST_USE;

/* NULL when there is none. */
const struct bundle_part *bundle_find(const struct bundle *b, enum bundle_role role,
				      const char *name);
const struct bundle_part *bundle_find_digest(const struct bundle *b, const struct gg_digest *d);
/* The content of a tree. */
const struct bundle_part *bundle_find_tree(const struct bundle *b, enum bundle_role role,
					   const struct gg_digest *tree);
/* The whole part, verified; at most BUNDLE_MAX_TEXT bytes. */
int bundle_read(const struct bundle_part *p, struct gg_buf *ret, struct gg_err *err) GG_MUST_USE;
/* To the descriptor's position, verified. */
int bundle_copy(const struct bundle_part *p, int fd, struct gg_err *err) GG_MUST_USE;
/* The content's tar archive, not verified. */
struct archive_stream;
int bundle_content(const struct bundle_part *p, struct archive_stream **ret,
		   struct gg_err *err) GG_MUST_USE;
