/* SPDX-License-Identifier: Apache-2.0
 *
 * The store's user namespace: ids 0…65535 inside are a shifted range outside, never the host's identity. As root the
 * range starts at USERNS_ROOT_BASE and we write the maps ourselves; rootless (later) newuidmap does, inside id 0 is
 * the caller. Everything that touches the content of trees — extraction, scanning, linking, packing, sandboxes —
 * runs in a process inside this namespace, so that ids, capabilities and whiteouts read the same everywhere.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"

enum { USERNS_ROOT_BASE = 1879048192, USERNS_COUNT = 65536 };

struct userns {
	uint32_t base; /* host id of id 0 */
	uint32_t count;
};

/* The range for the effective user. GG_SYSTEM with a hint where there is none. */
int userns_detect(struct userns *ret, struct gg_err *err) GG_MUST_USE;

/* Forks a child into a new user namespace with the maps written; in the child the call returns 0 with uid and gid 0,
 * all capabilities in the namespace, PDEATHSIG KILL and session keyring joined; in the parent it returns the pid and
 * *ret_pidfd. The calling process must be single-threaded. -1 on failure, with the sysctl that forbids it named.
 * The child has a mount namespace of its own, and its directory descriptors belong to it: they can be layers and
 * sources of mounts, even when 0700 directories of the caller lie above them. */
pid_t userns_fork(const struct userns *ns, int *ret_pidfd, struct gg_err *err) GG_MUST_USE;
