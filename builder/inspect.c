/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/inspect.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "layers/base/json.h"
#include "layers/image_document.h"
#include "layers/image_source.h"

/* ---- the object ---- */

static int size_of(const struct image_source *s, const struct image_blob *b, uint64_t *ret,
		   struct gg_err *err)
{
	_cleanup_image_bytes_ struct image_bytes bytes = IMAGE_BYTES_INIT;

	*ret = b->size;
	if (b->addressed)
		return 0;
	if (s->open(s->ctx, b, &bytes, err) < 0)
		return gg_context(err, "image '%s'", s->name);
	*ret = bytes.size;
	return 0;
}

static void set_digest(struct gg_json *o, const char *key, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(o, key, gg_digest_text(d, text));
}

static int set_layers(const struct image_source *s, struct gg_json *o, struct gg_err *err)
{
	struct gg_json *list = gg_json_array();
	uint64_t total = 0;

	gg_json_take(o, "Layers", list);
	for (size_t i = 0; i < s->n_layers; i++) {
		const struct image_layer *l = &s->layers[i];
		struct gg_json *layer = gg_json_object();
		uint64_t size;

		gg_json_append_take(list, layer);
		if (size_of(s, &l->blob, &size, err) < 0)
			return -1;
		if (l->blob.addressed)
			set_digest(layer, "Digest", &l->blob.digest);
		if (l->blob.media_type)
			gg_json_set_str(layer, "MediaType", l->blob.media_type);
		set_digest(layer, "DiffId", &l->diff_id);
		gg_json_set_int(layer, "Size", (int64_t)size);
		total += size;
	}
	gg_json_set_int(o, "Size", (int64_t)total);
	return 0;
}

static void set_platforms(const struct image_source *s, struct gg_json *o)
{
	const struct gg_json *manifests = gg_json_get(s->index.json, "manifests");
	struct gg_json *list = gg_json_array();

	for (size_t i = 0; i < gg_json_len(manifests); i++) {
		const struct gg_json *d = gg_json_at(manifests, i);
		_cleanup_free_ char *platform = image_document_platform(gg_json_get(d, "platform"));
		struct gg_json *entry = gg_json_object();

		gg_json_set_str(entry, "Digest", gg_json_get_str(d, "digest", ""));
		gg_json_set_str(entry, "Platform", platform ? platform : "");
		gg_json_append_take(list, entry);
	}
	gg_json_take(o, "Platforms", list);
}

/* What another document has, where it has it. */
static void borrow(struct gg_json *o, const char *key, const struct gg_json *from, const char *name)
{
	struct gg_json *v = gg_json_get(from, name);

	if (v)
		gg_json_take(o, key, gg_json_ref(v));
}

int inspect_object(const struct image_source *s, struct gg_json **ret, struct gg_err *err)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	_cleanup_free_ char *platform = image_document_platform(s->config.json);

	gg_json_set_str(o, "Name", s->name);
	set_digest(o, "Id", &s->config.blob.digest);
	if (s->manifest.json) {
		set_digest(o, "Digest", &s->manifest.blob.digest);
		gg_json_set_str(o, "MediaType", image_document_manifest_type(&s->manifest));
	}
	if (s->index.json) {
		set_digest(o, "Index", &s->index.blob.digest);
		set_platforms(s, o);
	}
	gg_json_set_str(o, "Platform", platform ? platform : "");
	borrow(o, "Annotations", s->manifest.json, "annotations");
	borrow(o, "Created", s->config.json, "created");
	borrow(o, "Author", s->config.json, "author");
	borrow(o, "Config", s->config.json, "config");
	borrow(o, "History", s->config.json, "history");
	if (set_layers(s, o, err) < 0)
		return -1;
	*ret = gg_steal(&o);
	return 0;
}

/* ---- templates ---- */

/* What an image may have, and need not. */
static const char *const optional[] = { "Annotations", "Author", "Config",    "Created",  "Digest",
					"History",     "Index",  "MediaType", "Platforms" };
static const char *const optional_config[] = {
	"ArgsEscaped", "AttachStderr", "AttachStdin",  "AttachStdout", "Cmd",       "Domainname",
	"Entrypoint",  "Env",          "ExposedPorts", "Healthcheck",  "Hostname",  "Image",
	"Labels",      "OnBuild",      "OpenStdin",    "Shell",        "StdinOnce", "StopSignal",
	"StopTimeout", "Tty",          "User",         "Volumes",      "WorkingDir"
};

/* One "{{…}}". */
struct expression {
	const char *tpl; /* all of it, for messages */
	const char *at, *end;
	const struct gg_json *value; /* NULL: what an image need not have */
	const char *const *optional; /* of value */
	size_t n_optional;
	bool json;
};

static int malformed(const struct expression *x, struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "--format '%s': '%.*s' is not understood", x->tpl,
		(int)(x->end - x->at), x->at);
	return gg_hint(err, "write {{.Field.Field}}, {{json .Field}} or {{index .Field \"key\"}}");
}

