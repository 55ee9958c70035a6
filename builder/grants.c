/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/grants.h"

#include <errno.h>
#include <string.h>

#include "builder/sandbox/sandbox.h"
#include "builder/secret.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "recipes/config.h"
#include "recipes/recipe.h"

/* The path of the host's bundle inside the sandbox; where programs look by themselves differs. */
#define CA_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

static const char *const ca_bundles[] = { CA_BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt",
					  "/etc/ssl/cert.pem" };
static const char *const ca_variables[] = { "SSL_CERT_FILE",
					    "CURL_CA_BUNDLE",
					    "REQUESTS_CA_BUNDLE",
					    "NODE_EXTRA_CA_CERTS",
					    "GIT_SSL_CAINFO",
					    "CARGO_HTTP_CAINFO",
					    "PIP_CERT" };
static const char *const resolver_files[] = { "/etc/resolv.conf", "/etc/hosts" };

struct grants *grants_new(void)
{
	struct grants *g = gg_zalloc(sizeof(*g));

	g->tun = -1;
	return g;
}

void grants_free(void *grants)
{
	struct grants *g = grants;

	for (size_t i = 0; i < g->n_fds; i++)
		gg_close(g->fds[i]);
	free(g->fds);
	free(g->mounts);
	gg_strv_done(&g->env);
	gg_strv_done(&g->texts);
	for (size_t i = 0; i < g->n_leaks; i++) {
		free(g->leaks[i].what);
		free(g->leaks[i].bytes);
	}
	free(g->leaks);
	for (size_t i = 0; i < g->n_caches; i++)
		store_cache_release(&g->caches[i]);
	free(g->caches);
	redact_free(g->redact);
	free(g);
}

static void guard(struct grants *g, char *what, const char *bytes, size_t len)
{
	GG_GROW(g->leaks, g->n_leaks, g->cap_leaks);
	g->leaks[g->n_leaks++] =
		(struct leak_value){ .what = what, .bytes = gg_strndup(bytes, len), .len = len };
}

static struct sandbox_mount *add(struct grants *g, const char *at)
{
	struct sandbox_mount *m;

	GG_GROW(g->mounts, g->n_mounts, g->cap_mounts);
	gg_strv_add(&g->texts, at);
	m = &g->mounts[g->n_mounts++];
	*m = (struct sandbox_mount){ .fd = -1,
				     .target = g->texts.v[g->texts.n - 1],
				     .flags = SANDBOX_RO };
	return m;
}

void grants_mount(struct grants *g, int fd, const char *at)
{
	add(g, at)->fd = fd;
}

int grants_keep(struct grants *g, int fd)
{
	GG_GROW(g->fds, g->n_fds, g->cap_fds);
	return g->fds[g->n_fds++] = fd;
}

void grants_bytes(struct grants *g, const char *at, char *text)
{
	struct sandbox_mount *m = NULL;

	for (size_t i = 0; i < g->n_mounts; i++)
		if (gg_streq(g->mounts[i].target, at))
			m = &g->mounts[i];
	if (!m)
		m = add(g, at);
	m->fd = -1;
	m->flags = SANDBOX_RO | SANDBOX_BYTES;
	m->bytes = text;
	m->len = strlen(text);
	gg_strv_take(&g->texts, text);
}

static int open_host(struct grants *g, const char *path, struct gg_err *err)
{
	int fd = gg_openat(AT_FDCWD, path, O_PATH, 0, err);

	return fd < 0 ? -1 : grants_keep(g, fd);
}

