/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/image.h"

#include <string.h>

#include "builder/mirror.h"
#include "builder/session.h"
#include "layers/pack.h"
#include "layers/store.h"

static struct oci_strings strings(const struct recipe_list *l)
{
	return (struct oci_strings){ .v = l->v, .n = l->n };
}

/* Numeric ids do not depend on what a runtime thinks of the image's passwd. */
static char *user_text(const struct recipe_user *u)
{
	return u->name ? gg_asprintf("%u:%u", u->uid, u->gid) : NULL;
}

int image_layer(const struct recipe *r, const struct build_result *b, size_t i,
		struct oci_layer *ret, struct gg_err *err)
{
	static const enum pack_compression map[] = { PACK_GZIP, PACK_ZSTD, PACK_NONE };
	const struct gg_json *record = execution_record(b->execution, b->plan->packs[i]);

	if (gg_digest_parse(gg_json_get_str(record, "blob", ""), &ret->digest, err) < 0 ||
	    gg_digest_parse(gg_json_get_str(record, "diff-id", ""), &ret->diff_id, err) < 0)
		return -1;
	ret->size = (uint64_t)gg_json_get_int(record, "size", 0);
	ret->media_type = pack_media_type(map[r->image.compression]);
	ret->created_by = b->plan->nodes[b->plan->layers[i]].name;
	return 0;
}

int image_open_blob(void *ctx, const struct image_blob *b, struct image_bytes *ret,
		    struct gg_err *err)
{
	ret->offset = 0;
	ret->fd = store_blob_open(ctx, &b->digest, &ret->size, err);
	return ret->fd < 0 ? -1 : 0;
}

static void describe(const struct recipe_image *from, struct oci_image *to)
{
	static const char *const none[] = { "NONE" };
	const struct recipe_health *h = &from->health;

	to->author = from->author;
	to->workdir = from->workdir;
	to->stop_signal = from->stop_signal;
	to->env = strings(&from->env);
	to->entrypoint = strings(&from->entrypoint);
	to->cmd = strings(&from->cmd);
	to->ports = strings(&from->ports);
	to->volumes = strings(&from->volumes);
	to->labels = strings(&from->labels);
	to->annotations = strings(&from->annotations);
	to->health = (struct oci_health){ .present = h->present,
					  .test = strings(&h->test),
					  .interval = h->interval,
					  .timeout = h->timeout,
					  .start_period = h->start_period,
					  .start_interval = h->start_interval,
					  .retries = h->retries };
	if (h->none)
		to->health.test = (struct oci_strings){ .v = none, .n = GG_LEN(none) };
}

static void annotate(struct image *i, const char *pair)
{
	const struct oci_strings *old = &i->oci.annotations;

	i->annotations = gg_calloc(old->n + 1, sizeof(*i->annotations));
	for (size_t j = 0; j < old->n; j++)
		i->annotations[j] = old->v[j];
	i->annotations[old->n] = pair;
	i->oci.annotations = (struct oci_strings){ .v = i->annotations, .n = old->n + 1 };
}

static int put(struct session *s, const char *media_type, const char *text, struct image_blob *ret,
	       struct gg_err *err)
{
	*ret = (struct image_blob){ .media_type = media_type,
				    .addressed = true,
				    .size = strlen(text) };
	if (store_blob_put(s->store, text, strlen(text), &ret->digest, err) == 0)
		return 0;
	store_explain(s->store, err);
	return -1;
}

static void list(struct image *i)
{
	const struct oci_image *o = &i->oci;
	struct transport_image *w = &i->written;

	i->written_layers = gg_calloc(o->n_layers, sizeof(*i->written_layers));
	for (size_t k = 0; k < o->n_layers; k++)
		i->written_layers[k] =
			(struct image_layer){ .blob = { .media_type = o->layers[k].media_type,
							.addressed = true,
							.digest = o->layers[k].digest,
							.size = o->layers[k].size },
					      .diff_id = o->layers[k].diff_id };
	w->layers = i->written_layers;
	w->n_layers = o->n_layers;
	i->descriptor = oci_descriptor(o, &w->root.digest, w->root.size, NULL);
	w->descriptor = i->descriptor;
	i->blobs = transport_image_list(w);
}

int image_make(struct session *s, const struct recipe *r, const struct build_result *b,
	       struct image *ret, struct gg_err *err)
{
	struct transport_image *w = &ret->written;
	_cleanup_free_ char *config = NULL, *manifest = NULL;

	ret->layers = gg_calloc(b->plan->n_layers + 1, sizeof(*ret->layers));
	ret->user = user_text(&r->image.user);
	ret->oci = (struct oci_image){ .architecture = mirror_deb_arch(),
				       .os = "linux",
				       .created = b->plan->epoch,
				       .user = ret->user,
				       .layers = ret->layers,
				       .n_layers = b->plan->n_layers };
	describe(&r->image, &ret->oci);
	*w = (struct transport_image){ .verified = true, .open = image_open_blob, .ctx = s->store };
	for (size_t i = 0; i < b->plan->n_layers; i++)
		if (image_layer(r, b, i, &ret->layers[i], err) < 0)
			return -1;
	if (b->plan->hermetic)
		annotate(ret, IMAGE_HERMETIC "=true");
	config = oci_config(&ret->oci);
	if (put(s, OCI_CONFIG_TYPE, config, &w->config, err) < 0)
		return -1;
	manifest = oci_manifest(&ret->oci, &w->config.digest, w->config.size);
	if (put(s, OCI_MANIFEST_TYPE, manifest, &w->root, err) < 0)
		return -1;
	list(ret);
	return 0;
}

void image_done(struct image *i)
{
	free(i->layers);
	free(i->written_layers);
	free(i->blobs);
	gg_json_unref(i->descriptor);
	free(i->user);
	free(i->annotations);
	*i = (struct image)IMAGE_INIT;
}
