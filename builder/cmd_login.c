/* SPDX-License-Identifier: Apache-2.0
 *
 * `ggbuild login` and `ggbuild logout`: credentials of registries.
 */
#include <string.h>
#include <unistd.h>

#include "builder/commands.h"
#include "builder/prompt.h"
#include "builder/registry_options.h"
#include "layers/auth_file.h"
#include "layers/base/fd.h"
#include "layers/credentials.h"
#include "layers/reference.h"
#include "layers/registries_conf.h"
#include "layers/registry.h"

enum { PASSWORD_MAX = 64 << 10 };

/* What the word names: a registry, or a part of one. */
struct place {
	char *key; /* "HOST[/NAMESPACE]" */
	struct reference reference;
};

static void place_done(struct place *p)
{
	free(p->key);
	reference_done(&p->reference);
}

static int parse_place(const char *word, struct place *ret, struct gg_err *err)
{
	const char *slash;

	ret->key = auth_key_normal(word);
	slash = strchr(ret->key, '/');
	ret->reference.domain = gg_strndup(ret->key, strcspn(ret->key, "/"));
	/* Nothing is asked of this repository; rules of registries.conf go by names like it. */
	ret->reference.path = gg_strdup(slash ? slash + 1 : "login");
	if (reference_domain_valid(ret->reference.domain) &&
	    reference_path_valid(ret->reference.path))
		return 0;
	gg_fail(err, GG_USAGE, "'%.300s' is no registry", word);
	return gg_hint(err, "write HOST[:PORT] or HOST[:PORT]/NAMESPACE, without a tag");
}

/* ---- login ---- */

struct login_options {
	struct registry_options registry;
	const char *user, *password;
	bool password_stdin, get_login;
};

static const struct option_def login_defs[] = {
	{ .name = "username",
	  .letter = 'u',
	  .arg = "USER",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct login_options, user),
	  .help = "who logs in; asked for on the terminal when it is left out" },
	{ .name = "password-stdin",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct login_options, password_stdin),
	  .help = "read the password from standard input; otherwise the terminal is asked" },
	{ .name = "password",
	  .letter = 'p',
	  .arg = "PASS",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct login_options, password),
	  .help = "refused: every process here could read it" },
	{ .name = "get-login",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct login_options, get_login),
	  .help = "print who is logged in, and do nothing else" },
};
static const struct option_group login_groups[] = {
	{ .defs = login_defs, .n_defs = GG_LEN(login_defs) },
	REGISTRY_RECIPE_GROUP(offsetof(struct login_options, registry)),
};

static int get_login(const struct place *p, const struct registry_settings *s, struct gg_err *err)
{
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_free_ char *line = NULL;

	if (credentials_find(&p->reference, false, s, &c, err) < 0)
		return -1;
	if (credentials_anonymous(&c))
		return gg_fail(err, GG_USAGE, "nobody is logged in to '%s'", p->key);
	line = gg_asprintf("%s\n", c.user ? c.user : "<token>");
	return command_print(line, strlen(line), err);
}

static int check_options(const struct login_options *o, struct gg_err *err)
{
	if (o->password) {
		gg_fail(err, GG_USAGE,
			"a password on the command line can be read by every "
			"process of this machine");
		return gg_hint(err, "change it if it is in use, and give it with --password-stdin "
				    "or at the terminal");
	}
	if (o->get_login && (o->user || o->password_stdin))
		return gg_fail(err, GG_USAGE,
			       "--get-login logs nobody in: it goes with neither "
			       "--username nor --password-stdin");
	if (o->password_stdin && !o->user)
		return gg_fail(err, GG_USAGE, "--password-stdin needs --username");
	return 0;
}

