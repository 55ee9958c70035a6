/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/credentials_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "layers/base/base64.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/base/log.h"
#include "layers/reference.h"
#include "layers/registry_settings.h"

static const char DOCKER_IO[] = "docker.io";

void credentials_wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_done(struct credentials *c)
{
	credentials_wipe(&c->user);
	credentials_wipe(&c->password);
	credentials_wipe(&c->identity_token);
	credentials_wipe(&c->bearer);
	free(c->from);
	*c = (struct credentials)CREDENTIALS_INIT;
}

static bool any(const struct credentials *c)
{
	return c->user || c->password || c->identity_token || c->bearer;
}

int credentials_split(const char *pair, size_t len, struct credentials *ret)
{
	const char *colon = memchr(pair, ':', len);

	if (!colon || colon == pair || memchr(pair, '\0', len))
		return -1;
	ret->user = gg_strndup(pair, (size_t)(colon - pair));
	ret->password = gg_strndup(colon + 1, len - (size_t)(colon - pair) - 1);
	return 0;
}

/* ---- keys ---- */

char *credentials_key(const char *key)
{
	const char *start = key;
	char *text;
	size_t len;

	if (strncasecmp(start, "https://", 8) == 0)
		start += 8;
	else if (strncasecmp(start, "http://", 7) == 0)
		start += 7;
	text = gg_strdup(start);
	for (len = strlen(text); len && text[len - 1] == '/'; len--)
		text[len - 1] = '\0';
	/* As docker writes them; a repository of that name has a registry before it, which a single component has not. */
	if (gg_ends(text, "/v1") || gg_ends(text, "/v2")) {
		if (strchr(text, '/') == text + len - 3)
			text[len - 3] = '\0';
	}
	if (gg_streq(text, "index.docker.io")) {
		free(text);
		return gg_strdup(DOCKER_IO);
	}
	return text;
}

/* "host/ns/repo", "host/ns", "host" */
static void keys_of(const struct reference *r, struct gg_strv *ret)
{
	_cleanup_free_ char *key = gg_asprintf("%s/%s", r->domain, r->path);
	char *slash;

	gg_strv_add(ret, key);
	while ((slash = strrchr(key, '/'))) {
		*slash = '\0';
		gg_strv_add(ret, key);
	}
}

/* ---- files ---- */

static struct credentials_file *add_file(struct credentials_files *f, char *take_path)
{
	struct credentials_file *to = &f->v[f->n++];

	assert(f->n <= CREDENTIALS_FILES);
	to->path = take_path;
	return to;
}

void credentials_files_done(struct credentials_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].path);
}

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void credentials_files(const struct registry_settings *s, struct credentials_files *ret)
{
	const char *given = s && s->authfile ? s->authfile : env("REGISTRY_AUTH_FILE");
	const char *run = env("XDG_RUNTIME_DIR"), *config = env("XDG_CONFIG_HOME"),
		   *home = env("HOME"), *docker = env("DOCKER_CONFIG");

	*ret = (struct credentials_files){ 0 };
	if (given) {
		add_file(ret, gg_strdup(given))->given = true;
		return;
	}
	if (run)
		add_file(ret, gg_asprintf("%s/containers/auth.json", run));
	if (config)
		add_file(ret, gg_asprintf("%s/containers/auth.json", config));
	else if (home)
		add_file(ret, gg_asprintf("%s/.config/containers/auth.json", home));
	if (docker)
		add_file(ret, gg_asprintf("%s/config.json", docker));
	else if (home)
		add_file(ret, gg_asprintf("%s/.docker/config.json", home));
}

static int parse(const char *path, const char *text, size_t len, struct gg_json **ret,
		 struct gg_err *err)
{
	_cleanup_err_ struct gg_err problem = GG_ERR_INIT;

	*ret = len ? gg_json_parse(text, len, &problem) : gg_json_object();
	/* The parser's words may show what stands there. */
	if (!*ret || !gg_json_is_object(*ret)) {
		gg_json_unref(*ret);
		*ret = NULL;
		gg_fail(err, GG_USAGE, "'%s' is no JSON object with credentials", path);
		return gg_hint(err, "mend it, or name another file with --authfile");
	}
	return 0;
}

int credentials_read(const struct credentials_file *f, struct gg_json **ret, struct gg_err *err)
{
	_cleanup_close_ int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct gg_buf text = { 0 };
	struct stat st;
	int r;

	*ret = NULL;
	if (fd < 0 && !f->given && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return gg_fail_errno(err, "open '%s'", f->path);
	if (!S_ISREG(st.st_mode))
		return gg_fail(err, GG_USAGE, "'%s' is no file", f->path);
	if (st.st_mode & 077)
		gg_log(GG_LOG_WARNING,
		       "'%s' holds credentials and can be read by others; `chmod 600` it", f->path);
	r = gg_read_fd(fd, CREDENTIALS_MAX_FILE, &text, err);
	if (r == 0)
		r = parse(f->path, text.data ? text.data : "", text.len, ret, err);
	if (text.data)
		explicit_bzero(text.data, text.len);
	gg_buf_done(&text);
	return r;
}

/* The entry of "auths" or "credHelpers" with that normal key; NULL: none. */
static const struct gg_json *entry(const struct gg_json *object, const char *key)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };
	const struct gg_json *found = NULL;

	gg_json_keys(object, &keys);
	for (size_t i = 0; i < keys.n && !found; i++) {
		_cleanup_free_ char *normal = credentials_key(keys.v[i]);

		if (gg_streq(normal, key))
			found = gg_json_get(object, keys.v[i]);
	}
	return found;
}

