/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/oci.h"

#include <string.h>

#include "layers/base/json.h"

enum { DAY = 86400, DAYS_0000_TO_1970 = 719528, DAYS_OF_400_YEARS = 146097 };

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Not gmtime: with TZ=right/… glibc counts leap seconds there, too. */
char *oci_time(int64_t seconds)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t days = seconds / DAY, rest = seconds % DAY;
	int year, month = 0, left;

	if (rest < 0) {
		rest += DAY;
		days--;
	}
	if (days < -DAYS_0000_TO_1970 || days >= 25 * (int64_t)DAYS_OF_400_YEARS - DAYS_0000_TO_1970)
		return NULL;
	days += DAYS_0000_TO_1970;
	year = (int)(days / DAYS_OF_400_YEARS) * 400;
	left = (int)(days % DAYS_OF_400_YEARS);
	for (; left >= 365 + is_leap(year); year++)
		left -= 365 + is_leap(year);
	for (; left >= month_days[month] + (month == 1 && is_leap(year)); month++)
		left -= month_days[month] + (month == 1 && is_leap(year));
	return gg_asprintf("%04d-%02d-%02dT%02d:%02d:%02dZ", year, month + 1, left + 1, (int)(rest / 3600),
			   (int)(rest / 60 % 60), (int)(rest % 60));
}

static void set_text(struct gg_json *object, const char *key, const char *value)
{
	if (value)
		gg_json_set_str(object, key, value);
}

static void set_positive(struct gg_json *object, const char *key, int64_t value)
{
	if (value > 0)
		gg_json_set_int(object, key, value);
}

static void set_list(struct gg_json *object, const char *key, const char *const *list, size_t n)
{
	struct gg_json *array;

	if (n == 0)
		return;
	array = gg_json_array();
	for (size_t i = 0; i < n; i++)
		gg_json_append_str(array, list[i]);
	gg_json_take(object, key, array);
}

/* A set, as the specification writes it: {"80/tcp":{}}. */
static void set_set(struct gg_json *object, const char *key, const char *const *list, size_t n)
{
	struct gg_json *set;

	if (n == 0)
		return;
	set = gg_json_object();
	for (size_t i = 0; i < n; i++)
		gg_json_take(set, list[i], gg_json_object());
	gg_json_take(object, key, set);
}

static void set_pairs(struct gg_json *object, const char *key, const struct oci_pair *pairs, size_t n)
{
	struct gg_json *map;

	if (n == 0)
		return;
	map = gg_json_object();
	for (size_t i = 0; i < n; i++)
		gg_json_set_str(map, pairs[i].name, pairs[i].value);
	gg_json_take(object, key, map);
}

static struct gg_json *health_of(const struct oci_health *h)
{
	struct gg_json *v = gg_json_object();

	set_list(v, "Test", h->test, h->n_test);
	set_positive(v, "Interval", h->interval);
	set_positive(v, "Timeout", h->timeout);
	set_positive(v, "StartPeriod", h->start_period);
	set_positive(v, "Retries", h->retries);
	return v;
}

static struct gg_json *run_config(const struct oci_image_spec *s)
{
	struct gg_json *v = gg_json_object();

	set_text(v, "User", s->user);
	set_set(v, "ExposedPorts", s->ports, s->n_ports);
	set_list(v, "Env", s->env, s->n_env);
	set_list(v, "Entrypoint", s->entrypoint, s->n_entrypoint);
	set_list(v, "Cmd", s->cmd, s->n_cmd);
	set_set(v, "Volumes", s->volumes, s->n_volumes);
	set_text(v, "WorkingDir", s->workdir);
	set_pairs(v, "Labels", s->labels, s->n_labels);
	set_text(v, "StopSignal", s->stop_signal);
	if (s->health.test)
		gg_json_take(v, "Healthcheck", health_of(&s->health));
	return v;
}

static struct gg_json *history_entry(const char *created, const char *created_by)
{
	struct gg_json *v = gg_json_object();

	gg_json_set_str(v, "created", created);
	set_text(v, "created_by", created_by);
	return v;
}

static struct gg_json *history_of(const struct oci_image_spec *s, const char *created)
{
	struct gg_json *array = gg_json_array();

	for (size_t i = 0; i < s->n_layers; i++)
		gg_json_append_take(array, history_entry(created, s->layers[i].created_by));
	if (s->config_created_by) {
		struct gg_json *last = history_entry(created, s->config_created_by);

		gg_json_set_bool(last, "empty_layer", true);
		gg_json_append_take(array, last);
	}
	return array;
}

