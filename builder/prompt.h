/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to who sits at the terminal, on /dev/tty, whatever standard input and output are. One line of at most 4 KiB.
 * Without a terminal: GG_USAGE, so that a script never hangs.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

/* Shows "WHAT: " and reads the answer, unseen when it is secret; the terminal is restored whatever ends the question. *ret is
 * owned by the caller; an empty answer is GG_USAGE. */
int prompt_ask(const char *what, bool secret, char **ret, struct gg_err *err) GG_MUST_USE;
