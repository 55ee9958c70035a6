/* SPDX-License-Identifier: Apache-2.0
 *
 * The escape suite: each probe tries to get out, must fail with the exact errno (or hold in another way), and has a
 * name that is the same on every machine. What a machine does not have counts as held.
 */
#pragma once

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct escape_options {
	const char *host_path; /* a directory of the host */
	const char *abstract;  /* a socket's name on the host */
	int port;              /* a listener on the host's loopback */
	int is_user;           /* not root */
	int is_single;         /* who builds has one id, and every user of the step is that one */
	int has_input;         /* /input/file is mounted read-only */
	int is_setuid;         /* no_new_privs is off */
	int has_network;       /* the caller's network is there on purpose */
	int list;              /* name every probe, as "NAME\tRESULT" */
};
extern struct escape_options escape;

/* Not root, and the kernel can tell: with a single id, user 1000 is root of the step by another name, so root's files are
 * its own, and so is pid 1. */
int is_other_user(void);
/* The format tells what was seen when it did not hold. */
__attribute__((format(printf, 3, 4))) void judge(int good, const char *name, const char *fmt, ...);
/* r is a system call's result, errno its error; want is 0 for success. */
void expect(const char *name, long r, int want);
void expect_open(const char *path, int flags, int want);

void probe_calls(void);
void probe_clone(void);
void probe_foreign_architectures(void);
void probe_arguments(void);
void probe_capabilities(void);
void probe_ids(void);
void probe_limits(void);
void probe_network(void);
