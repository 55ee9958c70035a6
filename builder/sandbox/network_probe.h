/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a network namespace is connected: for the process that enters it, which cannot come back.
 */
#pragma once

#include "layers/base/err.h"

/* Enters the namespace, waits for a default route (until the helper, whose pidfd this is, ends), makes link-local
 * addresses unreachable, and asks NETWORK_NAMESERVER for the root, if the machine has name servers. flags: network.h */
int network_probe(int netns, int helper, unsigned flags, struct gg_err *err) GG_MUST_USE;
