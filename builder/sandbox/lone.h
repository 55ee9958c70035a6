/* SPDX-License-Identifier: Apache-2.0
 *
 * A lone id: the caller's user namespace holds 0 and no other (userns.h, SINGLE).
 */
#pragma once

#include <stdbool.h>

/* Whether the calling process's user namespace holds one id. */
bool lone_id(void);
