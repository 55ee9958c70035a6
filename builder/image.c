/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/image.h"

#include <string.h>

#include "builder/mirror.h"
#include "builder/session.h"
#include "layers/layout.h"
#include "layers/oci.h"
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

static int collect_layers(const struct build_result *b, const struct recipe_image *image, struct oci_layer *ret,
			  struct gg_err *err)
{
	static const enum pack_compression map[] = { PACK_GZIP, PACK_ZSTD, PACK_NONE };

	for (size_t i = 0; i < b->plan->n_layers; i++) {
		const struct gg_json *record = execution_record(b->execution, b->plan->packs[i]);

		if (gg_digest_parse(gg_json_get_str(record, "blob", ""), &ret[i].digest, err) < 0 ||
		    gg_digest_parse(gg_json_get_str(record, "diff-id", ""), &ret[i].diff_id, err) < 0)
			return -1;
		ret[i].size = (uint64_t)gg_json_get_int(record, "size", 0);
		ret[i].media_type = pack_media_type(map[image->compression]);
		ret[i].created_by = b->plan->nodes[b->plan->layers[i]].name;
	}
	return 0;
}

static int open_blob(void *ctx, const struct gg_digest *d, struct gg_err *err)
{
	return store_blob_open(ctx, d, NULL, err);
}

static void describe(const struct recipe_image *from, struct oci_image *to)
{
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
	to->health = (struct oci_health){ .present = h->present, .test = strings(&h->test), .interval = h->interval,
					  .timeout = h->timeout, .start_period = h->start_period,
					  .start_interval = h->start_interval, .retries = h->retries };
}

static int put(struct session *s, const char *text, struct layout_blob *ret, struct gg_err *err)
{
	ret->size = strlen(text);
	return store_blob_put(s->store, text, strlen(text), &ret->digest, err);
}

int image_check_output(const char *output, struct gg_err *err)
{
	if (gg_starts(output, "oci:") && output[4])
		return 0;
	gg_fail(err, GG_USAGE, "output '%s' is not known", output);
	return gg_hint(err, "write oci:DIR or oci:DIR:REF");
}

int image_write(struct session *s, const struct recipe *r, const struct build_result *b, const char *output,
		struct gg_digest *ret_digest, struct gg_err *err)
{
	size_t n = b->plan->n_layers;
	_cleanup_free_ struct oci_layer *layers = gg_calloc(n + 1, sizeof(*layers));
	_cleanup_free_ struct layout_blob *blobs = gg_calloc(n + 2, sizeof(*blobs));
	_cleanup_free_ char *user = user_text(&r->image.user), *config = NULL, *manifest = NULL;
	_cleanup_free_ char *dir = gg_strdup(output + strlen("oci:"));
	_cleanup_json_ struct gg_json *descriptor = NULL;
	struct oci_image image = { .architecture = mirror_deb_arch(), .os = "linux", .created = b->plan->epoch,
				   .user = user, .layers = layers, .n_layers = n };
	struct layout_image out = { .blobs = blobs, .n_blobs = n + 2, .open = open_blob, .ctx = s->store };
	char *ref = strchr(dir, ':');

	if (ref)
		*ref++ = '\0';
	describe(&r->image, &image);
	if (collect_layers(b, &r->image, layers, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		blobs[i] = (struct layout_blob){ .digest = layers[i].digest, .size = layers[i].size };
	config = oci_config(&image);
	if (put(s, config, &blobs[n], err) < 0)
		return -1;
	manifest = oci_manifest(&image, &blobs[n].digest, blobs[n].size);
	if (put(s, manifest, &blobs[n + 1], err) < 0)
		return -1;
	*ret_digest = blobs[n + 1].digest;
	descriptor = oci_descriptor(&image, &blobs[n + 1].digest, blobs[n + 1].size, ref ? ref : "latest");
	out.descriptor = descriptor;
	return layout_write(dir, &out, ref != NULL, err);
}
