/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "layers/base/fd.h"

static const char hint_where[] = "start the engine, or say where it is with DOCKER_HOST, like "
				 "unix:///run/user/1000/podman/podman.sock or tcp://host:2376";

void docker_host_done(struct docker_host *h)
{
	free(h->name);
	free(h->socket);
	free(h->origin);
	free(h->ca_file);
	free(h->cert_file);
	free(h->key_file);
	*h = (struct docker_host)DOCKER_HOST_INIT;
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void take_socket(struct docker_host *h, const char *path)
{
	h->socket = gg_strdup(path);
	h->origin = gg_strdup("http://engine");
}

static void take_certificates(struct docker_host *h)
{
	const char *dir = env("DOCKER_CERT_PATH"), *home = env("HOME");
	_cleanup_free_ char *usual = gg_asprintf("%s/.docker", home ? home : "");

	if (!dir)
		dir = usual;
	h->ca_file = gg_asprintf("%s/ca.pem", dir);
	h->cert_file = gg_asprintf("%s/cert.pem", dir);
	h->key_file = gg_asprintf("%s/key.pem", dir);
}

/* HOST[:PORT], where an IPv6 address is in brackets. */
static int take_tcp(struct docker_host *h, const char *rest, struct gg_err *err)
{
	size_t len = strcspn(rest, "/");
	const char *close = strchr(rest, ']'), *colon = strchr(close ? close : rest, ':');
	bool tls = env("DOCKER_TLS_VERIFY") != NULL;

	if (len == 0 || strcspn(rest, "@?# \t\\") < strlen(rest) || (rest[len] && rest[len + 1])) {
		gg_fail(err, GG_USAGE, "'%s' is no host of an engine", h->name);
		return gg_hint(err, "write tcp://HOST:PORT");
	}
	h->origin = gg_asprintf("%s://%.*s%s", tls ? "https" : "http", (int)len, rest,
				colon ? ""
				: tls ? ":2376"
				      : ":2375");
	if (tls)
		take_certificates(h);
	return 0;
}

static int take_given(struct docker_host *h, const char *given, struct gg_err *err)
{
	h->name = gg_strdup(given);
	if (gg_starts(given, "unix:///")) {
		take_socket(h, given + strlen("unix://"));
		return 0;
	}
	if (gg_starts(given, "tcp://"))
		return take_tcp(h, given + strlen("tcp://"), err);
	gg_fail(err, GG_USAGE, "'%s' is no host of an engine", given);
	if (gg_starts(given, "ssh://"))
		return gg_hint(err, "forward its socket with `ssh -NL "
				    "/tmp/engine.sock:/var/run/docker.sock HOST`, and say "
				    "DOCKER_HOST=unix:///tmp/engine.sock");
	return gg_hint(err, "write unix:///PATH or tcp://HOST:PORT");
}

static int take_usual(struct docker_host *h, struct gg_err *err)
{
	const char *runtime = env("XDG_RUNTIME_DIR");
	_cleanup_strv_ struct gg_strv paths = { 0 };

	gg_strv_add(&paths, "/var/run/docker.sock");
	if (runtime) {
		gg_strv_addf(&paths, "%s/docker.sock", runtime);
		gg_strv_addf(&paths, "%s/podman/podman.sock", runtime);
	}
	gg_strv_add(&paths, "/run/podman/podman.sock");
	for (size_t i = 0; i < paths.n; i++) {
		if (access(paths.v[i], F_OK) < 0 && errno != EACCES)
			continue;
		h->name = gg_asprintf("unix://%s", paths.v[i]);
		take_socket(h, paths.v[i]);
		return 0;
	}
	gg_fail(err, GG_REMOTE, "there is no Docker engine here: no socket '%s'", paths.v[0]);
	return gg_hint(err, "%s", hint_where);
}

int docker_host_find(const char *given, struct docker_host *ret, struct gg_err *err)
{
	if (!given)
		given = env("DOCKER_HOST");
	return given ? take_given(ret, given, err) : take_usual(ret, err);
}

int docker_host_check(const struct docker_host *h, struct gg_err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (!h->socket)
		return 0;
	if (strlen(h->socket) >= sizeof(a.sun_path))
		return gg_fail(err, GG_USAGE, "'%s' is too long for a socket's path", h->socket);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", h->socket);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return gg_fail_errno(err, "make a socket");
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return 0;
	gg_fail(err, GG_REMOTE, "connect to the engine at '%s': %s", h->socket, strerror(errno));
	if (errno == EACCES)
		return gg_hint(err,
			       "who may speak to Docker's engine is root and the group docker");
	return gg_hint(err, "%s", hint_where);
}
