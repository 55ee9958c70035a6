/* SPDX-License-Identifier: Apache-2.0
 *
 * Two images compared: by document field, layer, path and byte, each difference with its likely cause. Reads the two
 * sources; writes nothing but unlinked temporary files below TMPDIR. Deterministic: the same sources and facts give
 * the same list in the same order.
 *
 *   _cleanup_image_source_ struct image_source *a = NULL, *b = NULL;
 *   _cleanup_comparison_ struct comparison c = COMPARISON_INIT;
 *   image_source_open("oci:one", NULL, &a, err), … b …
 *   compare_images(a, b, &options, &c, err)      0 also when they differ: c.n says
 *   compare_text(&c, 10, &text), compare_json(&c)
 *
 * What is equal by digest is not read: layers with one diffID are equal by that, whatever their blobs hold; they are at
 * most "compression". Layers that differ are read whole, each byte checked against blob digest and diffID.
 *
 * A cause is a word: what people are told, and what tests and `verify` look for.
 *   timestamp       times: text dates, __DATE__, seconds since 1970, fields of ar, gzip, zip, tar, .pyc
 *   build-path      a path of the build      temporary-name  a name as mkstemp makes them
 *   host-name  user-name  process-id  cpu-count  locale  kernel  time-zone  file-system      facts of the build
 *   umask           modes that differ by what a umask takes away, or a umask as text
 *   order           the same lines, members or bytes in another order: directory order, hash order, parallel work
 *   random          identifiers and keys
 *   address         where something lay in memory
 *   build-id        a .note.gnu.build-id: the digest of a program that differs elsewhere
 *   layout          addresses and sizes that follow from other parts of a file
 *   checksum        likewise
 *   compression     the same content, compressed to other bytes
 *   unknown         nothing of it
 * Facts (what is known of either build) turn guesses into statements; without any, only what shows by itself is named.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layers/base/err.h"

struct gg_arena;
struct gg_buf;
struct gg_json;
struct image_source;

enum difference_kind {
	DIFFERENCE_CONFIG,   /* path: "config.Env[2]"; a, b: the values as JSON */
	DIFFERENCE_MANIFEST, /* the same for the manifest, but for its descriptors */
	DIFFERENCE_LAYER, /* a layer that only one side has (a or b: its diffID), or at another place */
	DIFFERENCE_COMPRESSION, /* one diffID, two blobs; a, b: digest, size and media type */
	DIFFERENCE_ADDED,       /* the path is in b only */
	DIFFERENCE_REMOVED,     /* in a only */
	DIFFERENCE_TYPE,
	DIFFERENCE_MODE,
	DIFFERENCE_OWNER,    /* "0:0", with names when the archive has them: "0:0 root:root" */
	DIFFERENCE_MTIME,    /* a, b: "2026-11-21T09:15:44Z" with a fraction when there is one */
	DIFFERENCE_XATTR,    /* "NAME=hex"; NULL on the side that lacks it */
	DIFFERENCE_TARGET,   /* of a symlink */
	DIFFERENCE_DEVICE,   /* "major:minor" */
	DIFFERENCE_HARDLINK, /* a, b: what the name is linked to, NULL: content of its own */
	DIFFERENCE_ORDER, /* the first path that comes at another place in the layer; a, b: the path there */
	DIFFERENCE_BYTES, /* content; a, b: what stands at the offset, as text or hex */
	DIFFERENCE_ARCHIVE, /* how an entry is written, or (no path) padding and the end, when nothing else differs */
};
extern const char *const difference_kind_names[]; /* "config", "manifest", "layer", … */

/* Strings belong to the comparison. */
struct difference {
	enum difference_kind kind;
	int layer,
		layer_b; /* from 0, bottom first, in a and b; -1: not of a layer, or not on that side */
	const char *path;        /* in the layer or the document; NULL for a layer as a whole */
	const char *a, *b;       /* the values; NULL: absent */
	bool located;            /* bytes: offset and where are known */
	uint64_t offset;         /* of the first byte that differs in the file */
	uint64_t size_a, size_b; /* bytes: of the files */
	const char *
		where; /* "ELF section .rodata", "ar member x.o, ELF section .data"; NULL: the file itself */
	const char *cause; /* one of the words above; NULL where none is to be found */
	const char *text;  /* what led to the cause, for people; may be NULL */
};

struct comparison {
	struct difference *
		v; /* in the order of the image: documents, then layers bottom first, paths sorted */
	size_t n, cap;
	size_t dropped; /* that were found after COMPARE_MAX */
	struct gg_arena *arena;
};
#define COMPARISON_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
void comparison_done(struct comparison *c);
#define _cleanup_comparison_ GG_CLEANUP(comparison_done)

enum { COMPARE_MAX = 100000 };

/* A value of a build's surroundings that may have leaked: { "host-name", "ci-17" }, { "build-path", "/home/u/src" },
 * { "cpu-count", "8" }, { "umask", "0077" }. The cause is any word. Both sides must have the fact to be compared. */
struct compare_fact {
	const char *cause, *value;
};

/* What is known of the build of one side. */
struct compare_build {
	int64_t from, to; /* the seconds since 1970 that its clock showed; 0, 0: unknown */
	const struct compare_fact *facts;
	size_t n_facts;
};

enum compare_ignore {
	COMPARE_IGNORE_COMPRESSION = 1 << 0,
	COMPARE_IGNORE_MTIME = 1 << 1, /* of the entries of layers */
};

struct compare_options {
	struct compare_build a, b;
	unsigned ignore;
};

/* Adds to ret. options may be NULL. */
int compare_images(const struct image_source *a, const struct image_source *b,
		   const struct compare_options *options, struct comparison *ret,
		   struct gg_err *err) GG_MUST_USE;

/* For people: a table of the first `max` differences (0: all) and how many there are. Nothing when there are none. */
void compare_text(const struct comparison *c, size_t max, struct gg_buf *ret);
/* {"equal":false,"differences":[{"kind","layer","layer-b","path","a","b","offset","sizes","where","cause","text"}…],
 * "dropped":0}; absent members are not known. Owned by the caller. */
struct gg_json *compare_json(const struct comparison *c);
