/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/image_config.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "layers/base/json.h"
#include "layers/base/mem.h"

static const struct gg_json *parameters(const struct gg_json *config)
{
	return gg_json_get(config, "config");
}

static bool is_set(const struct gg_json *v)
{
	return v && !gg_json_is_null(v);
}

/* ---- types ---- */

static bool is_text(const struct gg_json *v)
{
	return gg_json_is_string(v);
}

static bool is_texts(const struct gg_json *v)
{
	if (!gg_json_is_array(v))
		return false;
	for (size_t i = 0; i < gg_json_len(v); i++)
		if (!gg_json_is_string(gg_json_at(v, i)))
			return false;
	return true;
}

/* A set, as Go writes it: names of empty objects; what the objects hold is nobody's business. */
static bool is_names(const struct gg_json *v)
{
	return gg_json_is_object(v);
}

static bool is_map(const struct gg_json *v)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	if (!gg_json_is_object(v))
		return false;
	gg_json_keys(v, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (!gg_json_is_string(gg_json_get(v, keys.v[i])))
			return false;
	return true;
}

static bool is_health(const struct gg_json *v)
{
	static const char *const numbers[] = { "Interval", "Timeout", "StartPeriod",
					       "StartInterval", "Retries" };

	if (!gg_json_is_object(v) ||
	    (is_set(gg_json_get(v, "Test")) && !is_texts(gg_json_get(v, "Test"))))
		return false;
	for (size_t i = 0; i < GG_LEN(numbers); i++)
		if (is_set(gg_json_get(v, numbers[i])) &&
		    !gg_json_is_int(gg_json_get(v, numbers[i])))
			return false;
	return true;
}

static bool is_flag(const struct gg_json *v)
{
	return gg_json_is_bool(v);
}

static struct gg_json *copy_names(struct gg_json *v)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };
	struct gg_json *ret = gg_json_object();

	gg_json_keys(v, &keys);
	for (size_t i = 0; i < keys.n; i++)
		gg_json_take(ret, keys.v[i], gg_json_object());
	return ret;
}

/* A copy that is added to is no other document's. */
static struct gg_json *copy_map(struct gg_json *v)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };
	struct gg_json *ret = gg_json_object();

	gg_json_keys(v, &keys);
	for (size_t i = 0; i < keys.n; i++)
		gg_json_take(ret, keys.v[i], gg_json_ref(gg_json_get(v, keys.v[i])));
	return ret;
}

static struct gg_json *copy_health(struct gg_json *v)
{
	static const char *const known[] = { "Test",        "Interval",      "Timeout",
					     "StartPeriod", "StartInterval", "Retries" };
	struct gg_json *ret = gg_json_object();

	for (size_t i = 0; i < GG_LEN(known); i++)
		if (is_set(gg_json_get(v, known[i])))
			gg_json_take(ret, known[i], gg_json_ref(gg_json_get(v, known[i])));
	return ret;
}

/* What is not here belongs to the container that the image was once made from, as Hostname does, or was a message to its
 * builder, as OnBuild. */
static const struct {
	const char *name, *what;
	bool (*is)(const struct gg_json *v);
	struct gg_json *(*copy)(struct gg_json *v);
} inherited[] = {
	{ "ArgsEscaped", "neither true nor false", is_flag, gg_json_ref },
	{ "Cmd", "no list of strings", is_texts, gg_json_ref },
	{ "Entrypoint", "no list of strings", is_texts, gg_json_ref },
	{ "Env", "no list of strings", is_texts, gg_json_ref },
	{ "ExposedPorts", "no object", is_names, copy_names },
	{ "Healthcheck", "no health check", is_health, copy_health },
	{ "Labels", "no object of strings", is_map, copy_map },
	{ "Shell", "no list of strings", is_texts, gg_json_ref },
	{ "StopSignal", "no string", is_text, gg_json_ref },
	{ "User", "no string", is_text, gg_json_ref },
	{ "Volumes", "no object", is_names, copy_names },
	{ "WorkingDir", "no string", is_text, gg_json_ref },
};

