/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_engine.h"

#include "layers/docker_host.h"
#include "layers/http_client.h"

enum { PATIENCE_S = 3600 };

struct docker_engine {
	struct docker_host host;
	struct http_access access;
	struct http_client *client, *patient;
	bool podman;
	struct gg_strv urls;
};

int docker_engine_check(const char *host, struct gg_err *err)
{
	_cleanup_docker_host_ struct docker_host h = DOCKER_HOST_INIT;

	return docker_host_find(host, &h, err) < 0 ? -1 : docker_host_check(&h, err);
}

static int greet(struct docker_engine *e, struct gg_err *err)
{
	struct http_exchange x = { 0 };
	_cleanup_free_ char *podman = NULL;
	int r;

	docker_engine_ask(e, "GET", "/_ping", &x);
	r = http_client_call(e->client, &x, err);
	if (r == 0 && x.status != 200)
		r = http_exchange_refused(&x, err);
	if (r == 0)
		podman = http_exchange_header(&x, "libpod-api-version");
	e->podman = podman != NULL;
	http_exchange_done(&x);
	return r;
}

int docker_engine_open(const char *host, struct docker_engine **ret, struct gg_err *err)
{
	_cleanup_docker_engine_ struct docker_engine *e = gg_zalloc(sizeof(*e));
	struct http_client_options patient = { .stall_s = PATIENCE_S };

	if (docker_host_find(host, &e->host, err) < 0 || docker_host_check(&e->host, err) < 0)
		return -1;
	e->access = (struct http_access){ .origin = e->host.origin,
					  .ca_file = e->host.ca_file,
					  .cert_file = e->host.cert_file,
					  .key_file = e->host.key_file };
	if (http_client_new(NULL, &e->client, err) < 0 ||
	    http_client_new(&patient, &e->patient, err) < 0 || greet(e, err) < 0)
		return docker_engine_context(e, err);
	*ret = gg_steal(&e);
	return 0;
}

void docker_engine_close(struct docker_engine *e)
{
	if (!e)
		return;
	http_client_free(e->client);
	http_client_free(e->patient);
	docker_host_done(&e->host);
	gg_strv_done(&e->urls);
	free(e);
}

void docker_engine_closep(struct docker_engine **e)
{
	docker_engine_close(*e);
}

int docker_engine_context(const struct docker_engine *e, struct gg_err *err)
{
	return gg_context(err, "engine '%s'", e->host.name);
}

bool docker_engine_is_podman(const struct docker_engine *e)
{
	return e->podman;
}

struct http_client *docker_engine_client(struct docker_engine *e)
{
	return e->client;
}

struct http_client *docker_engine_patient(struct docker_engine *e)
{
	return e->patient;
}

void docker_engine_ask(struct docker_engine *e, const char *method, const char *path,
		       struct http_exchange *x)
{
	gg_strv_addf(&e->urls, "%s%s", e->host.origin, path);
	x->method = method;
	x->url = e->urls.v[e->urls.n - 1];
	x->unix_socket = e->host.socket;
	x->access = &e->access;
}
