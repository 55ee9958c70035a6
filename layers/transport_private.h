/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports share. Nobody else includes this.
 */
#pragma once

#include "layers/transport.h"

/* PLACE[:REF], where PLACE is a path. */
int transport_parse_path(struct transport_target *t, const char *rest, struct gg_err *err) GG_MUST_USE;
char *transport_path_identity(const struct transport_target *t);
/* Opens the directory that a path's last component is in; the component is owned by the caller. */
int transport_open_parent(const char *path, char **ret_name, struct gg_err *err) GG_MUST_USE;
int transport_check_writable(int dir, const char *path, struct gg_err *err) GG_MUST_USE;

/* Calls `each` for manifest, config and layers, bottom first, each blob once. */
int transport_each_blob(const struct transport_image *image,
			int (*each)(void *ctx, const struct oci_blob *b, struct gg_err *err), void *ctx,
			struct gg_err *err) GG_MUST_USE;
/* Appends the blob's bytes to `to`. */
int transport_copy_blob(const struct transport_image *image, const struct oci_blob *b, int to, struct gg_err *err)
	GG_MUST_USE;
/* The image's entry in an index.json; a target without a reference is called "latest". */
struct gg_json *transport_descriptor(const struct transport_target *t, const struct transport_image *image);