static int unknown(const struct expression *x, const char *name, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv names = { 0 };
	const char *near;

	gg_json_keys(x->value, &names);
	for (size_t i = 0; i < x->n_optional; i++)
		gg_strv_add(&names, x->optional[i]);
	near = gg_nearest(name, (const char *const *)names.v, names.n);
	gg_fail(err, GG_USAGE, "--format '%s': there is no '%s'", x->tpl, name);
	return near ? gg_hint(err, "did you mean '%s'?", near)
		    : gg_hint(err, "`ggbuild inspect --json` shows what there is");
}

static bool is_optional(const struct expression *x, const char *name)
{
	for (size_t i = 0; i < x->n_optional; i++)
		if (gg_streq(x->optional[i], name))
			return true;
	return false;
}

/* "0" is the first element of an array. */
static const struct gg_json *element(const struct gg_json *array, const char *name)
{
	size_t n = 0;

	if (!*name || name[strspn(name, "0123456789")] || strlen(name) > 6)
		return NULL;
	for (const char *p = name; *p; p++)
		n = n * 10 + (size_t)(*p - '0');
	return n < gg_json_len(array) ? gg_json_at(array, n) : NULL;
}

static int descend(struct expression *x, const char *name, struct gg_err *err)
{
	const struct gg_json *v =
		gg_json_is_array(x->value) ? element(x->value, name) : gg_json_get(x->value, name);
	bool top = x->optional == optional;

	if (!v && !is_optional(x, name) && (x->value || x->n_optional))
		return unknown(x, name, err);
	x->value = v;
	x->optional = NULL;
	x->n_optional = 0;
	if (top && gg_streq(name, "Config")) {
		x->optional = optional_config;
		x->n_optional = GG_LEN(optional_config);
	}
	return 0;
}

static void skip_blanks(struct expression *x)
{
	while (x->at < x->end && *x->at == ' ')
		x->at++;
}

static bool take_word(struct expression *x, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(x->end - x->at) <= len || strncmp(x->at, word, len) != 0 || x->at[len] != ' ')
		return false;
	x->at += len;
	skip_blanks(x);
	return true;
}

static int path(struct expression *x, struct gg_err *err)
{
	if (x->at == x->end || *x->at != '.')
		return malformed(x, err);
	while (x->at < x->end && *x->at == '.') {
		const char *from = ++x->at;
		_cleanup_free_ char *name = NULL;

		while (x->at < x->end && !strchr(". \"", *x->at))
			x->at++;
		if (from == x->at)
			break;
		name = gg_strndup(from, (size_t)(x->at - from));
		if (descend(x, name, err) < 0)
			return -1;
	}
	skip_blanks(x);
	return 0;
}

/* "KEY" for names that hold dots. */
static int keys(struct expression *x, struct gg_err *err)
{
	while (x->at < x->end) {
		const char *close =
			*x->at == '"' ? memchr(x->at + 1, '"', (size_t)(x->end - x->at - 1)) : NULL;
		_cleanup_free_ char *name = NULL;

		if (!close)
			return malformed(x, err);
		name = gg_strndup(x->at + 1, (size_t)(close - x->at - 1));
		if (descend(x, name, err) < 0)
			return -1;
		x->at = close + 1;
		skip_blanks(x);
	}
	return 0;
}

static void put_value(const struct expression *x, struct gg_buf *ret)
{
	_cleanup_free_ char *text = NULL;

	if (!x->value) {
		gg_buf_puts(ret, x->json ? "null" : "");
	} else if (!x->json && gg_json_is_string(x->value)) {
		gg_buf_puts(ret, gg_json_text(x->value));
	} else {
		text = gg_json_compact(x->value);
		gg_buf_puts(ret, text);
	}
}

static int expression(struct expression *x, struct gg_buf *ret, struct gg_err *err)
{
	bool index;

	skip_blanks(x);
	x->json = take_word(x, "json");
	index = !x->json && take_word(x, "index");
	if (path(x, err) < 0 || (index && keys(x, err) < 0))
		return -1;
	if (x->at != x->end)
		return malformed(x, err);
	put_value(x, ret);
	return 0;
}

int inspect_format(const char *tpl, const struct gg_json *object, struct gg_buf *ret,
		   struct gg_err *err)
{
	const char *at = tpl, *open;

	while ((open = strstr(at, "{{"))) {
		struct expression x = { .tpl = tpl,
					.at = open + 2,
					.end = strstr(open, "}}"),
					.value = object,
					.optional = optional,
					.n_optional = GG_LEN(optional) };

		gg_buf_add(ret, at, (size_t)(open - at));
		if (!x.end)
			return gg_fail(err, GG_USAGE, "--format '%s': a '{{' without its '}}'",
				       tpl);
		at = x.end + 2;
		if (expression(&x, ret, err) < 0)
			return -1;
	}
	gg_buf_puts(ret, at);
	return 0;
}
