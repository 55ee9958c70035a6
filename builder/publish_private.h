/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of publishing: outputs (publish.c), and what a registry's job does (publish_push.c).
 *
 * On `control` the job of a registry gets lines of JSON: {"layer": DESCRIPTOR} for each that is done, and then {"root":
 * DESCRIPTOR, "config": DESCRIPTOR, "layers": [DESCRIPTOR…]}, where a descriptor is {"mediaType", "digest", "size"}. It
 * sends {"admitted": true} when it was let in, and {"done", "total"}: bytes.
 */
#pragma once

#include "builder/job.h"
#include "builder/publish.h"
#include "layers/reference.h"

struct output {
	struct publish *publish;
	const struct transport_target *target;
	const struct image *image;   /* of a job that was started when the image was whole */
	int control;                 /* parent: where layers are told; -1: nobody listens */
	int listen;                  /* child: the other end */
	const struct job_port *port; /* child */
	struct reference reference;  /* of a registry's */
	/* Another that goes to the same registry: what it has brought there need not go up again. NULL: there is none */
	const struct output *after;
	bool running, ended, failed;
	bool admitted; /* it was let in */
	uint64_t started;
};

struct publish {
	struct session *session;
	struct output *v;
	size_t n;
	/* While the build runs. */
	const struct recipe *recipe;
	const struct build_result *build;
	bool building;
	bool *told;        /* parallel to the plan's layers */
	struct gg_err err; /* the first */
};

/* As struct job_spec's run; ctx is the output. */
int publish_push_run(void *ctx, const struct job_port *port, struct gg_json *result,
		     struct gg_err *err) GG_MUST_USE;
/* What the registry of a target has. */
int publish_push_have(struct session *s, const struct transport_target *t,
		      const struct gg_digest *v, size_t n, bool *ret_have,
		      struct gg_err *err) GG_MUST_USE;
struct gg_json *publish_describe(const struct image_blob *b);
/* The settings of a job's target, with the job's progress. */
struct transport_settings publish_settings(struct output *o);
