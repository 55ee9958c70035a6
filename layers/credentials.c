/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/credentials.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "layers/auth_file.h"
#include "layers/base/fd.h"
#include "layers/base/json.h"
#include "layers/base/log.h"
#include "layers/credential_helper.h"
#include "layers/reference.h"
#include "layers/registry_settings.h"

void credentials_done(struct credentials *c)
{
	gg_wipe(&c->user);
	gg_wipe(&c->password);
	gg_wipe(&c->identity_token);
	gg_wipe(&c->bearer);
	gg_wipe(&c->from);
}

bool credentials_anonymous(const struct credentials *c)
{
	return !(c->user && c->password) && !c->identity_token && !c->bearer;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* "NAME/TAIL" below a directory that a variable names, else below HOME/FALLBACK; NULL: neither. */
static char *below(const char *name, const char *fallback, const char *tail)
{
	const char *dir = environment(name), *home = environment("HOME");

	if (dir && dir[0] == '/')
		return gg_asprintf("%s/%s", dir, tail);
	if (fallback && home && home[0] == '/')
		return gg_asprintf("%s/%s/%s", home, fallback, tail);
	return NULL;
}

static void add_file(struct gg_strv *ret, char *path)
{
	if (path)
		gg_strv_take(ret, path);
}

/* Files that are not named, in the order of asking. Who is root in a namespace of its own alone finds root's closed. */
static void usual_files(struct gg_strv *ret)
{
	static const char roots[] = "/run/containers/0/auth.json";

	if (environment("XDG_RUNTIME_DIR"))
		add_file(ret, below("XDG_RUNTIME_DIR", NULL, "containers/auth.json"));
	else if (geteuid() == 0 &&
		 (faccessat(AT_FDCWD, roots, R_OK, AT_EACCESS) == 0 || errno != EACCES))
		gg_strv_add(ret, roots);
	add_file(ret, below("XDG_CONFIG_HOME", ".config", "containers/auth.json"));
	add_file(ret, below("DOCKER_CONFIG", ".docker", "config.json"));
}

static const char *named_file(const struct registry_settings *s)
{
	return s->authfile ? s->authfile : environment("REGISTRY_AUTH_FILE");
}

/* *ret stays NULL where there is no such file. */
static int read_file(const char *path, mode_t *ret_mode, struct gg_json **ret, struct gg_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gg_buf text = { 0 };
	struct stat st;
	int r;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return gg_fail_errno(err, "open '%s'", path);
	r = gg_read_fd(fd, AUTH_FILE_MAX, &text, err);
	if (r == 0)
		r = auth_file_parse(text.data, text.len, ret, err);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	gg_buf_done(&text);
	*ret_mode = S_ISREG(st.st_mode) ? st.st_mode : 0;
	return r < 0 ? gg_context(err, "credentials in '%s'", path) : 0;
}

/* A helper for every registry that is not installed is somebody's desktop's: images that need no credentials do without. */
static int ask_helper(const struct auth_helper *h, const char *path, struct credentials *ret,
		      struct gg_err *err)
{
	struct credential_helper helper = { .name = h->name, .server = h->server };
	bool found, there;

	if (credential_helper_get(&helper, ret, &found, &there, err) < 0)
		return gg_context(err, "credentials in '%s'", path);
	if (!there)
		gg_log(GG_LOG_WARNING,
		       "'%s' names the credential helper '%s', and there is no program "
		       "docker-credential-%s",
		       path, h->name, h->name);
	if (found)
		ret->from = gg_asprintf("credential helper '%s'", h->name);
	return 0;
}

static int find_in(const struct gg_json *file, const char *path, const char *repository,
		   struct credentials *ret, struct gg_err *err)
{
	_cleanup_auth_helper_ struct auth_helper helper = { 0 };

	if (auth_file_find(file, repository, ret, &helper, err) < 0)
		return gg_context(err, "credentials in '%s'", path);
	if (helper.name)
		return ask_helper(&helper, path, ret, err);
	if (!credentials_anonymous(ret))
		ret->from = gg_asprintf("'%s'", path);
	return 0;
}

static int find_file(const char *path, bool named, const char *repository, struct credentials *ret,
		     struct gg_err *err)
{
	_cleanup_json_ struct gg_json *file = NULL;
	mode_t mode = 0;

	if (read_file(path, &mode, &file, err) < 0) {
		/* Somebody else's directory, as after su: not where ours are. */
		if (named || err->errnum != EACCES)
			return -1;
		gg_err_done(err);
		return 0;
	}
	if (!file)
		return named ? gg_fail(err, GG_USAGE, "there is no file '%s' with credentials",
				       path)
			     : 0;
	if (find_in(file, path, repository, ret, err) < 0)
		return -1;
	if (!credentials_anonymous(ret) && mode & (S_IRGRP | S_IROTH))
		gg_log(GG_LOG_WARNING, "credentials in '%s' can be read by others: chmod 600 '%s'",
		       path, path);
	return 0;
}

static int find_inline(const char *text, const char *repository, struct credentials *ret,
		       struct gg_err *err)
{
	_cleanup_json_ struct gg_json *file = NULL;

	if (auth_file_parse(text, strlen(text), &file, err) < 0)
		return gg_context(err, "environment variable DOCKER_AUTH_CONFIG");
	return find_in(file, "DOCKER_AUTH_CONFIG", repository, ret, err);
}

static int find_files(const struct registry_settings *s, const char *repository,
		      struct credentials *ret, struct gg_err *err)
{
	_cleanup_strv_ struct gg_strv files = { 0 };
	const char *named = named_file(s), *text = environment("DOCKER_AUTH_CONFIG");

	if (named)
		return find_file(named, true, repository, ret, err);
	if (text && find_inline(text, repository, ret, err) < 0)
		return -1;
	usual_files(&files);
	for (size_t i = 0; i < files.n && credentials_anonymous(ret); i++)
		if (find_file(files.v[i], false, repository, ret, err) < 0)
			return -1;
	return 0;
}

static int take_pair(const char *pair, struct credentials *ret, struct gg_err *err)
{
	const char *colon = strchr(pair, ':');

	if (!colon)
		return gg_fail(err, GG_USAGE, "credentials are written USER:PASSWORD");
	ret->user = gg_strndup(pair, (size_t)(colon - pair));
	ret->password = gg_strdup(colon + 1);
	ret->from = gg_strdup("--creds");
	return 0;
}

/* Of a registry that nobody names, a host has to be said: else every registry would be given them. */
static int find_environment(const char *repository, bool named, struct credentials *ret,
			    struct gg_err *err)
{
	const char *token = environment("GGBUILD_REGISTRY_TOKEN"),
		   *user = environment("GGBUILD_REGISTRY_USER"),
		   *password = environment("GGBUILD_REGISTRY_PASSWORD"),
		   *host = environment("GGBUILD_REGISTRY_HOST");
	_cleanup_free_ char *key = host ? auth_key_normal(host) : NULL;

	if (!token && !user && !password)
		return 0;
	if (key ? !auth_key_covers(key, repository) : !named)
		return 0;
	if (token) {
		for (const char *p = token; *p; p++)
			if (*p <= ' ' || *p > '~')
				return gg_fail(err, GG_USAGE,
					       "GGBUILD_REGISTRY_TOKEN holds a character that no "
					       "token has");
		ret->bearer = gg_strdup(token);
		ret->from = gg_strdup("GGBUILD_REGISTRY_TOKEN");
		return 0;
	}
	if (!user || !password)
		return gg_fail(err, GG_USAGE, "%s is set, and %s is not",
			       user ? "GGBUILD_REGISTRY_USER" : "GGBUILD_REGISTRY_PASSWORD",
			       user ? "GGBUILD_REGISTRY_PASSWORD" : "GGBUILD_REGISTRY_USER");
	ret->user = gg_strdup(user);
	ret->password = gg_strdup(password);
	ret->from = gg_strdup("GGBUILD_REGISTRY_USER");
	return 0;
}

static int find(const char *repository, bool named, const struct registry_settings *s,
		struct credentials *ret, struct gg_err *err)
{
	if (s->creds && named)
		return take_pair(s->creds, ret, err);
	if (find_environment(repository, named, ret, err) < 0)
		return -1;
	return credentials_anonymous(ret) ? find_files(s, repository, ret, err) : 0;
}

int credentials_find(const struct reference *repository, bool named,
		     const struct registry_settings *s, struct credentials *ret, struct gg_err *err)
{
	static const struct registry_settings usual = { 0 };
	_cleanup_free_ char *name = gg_asprintf("%s/%s", repository->domain, repository->path);
	_cleanup_free_ char *normal = auth_key_normal(name);
	_cleanup_credentials_ struct credentials c = CREDENTIALS_INIT;

	s = s ? s : &usual;
	if (find(normal, named && !s->unnamed, s, &c, err) < 0)
		return -1;
	*ret = c;
	c = (struct credentials)CREDENTIALS_INIT;
	return 0;
}

/* ---- storing and erasing ---- */

/* The file that is changed, held against others who change it. */
struct change {
	char *path, *name; /* name in the directory */
	int dirfd;
	struct gg_json *file;
};
#define CHANGE_INIT                                                                                \
	{                                                                                          \
		.dirfd = -1                                                                        \
	}

static void change_done(struct change *c)
{
	free(c->path);
	free(c->name);
	gg_close(c->dirfd);
	gg_json_unref(c->file);
}

static char *file_to_change(const struct registry_settings *s)
{
	char *path = named_file(s) ? gg_strdup(named_file(s))
				   : below("XDG_RUNTIME_DIR", NULL, "containers/auth.json");
	char *behind;

	if (!path)
		path = below("XDG_CONFIG_HOME", ".config", "containers/auth.json");
	behind = path ? realpath(path, NULL) : NULL;
	if (behind) {
		free(path);
		path = behind;
	}
	return path;
}

static int open_change(struct change *c, const struct registry_settings *s, bool make,
		       struct gg_err *err)
{
	_cleanup_free_ char *dir = NULL;
	const char *slash;
	mode_t mode;

	c->path = file_to_change(s);
	if (!c->path) {
		gg_fail(err, GG_USAGE, "there is no place for credentials: HOME is not set");
		return gg_hint(err, "name a file with --authfile");
	}
	slash = strrchr(c->path, '/');
	c->name = gg_strdup(slash ? slash + 1 : c->path);
	dir = slash ? gg_strndup(c->path, (size_t)(slash - c->path) + 1) : gg_strdup(".");
	if (make && gg_mkdirs(AT_FDCWD, dir, 0700, err) < 0)
		return -1;
	c->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->dirfd < 0 && errno == ENOENT && !make)
		return 0;
	if (c->dirfd < 0)
		return gg_fail_errno(err, "open directory '%s'", dir);
	while (flock(c->dirfd, LOCK_EX) < 0)
		if (errno != EINTR)
			return gg_fail_errno(err, "lock directory '%s'", dir);
	return read_file(c->path, &mode, &c->file, err);
}

