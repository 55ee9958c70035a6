/* SPDX-License-Identifier: Apache-2.0
 *
 * From an error of the kernel to the setting that causes it: looks at sysctls and at our own status, and puts the
 * remedy into the error's hint. Changes nothing when no cause is known.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

/* A user namespace was refused. */
void explain_userns(struct gg_err *err);
/* Another namespace was refused. */
void explain_namespaces(struct gg_err *err);
/* A fresh /proc was refused. */
void explain_proc(struct gg_err *err);
/* overlayfs was refused. */
void explain_overlay(struct gg_err *err);
/* A system call that a container's seccomp profile may hide. */
void explain_filtered(struct gg_err *err);
/* A user.* attribute was refused by a file system. */
void explain_xattrs(struct gg_err *err);
/* Whether somebody else's seccomp filter holds us: we are in a container. */
bool explain_is_filtered(void);
