/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/image.h"

#include <string.h>

#include "builder/image_place.h"
#include "builder/mirror.h"
#include "builder/session.h"
#include "layers/image_config.h"
#include "layers/pack.h"
#include "layers/store.h"

#define REGISTRY "docker://"
#define BASE_NAME "org.opencontainers.image.base.name"
#define BASE_DIGEST "org.opencontainers.image.base.digest"

static struct oci_strings strings(const struct recipe_list *l)
{
	return (struct oci_strings){ .v = l->v, .n = l->n };
}

/* Numeric ids do not depend on what a runtime thinks of the image's passwd. */
static char *user_text(const struct recipe_user *u)
{
	return u->name ? gg_asprintf("%u:%u", u->uid, u->gid) : NULL;
}

/* The same bytes by OCI's name for them. */
static struct oci_layer inherited_layer(const struct lock_image_layer *l)
{
	static const struct {
		const char *docker, *oci;
	} types[] = {
		{ "application/vnd.docker.image.rootfs.diff.tar",
		  "application/vnd.oci.image.layer.v1.tar" },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip",
		  "application/vnd.oci.image.layer.v1.tar+gzip" },
		{ "application/vnd.docker.image.rootfs.diff.tar.zstd",
		  "application/vnd.oci.image.layer.v1.tar+zstd" },
	};
	struct oci_layer ret = { .media_type = l->blob.media_type,
				 .digest = l->blob.digest,
				 .diff_id = l->diff_id,
				 .size = l->blob.size };

	for (size_t i = 0; i < GG_LEN(types); i++)
		if (gg_streq(l->blob.media_type, types[i].docker))
			ret.media_type = types[i].oci;
	return ret;
}

int image_layer(const struct recipe *r, const struct build_result *b, size_t i,
		struct oci_layer *ret, struct gg_err *err)
{
	static const enum pack_compression map[] = { PACK_GZIP, PACK_ZSTD, PACK_NONE };
	const struct gg_json *record = execution_record(b->execution, b->plan->packs[i]);

	if (b->plan->image && i < b->plan->image->lock->n_layers) {
		*ret = inherited_layer(&b->plan->image->lock->layers[i]);
		return 0;
	}
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

/* The recipe's, over them what we say. */
static void annotate(struct image *i, const struct plan *p)
{
	const struct lock_image *base = p->image ? p->image->lock : NULL;
	const struct oci_strings *own = &i->oci.annotations;
	/* What lies on a disk has no name that means anything elsewhere. */
	_cleanup_free_ char *full = base && gg_starts(p->image->reference, REGISTRY)
					    ? image_place_rule(p->image->reference)
					    : NULL;
	const char *name = full ? full : base ? base->name : NULL;
	char text[GG_DIGEST_TEXT];

	if (base)
		gg_strv_addf(&i->annotations, BASE_NAME "=%s", name);
	if (base && !gg_digest_is_zero(&base->manifest.digest))
		gg_strv_addf(&i->annotations, BASE_DIGEST "=%s",
			     gg_digest_text(&base->manifest.digest, text));
	for (size_t j = 0; j < own->n; j++)
		gg_strv_putenv(&i->annotations, own->v[j]);
	if (p->hermetic)
		gg_strv_putenv(&i->annotations, IMAGE_HERMETIC "=true");
	i->oci.annotations = (struct oci_strings){ .v = (const char *const *)i->annotations.v,
						   .n = i->annotations.n };
}

/* What the image is from says the rest. */
static int inherit(struct session *s, const struct plan *p, struct image *i, struct gg_err *err)
{
	const char *reference = p->image ? p->image->reference : NULL;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (!p->image)
		return 0;
	if (store_blob_read(s->store, &p->image->lock->config.digest, IMAGE_MAX_DOCUMENT, &text,
			    err) < 0)
		return gg_context(err, "config of '%s'", p->image->reference);
	i->base = gg_json_parse(text.data, text.len, err);
	if (!i->base || image_config_check(i->base, err) < 0)
		return gg_context(err, "config of '%s'", p->image->reference);
	if (gg_starts(reference, REGISTRY)) {
		if (reference_parse(reference + strlen(REGISTRY), &i->from, err) < 0)
			return -1;
		i->written.mount_host = i->from.domain;
		i->written.mount_path = i->from.path;
	}
	i->oci.inherits = i->base;
	i->oci.n_inherited = p->image->lock->n_layers;
	i->oci.architecture = gg_json_get_str(i->base, "architecture", i->oci.architecture);
	i->oci.os = gg_json_get_str(i->base, "os", i->oci.os);
	return 0;
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

static int put_manifest(struct session *s, enum image_format format, struct image *i,
			struct gg_err *err)
{
	struct transport_image *w = &i->written;
	_cleanup_free_ char *text = oci_manifest(&i->oci, &w->config.digest, w->config.size);
	_cleanup_json_ struct gg_json *manifest = NULL, *formed = NULL;

	if (format != IMAGE_FORMAT_OCI) {
		manifest = gg_json_parse(text, strlen(text), err);
		if (!manifest || image_format_manifest(format, manifest, &formed, err) < 0)
			return -1;
		free(text);
		text = gg_json_compact(formed);
	}
	w->config.media_type = image_format_type(format, OCI_CONFIG_TYPE);
	return put(s, image_format_type(format, OCI_MANIFEST_TYPE), text, &w->root, err);
}

static void list(struct image *i, enum image_format format)
{
	const struct oci_image *o = &i->oci;
	struct transport_image *w = &i->written;

	i->written_layers = gg_calloc(o->n_layers, sizeof(*i->written_layers));
	for (size_t k = 0; k < o->n_layers; k++)
		i->written_layers[k] = (struct image_layer){
			.blob = { .media_type = image_format_type(format, o->layers[k].media_type),
				  .addressed = true,
				  .digest = o->layers[k].digest,
				  .size = o->layers[k].size },
			.diff_id = o->layers[k].diff_id
		};
	w->layers = i->written_layers;
	w->n_layers = o->n_layers;
	i->descriptor = oci_descriptor(o, &w->root.digest, w->root.size, NULL);
	gg_json_set_str(i->descriptor, "mediaType", w->root.media_type);
	w->descriptor = i->descriptor;
	i->blobs = transport_image_list(w);
}

int image_make(struct session *s, const struct recipe *r, const struct build_result *b,
	       enum image_format format, struct image *ret, struct gg_err *err)
{
	struct transport_image *w = &ret->written;
	_cleanup_free_ char *config = NULL;

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
	if (inherit(s, b->plan, ret, err) < 0)
		return -1;
	annotate(ret, b->plan);
	config = oci_config(&ret->oci);
	if (put(s, OCI_CONFIG_TYPE, config, &w->config, err) < 0 ||
	    put_manifest(s, format, ret, err) < 0)
		return -1;
	list(ret, format);
	return 0;
}

void image_done(struct image *i)
{
	free(i->layers);
	free(i->written_layers);
	free(i->blobs);
	gg_json_unref(i->descriptor);
	free(i->user);
	gg_strv_done(&i->annotations);
	gg_json_unref(i->base);
	reference_done(&i->from);
	*i = (struct image)IMAGE_INIT;
}
