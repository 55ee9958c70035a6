/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image_fields.h"

#include <string.h>
#include <strings.h>

#include "layers/base/json.h"
#include "layers/base/mem.h"

enum kind { STRING, WORD, STRINGS, INTEGER, BOOLEAN, LIST, OBJECT, STRING_OBJECT };
enum { REQUIRED = 1 << 0 };

struct field {
	const char *name;
	enum kind kind;
	unsigned flags;
};

static const struct field descriptor_fields[] = {
	{ "mediaType", WORD, 0 },
	{ "digest", STRING, 0 },
	{ "size", INTEGER, 0 },
	{ "urls", STRINGS, 0 },
	{ "annotations", STRING_OBJECT, 0 },
	{ "data", STRING, 0 },
	{ "platform", OBJECT, 0 },
	{ "artifactType", WORD, 0 },
};
static const struct field platform_fields[] = {
	{ "architecture", WORD, REQUIRED }, { "os", WORD, REQUIRED }, { "os.version", STRING, 0 },
	{ "os.features", STRINGS, 0 },      { "variant", WORD, 0 },   { "features", STRINGS, 0 },
};
static const struct field document_fields[] = {
	{ "schemaVersion", INTEGER, 0 }, { "mediaType", WORD, 0 },
	{ "artifactType", WORD, 0 },     { "config", OBJECT, 0 },
	{ "layers", LIST, 0 },           { "manifests", LIST, 0 },
	{ "subject", OBJECT, 0 },        { "annotations", STRING_OBJECT, 0 },
};
static const struct field config_fields[] = {
	{ "created", STRING, 0 }, { "author", STRING, 0 },     { "architecture", WORD, REQUIRED },
	{ "os", WORD, REQUIRED }, { "os.version", STRING, 0 }, { "os.features", STRINGS, 0 },
	{ "variant", WORD, 0 },   { "config", OBJECT, 0 },     { "rootfs", OBJECT, 0 },
	{ "history", LIST, 0 },
};
static const struct field run_fields[] = {
	{ "User", STRING, 0 },         { "ExposedPorts", OBJECT, 0 },  { "Env", STRINGS, 0 },
	{ "Entrypoint", STRINGS, 0 },  { "Cmd", STRINGS, 0 },          { "Volumes", OBJECT, 0 },
	{ "WorkingDir", STRING, 0 },   { "Labels", STRING_OBJECT, 0 }, { "StopSignal", STRING, 0 },
	{ "ArgsEscaped", BOOLEAN, 0 }, { "Healthcheck", OBJECT, 0 },
};
static const struct field rootfs_fields[] = { { "type", STRING, 0 }, { "diff_ids", LIST, 0 } };
static const struct field history_fields[] = {
	{ "created", STRING, 0 }, { "author", STRING, 0 },       { "created_by", STRING, 0 },
	{ "comment", STRING, 0 }, { "empty_layer", BOOLEAN, 0 },
};

bool image_fields_is_word(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f)
			return false;
	return true;
}

static bool all_strings(const struct gg_json *list)
{
	for (size_t i = 0; i < gg_json_len(list); i++)
		if (!gg_json_is_string(gg_json_at(list, i)))
			return false;
	return gg_json_is_array(list);
}

static bool strings_in(const struct gg_json *object)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	if (!gg_json_is_object(object))
		return false;
	gg_json_keys(object, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!gg_json_is_string(gg_json_get(object, keys.v[i])))
			return false;
	return true;
}

/* What it is not, or NULL. */
static const char *objection(const struct gg_json *v, enum kind kind)
{
	switch (kind) {
	case STRING:
		return gg_json_is_string(v) ? NULL : "no string";
	case WORD:
		if (!gg_json_is_string(v))
			return "no string";
		return image_fields_is_word(gg_json_text(v)) ? NULL : "no word";
	case STRINGS:
		return all_strings(v) ? NULL : "no list of strings";
	case INTEGER:
		return gg_json_is_int(v) ? NULL : "no integer";
	case BOOLEAN:
		return gg_json_is_bool(v) ? NULL : "neither true nor false";
	case LIST:
		return gg_json_is_array(v) ? NULL : "no list";
	case OBJECT:
		return gg_json_is_object(v) ? NULL : "no object";
	case STRING_OBJECT:
		return strings_in(v) ? NULL : "no object of strings";
	}
	return NULL;
}

static int check_names(const struct gg_json *object, const struct field *fields, size_t n,
		       struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	gg_json_keys(object, &keys);
	for (size_t i = 0; i < keys.n; i++)
		for (size_t k = 0; k < n; k++)
			if (strcasecmp(keys.v[i], fields[k].name) == 0 &&
			    strcmp(keys.v[i], fields[k].name) != 0)
				return gg_fail(err, GG_INTEGRITY, "'%s' could be taken for '%s'",
					       keys.v[i], fields[k].name);
	return 0;
}

static int check(const struct gg_json *object, const struct field *fields, size_t n,
		 struct gg_err *err)
{
	for (size_t i = 0; i < n; i++) {
		const struct gg_json *v = gg_json_get(object, fields[i].name);
		const char *why;

		if (!v && (fields[i].flags & REQUIRED))
			return gg_fail(err, GG_INTEGRITY, "there is no %s", fields[i].name);
		if (!v || (gg_json_is_null(v) && !(fields[i].flags & REQUIRED)))
			continue;
		why = objection(v, fields[i].kind);
		if (why)
			return gg_fail(err, GG_INTEGRITY, "%s is %s", fields[i].name, why);
	}
	return check_names(object, fields, n, err);
}

#define CHECK(object, fields, err) check(object, fields, GG_LEN(fields), err)

int image_fields_check_descriptor(const struct gg_json *descriptor, struct gg_err *err)
{
	const struct gg_json *platform = gg_json_get(descriptor, "platform");

	if (CHECK(descriptor, descriptor_fields, err) < 0)
		return -1;
	if (gg_json_is_object(platform) && CHECK(platform, platform_fields, err) < 0)
		return gg_context(err, "platform");
	return 0;
}

int image_fields_check_document(const struct gg_json *document, struct gg_err *err)
{
	return CHECK(document, document_fields, err);
}

static int check_history(const struct gg_json *history, struct gg_err *err)
{
	for (size_t i = 0; i < gg_json_len(history); i++) {
		const struct gg_json *one = gg_json_at(history, i);

		if (!gg_json_is_object(one))
			gg_fail(err, GG_INTEGRITY, "it is no object");
		else if (CHECK(one, history_fields, err) == 0)
			continue;
		return gg_context(err, "history[%zu]", i);
	}
	return 0;
}

int image_fields_check_config(const struct gg_json *config, struct gg_err *err)
{
	if (CHECK(config, config_fields, err) < 0 ||
	    check_history(gg_json_get(config, "history"), err) < 0)
		return -1;
	if (CHECK(gg_json_get(config, "config"), run_fields, err) < 0)
		return gg_context(err, "config");
	if (CHECK(gg_json_get(config, "rootfs"), rootfs_fields, err) < 0)
		return gg_context(err, "rootfs");
	return 0;
}
