/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind userns.h: choosing a kind, making its namespace, joining it.
 */
#pragma once

#include "builder/sandbox/userns.h"

/* Makes the namespace of ns->kind as a descriptor; tries whether it gives what it must. NONE needs none. */
int userns_make(struct userns *ns, struct gg_err *err) GG_MUST_USE;
/* After userns_make failed: the next kind by what costs nothing. NONE has no next, and always works. */
void userns_next(struct userns *ns);
/* The calling process enters for good. */
int userns_join(struct userns *ns, struct gg_err *err) GG_MUST_USE;
