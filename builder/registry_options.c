/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/registry_options.h"

#include <limits.h>
#include <string.h>

#include "builder/prompt.h"
#include "layers/reference.h"

static const char *const truths[] = { "true", "false", NULL };

#define OPTION(name_, arg_, field, help_)                                                          \
	{                                                                                          \
		.name = (name_), .arg = (arg_), .kind = OPTION_STRING,                             \
		.offset = offsetof(struct registry_options, field), .help = (help_)                \
	}
#define TRUTH(name_, help_)                                                                        \
	{                                                                                          \
		.name = (name_), .arg = "BOOL", .kind = OPTION_STRING,                             \
		.offset = offsetof(struct registry_options, tls_verify), .help = (help_),          \
		.values = truths                                                                   \
	}

const struct option_def registry_option_defs[REGISTRY_N_OPTIONS] = {
	OPTION("authfile", "FILE", authfile,
	       "credentials, instead of those that login and other tools have stored"),
	OPTION("cert-dir", "DIR", cert_dir,
	       "authorities (*.crt) and client certificates (*.cert, *.key), instead of certs.d's"),
	TRUTH("tls-verify",
	      "whether certificates are checked; when they are not, plain http will do too"),
	OPTION("registries-conf", "FILE", registries_conf,
	       "mirrors and rules of registries, instead of the system's registries.conf"),
	OPTION("creds", "USER[:PASS]", creds,
	       "credentials, seen by every process here unless PASS is left to be asked for"),
};

#define SIDE(side, of)                                                                             \
	{                                                                                          \
		OPTION(side "-authfile", "FILE", authfile, "--authfile for the " of " alone"),     \
			OPTION(side "-cert-dir", "DIR", cert_dir,                                  \
			       "--cert-dir for the " of " alone"),                                 \
			TRUTH(side "-tls-verify", "--tls-verify for the " of " alone"),            \
			OPTION(side "-creds", "USER[:PASS]", creds,                                \
			       "credentials for the " of "; asked for when PASS is left out"),     \
	}
const struct option_def registry_source_defs[REGISTRY_N_SIDE] = SIDE("src", "source");
const struct option_def registry_destination_defs[REGISTRY_N_SIDE] = SIDE("dest", "destination");

void registry_access_options_done(struct registry_access_options *a)
{
	if (a->creds)
		explicit_bzero(a->creds, strlen(a->creds));
	free(a->creds);
	a->creds = NULL;
	a->settings.creds = NULL;
}

static const char *first(const char *a, const char *b)
{
	return a ? a : b;
}

static enum registry_tls tls(const char *word)
{
	if (!word)
		return REGISTRY_TLS_USUAL;
	return gg_streq(word, "true") ? REGISTRY_TLS_CHECKED : REGISTRY_TLS_LAX;
}

static int take_creds(const char *creds, char **ret, struct gg_err *err)
{
	const char *colon = strchr(creds, ':');
	_cleanup_free_ char *what = NULL;
	char *password = NULL;

	if (colon == creds || !*creds) {
		gg_fail(err, GG_USAGE, "the credentials name no user");
		return gg_hint(err, "write USER, and the password is asked for");
	}
	if (colon) {
		*ret = gg_strdup(creds);
		return 0;
	}
	what = gg_asprintf("password of '%s'", creds);
	if (prompt_ask(what, true, &password, err) < 0)
		return gg_hint(err, "store it with `ggbuild login --password-stdin`, or set "
				    "GGBUILD_REGISTRY_USER and GGBUILD_REGISTRY_PASSWORD");
	*ret = gg_asprintf("%s:%s", creds, password);
	explicit_bzero(password, strlen(password));
	free(password);
	return 0;
}

/* Fault tests cannot wait as long as people's connections may; nobody else sets these. */
static unsigned from_environment(const char *name)
{
	const char *value = getenv(name);
	unsigned long n = value ? strtoul(value, NULL, 10) : 0;

	return n <= UINT_MAX ? (unsigned)n : 0;
}

int registry_options_take(const struct registry_options *o, const struct registry_options *side,
			  struct registry_access_options *ret, struct gg_err *err)
{
	static const struct registry_options nothing = { 0 };
	const struct registry_options *s = side ? side : &nothing;
	const char *creds = first(s->creds, o->creds);

	*ret = (struct registry_access_options){
		.settings = { .authfile = first(s->authfile, o->authfile),
			      .cert_dir = first(s->cert_dir, o->cert_dir),
			      .registries_conf = first(s->registries_conf, o->registries_conf),
			      .tls_verify = tls(first(s->tls_verify, o->tls_verify)),
			      .retry_ms = from_environment("GGBUILD_TEST_RETRY_MS") },
	};
	if (creds && take_creds(creds, &ret->creds, err) < 0)
		return -1;
	ret->settings.creds = ret->creds;
	return 0;
}

/* The name of a variable that holds credentials for whatever registry is named, or NULL. */
static const char *loose_variable(void)
{
	static const char *const names[] = { "GGBUILD_REGISTRY_TOKEN", "GGBUILD_REGISTRY_USER" };
	const char *host = getenv("GGBUILD_REGISTRY_HOST");

	if (host && *host)
		return NULL;
	for (size_t i = 0; i < GG_LEN(names); i++)
		if (getenv(names[i]) && *getenv(names[i]))
			return names[i];
	return NULL;
}

int registry_options_check(const struct registry_settings *s, const char *const *places, size_t n,
			   struct gg_err *err)
{
	static const char PREFIX[] = "docker://";
	_cleanup_reference_ struct reference first = REFERENCE_INIT;
	const char *variable = loose_variable();

	if (!s->creds && !variable)
		return 0;
	for (size_t i = 0; i < n; i++) {
		_cleanup_reference_ struct reference r = REFERENCE_INIT;
		_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

		if (!gg_starts(places[i], PREFIX) ||
		    reference_parse(places[i] + strlen(PREFIX), &r, &ignored) < 0)
			continue;
		if (!first.domain) {
			reference_copy(&r, &first);
			continue;
		}
		if (gg_streq(r.domain, first.domain))
			continue;
		gg_fail(err, GG_USAGE, "%s is for one registry, and '%s' and '%s' are named",
			s->creds ? "--creds" : variable, first.domain, r.domain);
		return gg_hint(err, "%s",
			       s->creds ? "store credentials of each with `ggbuild login`"
					: "say which with GGBUILD_REGISTRY_HOST");
	}
	return 0;
}
