/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP API of a container engine: Docker's, and podman's compatible one. Spoken over a unix socket, or tcp with TLS
 * where DOCKER_TLS_VERIFY says so (ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH, else ~/.docker).
 *
 * Which engine: the host that is given, else DOCKER_HOST, else the first socket that is there of /var/run/docker.sock,
 * $XDG_RUNTIME_DIR/docker.sock, $XDG_RUNTIME_DIR/podman/podman.sock and /run/podman/podman.sock. Hosts are unix://PATH and
 * tcp://HOST[:PORT]. Errors: GG_USAGE for a host that is none of these, GG_REMOTE for an engine that is not there or
 * refuses. Paths are without an API version: the engine's own is meant.
 */
#pragma once

#include <stdbool.h>

#include "layers/base/err.h"

struct http_client;
struct http_exchange;

/* Without libcurl, and nothing is asked: whether something listens. host may be NULL. */
int docker_engine_check(const char *host, struct gg_err *err) GG_MUST_USE;

struct docker_engine;
int docker_engine_open(const char *host, struct docker_engine **ret,
		       struct gg_err *err) GG_MUST_USE;
void docker_engine_close(struct docker_engine *e);
void docker_engine_closep(struct docker_engine **e);
#define _cleanup_docker_engine_ GG_CLEANUP(docker_engine_closep)

/* "engine 'HOST': " in front of an error. */
int docker_engine_context(const struct docker_engine *e, struct gg_err *err);
bool docker_engine_is_podman(const struct docker_engine *e);
/* For many short questions, and for what an engine may work at for minutes without a word. */
struct http_client *docker_engine_client(struct docker_engine *e);
struct http_client *docker_engine_patient(struct docker_engine *e);
/* Sets x's method, URL and whom it goes to; path is "/images/json" with what query it needs, well-formed. The URL is the
 * engine's until it is closed. */
void docker_engine_ask(struct docker_engine *e, const char *method, const char *path,
		       struct http_exchange *x);
