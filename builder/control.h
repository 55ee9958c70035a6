/* SPDX-License-Identifier: Apache-2.0
 *
 * The control files of a package as one blob: for each "NAME MODE LEN\n" and LEN bytes, sorted by name; MODE octal.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

struct deb_member;
struct debian_member;

void control_write(const struct deb_member *members, size_t n, struct gg_buf *ret);
/* Members point into `bytes` and names into the arena. */
int control_read(struct gg_arena *arena, const char *bytes, size_t len, struct debian_member **ret,
		 size_t *ret_n, struct gg_err *err) GG_MUST_USE;
