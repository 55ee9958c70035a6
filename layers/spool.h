/* SPDX-License-Identifier: Apache-2.0
 *
 * Files without a name, below TMPDIR or /tmp: for what is too large for memory and gone when the descriptor is closed.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

/* Readable and writable, 0600, O_CLOEXEC. */
int spool_open(struct gg_err *err) GG_MUST_USE;
/* Appends; a full file system is explained. */
int spool_add(int fd, const void *bytes, size_t len, struct gg_err *err) GG_MUST_USE;
