/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/oci.h"

#include <string.h>
#include <time.h>

#include "layers/image_config.h"

bool oci_ref_valid(const char *ref)
{
	static const char alphanum[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (;;) {
		size_t n = strspn(ref, alphanum);

		if (n == 0)
			return false;
		ref += n;
		if (!*ref)
			return true;
		if (!strchr("-._:@+/", *ref))
			return false;
		ref += gg_starts(ref, "--") ? 2 : 1;
	}
}

char *oci_time(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	gmtime_r(&t, &tm);
	return gg_asprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
			   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void set(struct gg_json *o, const char *key, const char *value)
{
	if (value)
		gg_json_set_str(o, key, value);
}

static void set_list(struct gg_json *o, const char *key, const struct oci_strings *l)
{
	struct gg_json *a;

	if (l->n == 0)
		return;
	a = gg_json_array();
	for (size_t i = 0; i < l->n; i++)
		gg_json_append_str(a, l->v[i]);
	gg_json_take(o, key, a);
}

/* The object at a key, made where there is none. */
static struct gg_json *member(struct gg_json *o, const char *key)
{
	if (!gg_json_get(o, key))
		gg_json_take(o, key, gg_json_object());
	return gg_json_get(o, key);
}

/* ExposedPorts and Volumes are sets: objects of empty objects. */
static void add_names(struct gg_json *o, const char *key, const struct oci_strings *l)
{
	for (size_t i = 0; i < l->n; i++)
		gg_json_take(member(o, key), l->v[i], gg_json_object());
}

static void add_pairs(struct gg_json *o, const struct oci_strings *l)
{
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_free_ char *key = gg_strndup(l->v[i], strcspn(l->v[i], "="));

		gg_json_set_str(o, key, l->v[i] + strlen(key) + 1);
	}
}

static void set_env(struct gg_json *c, const struct oci_image *image)
{
	_cleanup_strv_ struct gg_strv env = { 0 };
	struct oci_strings all;

	if (!image->inherits) {
		set_list(c, "Env", &image->env);
		return;
	}
	image_config_env(image->inherits, &env);
	for (size_t i = 0; i < image->env.n; i++)
		gg_strv_putenv(&env, image->env.v[i]);
	all = (struct oci_strings){ .v = (const char *const *)env.v, .n = env.n };
	gg_json_remove(c, "Env");
	set_list(c, "Env", &all);
}

static void set_ns(struct gg_json *o, const char *key, uint64_t ns)
{
	if (ns)
		gg_json_set_int(o, key, (int64_t)ns);
}

static void set_health(struct gg_json *config, const struct oci_health *h)
{
	struct gg_json *o;

	if (!h->present)
		return;
	o = gg_json_object();
	set_list(o, "Test", &h->test);
	set_ns(o, "Interval", h->interval);
	set_ns(o, "Timeout", h->timeout);
	set_ns(o, "StartPeriod", h->start_period);
	set_ns(o, "StartInterval", h->start_interval);
	if (h->retries)
		gg_json_set_int(o, "Retries", h->retries);
	gg_json_take(config, "Healthcheck", o);
}

static struct gg_json *execution_parameters(const struct oci_image *image)
{
	struct gg_json *c =
		image->inherits ? image_config_inherited(image->inherits) : gg_json_object();

	set(c, "User", image->user);
	set(c, "WorkingDir", image->workdir);
	set(c, "StopSignal", image->stop_signal);
	set_env(c, image);
	if (image->entrypoint.n)
		gg_json_remove(c, "Cmd");
	set_list(c, "Entrypoint", &image->entrypoint);
	set_list(c, "Cmd", &image->cmd);
	add_names(c, "ExposedPorts", &image->ports);
	add_names(c, "Volumes", &image->volumes);
	if (image->labels.n)
		add_pairs(member(c, "Labels"), &image->labels);
	set_health(c, &image->health);
	return c;
}

/* Of a config, and of a descriptor in an index. */
static void set_platform(struct gg_json *o, const struct oci_image *image)
{
	static const char *const more[] = { "variant", "os.version" };

	gg_json_set_str(o, "architecture", image->architecture);
	gg_json_set_str(o, "os", image->os);
	for (size_t i = 0; i < GG_LEN(more); i++)
		set(o, more[i], gg_json_get_str(image->inherits, more[i], NULL));
}

char *oci_config(const struct oci_image *image)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	_cleanup_free_ char *created = oci_time(image->created);
	struct gg_json *rootfs = gg_json_object(), *ids = gg_json_array(),
		       *history = image_config_history(image->inherits, image->n_inherited);
	char text[GG_DIGEST_TEXT];

	for (size_t i = 0; i < image->n_layers; i++) {
		struct gg_json *h;

		gg_json_append_str(ids, gg_digest_text(&image->layers[i].diff_id, text));
		if (i < image->n_inherited)
			continue;
		h = gg_json_object();
		gg_json_set_str(h, "created", created);
		set(h, "created_by", image->layers[i].created_by);
		gg_json_append_take(history, h);
	}
	gg_json_set_str(rootfs, "type", "layers");
	gg_json_take(rootfs, "diff_ids", ids);
	set_platform(o, image);
	gg_json_set_str(o, "created", created);
	set(o, "author",
	    image->author ? image->author : gg_json_get_str(image->inherits, "author", NULL));
	gg_json_take(o, "config", execution_parameters(image));
	gg_json_take(o, "rootfs", rootfs);
	gg_json_take(o, "history", history);
	return gg_json_compact(o);
}

static struct gg_json *descriptor(const char *type, const struct gg_digest *d, uint64_t size)
{
	struct gg_json *o = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, "mediaType", type);
	gg_json_set_str(o, "digest", gg_digest_text(d, text));
	gg_json_set_int(o, "size", (int64_t)size);
	return o;
}

char *oci_manifest(const struct oci_image *image, const struct gg_digest *config,
		   uint64_t config_size)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *layers = gg_json_array();

	for (size_t i = 0; i < image->n_layers; i++)
		gg_json_append_take(layers,
				    descriptor(image->layers[i].media_type,
					       &image->layers[i].digest, image->layers[i].size));
	gg_json_set_int(o, "schemaVersion", 2);
	gg_json_set_str(o, "mediaType", OCI_MANIFEST_TYPE);
	gg_json_take(o, "config", descriptor(OCI_CONFIG_TYPE, config, config_size));
	gg_json_take(o, "layers", layers);
	if (image->annotations.n)
		add_pairs(member(o, "annotations"), &image->annotations);
	return gg_json_compact(o);
}

struct gg_json *oci_descriptor(const struct oci_image *image, const struct gg_digest *manifest,
			       uint64_t size, const char *ref)
{
	struct gg_json *o = descriptor(OCI_MANIFEST_TYPE, manifest, size),
		       *platform = gg_json_object();

	set_platform(platform, image);
	gg_json_take(o, "platform", platform);
	if (ref) {
		struct gg_json *annotations = gg_json_object();

		gg_json_set_str(annotations, OCI_REF_NAME, ref);
		gg_json_take(o, "annotations", annotations);
	}
	return o;
}

struct gg_json *oci_index(struct gg_json *manifests)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_int(o, "schemaVersion", 2);
	gg_json_set_str(o, "mediaType", OCI_INDEX_TYPE);
	gg_json_take(o, "manifests", manifests);
	return o;
}
