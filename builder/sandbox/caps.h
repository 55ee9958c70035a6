/* SPDX-License-Identifier: Apache-2.0
 *
 * Capabilities by raw system calls (capabilities(7)). The set that a root step has is fixed here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "layers/base/err.h"

/* CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT */
uint64_t caps_default(void);
/* Only CAP_KILL: what pid 1 needs to end processes of other users. */
uint64_t caps_init(void);
/* The same and CAP_SYS_PTRACE: what it tells whom it traces, it writes into their memory. */
uint64_t caps_tracer(void);
/* What pid 1 needs where it answers for the kernel (owner.h): a root step's, and CAP_SYS_PTRACE. */
uint64_t caps_owner(void);
/* What a builder needs as root of the first user namespace: CHOWN DAC_OVERRIDE FOWNER SETGID SETUID. */
uint64_t caps_root(void);
/* Whether all of them are in the effective set. */
bool caps_have(uint64_t wanted);
/* Drops everything outside of `keep` from the bounding set, and clears the ambient set. */
int caps_bound(uint64_t keep, struct gg_err *err) GG_MUST_USE;
/* Permitted and effective become exactly `keep`, inheritable nothing. */
int caps_set(uint64_t keep, struct gg_err *err) GG_MUST_USE;