static int add_secret(struct grants *g, const struct session *s, const struct recipe_secret *secret,
		      struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf value = { 0 };

	if (secret_value(s, secret->id, &value, err) < 0)
		return -1;
	gg_buf_puts(&value, "");
	/* A file's last newline is not of the secret's substance. */
	guard(g, gg_asprintf("secret '%s'", secret->id), value.data,
	      value.len - (value.len && value.data[value.len - 1] == '\n'));
	if (!g->redact)
		g->redact = redact_new();
	redact_add(g->redact, value.data, value.len);
	if (secret->env && memchr(value.data, '\0', value.len))
		return gg_fail(err, GG_USAGE,
			       "secret '%s' holds a NUL character, which no variable can",
			       secret->id);
	if (secret->env) {
		gg_strv_setenv(&g->env, secret->env, value.data);
	} else {
		_cleanup_free_ char *at = secret->file ? gg_strdup(secret->file)
						       : gg_asprintf("/run/secrets/%s", secret->id);
		struct sandbox_mount *m = add(g, at);

		m->flags = SANDBOX_RO | SANDBOX_SECRET;
		m->len = value.len;
		m->bytes = gg_buf_steal(&value);
		gg_strv_take(&g->texts, (char *)m->bytes);
	}
	return 0;
}

int grants_secrets(struct grants *g, struct session *s, const struct recipe *r,
		   const struct recipe_step *step, struct gg_err *err)
{
	for (size_t i = 0; i < step->secrets.n; i++)
		for (size_t j = 0; j < r->n_secrets; j++)
			if (gg_streq(r->secrets[j].id, step->secrets.v[i]) &&
			    add_secret(g, s, &r->secrets[j], err) < 0) {
				if (!err->pos.file)
					err->pos = step->pos;
				return -1;
			}
	return 0;
}

/* "STEP:REST": the length of STEP, 0 when the option is for every fetch. A NAME or a path has no ':' before its '=',
 * and what begins with '/' is a path. */
static size_t step_length(const char *option)
{
	size_t colon = strcspn(option, ":=");

	return option[0] != '/' && option[colon] == ':' ? colon : 0;
}

static bool is_named(const struct recipe_step *step, const char *name, size_t len)
{
	return (strlen(step->fetch) == len && !strncmp(step->fetch, name, len)) ||
	       (strlen(step->name) == len && !strncmp(step->name, name, len));
}

/* What of the option is for this fetch, or NULL. */
static const char *for_step(const char *option, const struct recipe_step *step)
{
	size_t len = step_length(option);

	if (len == 0)
		return option;
	return is_named(step, option, len) ? option + len + 1 : NULL;
}

/* Without the value, which may be a secret. */
static int check_step(const struct recipe *r, const char *flag, const char *option,
		      struct gg_err *err)
{
	size_t len = step_length(option);
	_cleanup_free_ char *name = gg_strndup(option, len);
	_cleanup_free_ const char **known = NULL;
	size_t n = 0, cap = 0;
	const char *nearest;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < r->n_stages; i++)
		for (size_t j = 0; j < r->stages[i].n_steps; j++) {
			const struct recipe_step *step = &r->stages[i].steps[j];

			if (step->kind != RECIPE_STEP_FETCH)
				continue;
			if (is_named(step, option, len))
				return 0;
			GG_GROW(known, n, cap);
			known[n++] = step->fetch;
			GG_GROW(known, n, cap);
			known[n++] = step->name;
		}
	gg_fail(err, GG_USAGE, "%s '%.*s': the recipe has no fetch '%s'", flag,
		(int)strcspn(option, "="), option, name);
	nearest = gg_nearest(name, known, n);
	if (nearest)
		return gg_hint(err, "did you mean '%s'?", nearest);
	return n ? gg_hint(err, "there is: %s", known[0]) : gg_hint(err, "it has no fetch at all");
}

/* What stands before the '=' is no name: it may be the value of somebody who forgot the rest. */
static int check_env(const struct recipe *r, const char *option, struct gg_err *err)
{
	size_t len = step_length(option), start = len ? len + 1 : 0;
	const char *name = option + start;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (n == 0 || name[n] != '=' || (*name >= '0' && *name <= '9'))
		return gg_fail(err, GG_USAGE, "--fetch-env: write [STEP:]NAME=VALUE");
	return check_step(r, "--fetch-env", option, err);
}