static int write_change(const struct change *c, struct gg_err *err)
{
	_cleanup_free_ char *text = gg_json_pretty(c->file);
	int r = gg_write_file(c->dirfd, c->name, text, strlen(text), 0600, GG_COMMIT_REPLACE, err);

	explicit_bzero(text, strlen(text));
	return r < 0 ? gg_context(err, "write '%s'", c->path) : 0;
}

int credentials_store(const char *key, const struct registry_settings *s, const char *user,
		      const char *password, char **ret_where, struct gg_err *err)
{
	struct change c GG_CLEANUP(change_done) = CHANGE_INIT;
	_cleanup_auth_helper_ struct auth_helper helper = { 0 };
	_cleanup_free_ char *normal = auth_key_normal(key);

	if (strchr(user, ':'))
		return gg_fail(err, GG_USAGE, "the name of a user cannot hold ':'");
	if (open_change(&c, s, true, err) < 0)
		return -1;
	if (!c.file)
		c.file = gg_json_object();
	auth_file_helper(c.file, normal, &helper);
	if (helper.name) {
		struct credential_helper h = { .name = helper.name, .server = helper.server };

		if (credential_helper_store(&h, user, password, err) < 0)
			return gg_context(err, "credentials in '%s'", c.path);
		*ret_where = gg_asprintf("credential helper '%s'", helper.name);
		return 0;
	}
	auth_file_set(c.file, normal, user, password, gg_streq(c.name, "config.json"));
	if (write_change(&c, err) < 0)
		return -1;
	*ret_where = gg_asprintf("'%s'", c.path);
	return 0;
}

