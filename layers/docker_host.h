/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an engine is, from DOCKER_HOST and the like (docker_engine.h says which). Connects at most; asks nothing.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct docker_host {
	char *name;                           /* as it was given; all owned */
	char *socket;                         /* path; NULL: tcp */
	char *origin;                         /* "http://HOST:PORT", of a socket "http://engine" */
	char *ca_file, *cert_file, *key_file; /* NULL: none */
};
#define DOCKER_HOST_INIT                                                                           \
	{                                                                                          \
		0                                                                                  \
	}
void docker_host_done(struct docker_host *h);
#define _cleanup_docker_host_ GG_CLEANUP(docker_host_done)

int docker_host_find(const char *given, struct docker_host *ret, struct gg_err *err) GG_MUST_USE;
/* That somebody listens at the socket; tcp is not tried. */
int docker_host_check(const struct docker_host *h, struct gg_err *err) GG_MUST_USE;
