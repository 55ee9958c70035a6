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
};

/* No effect on the process. What `perturb` changes goes to the tracer (perturb.h); NULL: nothing. */
void filter_make(const struct sandbox_perturb *perturb, struct filter *ret);
void filter_done(struct filter *f);
#define _cleanup_filter_ GG_CLEANUP(filter_done)
/* Puts it in force for the calling thread: needs CAP_SYS_ADMIN in its user namespace, or no_new_privs. */
int filter_load(const struct filter *f, struct gg_err *err) GG_MUST_USE;
