/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/publish.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/job.h"
#include "builder/progress.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/registry_push.h"
#include "layers/store.h"
#include "layers/transport_registry.h"

enum { LINE_MAX_LEN = 4096, POLL_MS = 100 };

/* One child: layers to a registry, or the image to a remote output. */
struct sender {
	struct publish *publish;
	const struct transport_target *target;
	const struct transport_image *image; /* NULL: layers that are told of */
	int ours, theirs;                    /* ends of the socket that layers are told through */
	bool running;
	uint64_t started;
	const struct job_port *port; /* in the child */
};

struct publish {
	struct session *session;
	const struct transport_target *targets;
	size_t n;
	struct sender *layers; /* one a target; only registries' are started */
	struct sender *images;
	struct gg_err err; /* the first */
};

struct publish *publish_new(struct session *s, const struct transport_target *targets, size_t n)
{
	struct publish *p = gg_zalloc(sizeof(*p));

	*p = (struct publish){ .session = s, .targets = targets, .n = n };
	p->layers = gg_calloc(n + 1, sizeof(*p->layers));
	p->images = gg_calloc(n + 1, sizeof(*p->images));
	for (size_t i = 0; i < n; i++) {
		p->layers[i] = (struct sender){
			.publish = p, .target = &targets[i], .ours = -1, .theirs = -1
		};
		p->images[i] = p->layers[i];
	}
	return p;
}

static bool any_running(const struct publish *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->layers[i].running || p->images[i].running)
			return true;
	return false;
}

void publish_free(struct publish *p)
{
	if (!p)
		return;
	if (any_running(p))
		jobs_kill(p->session->jobs);
	for (size_t i = 0; i < p->n; i++)
		gg_close(p->layers[i].ours);
	free(p->layers);
	free(p->images);
	gg_err_done(&p->err);
	free(p);
}

void publish_freep(struct publish **p)
{
	publish_free(*p);
}

/* ---- in a child ---- */

static void tell(void *ctx, uint64_t done, uint64_t total)
{
	const struct sender *c = ctx;
	_cleanup_json_ struct gg_json *m = gg_json_object();

	gg_json_set_int(m, "done", (int64_t)done);
	gg_json_set_int(m, "total", (int64_t)total);
	job_send(c->port, m);
}

static int open_layer(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		      struct gg_err *err)
{
	ret->offset = 0;
	ret->fd = store_blob_open(ctx, &b->digest, &ret->size, err);
	return ret->fd < 0 ? -1 : 0;
}

/* Takes one message; *ret_end when it was the last. */
static int take_layer(struct sender *c, struct registry_push *p, bool *ret_end, struct gg_err *err)
{
	struct image_blob b = { .addressed = true };
	_cleanup_json_ struct gg_json *m = NULL;
	char line[LINE_MAX_LEN];
	ssize_t n;

	do
		n = recv(c->theirs, line, sizeof(line), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return gg_fail_errno(err, "receive a layer");
	m = n > 0 ? gg_json_parse(line, (size_t)n, err) : NULL;
	if (!m)
		return gg_fail(err, GG_INTERNAL, "the builder sent an unreadable message");
	*ret_end = gg_json_get_bool(m, "end", false);
	if (*ret_end)
		return 0;
	if (gg_digest_parse(gg_json_get_str(m, "digest", ""), &b.digest, err) < 0)
		return -1;
	b.size = (uint64_t)gg_json_get_int(m, "size", 0);
	return registry_push_add(p, &b, open_layer, c->publish->session->store, NULL, err);
}

static int send_layers(struct sender *c, const struct registry_settings *settings,
		       struct gg_err *err)
{
	_cleanup_reference_ struct reference to = REFERENCE_INIT;
	_cleanup_registry_push_ struct registry_push *p = NULL;
	_cleanup_registry_ struct registry *r = NULL;
	bool end = false, idle = true;

	gg_close(c->ours);
	if (reference_parse(c->target->place, &to, err) < 0 ||
	    registry_open(&to, REGISTRY_PULL | REGISTRY_PUSH, settings, &r, err) < 0)
		return -1;
	p = registry_push_new(r);
	while (!end) {
		struct pollfd wait = { .fd = c->theirs, .events = POLLIN };

		if (idle && poll(&wait, 1, -1) < 0 && errno != EINTR)
			return gg_fail_errno(err, "poll");
		if (take_layer(c, p, &end, err) < 0 ||
		    registry_push_run(p, end ? -1 : c->theirs, &idle, err) < 0)
			return -1;
	}
	return 0;
}

static int run(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	struct sender *c = ctx;
	struct transport_settings settings = { .registry = { .tls_verify = -1 } };
	struct transport_target target = *c->target;

	(void)result;
	if (target.settings)
		settings = *target.settings;
	settings.registry.progress = tell;
	settings.registry.ctx = c;
	target.settings = &settings;
	c->port = port;
	if (c->image)
		return transport_write(&target, c->image, err);
	if (send_layers(c, &settings.registry, err) < 0)
		return gg_context(err, "output '%s'", target.text);
	return 0;
}

/* ---- in the builder ---- */

static uint64_t id_of(const struct sender *c)
{
	return (uint64_t)(uintptr_t)c;
}

static void take_message(void *ctx, const struct gg_json *m)
{
	const struct sender *c = ctx;

	progress_job_bytes(c->publish->session->progress, id_of(c),
			   (uint64_t)gg_json_get_int(m, "done", 0),
			   (uint64_t)gg_json_get_int(m, "total", 0));
}

static void ended(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct sender *c = ctx;
	struct publish *p = c->publish;

	(void)result;
	c->running = false;
	progress_job_end(p->session->progress, id_of(c),
			 err->kind == GG_OK ? PROGRESS_DONE : PROGRESS_FAILED,
			 job_now_ns() - c->started);
	if (err->kind != GG_OK && p->err.kind == GG_OK)
		gg_err_move(&p->err, err);
}

static void killed(void *ctx)
{
	struct sender *c = ctx;

	c->running = false;
}

static int start(struct sender *c, struct gg_err *err)
{
	struct job_spec spec = {
		.run = run, .message = take_message, .done = ended, .killed = killed, .ctx = c
	};
	_cleanup_free_ char *title =
		gg_asprintf("%s %s", c->image ? "write" : "push layers to", c->target->text);

	c->started = job_now_ns();
	if (jobs_start(c->publish->session->jobs, &spec, err) < 0)
		return -1;
	c->running = true;
	progress_job_start(c->publish->session->progress, id_of(c), title);
	return 0;
}

static int start_layers(struct sender *c, struct gg_err *err)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return gg_fail_errno(err, "make a socket");
	c->ours = pair[0];
	c->theirs = pair[1];
	r = start(c, err);
	gg_close(c->theirs);
	c->theirs = -1;
	return r;
}

