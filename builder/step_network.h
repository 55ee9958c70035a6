/* SPDX-License-Identifier: Apache-2.0
 *
 * Which network a step with a network gets. AUTO: one of its own where pasta or slirp4netns is installed and works,
 * else the host's; the host's too where the user has named something on the host's loopback to the step (a proxy, a
 * mirror), which only that reaches. Which one it was, and why, is the first line of the step's log. No key depends on
 * it.
 */
#pragma once

#include "layers/base/err.h"

struct grants;
struct network;
struct session;

enum step_network { STEP_NETWORK_AUTO, STEP_NETWORK_HOST, STEP_NETWORK_ISOLATED };
extern const char *const step_network_names[]; /* for the option */
/* Adds what to do when network_isolate has failed. */
void step_network_explain(struct gg_err *err);
/* The node "tun" in `dir`, for the helper, where the host's is for root alone; *ret is -1 where none is needed or can
 * be made. */
int step_network_tun(int dir, int *ret, struct gg_err *err) GG_MUST_USE;
/* In the scheduler: a device node for the helper, in directory `dir`, where the host's is for root alone. */
int step_network_prepare(struct grants *g, const struct session *s, int dir,
			 struct gg_err *err) GG_MUST_USE;
/* In the job's process, before the sandbox starts: enters the network, changes what the step sees as resolv.conf. */
int step_network_enter(struct grants *g, const struct session *s, int logfd, struct network *ret,
		       struct gg_err *err) GG_MUST_USE;
