/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports share. Nobody else includes this.
 */
#pragma once

#include "layers/transport.h"

struct archive_index;

/* A source's place that cannot be opened, by errno. */
int transport_open_failed(const struct transport_target *t, struct gg_err *err);
/* The members of a source that is a file; NULL with an error. */
struct archive_index *transport_open_archive(struct transport_target *t, struct gg_err *err);

/* PLACE[:REF], where PLACE is a path. */
int transport_parse_path(struct transport_target *t, const char *rest,
			 struct gg_err *err) GG_MUST_USE;
char *transport_path_identity(const struct transport_target *t);
/* The same for a directory, which may be written with slashes behind. */
char *transport_directory_identity(const struct transport_target *t);
char *transport_without_slashes(const char *path);
/* Opens the directory that a path's last component is in; the component is owned by the caller. */
int transport_open_parent(const char *path, char **ret_name, struct gg_err *err) GG_MUST_USE;
/* The same for a file that may be made or replaced there; anything but a regular file is refused. */
int transport_open_file(const char *path, char **ret_name, struct gg_err *err) GG_MUST_USE;
int transport_check_writable(int dir, const char *path, struct gg_err *err) GG_MUST_USE;

/* Calls for every name of a directory but "." and "..", in order; the directory may be changed meanwhile. */
typedef int transport_name_fn(void *ctx, int dir, const char *name, struct gg_err *err);
int transport_each_name(int dir, transport_name_fn *each, void *ctx,
			struct gg_err *err) GG_MUST_USE;

/* A directory ".NAME.ggtmp-…" beside the output NAME, in which it is made before it is renamed to its place. Those of
 * runs that died are removed first. */
struct transport_temp {
	int parent; /* borrowed */
	char *name; /* owned; NULL when the directory itself became the output */
	int fd;
};
#define TRANSPORT_TEMP_INIT                                                                        \
	{                                                                                          \
		.parent = -1, .fd = -1                                                             \
	}
int transport_temp_open(int parent, const char *name, struct transport_temp *ret,
			struct gg_err *err) GG_MUST_USE;
/* Removes the directory and what is in it. */
void transport_temp_done(struct transport_temp *t);
#define _cleanup_transport_temp_ GG_CLEANUP(transport_temp_done)

/* Makes the target's file by `fill`, which writes to fd from its start; `dir` is a directory on the same file system.
 * The file appears by one rename, 0644, fsynced; a regular file is replaced, anything else refused. */
typedef int transport_fill_fn(void *ctx, int fd, int dir, struct gg_err *err);
int transport_write_file(const struct transport_target *t, transport_fill_fn *fill, void *ctx,
			 struct gg_err *err) GG_MUST_USE;
int transport_check_file(const struct transport_target *t, struct gg_err *err) GG_MUST_USE;

/* Opens a blob, whose size is as its descriptor says. */
int transport_open_blob(const struct transport_image *image, const struct image_blob *b,
			struct image_bytes *ret, struct gg_err *err) GG_MUST_USE;
/* That the bytes are the blob's. */
int transport_verify(const struct image_bytes *bytes, const struct image_blob *b,
		     struct gg_err *err) GG_MUST_USE;
/* A verified blob of at most `max` bytes. */
int transport_read_blob(const struct transport_image *image, const struct image_blob *b, size_t max,
			struct gg_buf *ret, struct gg_err *err) GG_MUST_USE;
/* Appends the blob's bytes to `to`, in the kernel where it can; those of an image that is not verified are hashed on a
 * second thread meanwhile. */
int transport_copy_blob(const struct transport_image *image, const struct image_blob *b, int to,
			struct gg_err *err) GG_MUST_USE;

/* An image whose blobs can be opened: what only `get` brings at speed is brought, into unlinked files. */
struct transport_gathered {
	struct transport_image image;   /* verified, without `get`; the same where there was none */
	const struct image_blob *blobs; /* borrowed */
	size_t n;
	int *fds;
};
#define TRANSPORT_GATHERED_INIT                                                                    \
	{                                                                                          \
		0                                                                                  \
	}
/* `blobs` are those that will be asked for, each once; borrowed. The files are in directory `dir`, -1: below TMPDIR. */
int transport_gather(const struct transport_image *image, const struct image_blob *blobs, size_t n,
		     int dir, struct transport_gathered *ret, struct gg_err *err) GG_MUST_USE;
void transport_gathered_done(struct transport_gathered *g);
#define _cleanup_transport_gathered_ GG_CLEANUP(transport_gathered_done)
/* The image's entry in an index.json; a target without a reference is called "latest". */
struct gg_json *transport_descriptor(const struct transport_target *t,
				     const struct transport_image *image);
