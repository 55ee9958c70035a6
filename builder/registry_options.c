/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/registry_options.h"

#include <limits.h>
#include <string.h>

#include "builder/prompt.h"

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
			       "--creds for the " of " alone"),                                    \
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
		gg_fail(err, GG_USAGE, "option '--creds' names no user");
		return gg_hint(err, "write --creds USER, and the password is asked for");
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
			      .retry_ms = from_environment("GGBUILD_TEST_RETRY_MS"),
			      .stall_s = from_environment("GGBUILD_TEST_STALL_S") },
	};
	if (creds && take_creds(creds, &ret->creds, err) < 0)
		return -1;
	ret->settings.creds = ret->creds;
	return 0;
}
