/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "builder/verify.h"
#include "layers/image_source.h"

enum { YEAR = 365 * 86400, FACTS = 8 };

/* The same things on both sides. */
struct facts {
	struct compare_fact a[FACTS], b[FACTS];
	size_t n;
	char cpus_a[16], cpus_b[16], umask_b[16];
};

static void add(struct facts *f, const char *cause, const char *a, const char *b)
{
	if (!a || !b || gg_streq(a, b))
		return;
	f->a[f->n] = (struct compare_fact){ .cause = cause, .value = a };
	f->b[f->n++] = (struct compare_fact){ .cause = cause, .value = b };
}

static void collect(const struct verify *v, const struct conditions *c, struct facts *f)
{
	snprintf(f->cpus_a, sizeof(f->cpus_a), "%u", v->here.cpus);
	snprintf(f->cpus_b, sizeof(f->cpus_b), "%u", c->perturb.cpus);
	/* What main.c sets, and steps have; of files, what a umask takes away shows by itself. */
	snprintf(f->umask_b, sizeof(f->umask_b), "%04o", c->umask);
	if (c->perturb.cpus)
		add(f, "cpu-count", f->cpus_a, f->cpus_b);
	add(f, "kernel", v->here.release, c->perturb.release);
	add(f, "host-name", v->here.hostname, c->hostname);
	add(f, "locale", getenv("LANG"), gg_strv_getenv(&c->env, "LANG"));
	add(f, "time-zone", getenv("TZ"), gg_strv_getenv(&c->env, "TZ"));
	if (c->umask)
		add(f, "umask", "0022", f->umask_b);
	if (c->elsewhere)
		add(f, "build-path", v->c->project.dir, v->scratch);
}

int verify_compare(const struct verify *v, const struct verify_run *run, struct comparison *ret,
		   struct gg_err *err)
{
	_cleanup_conditions_ struct conditions c = CONDITIONS_INIT;
	_cleanup_image_source_ struct image_source *a = NULL, *b = NULL;
	_cleanup_free_ char *rebuilt = gg_asprintf("oci:%s", run->layout);
	struct compare_options how = { 0 };
	struct facts f = { 0 };

	verify_apply(v, run->vary, &c);
	collect(v, &c, &f);
	/* The reference may have been made long before, the rebuild's clock showed another time. */
	how.a = (struct compare_build){
		.from = v->from - 2 * YEAR, .to = v->to, .facts = f.a, .n_facts = f.n
	};
	how.b = (struct compare_build){ .from = run->from + c.perturb.clock,
					.to = run->to + c.perturb.clock,
					.facts = f.b,
					.n_facts = f.n };
	if (image_source_open(v->image, NULL, &a, err) < 0 ||
	    image_source_open(rebuilt, NULL, &b, err) < 0)
		return -1;
	return compare_images(a, b, &how, ret, err);
}
