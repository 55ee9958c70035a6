/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/secret.h"

#include <string.h>

#include "builder/session.h"
#include "layers/base/fd.h"
#include "recipes/recipe.h"

enum { SECRET_MAX = 1 << 20 };

struct option {
	char *id, *env, *src; /* NULL: not said */
};

static void option_done(struct option *o)
{
	free(o->id);
	free(o->env);
	free(o->src);
}

static char **field_of(struct option *o, const char *key, size_t len)
{
	static const struct {
		const char *key;
		size_t at;
	} fields[] = {
		{ "id", offsetof(struct option, id) },
		{ "env", offsetof(struct option, env) },
		{ "src", offsetof(struct option, src) },
		{ "source", offsetof(struct option, src) },
	};

	for (size_t i = 0; i < GG_LEN(fields); i++)
		if (strlen(fields[i].key) == len && !strncmp(key, fields[i].key, len))
			return (char **)((char *)o + fields[i].at);
	return NULL;
}

static int fail_form(struct gg_err *err)
{
	gg_fail(err, GG_USAGE, "--secret: write id=ID,env=NAME or id=ID,src=FILE");
	return gg_hint(
		err,
		"the value itself is never on the command line, where every process can read it");
}

static int parse(const char *text, struct option *ret, struct gg_err *err)
{
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, "=,"),
		       value = p[len] == '=' ? strcspn(p + len + 1, ",") : 0;
		char **field = field_of(ret, p, len);

		if (!field || *field || !value)
			return fail_form(err);
		*field = gg_strndup(p + len + 1, value);
		p += len + 1 + value;
		if (!*p)
			break;
	}
	return ret->id && !ret->env == !!ret->src ? 0 : fail_form(err);
}

static int check_declared(const struct recipe *r, const char *id, struct gg_err *err)
{
	_cleanup_free_ const char **known = gg_calloc(r->n_secrets + 1, sizeof(*known));
	const char *nearest;

	for (size_t i = 0; i < r->n_secrets; i++) {
		if (gg_streq(r->secrets[i].id, id))
			return 0;
		known[i] = r->secrets[i].id;
	}
	gg_fail(err, GG_USAGE, "--secret id=%s: the recipe declares no such secret", id);
	nearest = gg_nearest(id, known, r->n_secrets);
	if (nearest)
		return gg_hint(err, "did you mean '%s'?", nearest);
	return r->n_secrets
		       ? gg_hint(err, "it declares: %s%s", known[0], r->n_secrets > 1 ? ", …" : "")
		       : gg_hint(err, "declare it: secrets: [ { id: %s } ]", id);
}

int secret_check(const struct session *s, const struct recipe *r, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv seen = { 0 };

	for (size_t i = 0; i < s->secrets.n; i++) {
		struct option o GG_CLEANUP(option_done) = { 0 };

		if (parse(s->secrets.v[i], &o, err) < 0 || check_declared(r, o.id, err) < 0)
			return -1;
		for (size_t j = 0; j < seen.n; j++)
			if (gg_streq(seen.v[j], o.id))
				return gg_fail(err, GG_USAGE, "--secret id=%s is given twice",
					       o.id);
		gg_strv_add(&seen, o.id);
	}
	return 0;
}

static int read_value(const struct option *o, struct gg_buf *ret, struct gg_err *err)
{
	const char *value = o->env ? getenv(o->env) : NULL;

	if (o->src && gg_read_file(AT_FDCWD, o->src, SECRET_MAX, ret, err) < 0)
		return gg_context(err, "secret '%s'", o->id);
	if (o->env && !value)
		return gg_fail(err, GG_USAGE, "secret '%s': the environment has no variable '%s'",
			       o->id, o->env);
	if (value)
		gg_buf_puts(ret, value);
	if (ret->len == 0)
		return gg_fail(err, GG_USAGE, "secret '%s' is empty", o->id);
	return 0;
}

int secret_value(const struct session *s, const char *id, struct gg_buf *ret, struct gg_err *err)
{
	for (size_t i = 0; i < s->secrets.n; i++) {
		struct option o GG_CLEANUP(option_done) = { 0 };

		if (parse(s->secrets.v[i], &o, err) < 0)
			return -1;
		if (gg_streq(o.id, id))
			return read_value(&o, ret, err);
	}
	gg_fail(err, GG_USAGE, "secret '%s' was not passed", id);
	return gg_hint(err, "pass it with --secret id=%s,env=NAME or --secret id=%s,src=FILE", id,
		       id);
}