static struct gg_json *rootfs_of(const struct oci_image_spec *s)
{
	struct gg_json *v = gg_json_object(), *ids = gg_json_array();
	char text[GG_DIGEST_TEXT];

	for (size_t i = 0; i < s->n_layers; i++)
		gg_json_append_str(ids, gg_digest_text(&s->layers[i].diff_id, text));
	gg_json_set_str(v, "type", "layers");
	gg_json_take(v, "diff_ids", ids);
	return v;
}

static void finish(const struct gg_json *v, struct oci_document *ret)
{
	ret->text = gg_json_compact(v);
	ret->blob.size = strlen(ret->text);
	gg_digest_of(ret->text, ret->blob.size, &ret->blob.digest);
}

static void build_config(const struct oci_image_spec *s, const char *created, struct oci_document *ret)
{
	_cleanup_json_ struct gg_json *v = gg_json_object();

	gg_json_set_str(v, "architecture", s->arch);
	gg_json_set_str(v, "os", s->os);
	set_text(v, "variant", s->variant);
	gg_json_set_str(v, "created", created);
	set_text(v, "author", s->author);
	gg_json_take(v, "config", run_config(s));
	gg_json_take(v, "rootfs", rootfs_of(s));
	gg_json_take(v, "history", history_of(s, created));
	finish(v, ret);
}

struct gg_json *oci_descriptor(const char *media_type, const struct oci_blob *blob)
{
	struct gg_json *v = gg_json_object();
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(v, "mediaType", media_type);
	gg_json_set_str(v, "digest", gg_digest_text(&blob->digest, text));
	gg_json_set_int(v, "size", (int64_t)blob->size);
	return v;
}

static void build_manifest(const struct oci_image_spec *s, struct oci_image *image)
{
	_cleanup_json_ struct gg_json *v = gg_json_object();
	struct gg_json *layers = gg_json_array();

	for (size_t i = 0; i < s->n_layers; i++)
		gg_json_append_take(layers, oci_descriptor(s->layers[i].media_type, &image->layers[i]));
	gg_json_set_int(v, "schemaVersion", 2);
	gg_json_set_str(v, "mediaType", OCI_MANIFEST_TYPE);
	gg_json_take(v, "config", oci_descriptor(OCI_CONFIG_TYPE, &image->config.blob));
	gg_json_take(v, "layers", layers);
	set_pairs(v, "annotations", s->annotations, s->n_annotations);
	finish(v, &image->manifest);
}

int oci_image_build(const struct oci_image_spec *spec, struct oci_image *ret, struct gg_err *err)
{
	_cleanup_free_ char *created = oci_time(spec->created);

	if (!created)
		return gg_fail(err, GG_USAGE, "image: the time %lld is not within the years 0..9999",
			       (long long)spec->created);
	*ret = (struct oci_image){
		.layers = gg_calloc(spec->n_layers, sizeof(*ret->layers)),
		.n_layers = spec->n_layers,
		.arch = gg_strdup(spec->arch),
		.os = gg_strdup(spec->os),
		.variant = spec->variant ? gg_strdup(spec->variant) : NULL,
		.created = spec->created,
	};
	for (size_t i = 0; i < spec->n_layers; i++)
		ret->layers[i] = (struct oci_blob){ spec->layers[i].digest, spec->layers[i].size };
	build_config(spec, created, &ret->config);
	build_manifest(spec, ret);
	return 0;
}

void oci_image_done(struct oci_image *image)
{
	free(image->config.text);
	free(image->manifest.text);
	free(image->layers);
	free(image->arch);
	free(image->os);
	free(image->variant);
	*image = (struct oci_image){ 0 };
}

struct gg_json *oci_index_entry(const struct oci_image *image, const char *ref_name)
{
	struct gg_json *v = oci_descriptor(OCI_MANIFEST_TYPE, &image->manifest.blob);
	struct gg_json *platform = gg_json_object();

	gg_json_set_str(platform, "architecture", image->arch);
	gg_json_set_str(platform, "os", image->os);
	set_text(platform, "variant", image->variant);
	gg_json_take(v, "platform", platform);
	if (ref_name) {
		struct gg_json *annotations = gg_json_object();

		gg_json_set_str(annotations, OCI_REF_NAME, ref_name);
		gg_json_take(v, "annotations", annotations);
	}
	return v;
}

struct gg_json *oci_index(struct gg_json *manifests)
{
	struct gg_json *v = gg_json_object();

	gg_json_set_int(v, "schemaVersion", 2);
	gg_json_set_str(v, "mediaType", OCI_INDEX_TYPE);
	gg_json_take(v, "manifests", manifests);
	return v;
}