int image_config_check(const struct gg_json *config, struct gg_err *err)
{
	static const char *const words[] = { "architecture", "os",      "variant",
					     "os.version",   "created", "author" };
	const struct gg_json *c = parameters(config), *history = gg_json_get(config, "history");

	for (size_t i = 0; i < GG_LEN(words); i++)
		if (is_set(gg_json_get(config, words[i])) &&
		    !gg_json_is_string(gg_json_get(config, words[i])))
			return gg_fail(err, GG_INTEGRITY, "config: %s is no string", words[i]);
	if (is_set(history) && !gg_json_is_array(history))
		return gg_fail(err, GG_INTEGRITY, "config: history is no list");
	if (is_set(c) && !gg_json_is_object(c))
		return gg_fail(err, GG_INTEGRITY, "config: config is no object");
	for (size_t i = 0; i < GG_LEN(inherited); i++) {
		const struct gg_json *v = gg_json_get(c, inherited[i].name);

		if (is_set(v) && !inherited[i].is(v))
			return gg_fail(err, GG_INTEGRITY, "config: config.%s is %s",
				       inherited[i].name, inherited[i].what);
	}
	return 0;
}

/* ---- values ---- */

static const char *word(const struct gg_json *config, const char *key)
{
	const char *text = gg_json_get_str(parameters(config), key, NULL);

	return text && *text ? text : NULL;
}

const char *image_config_user(const struct gg_json *config)
{
	return word(config, "User");
}

const char *image_config_workdir(const struct gg_json *config)
{
	return word(config, "WorkingDir");
}

void image_config_env(const struct gg_json *config, struct gg_strv *ret)
{
	const struct gg_json *env = gg_json_get(parameters(config), "Env");

	/* Engines take a name alone for one that is not set. */
	for (size_t i = 0; i < gg_json_len(env); i++) {
		const char *pair = gg_json_text(gg_json_at(env, i));

		if (strchr(pair, '='))
			gg_strv_putenv(ret, pair);
	}
}

/* RFC 3339, section 5.6; fractions of a second are dropped. */
int64_t image_config_created(const struct gg_json *config)
{
	const char *text = gg_json_get_str(config, "created", ""), *rest;
	unsigned hours = 0, minutes = 0;
	struct tm tm = { 0 };
	int64_t seconds;
	char sign = 'Z';

	rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!rest)
		return 0;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!gg_streq(rest, "Z") && (sscanf(rest, "%c%2u:%2u", &sign, &hours, &minutes) != 3 ||
				     hours > 23 || minutes > 59 || (sign != '+' && sign != '-')))
		return 0;
	seconds = (int64_t)timegm(&tm);
	seconds -= (sign == '-' ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
	return seconds > 0 ? seconds : 0;
}

struct gg_json *image_config_inherited(const struct gg_json *config)
{
	const struct gg_json *c = parameters(config);
	struct gg_json *ret = gg_json_object();

	for (size_t i = 0; i < GG_LEN(inherited); i++) {
		struct gg_json *v = gg_json_get(c, inherited[i].name);

		if (is_set(v))
			gg_json_take(ret, inherited[i].name, inherited[i].copy(v));
	}
	return ret;
}

struct gg_json *image_config_history(const struct gg_json *config, size_t n_layers)
{
	static const char *const texts[] = { "created", "created_by", "author", "comment" };
	const struct gg_json *from = gg_json_get(config, "history");
	struct gg_json *ret = gg_json_array();
	size_t n = 0;

	for (size_t i = 0; i < gg_json_len(from); i++) {
		const struct gg_json *old = gg_json_at(from, i);
		struct gg_json *h = gg_json_object();
		bool empty = gg_json_get_bool(old, "empty_layer", false);

		for (size_t k = 0; k < GG_LEN(texts); k++)
			if (gg_json_get_str(old, texts[k], NULL))
				gg_json_set_str(h, texts[k], gg_json_get_str(old, texts[k], NULL));
		if (empty)
			gg_json_set_bool(h, "empty_layer", true);
		n += !empty;
		gg_json_append_take(ret, h);
	}
	if (n == n_layers)
		return ret;
	gg_json_unref(ret);
	ret = gg_json_array();
	for (size_t i = 0; i < n_layers; i++)
		gg_json_append_take(ret, gg_json_object());
	return ret;
}
