/* SPDX-License-Identifier: Apache-2.0
 *
 * What a traced process is told: one stop before a call, and, for calls that are really made, one behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct sandbox_perturb;
struct perturb_changed;

/* Registers that have to be as they were when the call is over. */
struct perturb_calls {
	struct perturb_changed *v;
	size_t n, cap;
};

/* More processors than there are can only be told of. */
bool perturb_tells_cpus(const struct sandbox_perturb *p);
/* At a stop that the filter made. True: the call is made and its end is of interest. */
bool perturb_call_begins(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid);
void perturb_call_ends(struct perturb_calls *c, const struct sandbox_perturb *p, pid_t pid);
/* Right behind an exec. */
void perturb_hide_vdso(pid_t pid);
