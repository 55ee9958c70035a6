/* SPDX-License-Identifier: Apache-2.0
 *
 * What the fields of image documents are made of (image-spec v1.1 descriptor.md, manifest.md, image-index.md, config.md): those
 * that the specification names have its types, null being none. Others are left alone; but a name that differs from a
 * specified one in capitals only is an error, as some readers take the one for the other (encoding/json does, and the last
 * wins). Pure. Errors are GG_INTEGRITY.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct gg_json;

/* Printable ASCII without spaces, as media types, digests and platforms are: what may be part of a message. */
bool image_fields_is_word(const char *text);
int image_fields_check_descriptor(const struct gg_json *descriptor, struct gg_err *err) GG_MUST_USE;
/* An index or a manifest. */
int image_fields_check_document(const struct gg_json *document, struct gg_err *err) GG_MUST_USE;
int image_fields_check_config(const struct gg_json *config, struct gg_err *err) GG_MUST_USE;
