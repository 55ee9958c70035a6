/* SPDX-License-Identifier: Apache-2.0
 *
 * What `docker load` and `podman load` read, made of an image's blobs: a tar stream of manifest.json, the config
 * (HEX.json by its digest) and each layer as an uncompressed tar (HEX.tar by its diffID), bottom first, each once.
 * Headers as in tar.h, modes 0644, 0:0, mtime 0: the bytes follow from config, layers' contents and name alone. Engines
 * before Docker 1.10, which knew no manifest.json, are not served.
 *
 * A layer is decompressed once, on a second thread; its diffID and, where the image is not verified, its blob's digest
 * are checked before the function succeeds. A tar header says the size of what follows, and that is known afterwards:
 * into a file it is written last; on the way to a stream the tar rests in a file below TMPDIR.
 * Errors: GG_INTEGRITY for blobs, those of `write`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "layers/base/err.h"

struct transport_image;

struct docker_archive_options {
	const char *name; /* "busybox:1.36", RepoTags' one entry; NULL: none */
	/* Where the bytes go. */
	int (*write)(void *ctx, const void *bytes, size_t len, struct gg_err *err);
	void *ctx;
	int fd;  /* the regular file that `write` appends to at its position; -1: none */
	int dir; /* where files may rest for a while; -1: below TMPDIR */
	bool as_is; /* gzip layers stay compressed under the same name: engines take that, other readers may not */
	/* True: the layer's member is left out, manifest.json still names it: for an engine that has it. May be NULL. */
	bool (*leave_out)(void *ctx, size_t layer);
};

/* One image. What `get` brings rests in files below TMPDIR. */
int docker_archive_write(const struct transport_image *image,
			 const struct docker_archive_options *o, struct gg_err *err) GG_MUST_USE;