/* One that has ended has said why. */
static void tell_sender(struct sender *c, const struct gg_json *m)
{
	_cleanup_free_ char *text = gg_json_compact(m);

	if (c->running && send(c->ours, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET && c->publish->err.kind == GG_OK)
		gg_fail_errno(&c->publish->err, "tell '%s' of a layer", c->target->text);
}

void publish_layer(struct publish *p, const struct gg_digest *d, uint64_t size)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(m, "digest", gg_digest_text(d, text));
	gg_json_set_int(m, "size", (int64_t)size);
	for (size_t i = 0; p && i < p->n; i++) {
		struct sender *c = &p->layers[i];

		if (c->target->transport != &transport_registry || p->err.kind != GG_OK)
			continue;
		if (c->ours < 0 && start_layers(c, &p->err) < 0)
			continue;
		tell_sender(c, m);
	}
}

static int wait_for_all(struct publish *p, struct gg_err *err)
{
	while (any_running(p)) {
		progress_tick(p->session->progress, job_now_ns());
		if (jobs_poll(p->session->jobs, POLL_MS, err) < 0)
			return -1;
	}
	return 0;
}

static int end_layers(struct publish *p, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();

	gg_json_set_bool(m, "end", true);
	for (size_t i = 0; i < p->n; i++)
		tell_sender(&p->layers[i], m);
	return wait_for_all(p, err);
}

/* Each counts for itself: the others are written although one fails. */
static void write_local(struct publish *p, const struct transport_image *image)
{
	for (size_t i = 0; i < p->n; i++) {
		_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

		if (p->targets[i].transport->remote ||
		    transport_write(&p->targets[i], image, &problem) == 0)
			continue;
		if (p->err.kind == GG_OK)
			gg_err_move(&p->err, &problem);
	}
}

/* What could not take the layers does not get the image. */
static int start_remote(struct publish *p, const struct transport_image *image, struct gg_err *err)
{
	for (size_t i = 0; i < p->n && p->err.kind == GG_OK; i++) {
		p->images[i].image = image;
		if (p->targets[i].transport->remote && start(&p->images[i], err) < 0)
			return -1;
	}
	return 0;
}

int publish_image(struct publish *p, const struct transport_image *image, struct gg_err *err)
{
	if (end_layers(p, err) < 0 || start_remote(p, image, err) < 0)
		return -1;
	write_local(p, image);
	if (wait_for_all(p, err) < 0)
		return -1;
	if (p->err.kind == GG_OK)
		return 0;
	gg_err_move(err, &p->err);
	return -1;
}
