/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/attestation.h"

#include <string.h>

#include "builder/plan.h"
#include "builder/project.h"
#include "builder/variation.h"
#include "layers/base/json.h"

static void set_digest(struct gg_json *descriptor, const struct gg_digest *d)
{
	struct gg_json *digest = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(digest, "sha256", gg_digest_text(d, text) + sizeof("sha256:") - 1);
	gg_json_take(descriptor, "digest", digest);
}

static struct gg_json *descriptor(const char *name, const char *media_type,
				  const struct gg_digest *d)
{
	struct gg_json *v = gg_json_object();

	gg_json_set_str(v, "name", name);
	if (media_type)
		gg_json_set_str(v, "mediaType", media_type);
	set_digest(v, d);
	return v;
}

static void digest_plan(const struct plan *p, struct gg_digest *ret)
{
	_cleanup_buf_ struct gg_buf text = { 0 };
	char key[GG_DIGEST_TEXT];

	gg_buf_puts(&text, "ggbuild-plan 1\n");
	for (size_t i = 0; i < p->n_layers; i++)
		gg_buf_printf(&text, "pack %s\n", gg_digest_text(&p->nodes[p->packs[i]].key, key));
	gg_digest_of(text.data, text.len, ret);
}

static struct gg_json *materials(const struct attestation *a)
{
	struct gg_json *list = gg_json_array();
	_cleanup_free_ char *lock = lock_text(a->project->lock);
	struct gg_digest d;

	gg_digest_of(a->project->text.data, a->project->text.len, &d);
	gg_json_append_take(list, descriptor("recipe", NULL, &d));
	gg_digest_of(lock, strlen(lock), &d);
	gg_json_append_take(list, descriptor("lock", NULL, &d));
	digest_plan(a->plan, &d);
	gg_json_append_take(list, descriptor("plan", NULL, &d));
	return list;
}

static struct gg_json *environment(const struct attestation *a)
{
	struct gg_json *e = gg_json_object(), *varied = gg_json_object(), *same = gg_json_object();

	for (size_t i = 0; i < n_variations; i++) {
		_cleanup_conditions_ struct conditions c = CONDITIONS_INIT;
		const char *why = NULL;

		if (a->applied[i])
			gg_json_set_str(varied, variations[i].name, variations[i].title);
		else if (!variations[i].alone && !variations[i].apply(a->surroundings, &c, &why))
			gg_json_set_str(same, variations[i].name, why);
	}
	gg_json_set_str(e, "ggbuild", GGBUILD_VERSION);
	gg_json_set_str(e, "platform", a->platform);
	gg_json_take(e, "varied", varied);
	gg_json_take(e, "not-varied", same);
	return e;
}

struct gg_json *attestation_make(const struct attestation *a)
{
	struct gg_json *top = gg_json_object(), *subject = gg_json_array(),
		       *predicate = gg_json_object(), *byproducts = gg_json_object();

	gg_json_append_take(
		subject,
		descriptor(a->name, "application/vnd.oci.image.manifest.v1+json", &a->image));
	gg_json_set_int(byproducts, "rebuilds", (int64_t)a->rebuilds);
	gg_json_set_str(predicate, "name", "rebuild");
	gg_json_take(predicate, "materials", materials(a));
	gg_json_take(predicate, "byproducts", byproducts);
	gg_json_take(predicate, "environment", environment(a));
	gg_json_set_str(top, "_type", "https://in-toto.io/Statement/v1");
	gg_json_take(top, "subject", subject);
	gg_json_set_str(top, "predicateType", "https://in-toto.io/attestation/link/v0.3");
	gg_json_take(top, "predicate", predicate);
	return top;
}
