/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports: the places that images go to and come from, written "NAME:PLACE[:REF]". Each is one struct of functions
 * in the table of transport.c; whoever adds one writes its file and adds a line there.
 *
 *   oci:DIR[:REF]              an image layout (layout.h)
 *   oci-archive:FILE[:REF]     a layout in a tar archive (layout_archive.h)
 *   docker-archive:FILE[:REF]  what `docker save` writes (docker_archive.h); a source only
 *
 * PLACE ends at the first ':'. REF follows image-spec annotations.md's grammar of org.opencontainers.image.ref.name.
 * A write is complete, or the place is as it was; blobs are copied, never linked. Errors: GG_USAGE for what cannot be
 * an output, GG_SYSTEM for the machine.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/oci.h"

struct archive_index;
struct image_source;
struct transport;

struct transport_target {
	const struct transport *transport;
	bool source; /* read from, and called an image in messages */
	char *text;  /* as it was written; owned, like the others */
	char *place;
	char *ref;                     /* NULL: none was given */
	struct archive_index *members; /* of a source that was recognised by them; owned */
};
#define TRANSPORT_TARGET_INIT                                                                      \
	{                                                                                          \
		0                                                                                  \
	}

/* An image that is made: its documents are blobs like its layers. Everything is borrowed. */
struct transport_image {
	const struct oci_image *image;
	struct oci_blob config, manifest;
	/* A readable descriptor of a blob's bytes, which the callee closes. */
	int (*open)(void *ctx, const struct gg_digest *d, struct gg_err *err);
	void *ctx;
};

struct transport {
	const char *name; /* what stands before the ':' */
	const char *form; /* for help: "oci:DIR[:REF]" */
	bool many;        /* one place holds several references, side by side */
	/* Sets place and ref from what follows "NAME:". */
	int (*parse)(struct transport_target *t, const char *rest, struct gg_err *err);
	/* Fills a source whose name and platform are set; also after -1 it is closed as any other. NULL: nothing is read. */
	int (*read)(struct transport_target *t, struct image_source *s, struct gg_err *err);
	/* The others are NULL where nothing is written.
	 * What is the same for two targets exactly when they write to the same place; owned by the caller. */
	char *(*identity)(const struct transport_target *t);
	/* Before any work: that a write will be possible. Changes nothing. */
	int (*check)(const struct transport_target *t, struct gg_err *err);
	int (*write)(const struct transport_target *t, const struct transport_image *image,
		     struct gg_err *err);
};

int transport_parse(const char *text, struct transport_target *ret, struct gg_err *err) GG_MUST_USE;
/* The same for what is read: also a bare PATH[:REF], whose transport follows from what is there. */
int transport_parse_source(const char *text, struct transport_target *ret,
			   struct gg_err *err) GG_MUST_USE;
void transport_target_done(struct transport_target *t);
/* All outputs of one run, before any work: each can be written, and no two get into each other's way. */
int transport_check(const struct transport_target *targets, size_t n,
		    struct gg_err *err) GG_MUST_USE;
int transport_write(const struct transport_target *t, const struct transport_image *image,
		    struct gg_err *err) GG_MUST_USE;
