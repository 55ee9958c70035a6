/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostics for developers and for errors while cleaning up. Silent unless a sink is set; only main.c and
 * the progress view print. The one mutable global of the program.
 */
#pragma once

#include "layers/base/mem.h"

enum gg_log_level { GG_LOG_DEBUG, GG_LOG_WARNING };

typedef void gg_log_sink(enum gg_log_level level, const char *text);

void gg_log_set(gg_log_sink *sink);
void gg_log(enum gg_log_level level, const char *fmt, ...) GG_PRINTF(2, 3);
