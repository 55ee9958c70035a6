/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sandbox's processes tell the caller, one datagram each on a SOCK_SEQPACKET pair: READY when the command is
 * about to be started, ERROR when something in the way of that went wrong, DONE when everything has ended. End of
 * file before DONE means that pid 1 was killed.
 */
#pragma once

#include <stdint.h>

#include "builder/sandbox/sandbox.h"
#include "layers/base/err.h"

enum report_type { REPORT_READY = 1, REPORT_ERROR, REPORT_DONE };

struct report {
	enum report_type type;
	enum gg_kind kind; /* ERROR */
	int errnum;
	char text[768];
	char hint[384];
	struct sandbox_result result; /* DONE */
};

void report_send(int sock, const struct report *r);
void report_send_error(int sock, const struct gg_err *err);
/* 1 with a report, 0 at the end, -1. */
int report_receive(int sock, struct report *ret, struct gg_err *err) GG_MUST_USE;
/* Remakes the error on the caller's side. */
int report_fail(const struct report *r, struct gg_err *err);
