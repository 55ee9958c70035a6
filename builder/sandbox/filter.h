/* SPDX-License-Identifier: Apache-2.0
 *
 * The seccomp filter of a step. Two programs: the first allows by name and answers ENOSYS to everything it does not
 * know, as a kernel without that call would; the second looks at arguments and answers EPERM. Of two errors the kernel
 * takes the later program's. Native architecture only; foreign calls kill the process.
 * Calls that write through to disk succeed without effect: what a step leaves is synced once, when it is committed.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

struct sock_filter;

struct filter_program {
	struct sock_filter *v; /* owned */
	unsigned short n;
};

struct filter {
	struct filter_program names, arguments;
};

/* Compiles; no effect on the process. */
int filter_make(struct filter *ret, struct gg_err *err) GG_MUST_USE;
void filter_done(struct filter *f);
#define _cleanup_filter_ GG_CLEANUP(filter_done)
/* Puts it in force for the calling thread: needs CAP_SYS_ADMIN in its user namespace, or no_new_privs. */
int filter_load(const struct filter *f, struct gg_err *err) GG_MUST_USE;
