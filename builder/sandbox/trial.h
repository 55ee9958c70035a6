/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether steps can run at all, told before anything is made for them. Containers take away in parts what a sandbox
 * needs (a fresh /proc, a host name), so where that is in doubt a whole sandbox is tried, some ten milliseconds long.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct userns;

/* After userns_settle: whether the trial is worth its while. */
bool trial_in_doubt(const struct userns *ns);
/* dir: a directory of the caller's on the store's file system. GG_SYSTEM with what is missing, the
 * remedy as a hint. */
int trial_of_sandbox(struct userns *ns, int dir, struct gg_err *err) GG_MUST_USE;