/* One line break at the end is an echo's, and no part of it. */
static int read_password(char **ret, struct gg_err *err)
{
	struct gg_buf text = { 0 };
	int r;

	gg_buf_reserve(&text, PASSWORD_MAX + 1);
	r = gg_read_fd(STDIN_FILENO, PASSWORD_MAX, &text, err);
	if (r < 0)
		gg_context(err, "password on standard input");
	if (r == 0 && text.len && text.data[text.len - 1] == '\n')
		text.len--;
	if (r == 0 && text.len && text.data[text.len - 1] == '\r')
		text.len--;
	if (r == 0 && (text.len == 0 || memchr(text.data, '\0', text.len)))
		r = gg_fail(err, GG_USAGE, "standard input holds no password");
	if (r == 0)
		*ret = gg_strndup(text.data, text.len);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	gg_buf_done(&text);
	return r;
}

/* ret_user and ret_password: owned by the caller. */
static int ask_who(const struct login_options *o, const struct place *p, char **ret_user,
		   char **ret_password, struct gg_err *err)
{
	_cleanup_free_ char *user = gg_asprintf("user name at '%s'", p->key), *password = NULL;

	if (o->user)
		*ret_user = gg_strdup(o->user);
	else if (prompt_ask(user, false, ret_user, err) < 0)
		return gg_hint(err, "give --username, and --password-stdin");
	if (!**ret_user || strchr(*ret_user, ':'))
		return gg_fail(err, GG_USAGE, "'%.100s' is no user's name", *ret_user);
	if (o->password_stdin)
		return read_password(ret_password, err);
	password = gg_asprintf("password of '%s' at '%s'", *ret_user, p->key);
	if (prompt_ask(password, true, ret_password, err) < 0)
		return gg_hint(err, "give --password-stdin");
	return 0;
}

/* Credentials are looked for under the name of the host that is asked in the end. */
static int check_place(const struct place *p, const struct registry_settings *s, struct gg_err *err)
{
	_cleanup_registry_places_ struct registry_places places = REGISTRY_PLACES_INIT;
	const struct registry_place *at;

	if (registry_places_find(&p->reference, s, true, &places, err) < 0)
		return -1;
	at = &places.v[places.n - 1];
	if (gg_streq(at->domain, p->reference.domain))
		return 0;
	gg_fail(err, GG_USAGE, "registries.conf sends '%s' to '%s'", p->key, at->domain);
	return gg_hint(err, "log in there: ggbuild login %s", at->domain);
}

static int verify(const struct place *p, const struct registry_settings *settings, const char *user,
		  const char *password, bool *ret_asked, struct gg_err *err)
{
	struct registry_settings s = *settings;
	_cleanup_registry_ struct registry *r = NULL;
	char *creds = gg_asprintf("%s:%s", user, password);
	int rc;

	s.creds = creds;
	rc = registry_open(&p->reference, 0, &s, &r, err);
	if (rc == 0)
		rc = registry_ping(r, ret_asked, err);
	gg_wipe(&creds);
	if (rc == 0)
		return 0;
	/* The remedy of every other command is what was just done. */
	gg_freep(&err->hint);
	err->hint = NULL;
	return gg_context(err, "log in to '%s' as '%s'", p->key, user);
}

static int log_in(const struct place *p, const struct registry_settings *s, const char *user,
		  const char *password, struct gg_err *err)
{
	_cleanup_free_ char *where = NULL, *line = NULL;
	bool asked = false;

	if (verify(p, s, user, password, &asked, err) < 0 ||
	    credentials_store(p->key, s, user, password, &where, err) < 0)
		return -1;
	line = gg_asprintf("logged in to '%s' as '%s'; stored in %s%s\n", p->key, user, where,
			   asked ? ""
				 : "\nthe registry did not ask for the password: it is not "
				   "known to be right");
	return command_print(line, strlen(line), err);
}

static int run_login(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct login_options *o = options;
	_cleanup_registry_access_options_ struct registry_access_options access = { 0 };
	struct place p GG_CLEANUP(place_done) = { 0 };
	char *user = NULL, *password = NULL;
	int r = -1;

	if (check_options(o, err) < 0 || parse_place(args->v[0], &p, err) < 0 ||
	    registry_options_take(&o->registry, NULL, &access, err) < 0)
		return -1;
	if (o->get_login)
		return get_login(&p, &access.settings, err);
	if (check_place(&p, &access.settings, err) == 0 &&
	    ask_who(o, &p, &user, &password, err) == 0)
		r = log_in(&p, &access.settings, user, password, err);
	gg_wipe(&user);
	gg_wipe(&password);
	return r;
}

