/* SPDX-License-Identifier: Apache-2.0
 *
 * A network that is not the host's: a network namespace which pasta or slirp4netns connects from user space, as an
 * ordinary program would use the network. Nothing is forwarded inwards; the host's loopback, its abstract sockets and
 * link-local addresses (where clouds keep credentials) are out of reach. The helper runs as the store's root, who is
 * nobody outside, under a first process of a pid namespace that dies with us; so nothing is left behind however we end.
 * A helper counts when its default route is there and, if the machine has name servers, one of them answers through it.
 */
#pragma once

#include <sys/types.h>

#include "layers/base/err.h"

/* The name server in there; helpers pass what it is asked to the host's. */
#define NETWORK_NAMESERVER "10.0.2.3"

struct network {
	const char *helper; /* the program that connects it; NULL: none */
	pid_t pid;          /* of the helper's guard */
	int pidfd;
};
#define NETWORK_INIT                                                                               \
	{                                                                                          \
		.pidfd = -1                                                                        \
	}

#define NETWORK_ABSENT "it is not installed" /* what is said of such a helper */

enum network_flags {
	NETWORK_QUIET = 1 << 0, /* nothing is sent: a default route is proof enough */
};

/* Moves the calling process, single-threaded and root of the store's user namespace, into a new network for good. A
 * sandbox that it starts with SANDBOX_NETWORK is in it too. tun: an O_PATH descriptor of a device node 10:200 that
 * stands in for a /dev/net/tun which only the host's root may open, or -1. -1 when no helper works, with each one's
 * reason; the process is then where it was. */
int network_isolate(int tun, unsigned flags, struct network *ret, struct gg_err *err) GG_MUST_USE;
void network_done(struct network *n); /* ends the helper; the process stays in the namespace */
#define _cleanup_network_ GG_CLEANUP(network_done)
