/* SPDX-License-Identifier: Apache-2.0
 *
 * Subordinate ids: the caller's ranges of /etc/subuid and /etc/subgid (subuid(5)), and the two programs that may map
 * them, newuidmap and newgidmap (set-uid root or with capabilities). They run with a fixed environment and say in
 * their own words why they refuse.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "layers/base/err.h"

struct userns_ranges;

enum subids_which { SUBIDS_UIDS, SUBIDS_GIDS };

/* The caller's ranges, by name or number, at most `max` ids in all; none is GG_SYSTEM with the line that gives some.
 * path: NULL for /etc's file. */
int subids_read(enum subids_which which, const char *path, uint32_t max, struct userns_ranges *ret,
		struct gg_err *err) GG_MUST_USE;
uint32_t subids_count(const struct userns_ranges *r);
/* The program in $PATH or /usr/bin; owned by the caller, NULL with the package that holds it. */
char *subids_program(enum subids_which which, struct gg_err *err);
/* Maps 0 to `self` and 1… to the ranges, for the process `pid` in a user namespace without maps. */
int subids_map(enum subids_which which, const char *program, pid_t pid, uint32_t self,
	       const struct userns_ranges *ranges, struct gg_err *err) GG_MUST_USE;