int grants_check(const struct session *s, const struct recipe *r, struct gg_err *err)
{
	if (secret_check(s, r, err) < 0)
		return -1;
	for (size_t i = 0; i < s->fetch_env.n; i++)
		if (check_env(r, s->fetch_env.v[i], err) < 0)
			return -1;
	for (size_t i = 0; i < s->fetch_mounts.n; i++) {
		const char *option = s->fetch_mounts.v[i], *at = strchr(option, '=');

		if (!at || at[1] != '/')
			return gg_fail(err, GG_USAGE,
				       "--fetch-mount '%s': write [STEP:]HOSTDIR=/DIR", option);
		if (check_step(r, "--fetch-mount", option, err) < 0)
			return -1;
	}
	return 0;
}

/* One of the options is a mount on that directory for this step. */
static bool mounts_on(const struct gg_strv *options, const struct recipe_step *step, const char *at)
{
	for (size_t i = 0; i < options->n; i++) {
		const char *option = for_step(options->v[i], step),
			   *this = option ? strchr(option, '=') : NULL;

		if (this && gg_streq(this + 1, at))
			return true;
	}
	return false;
}

static int user_mounts(struct grants *g, const struct gg_strv *options, const struct gg_strv *over,
		       const char *what, const struct recipe_step *step, struct gg_err *err)
{
	for (size_t i = 0; i < options->n; i++) {
		const char *option = for_step(options->v[i], step),
			   *at = option ? strchr(option, '=') : NULL;
		_cleanup_free_ char *host = at ? gg_strndup(option, (size_t)(at - option)) : NULL;
		int fd;

		if (!at || (over && mounts_on(over, step, at + 1)))
			continue;
		fd = open_host(g, host, err);
		if (fd < 0)
			return gg_context(err, "%s", what);
		grants_mount(g, fd, at + 1);
	}
	return 0;
}

static bool is_on_loopback(const char *value)
{
	static const char *const names[] = { "localhost", "127.", "[::1]" };

	for (size_t i = 0; i < GG_LEN(names); i++) {
		const char *at = strstr(value, names[i]);

		/* At the start of a host: alone, or after "//" or a user's name. */
		if (at && (at == value || at[-1] == '/' || at[-1] == '@'))
			return true;
	}
	return false;
}

static void user_env(struct grants *g, const struct gg_strv *options,
		     const struct recipe_step *step)
{
	for (size_t i = 0; i < options->n; i++) {
		const char *option = for_step(options->v[i], step),
			   *value = option ? strchr(option, '=') : NULL;
		_cleanup_free_ char *name =
			value ? gg_strndup(option, (size_t)(value - option)) : NULL;

		if (!value)
			continue;
		gg_strv_setenv(&g->env, name, value + 1);
		g->loopback |= is_on_loopback(value + 1);
		guard(g, gg_asprintf("the variable '%s'", name), value + 1, strlen(value + 1));
	}
}

int grants_network(struct grants *g, struct session *s, const struct recipe_step *step,
		   struct gg_err *err)
{
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	g->network = true;
	for (size_t i = 0; i < GG_LEN(resolver_files); i++) {
		int fd = open_host(g, resolver_files[i], &ignored);

		if (fd >= 0)
			grants_mount(g, fd, resolver_files[i]);
	}
	for (size_t i = 0; i < GG_LEN(ca_bundles); i++) {
		int fd = open_host(g, ca_bundles[i], &ignored);

		if (fd < 0)
			continue;
		grants_mount(g, fd, CA_BUNDLE);
		for (size_t j = 0; j < GG_LEN(ca_variables); j++)
			gg_strv_setenv(&g->env, ca_variables[j], CA_BUNDLE);
		break;
	}
	if (step->kind != RECIPE_STEP_FETCH)
		return 0;
	/* The command line is heard last, and counts. */
	if (s->config) {
		user_env(g, &s->config->fetch_env, step);
		if (user_mounts(g, &s->config->fetch_mounts, &s->fetch_mounts,
				"fetch-mount of the user's configuration", step, err) < 0)
			return -1;
	}
	user_env(g, &s->fetch_env, step);
	return user_mounts(g, &s->fetch_mounts, NULL, "--fetch-mount", step, err);
}

void grants_environment(const struct grants *g, struct gg_strv *env)
{
	for (size_t i = 0; i < g->env.n; i++)
		gg_strv_putenv(env, g->env.v[i]);
}
