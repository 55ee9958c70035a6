/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/publish_private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder/image.h"
#include "builder/session.h"
#include "layers/reference.h"
#include "layers/registry.h"
#include "layers/registry_push.h"
#include "layers/transport_registry.h"

#define REGISTRY "docker://"
enum { READ_STEP = 16 << 10 };

struct pushing {
	struct output *output;
	struct reference to;
	struct reference base; /* where layers can be mounted from; its path NULL: nowhere */
	struct registry *registry;
	struct registry_push *push;
	struct gg_buf line;
	struct gg_json *image; /* the last message */
};

static void pushing_done(struct pushing *p)
{
	registry_push_free(p->push);
	registry_close(p->registry);
	reference_done(&p->to);
	reference_done(&p->base);
	gg_buf_done(&p->line);
	gg_json_unref(p->image);
}

struct gg_json *publish_describe(const struct image_blob *b)
{
	struct gg_json *d = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(d, "mediaType", b->media_type);
	gg_json_set_str(d, "digest", gg_digest_text(&b->digest, text));
	gg_json_set_int(d, "size", (int64_t)b->size);
	return d;
}

static int described(const struct gg_json *d, struct image_blob *ret, struct gg_err *err)
{
	*ret = (struct image_blob){ .media_type = gg_json_get_str(d, "mediaType", ""),
				    .addressed = true,
				    .size = (uint64_t)gg_json_get_int(d, "size", 0) };
	return gg_digest_parse(gg_json_get_str(d, "digest", ""), &ret->digest, err);
}

static int take_line(struct pushing *p, const char *line, size_t len, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *m = gg_json_parse(line, len, err);
	const struct gg_json *layer = gg_json_get(m, "layer");
	struct image_blob b;

	if (!m)
		return -1;
	if (!layer) {
		p->image = gg_steal(&m);
		return 0;
	}
	if (described(layer, &b, err) < 0)
		return -1;
	return registry_push_add(p->push, &b, image_open_blob, p->output->publish->session->store,
				 p->base.path, err);
}

/* Layers of an image in the same registry need not go up again. */
static int find_base(struct pushing *p, struct gg_err *err)
{
	const struct plan_image *base = p->output->publish->build->plan->image;

	if (!base || !gg_starts(base->reference, REGISTRY))
		return 0;
	if (reference_parse(base->reference + strlen(REGISTRY), &p->base, err) < 0)
		return -1;
	if (!gg_streq(p->base.domain, p->to.domain) || gg_streq(p->base.path, p->to.path))
		reference_done(&p->base);
	return 0;
}

/* Waits for more, unless there is. */
static int listen_once(struct pushing *p, struct gg_err *err)
{
	size_t start = 0;
	ssize_t n;
	char *nl;

	gg_buf_reserve(&p->line, READ_STEP);
	n = read(p->output->listen, p->line.data + p->line.len, READ_STEP);
	if (n < 0)
		return errno == EINTR ? 0 : gg_fail_errno(err, "read");
	if (n == 0)
		return gg_fail(err, GG_INTERNAL, "the build ended without an image");
	p->line.len += (size_t)n;
	while ((nl = memchr(p->line.data + start, '\n', p->line.len - start))) {
		size_t end = (size_t)(nl - p->line.data);

		if (take_line(p, p->line.data + start, end - start, err) < 0)
			return -1;
		start = end + 1;
	}
	memmove(p->line.data, p->line.data + start, p->line.len - start);
	p->line.len -= start;
	return 0;
}

static int open_registry(const struct transport_target *t, unsigned use,
			 const struct transport_settings *settings, struct reference *ret_reference,
			 struct registry **ret, struct gg_err *err)
{
	if (reference_parse(t->place, ret_reference, err) < 0)
		return -1;
	return registry_open(ret_reference, use, settings ? &settings->registry : NULL, ret, err);
}

