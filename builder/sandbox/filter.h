/* SPDX-License-Identifier: Apache-2.0
 *
 * The seccomp filter of a step: an allow-list by name, ENOSYS for everything unknown, as a kernel without that call
 * would answer; EPERM for what is refused by name or by its arguments. Native architecture only; foreign calls kill
 * the process. Calls that write through to disk succeed without effect: what a step leaves is synced once, when it is
 * committed. libseccomp knows the architectures and their numbers; the program is ours, because making it takes
 * libseccomp longer (1.4 ms) than everything else that starts a sandbox. seccomp(2), linux/seccomp.h.
 */
#pragma once

#include <stddef.h>

#include "layers/base/err.h"

struct sandbox_perturb;
struct sock_filter;

struct filter {
	struct sock_filter *v; /* owned */
	size_t n, cap;
	unsigned flags;
};

enum filter_flags {
	/* The calls about owners go to a listener (owner.h). */
	FILTER_OWNERSHIP = 1 << 0,
	FILTER_SETUID = 1 << 1, /* and the execution of programs, which can be set-id */
};

/* No effect on the process. What `perturb` changes goes to the tracer (perturb.h); NULL: nothing. */
void filter_make(unsigned flags, const struct sandbox_perturb *perturb, struct filter *ret);
void filter_done(struct filter *f);
#define _cleanup_filter_ GG_CLEANUP(filter_done)
/* Puts it in force for the calling thread: needs CAP_SYS_ADMIN in its user namespace, or no_new_privs. *ret_listener is
 * -1 without FILTER_OWNERSHIP. */
int filter_load(const struct filter *f, int *ret_listener, struct gg_err *err) GG_MUST_USE;
