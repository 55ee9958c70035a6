/* SPDX-License-Identifier: Apache-2.0
 *
 * Transports: the places that images go to and come from, written "NAME:PLACE[:REF]". Each is one struct of functions
 * in the table of transport.c; whoever adds one writes its file and adds a line there.
 *
 *   oci:DIR[:REF]              an image layout (layout.h)
 *   oci-archive:FILE[:REF]     a layout in a tar archive (layout_archive.h)
 *   docker-archive:FILE[:REF]  what `docker save` writes (docker_archive.h)
 *   docker-daemon:REF          an image in an engine that runs (docker_daemon.h)
 *   docker://NAME[:TAG]        an image in a registry (transport_registry.h)
 *   containers-storage:REF     an image of podman or buildah (containers_storage.h)
 *   rootfs:DIR                 its root file system (transport_rootfs.h)
 *   tar:FILE                   the same as one archive
 *
 * PLACE ends at the first ':'. REF follows image-spec annotations.md's grammar of org.opencontainers.image.ref.name.
 * A write is complete, or the place is as it was; blobs are copied, never linked. Errors: GG_USAGE for what cannot be
 * an output, GG_SYSTEM for the machine, GG_INTEGRITY for blobs that are not what their descriptors say.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/image_source.h"
#include "layers/registry_settings.h"

struct archive_index;
struct transport;

/* How places are spoken to that are not files. Borrowed. */
struct transport_settings {
	struct registry_settings registry;
	const char *
		docker_host; /* of docker-daemon: "unix:///…"; NULL: DOCKER_HOST, or the usual socket */
};

struct transport_target {
	const struct transport *transport;
	bool source; /* read from, and called an image in messages */
	char *text;  /* as it was written; owned, like the others */
	char *place;
	char *ref;                     /* NULL: none was given */
	struct archive_index *members; /* of a source that was recognised by them; owned */
	/* Set after the parse; NULL: as files and environment say. Borrowed. */
	const struct transport_settings *settings;
};
#define TRANSPORT_TARGET_INIT                                                                      \
	{                                                                                          \
		0                                                                                  \
	}

/* An image that is to be written, or an index with all that it lists: documents are blobs like layers. Blobs are
 * addressed. Everything is borrowed. */
struct transport_image {
	struct image_blob root;           /* its manifest, or the index */
	const struct gg_json *descriptor; /* of root, as an index lists it, without a reference */
	struct image_blob config;         /* of one image; with an index void, like layers */
	const struct image_layer *layers; /* bottom first */
	size_t n_layers;
	/* Everything, each once: manifest, config, layers; an index before its manifests. */
	const struct image_blob *blobs;
	size_t n_blobs;
	/* Those of them that are manifests or indexes, children before parents, root last. */
	const struct image_blob *manifests;
	size_t n_manifests;
	bool verified; /* what `open` gives was verified; otherwise whoever keeps it does that */
	image_open_fn *open;
	image_get_fn *get;                   /* NULL where `open` is as good */
	const char *mount_host, *mount_path; /* as in struct image_source */
	void *ctx;
};
/* Sets blobs and manifests of one image from root, config and layers; they are in the array, which the caller owns. */
struct image_blob *transport_image_list(struct transport_image *image);

struct transport {
	const char *name; /* what stands before the ':' */
	const char *form; /* for help: "oci:DIR[:REF]" */
	bool many;        /* one place holds several references, side by side */
	bool index;       /* holds an index with several images too */
	bool documents;   /* keeps manifests byte for byte */
	bool remote; /* speaks through libcurl, which starts threads: a program that forks later leaves it to a child */
	/* Sets place and ref from what follows "NAME:". */
	int (*parse)(struct transport_target *t, const char *rest, struct gg_err *err);
	/* Fills a source whose name and platform are set; also after -1 it is closed as any other. NULL: nothing is read. */
	int (*read)(struct transport_target *t, struct image_source *s, struct gg_err *err);
	/* What the place holds, an array of objects with "reference" and, where they are known, "digest", "mediaType" and
	 * "platform"; *ret stays NULL where t names one image. s is filled as by `read`. NULL: the place holds one. */
	int (*list)(struct transport_target *t, struct image_source *s, struct gg_json **ret,
		    struct gg_err *err);
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
