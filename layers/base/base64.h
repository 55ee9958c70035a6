/* SPDX-License-Identifier: Apache-2.0
 *
 * base64 (RFC 4648 §4), with padding. Pure.
 */
#pragma once

#include <stddef.h>

#include "layers/base/mem.h"

/* Appends. */
void gg_base64_encode(const void *bytes, size_t len, struct gg_buf *ret);
/* Appends; strict but for padding that is missing. 0 or -1, no error object. */
int gg_base64_decode(const char *text, size_t len, struct gg_buf *ret) GG_MUST_USE;