static int erase_one(struct change *c, const char *normal, bool *found, bool *changed,
		     struct gg_err *err)
{
	_cleanup_auth_helper_ struct auth_helper helper = { 0 };
	bool erased = false;

	if (auth_file_remove(c->file, normal))
		*found = *changed = true;
	auth_file_helper(c->file, normal, &helper);
	if (helper.name) {
		struct credential_helper h = { .name = helper.name, .server = helper.server };

		if (credential_helper_erase(&h, &erased, err) < 0)
			return gg_context(err, "credentials in '%s'", c->path);
	}
	*found |= erased;
	return 0;
}

int credentials_erase(const char *key, const struct registry_settings *s, bool *ret_found,
		      char **ret_where, struct gg_err *err)
{
	struct change c GG_CLEANUP(change_done) = CHANGE_INIT;
	_cleanup_strv_ struct gg_strv keys = { 0 };
	bool changed = false;

	*ret_found = false;
	if (open_change(&c, s, false, err) < 0)
		return -1;
	*ret_where = gg_asprintf("'%s'", c.path);
	if (!c.file)
		return 0;
	if (key)
		gg_strv_take(&keys, auth_key_normal(key));
	else
		auth_file_keys(c.file, &keys);
	for (size_t i = 0; i < keys.n; i++)
		if (erase_one(&c, keys.v[i], ret_found, &changed, err) < 0)
			return -1;
	return changed ? write_change(&c, err) : 0;
}
