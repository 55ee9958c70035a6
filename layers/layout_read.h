/* SPDX-License-Identifier: Apache-2.0
 *
 * Layouts (image-spec image-layout.md) as sources, from a directory or out of a tar archive. Below the directory no
 * symlink is followed.
 */
#pragma once

#include "layers/image_source.h"

struct archive_index;
struct gg_json;
struct transport_target;

int layout_read_directory(struct transport_target *t, struct image_source *s,
			  struct gg_err *err) GG_MUST_USE;
int layout_read_archive(struct transport_target *t, struct image_source *s,
			struct gg_err *err) GG_MUST_USE;
/* As struct transport's list. */
int layout_list_directory(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			  struct gg_err *err) GG_MUST_USE;
int layout_list_archive(struct transport_target *t, struct image_source *s, struct gg_json **ret,
			struct gg_err *err) GG_MUST_USE;