static int take_entry(const struct gg_json *e, const char *path, struct credentials *ret,
		      struct gg_err *err)
{
	const char *auth = gg_json_get_str(e, "auth", ""),
		   *token = gg_json_get_str(e, "identitytoken", "");
	const char *user = gg_json_get_str(e, "username", ""),
		   *password = gg_json_get_str(e, "password", "");
	struct gg_buf pair = { 0 };
	int r = 0;

	if (*token)
		ret->identity_token = gg_strdup(token);
	if (*user) {
		ret->user = gg_strdup(user);
		ret->password = gg_strdup(password);
	} else if (*auth) {
		r = gg_base64_decode(auth, strlen(auth), &pair);
		/* Some writers end it with a NUL. */
		while (r == 0 && pair.len && pair.data[pair.len - 1] == '\0')
			pair.len--;
		if (r == 0)
			r = credentials_split(pair.data ? pair.data : "", pair.len, ret);
		if (pair.data)
			explicit_bzero(pair.data, pair.len);
		gg_buf_done(&pair);
	}
	if (r < 0) {
		gg_fail(err, GG_USAGE, "'%s': an \"auth\" is not base64 of USER:PASSWORD", path);
		return gg_hint(err, "store it anew with `ggbuild login`");
	}
	/* Docker's stores leave this as the user of a token. */
	if (ret->user && gg_streq(ret->user, "<token>")) {
		ret->identity_token = gg_steal(&ret->password);
		credentials_wipe(&ret->user);
	}
	return 0;
}

static int from_key(const struct gg_json *j, const char *key, bool host, const char *path,
		    struct credentials *ret, struct gg_err *err)
{
	const struct gg_json *helper = entry(gg_json_get(j, "credHelpers"), key);
	const struct gg_json *e = entry(gg_json_get(j, "auths"), key);
	const char *store = gg_json_get_str(j, "credsStore", "");
	const char *name = gg_json_text(helper);

	if (name && *name)
		return credentials_ask_helper(name, key, ret, err);
	if (take_entry(e, path, ret, err) < 0)
		return -1;
	if (any(ret))
		return 0;
	return host && *store ? credentials_ask_helper(store, key, ret, err) : 0;
}

static int from_document(const struct gg_json *j, const struct gg_strv *keys, const char *path,
			 struct credentials *ret, struct gg_err *err)
{
	for (size_t i = 0; i < keys->n && !any(ret); i++)
		if (from_key(j, keys->v[i], i + 1 == keys->n, path, ret, err) < 0)
			return -1;
	if (any(ret) && !ret->from)
		ret->from = gg_asprintf("'%s'", path);
	return 0;
}

static int from_files(const struct gg_strv *keys, const struct registry_settings *s,
		      struct credentials *ret, struct gg_err *err)
{
	GG_CLEANUP(credentials_files_done) struct credentials_files files;
	int r = 0;

	credentials_files(s, &files);
	for (size_t i = 0; r == 0 && i < files.n && !any(ret); i++) {
		_cleanup_json_ struct gg_json *j = NULL;

		r = credentials_read(&files.v[i], &j, err);
		if (r == 0 && j)
			r = from_document(j, keys, files.v[i].path, ret, err);
	}
	return r;
}

/* ---- the environment ---- */

static int from_environment(const struct gg_strv *keys, bool named, struct credentials *ret,
			    struct gg_err *err)
{
	const char *token = env("GGBUILD_REGISTRY_TOKEN"), *user = env("GGBUILD_REGISTRY_USER"),
		   *password = env("GGBUILD_REGISTRY_PASSWORD"),
		   *docker = env("DOCKER_AUTH_CONFIG");
	_cleanup_json_ struct gg_json *j = NULL;

	if (named && token) {
		ret->bearer = gg_strdup(token);
		ret->from = gg_strdup("GGBUILD_REGISTRY_TOKEN");
		return 0;
	}
	if (named && (user || password)) {
		if (!user || !password)
			return gg_fail(err, GG_USAGE,
				       "GGBUILD_REGISTRY_USER and GGBUILD_REGISTRY_PASSWORD go "
				       "together, and one is not set");
		ret->user = gg_strdup(user);
		ret->password = gg_strdup(password);
		ret->from = gg_strdup("GGBUILD_REGISTRY_USER");
		return 0;
	}
	if (!docker)
		return 0;
	if (parse("DOCKER_AUTH_CONFIG", docker, strlen(docker), &j, err) < 0)
		return -1;
	return from_document(j, keys, "DOCKER_AUTH_CONFIG", ret, err);
}

int credentials_find(const struct reference *repository, bool named,
		     const struct registry_settings *s, struct credentials *ret, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	*ret = (struct credentials)CREDENTIALS_INIT;
	if (named && s && s->creds) {
		if (credentials_split(s->creds, strlen(s->creds), ret) < 0)
			return gg_fail(err, GG_USAGE, "--creds wants USER:PASSWORD");
		ret->from = gg_strdup("--creds");
		return 0;
	}
	keys_of(repository, &keys);
	if (from_environment(&keys, named, ret, err) < 0)
		return -1;
	if (any(ret))
		return 0;
	return from_files(&keys, s, ret, err);
}
