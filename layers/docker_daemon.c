/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/docker_daemon.h"

#include <string.h>

#include "layers/archive_index.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/docker_archive.h"
#include "layers/docker_engine.h"
#include "layers/docker_load.h"
#include "layers/http_client.h"
#include "layers/image_source.h"
#include "layers/reference.h"
#include "layers/spool.h"

static const char *host_of(const struct transport_target *t)
{
	return t->settings ? t->settings->docker_host : NULL;
}

static int parse_reference(struct transport_target *t, const char *rest, struct gg_err *err)
{
	struct reference r = REFERENCE_INIT;
	int result = reference_parse(rest, &r, err);

	if (result < 0) {
		gg_context(err, "%s '%s'", t->source ? "image" : "output", t->text);
	} else if (r.has_digest && !t->source) {
		result = gg_fail(err, GG_USAGE, "output '%s': an engine computes digests itself",
				 t->text);
		gg_hint(err, "name a tag");
	} else {
		/* An engine knows its images by more than references: by the beginning of a digest too. */
		t->place = t->source ? gg_strdup(rest) : reference_text(&r);
	}
	reference_done(&r);
	return result;
}

static char *identity(const struct transport_target *t)
{
	return gg_asprintf("docker-daemon:%s", t->place);
}

static int check(const struct transport_target *t, struct gg_err *err)
{
	return docker_engine_check(host_of(t), err);
}

static int write_image(const struct transport_target *t, const struct transport_image *image,
		       struct gg_err *err)
{
	_cleanup_docker_engine_ struct docker_engine *e = NULL;

	if (image->config.size == 0) {
		gg_fail(err, GG_USAGE, "an engine takes one image, and this is an index");
		return gg_hint(err, "leave --all out");
	}
	if (docker_engine_open(host_of(t), &e, err) < 0)
		return -1;
	if (docker_load(e, image, t->place, t->settings ? &t->settings->registry : NULL, err) < 0)
		return docker_engine_context(e, err);
	return 0;
}

struct fetched {
	int fd;
	uint64_t size;
	const struct registry_settings *settings;
};

static int keep(void *ctx, const void *bytes, size_t len, uint64_t offset, struct gg_err *err)
{
	struct fetched *f = ctx;

	(void)offset;
	f->size += len;
	return spool_add(f->fd, bytes, len, err);
}

static int fetch(struct docker_engine *e, const char *name, struct fetched *f, struct gg_err *err)
{
	_cleanup_free_ char *path = gg_asprintf("/images/%s/get", name);
	struct http_exchange x = { .write = keep, .ctx = f };
	int r;

	docker_engine_ask(e, "GET", path, &x);
	r = http_client_call(docker_engine_patient(e), &x, err);
	if (r == 0 && x.status == 404)
		r = gg_fail(err, GG_USAGE, "there is no image '%s'", name);
	else if (r == 0 && x.status != 200)
		r = http_exchange_refused(&x, err);
	http_exchange_done(&x);
	return r;
}

static int read_image(struct transport_target *t, struct image_source *s, struct gg_err *err)
{
	_cleanup_docker_engine_ struct docker_engine *e = NULL;
	struct fetched f = { .fd = -1 };

	if (docker_engine_open(host_of(t), &e, err) < 0)
		return -1;
	f.fd = spool_open(err);
	if (f.fd < 0)
		return -1;
	if (fetch(e, t->place, &f, err) < 0) {
		gg_close(f.fd);
		return docker_engine_context(e, err);
	}
	if (archive_index_take(f.fd, &t->members, err) < 0)
		return -1;
	return transport_docker_archive.read(t, s, err);
}

const struct transport transport_docker_daemon = {
	.name = "docker-daemon",
	.form = "docker-daemon:REF",
	.many = true,
	.remote = true,
	.parse = parse_reference,
	.read = read_image,
	.identity = identity,
	.check = check,
	.write = write_image,
};