static int push_image(struct pushing *p, struct gg_err *err)
{
	const struct gg_json *layers = gg_json_get(p->image, "layers");
	size_t n = gg_json_len(layers);
	_cleanup_free_ struct image_layer *list = gg_calloc(n + 1, sizeof(*list));
	_cleanup_free_ struct image_blob *blobs = NULL;
	struct transport_image image = { .layers = list,
					 .n_layers = n,
					 .verified = true,
					 .open = image_open_blob,
					 .ctx = p->output->publish->session->store };

	if (described(gg_json_get(p->image, "root"), &image.root, err) < 0 ||
	    described(gg_json_get(p->image, "config"), &image.config, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (described(gg_json_at(layers, i), &list[i].blob, err) < 0)
			return -1;
	blobs = transport_image_list(&image);
	return transport_registry_push(p->registry, p->push, &p->to, &image, err);
}

static int run(struct pushing *p, struct gg_err *err)
{
	struct transport_settings settings = publish_settings(p->output);
	_cleanup_json_ struct gg_json *admitted = gg_json_object();
	struct gg_digest there;
	bool found, idle;

	if (open_registry(p->output->target, REGISTRY_PULL | REGISTRY_PUSH, &settings, &p->to,
			  &p->registry, err) < 0)
		return -1;
	if (find_base(p, err) < 0)
		return -1;
	p->push = registry_push_new(p->registry);
	/* Whoever is not let in shall know before the work is done. */
	if (p->to.tag && registry_manifest_head(p->registry, p->to.tag, &there, &found, err) < 0)
		return -1;
	gg_json_set_bool(admitted, "admitted", true);
	job_send(p->output->port, admitted);
	while (!p->image)
		if (registry_push_run(p->push, p->output->listen, &idle, err) < 0 ||
		    listen_once(p, err) < 0)
			return -1;
	return push_image(p, err);
}

int publish_push_run(void *ctx, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err)
{
	struct output *o = ctx;
	GG_CLEANUP(pushing_done)
	struct pushing p = { .output = o, .to = REFERENCE_INIT, .base = REFERENCE_INIT };

	(void)result;
	o->port = port;
	if (run(&p, err) < 0)
		return gg_context(err, "output '%s'", o->target->text);
	return 0;
}

/* ---- what is there already ---- */

struct question {
	const struct transport_target *target;
	const struct gg_digest *v;
	size_t n;
};

static int ask(void *ctx, const struct job_port *port, struct gg_json *result, struct gg_err *err)
{
	const struct question *q = ctx;
	_cleanup_reference_ struct reference to = REFERENCE_INIT;
	_cleanup_free_ bool *have = gg_calloc(q->n + 1, sizeof(*have));
	_cleanup_registry_ struct registry *r = NULL;
	struct gg_json *list = gg_json_array();

	(void)port;
	gg_json_take(result, "have", list);
	if (open_registry(q->target, REGISTRY_PULL | REGISTRY_PUSH, q->target->settings, &to, &r,
			  err) < 0 ||
	    registry_blobs_have(r, q->v, q->n, have, err) < 0)
		return gg_context(err, "output '%s'", q->target->text);
	for (size_t i = 0; i < q->n; i++)
		gg_json_append_take(list, gg_json_bool(have[i]));
	return 0;
}

int publish_push_have(struct session *s, const struct transport_target *t,
		      const struct gg_digest *v, size_t n, bool *ret_have, struct gg_err *err)
{
	struct question q = { .target = t, .v = v, .n = n };
	struct job_spec spec = { .run = ask, .ctx = &q };
	_cleanup_json_ struct gg_json *result = NULL, *yes = gg_json_bool(true);
	const struct gg_json *list;

	if (jobs_call(s->jobs, &spec, &result, err) < 0)
		return -1;
	list = gg_json_get(result, "have");
	for (size_t i = 0; i < n; i++)
		ret_have[i] = gg_json_eq(gg_json_at(list, i), yes);
	return 0;
}
