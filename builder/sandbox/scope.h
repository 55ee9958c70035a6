/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock (Linux 6.12): for a step that shares a network namespace with others. Abstract sockets have no owner and no
 * mode, so a desktop's session bus or a container engine may be behind one; files and TCP stay as they are.
 */
#pragma once

#include "layers/base/err.h"

/* From now on the process and what it starts reach only abstract sockets of their own making. Success too where the
 * kernel cannot do it. Needs CAP_SYS_ADMIN in the user namespace, or no_new_privs. */
int scope_abstract_sockets(struct gg_err *err) GG_MUST_USE;
/* Whether the kernel can. */
bool scope_is_there(void);
int scope_abi(void); /* the version of Landlock's interface; at most 0: none */
