/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/publish_private.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "builder/image.h"
#include "builder/progress.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "layers/transport_registry.h"

enum { POLL_MS = 100 };

static bool is_registry(const struct output *o)
{
	return o->target->transport == &transport_registry;
}

/* Which of those before it goes to the same registry. */
static void find_first(struct publish *p, struct output *o)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	/* It was parsed before. */
	if (!is_registry(o) || reference_parse(o->target->place, &o->reference, &ignored) < 0)
		return;
	for (struct output *first = p->v; first < o && !o->after; first++)
		if (is_registry(first) && !first->after &&
		    gg_streq(first->reference.domain, o->reference.domain))
			o->after = first;
}

struct publish *publish_new(struct session *s, const struct transport_target *targets, size_t n)
{
	struct publish *p = gg_zalloc(sizeof(*p));

	p->session = s;
	p->n = n;
	p->v = gg_calloc(n + 1, sizeof(*p->v));
	for (size_t i = 0; i < n; i++) {
		p->v[i] = (struct output){ .publish = p,
					   .target = &targets[i],
					   .control = -1,
					   .listen = -1,
					   .reference = REFERENCE_INIT };
		find_first(p, &p->v[i]);
	}
	return p;
}

static void stop_telling(struct output *o)
{
	gg_close(o->control);
	o->control = -1;
}

void publish_free(struct publish *p)
{
	bool running = false;

	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++)
		running = running || p->v[i].running;
	if (running)
		jobs_kill(p->session->jobs);
	for (size_t i = 0; i < p->n; i++) {
		stop_telling(&p->v[i]);
		reference_done(&p->v[i].reference);
	}
	free(p->v);
	free(p->told);
	gg_err_done(&p->err);
	free(p);
}

void publish_freep(struct publish **p)
{
	publish_free(*p);
}

/* ---- jobs ---- */

static uint64_t job_id(const struct output *o)
{
	return (uint64_t)(uintptr_t)o;
}

/* In the child. */
static void send_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct output *o = ctx;
	_cleanup_json_ struct gg_json *m = gg_json_object();

	gg_json_set_int(m, "done", (int64_t)done);
	gg_json_set_int(m, "total", (int64_t)total);
	job_send(o->port, m);
}

struct transport_settings publish_settings(struct output *o)
{
	struct transport_settings s = { 0 };

	if (o->target->settings)
		s = *o->target->settings;
	s.registry.progress = send_progress;
	s.registry.ctx = o;
	return s;
}

static void take_message(void *ctx, const struct gg_json *m)
{
	struct output *o = ctx;

	if (gg_json_get(m, "admitted")) {
		o->admitted = true;
		return;
	}
	progress_job_bytes(o->publish->session->progress, job_id(o),
			   (uint64_t)gg_json_get_int(m, "done", 0),
			   (uint64_t)gg_json_get_int(m, "total", 0));
}

/* What would not be seen before the end, or never. */
static void tell_failure(struct publish *p, const struct gg_err *err)
{
	_cleanup_free_ char *text =
		gg_asprintf("%s%s", err->text, p->building ? "; the build goes on" : "");

	progress_note(p->session->progress, text);
}

static void output_ended(void *ctx, const struct gg_json *result, struct gg_err *err)
{
	struct output *o = ctx;
	struct publish *p = o->publish;

	(void)result;
	o->running = false;
	o->ended = true;
	o->failed = err->kind != GG_OK;
	stop_telling(o);
	progress_job_end(p->session->progress, job_id(o),
			 o->failed ? PROGRESS_FAILED : PROGRESS_DONE, job_now_ns() - o->started);
	if (!o->failed)
		return;
	if (p->building ? o->admitted : p->err.kind != GG_OK)
		tell_failure(p, err);
	gg_err_move(&p->err, err);
}

static void output_killed(void *ctx)
{
	struct output *o = ctx;

	o->running = false;
	stop_telling(o);
}

static int write_run(void *ctx, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	struct output *o = ctx;
	struct transport_image image = o->image->written;
	struct transport_settings settings;
	struct transport_target t = *o->target;

	(void)result;
	o->port = port;
	settings = publish_settings(o);
	t.settings = &settings;
	if (o->after) {
		image.mount_host = o->after->reference.domain;
		image.mount_path = o->after->reference.path;
	}
	return transport_write(&t, &image, err);
}

static int start(struct output *o, struct gg_err *err)
{
	struct publish *p = o->publish;
	struct job_spec spec = { .run = o->image ? write_run : publish_push_run,
				 .message = take_message,
				 .done = output_ended,
				 .killed = output_killed,
				 .ctx = o };
	_cleanup_free_ char *title = NULL;

	if (jobs_start(p->session->jobs, &spec, err) < 0)
		return gg_context(err, "output '%s'", o->target->text);
	title = gg_asprintf("%s %s", is_registry(o) ? "push to" : "load into", o->target->text);
	o->started = job_now_ns();
	o->running = true;
	progress_job_start(p->session->progress, job_id(o), title);
	return 0;
}

/* ---- while layers are made ---- */

/* One that has ended is told nothing: its end says why. */
static void tell(struct output *o, const struct gg_json *message)
{
	_cleanup_free_ char *text = gg_json_compact(message);
	_cleanup_free_ char *line = gg_asprintf("%s\n", text);
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	if (gg_write_all(o->control, line, strlen(line), &ignored) < 0)
		stop_telling(o);
}

static void tell_layer(struct publish *p, const struct image_blob *b)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();

	gg_json_take(m, "layer", publish_describe(b));
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].control >= 0)
			tell(&p->v[i], m);
}

