/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a failed action: how it ended, and on lines of their own what ran, the last lines that it printed, fit for
 * a terminal, and where the whole log is.
 */
#pragma once

#include "layers/base/err.h"

struct action;

/* Completes the error of an action that failed. A command is told of GG_STEP, GG_GATE and GG_REMOTE; others get
 * the action's name, and all of them the log's path when there is something in it. */
void failure_describe(const struct action *a, struct gg_err *err);