const struct command_def command_login = {
	.name = "login",
	.args = "HOST[/NAMESPACE]",
	.summary = "store credentials of a registry",
	.text = "Asks the registry whether it takes them, and stores them then: in the file that "
		"--authfile or REGISTRY_AUTH_FILE names, else in "
		"$XDG_RUNTIME_DIR/containers/auth.json, else in "
		"~/.config/containers/auth.json, which other tools read as well; or in the "
		"credential helper that this file names. With a namespace they are for "
		"repositories below it alone; the most specific ones count.\n\n"
		"Where nothing shall be stored, as in CI, GGBUILD_REGISTRY_USER with "
		"GGBUILD_REGISTRY_PASSWORD, or GGBUILD_REGISTRY_TOKEN, are for the registry that "
		"a command line names, or the one that GGBUILD_REGISTRY_HOST does.\n\n"
		"  ggbuild login registry.example             asks for user and password\n"
		"  pass show registry | ggbuild login registry.example/team -u me \\\n"
		"    --password-stdin\n"
		"  ggbuild login docker.io --get-login",
	.min_args = 1,
	.max_args = 1,
	.groups = login_groups,
	.n_groups = GG_LEN(login_groups),
	.options_size = sizeof(struct login_options),
	.run = run_login,
};

/* ---- logout ---- */

struct logout_options {
	const char *authfile;
	bool all;
};

static const struct option_def logout_defs[] = {
	{ .name = "all",
	  .kind = OPTION_FLAG,
	  .offset = offsetof(struct logout_options, all),
	  .help = "forget every registry" },
	{ .name = "authfile",
	  .arg = "FILE",
	  .kind = OPTION_STRING,
	  .offset = offsetof(struct logout_options, authfile),
	  .help = "the file to take them out of" },
};
static const struct option_group logout_groups[] = { { .defs = logout_defs,
						       .n_defs = GG_LEN(logout_defs) } };

/* Others may hold what this file does not. */
static int not_there(const struct place *p, const struct registry_settings *s, const char *where,
		     struct gg_err *err)
{
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;
	_cleanup_err_ struct gg_err ignored = GG_ERR_INIT;

	gg_fail(err, GG_USAGE, "%s holds no credentials of '%s'", where, p->key);
	if (credentials_find(&p->reference, false, s, &c, &ignored) == 0 &&
	    !credentials_anonymous(&c))
		gg_hint(err, "those that are used come from %s", c.from);
	return -1;
}

static int run_logout(const void *options, const struct gg_strv *args, struct gg_err *err)
{
	const struct logout_options *o = options;
	struct registry_settings s = { .authfile = o->authfile };
	struct place p GG_CLEANUP(place_done) = { 0 };
	_cleanup_free_ char *where = NULL, *line = NULL;
	bool found;

	if (o->all == (args->n > 0))
		return gg_fail(err, GG_USAGE, "logout wants a registry, or --all");
	if (args->n && parse_place(args->v[0], &p, err) < 0)
		return -1;
	if (credentials_erase(p.key, &s, &found, &where, err) < 0)
		return -1;
	if (!found && !o->all)
		return not_there(&p, &s, where, err);
	if (o->all)
		line = gg_asprintf("logged out everywhere; %s holds no credentials\n", where);
	else
		line = gg_asprintf("logged out of '%s'; %s is without its credentials\n", p.key,
				   where);
	return command_print(line, strlen(line), err);
}

const struct command_def command_logout = {
	.name = "logout",
	.args = "HOST[/NAMESPACE]|--all",
	.summary = "forget credentials of a registry",
	.text = "Takes them out of the file that `ggbuild login` stores them in, and out of the "
		"credential helpers that it names. Credentials of other files stay; what "
		"still lets you in is named.",
	.min_args = 0,
	.max_args = 1,
	.groups = logout_groups,
	.n_groups = GG_LEN(logout_groups),
	.options_size = sizeof(struct logout_options),
	.run = run_logout,
};
