/* SPDX-License-Identifier: Apache-2.0
 *
 * An interrupt that waits: who blocks SIGINT, SIGTERM and SIGHUP to take them in a poll loop is deaf while it works
 * without polling. Whatever can take long asks here between two pieces of work, and ends with an error whose kind is
 * the exit status of a program that such a signal ended (128 + n). Where the signals are not blocked they never wait,
 * and this is always 0. The signal is not taken.
 */
#pragma once

#include <signal.h>

#include "layers/base/err.h"

/* SIGINT, SIGTERM, SIGHUP. */
void gg_interrupt_signals(sigset_t *ret);
int gg_interrupted(struct gg_err *err) GG_MUST_USE;
/* The error for signal n. */
int gg_fail_signal(struct gg_err *err, int n);