static int give_layers(void *ctx, struct gg_err *err)
{
	struct publish *p = ctx;
	const struct plan *plan = p->build->plan;

	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].failed && !p->v[i].admitted) {
			gg_err_move(err, &p->err);
			return -1;
		}
	for (size_t i = 0; i < plan->n_layers; i++) {
		struct oci_layer l;

		if (p->told[i] || !execution_record(p->build->execution, plan->packs[i]))
			continue;
		if (image_layer(p->recipe, p->build, i, &l, err) < 0)
			return -1;
		p->told[i] = true;
		tell_layer(p, &(struct image_blob){ .media_type = l.media_type,
						    .addressed = true,
						    .digest = l.digest,
						    .size = l.size });
	}
	return 0;
}

static int start_listening(struct output *o, struct gg_err *err)
{
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return gg_fail_errno(err, "socketpair");
	o->control = pair[0];
	o->listen = pair[1];
	r = start(o, err);
	gg_close(o->listen);
	o->listen = -1;
	if (r < 0)
		stop_telling(o);
	return r;
}

int publish_begin(struct publish *p, const struct recipe *r, const struct build_result *b,
		  struct gg_err *err)
{
	if (!execution_packs(b->execution))
		return 0;
	p->recipe = r;
	p->build = b;
	p->told = gg_calloc(b->plan->n_layers + 1, sizeof(*p->told));
	for (size_t i = 0; i < p->n; i++)
		if (is_registry(&p->v[i]) && !p->v[i].after && start_listening(&p->v[i], err) < 0)
			return -1;
	p->building = true;
	execution_watch(b->execution, give_layers, p);
	return 0;
}

/* ---- layers that need not be made ---- */

/* Layers whose blobs are gone from the store, though it knows which they were. */
static size_t find_lost(struct publish *p, const struct plan *plan, size_t *nodes,
			struct gg_digest *digests)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_layers; i++) {
		const struct plan_node *node = &plan->nodes[plan->packs[i]];
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;
		_cleanup_json_ struct gg_json *record = NULL;

		if (node->kind != PLAN_PACK || !node->keyed ||
		    store_action_get(p->session->store, &node->key, &record, &ignored) < 0 ||
		    !record ||
		    gg_digest_parse(gg_json_get_str(record, "blob", ""), &digests[n], &ignored) <
			    0 ||
		    store_blob_has(p->session->store, &digests[n]))
			continue;
		nodes[n++] = plan->packs[i];
	}
	return n;
}

int publish_spare(struct publish *p, const struct build_result *b, struct gg_err *err)
{
	const struct plan *plan = b->plan;
	_cleanup_free_ size_t *nodes = gg_calloc(plan->n_layers + 1, sizeof(*nodes));
	_cleanup_free_ struct gg_digest *digests = gg_calloc(plan->n_layers + 1, sizeof(*digests));
	_cleanup_free_ bool *have = gg_calloc(plan->n_layers + 1, sizeof(*have));
	_cleanup_free_ bool *all = gg_calloc(plan->n_layers + 1, sizeof(*all));
	size_t n;

	for (size_t i = 0; i < p->n; i++)
		if (!is_registry(&p->v[i]))
			return 0;
	if (p->n == 0 || p->session->no_cache)
		return 0;
	n = find_lost(p, plan, nodes, digests);
	if (n == 0)
		return 0;
	memset(all, true, n);
	for (size_t i = 0; i < p->n; i++) {
		if (publish_push_have(p->session, p->v[i].target, digests, n, have, err) < 0)
			return -1;
		for (size_t k = 0; k < n; k++)
			all[k] = all[k] && have[k];
	}
	for (size_t k = 0; k < n; k++)
		if (all[k])
			execution_spare(b->execution, nodes[k]);
	return 0;
}

/* ---- the image ---- */

static void tell_image(struct output *o, const struct transport_image *image)
{
	_cleanup_json_ struct gg_json *m = gg_json_object();
	struct gg_json *layers = gg_json_array();

	gg_json_take(m, "root", publish_describe(&image->root));
	gg_json_take(m, "config", publish_describe(&image->config));
	for (size_t i = 0; i < image->n_layers; i++)
		gg_json_append_take(layers, publish_describe(&image->layers[i].blob));
	gg_json_take(m, "layers", layers);
	tell(o, m);
}

/* What waits for nobody. */
static int start_ready(struct publish *p, const struct image *image, struct gg_err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct output *o = &p->v[i];

		if (!o->target->transport->remote || o->running || o->ended ||
		    (o->after && !o->after->ended))
			continue;
		o->image = image;
		if (start(o, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_any_running(const struct publish *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].running)
			return true;
	return false;
}

static int wait_for_all(struct publish *p, const struct image *image, struct gg_err *err)
{
	struct session *s = p->session;

	while (is_any_running(p)) {
		progress_tick(s->progress, job_now_ns());
		if (jobs_poll(s->jobs, POLL_MS, err) < 0 || start_ready(p, image, err) < 0)
			return -1;
	}
	progress_tick(s->progress, job_now_ns());
	if (p->err.kind == GG_OK)
		return 0;
	gg_err_move(err, &p->err);
	return -1;
}

/* Each counts for itself: the others are written although one fails. */
static void write_files(struct publish *p, const struct transport_image *image)
{
	for (size_t i = 0; i < p->n; i++) {
		_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

		if (p->v[i].target->transport->remote ||
		    transport_write(p->v[i].target, image, &problem) == 0)
			continue;
		if (p->err.kind != GG_OK)
			tell_failure(p, &problem);
		gg_err_move(&p->err, &problem);
	}
}

int publish_image(struct publish *p, const struct image *image, struct gg_err *err)
{
	p->building = false;
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].running)
			tell_image(&p->v[i], &image->written);
	if (start_ready(p, image, err) < 0)
		return -1;
	write_files(p, &image->written);
	return wait_for_all(p, image, err);
}
