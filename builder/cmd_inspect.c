/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild inspect SRC`: what an image's documents say. Layers are not read.
 */
#include <string.h>

#include "builder/commands.h"
#include "builder/inspect.h"
#include "builder/printable.h"
#include "builder/registry_options.h"
#include "builder/table.h"
#include "layers/base/json.h"
#include "layers/image_source.h"

struct options {
	bool raw, config, json;
	const char *format, *platform;
	struct registry_options registry;
};

static const struct option_def defs[] = {
	{ .name = "raw",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, raw),
	  .help = "the manifest's bytes; the index's, where there is one and no --platform" },
	{ .name = "config",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, config),
	  .help = "the config's bytes" },
	{ .name = "json",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct options, json),
	  .help = "all of it, for programs" },
	{ .name = "format",
	  .arg = "TEMPLATE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, format),
	  .help = "parts of what --json shows: '{{.Config.Env}}', '{{json .Layers}}', "
		  "'{{index .Config.Labels \"org.x\"}}'" },
	{ .name = "platform",
	  .arg = "OS/ARCH",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct options, platform),
	  .help = "which image of an index (default: this machine's)" },
};
static const struct option_group groups[] = {
	{ .defs = defs, .n_defs = GG_LEN(defs) },
	REGISTRY_OPTIONS_GROUP(offsetof(struct options, registry)),
};

/* ---- for people ---- */

static void put(struct table *t, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	table_add(t, key);
	table_add(t, value);
}

static void put_take(struct table *t, const char *key, char *value)
{
	put(t, key, value);
	free(value);
}

/* One row each; the first has the key. */
static void put_list(struct table *t, const char *key, const struct gg_json *list)
{
	for (size_t i = 0; i < gg_json_len(list); i++) {
		const char *text = gg_json_text(gg_json_at(list, i));

		put(t, i ? "" : key, text ? text : "?");
	}
}

/* An object of strings, or one whose keys are all that counts. */
static void put_object(struct table *t, const char *key, const struct gg_json *o)
{
	_cleanup_strv_ struct gg_strv names = { 0 };

	gg_json_keys(o, &names);
	for (size_t i = 0; i < names.n; i++) {
		const char *text = gg_json_get_str(o, names.v[i], NULL);

		put_take(t, i ? "" : key,
			 text ? gg_asprintf("%s=%s", names.v[i], text) : gg_strdup(names.v[i]));
	}
}

static void put_json(struct table *t, const char *key, const struct gg_json *v)
{
	if (v && gg_json_len(v))
		put_take(t, key, gg_json_compact(v));
}

static void put_config(struct table *t, const struct gg_json *c)
{
	put_json(t, "entrypoint", gg_json_get(c, "Entrypoint"));
	put_json(t, "cmd", gg_json_get(c, "Cmd"));
	put_list(t, "env", gg_json_get(c, "Env"));
	put(t, "user", gg_json_get_str(c, "User", NULL));
	put(t, "workdir", gg_json_get_str(c, "WorkingDir", NULL));
	put_object(t, "ports", gg_json_get(c, "ExposedPorts"));
	put_object(t, "volumes", gg_json_get(c, "Volumes"));
	put(t, "stop signal", gg_json_get_str(c, "StopSignal", NULL));
	put_json(t, "health check", gg_json_get(c, "Healthcheck"));
	put_object(t, "labels", gg_json_get(c, "Labels"));
}

static void put_sizes(struct table *t, const struct gg_json *o)
{
	const struct gg_json *layers = gg_json_get(o, "Layers");
	_cleanup_free_ char *size = table_size((uint64_t)gg_json_get_int(o, "Size", 0));

	put_take(t, "size",
		 gg_asprintf("%s in %zu layer%s", size, gg_json_len(layers),
			     gg_json_len(layers) == 1 ? "" : "s"));
	for (size_t i = 0; i < gg_json_len(layers); i++) {
		const struct gg_json *l = gg_json_at(layers, i);
		_cleanup_free_ char *bytes = table_size((uint64_t)gg_json_get_int(l, "Size", 0));

		put_take(t, i ? "" : "layers",
			 gg_asprintf("%s  %s",
				     gg_json_get_str(l, "Digest", gg_json_get_str(l, "DiffId", "")),
				     bytes));
	}
}

static int print_text(const struct gg_json *o, struct gg_err *err)
{
	_cleanup_table_ struct table t = { .columns = 2 };
	_cleanup_buf_ struct gg_buf rows = { 0 }, text = { 0 };
	const struct gg_json *platforms = gg_json_get(o, "Platforms");

	put(&t, "digest", gg_json_get_str(o, "Digest", NULL));
	if (gg_json_get(o, "Index"))
		put_take(&t, "index",
			 gg_asprintf("%s, with %zu entries", gg_json_get_str(o, "Index", ""),
				     gg_json_len(platforms)));
	put(&t, "id", gg_json_get_str(o, "Id", NULL));
	put(&t, "type", gg_json_get_str(o, "MediaType", NULL));
	put(&t, "platform", gg_json_get_str(o, "Platform", NULL));
	put(&t, "created", gg_json_get_str(o, "Created", NULL));
	put_config(&t, gg_json_get(o, "Config"));
	put_object(&t, "annotations", gg_json_get(o, "Annotations"));
	put_sizes(&t, o);
	table_print(&t, &rows);
	/* Texts of strangers reach a terminal. */
	printable_text(rows.data, rows.len, &text);
	return command_print(text.data, text.len, err);
}

/* ---- for programs ---- */

static int print_raw(const struct options *o, const struct image_source *s, struct gg_err *err)
{
	const struct image_document *d = s->index.bytes && !o->platform ? &s->index : &s->manifest;

	if (d->bytes)
		return command_print(d->bytes, d->len, err);
	gg_fail(err, GG_USAGE, "image '%s': the place keeps no manifest", s->name);
	return gg_hint(err, "--config shows the document that it keeps");
}

static int print(const struct options *o, const struct image_source *s, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *object = NULL;
	_cleanup_buf_ struct gg_buf text = { 0 };

	if (o->raw)
		return print_raw(o, s, err);
	if (o->config)
		return command_print(s->config.bytes, s->config.len, err);
	if (inspect_object(s, &object, err) < 0)
		return -1;
	if (o->json) {
		_cleanup_free_ char *json = gg_json_pretty(object);

		return command_print(json, strlen(json), err);
	}
	if (!o->format)
		return print_text(object, err);
	if (inspect_format(o->format, object, &text, err) < 0)
		return -1;
	gg_buf_putc(&text, '\n');
	return command_print(text.data, text.len, err);
}

static int run(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct options *o = options;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	_cleanup_image_source_ struct image_source *s = NULL;
	struct image_source_options how = { .platform = o->platform, .registry = &access.settings };

	if (o->raw + o->config + o->json + (o->format != NULL) > 1)
		return gg_fail(err, GG_USAGE, "--raw, --config, --json and --format: one of them");
	/* An index is shown as it is, whatever this machine is. */
	how.whole = o->raw && !o->platform;
	if (registry_options_take(&o->registry, NULL, &access, err) < 0 ||
	    image_source_open(args->v[0], &how, &s, err) < 0)
		return -1;
	return print(o, s, err);
}

const struct command_def command_inspect = {
	.name = "inspect",
	.args = "SRC",
	.summary = "show what an image is",
	.text = "SRC is an image in a registry (docker://NAME[:TAG]), a running engine "
		"(docker-daemon:REF), a layout (oci:DIR[:REF]), an archive "
		"(oci-archive:FILE[:REF], "
		"docker-archive:FILE[:REF]), or the path[:REF] of one. Only its documents are "
		"read, "
		"each checked against its digest.\n\n"
		"  ggbuild inspect docker://ubuntu:24.04\n"
		"  ggbuild inspect oci:out --format '{{json .Config.Env}}'\n"
		"  ggbuild inspect --raw docker://ubuntu | sha256sum",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.n_groups = GG_LEN(groups),
	.options_size = sizeof(struct options),
	.run = run,
};
