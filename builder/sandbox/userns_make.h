/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind userns.h: choosing a kind, trying it, joining it.
 */
#pragma once

#include "builder/sandbox/userns.h"

/* Makes a namespace of ns->kind and tries whether it gives what it must; with SUBUID and SINGLE the calling process
 * is in it afterwards. */
int userns_try(struct userns *ns, struct gg_err *err) GG_MUST_USE;
/* Writes the maps of a job's namespace. */
int userns_map(const struct userns *ns, pid_t pid, struct gg_err *err) GG_MUST_USE;
/* After userns_try failed: the next kind by what costs nothing. NONE has no next, and always works. */
void userns_next(struct userns *ns);
