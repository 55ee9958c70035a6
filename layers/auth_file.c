/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/auth_file.h"

#include <ctype.h>
#include <string.h>

#include "layers/base/base64.h"
#include "layers/base/json.h"
#include "layers/credentials.h"

static const char DOCKER_IO[] = "docker.io", DOCKER_KEY[] = "https://index.docker.io/v1/";

int auth_file_parse(const char *text, size_t len, struct gg_json **ret, struct gg_err *err)
{
	_cleanup_err_ struct gg_err inner = GG_ERR_INIT;
	_cleanup_json_ struct gg_json *file = NULL;

	if (len == 0) {
		*ret = gg_json_object();
		return 0;
	}
	file = gg_json_parse(text, len, &inner);
	/* The parser's own words quote what is near the mistake, behind the colon. */
	if (!file)
		return gg_fail(err, GG_USAGE, "not readable as %.*s", (int)strcspn(inner.text, ":"),
			       inner.text);
	if (!gg_json_is_object(file))
		return gg_fail(err, GG_USAGE, "it is no JSON object");
	*ret = gg_steal(&file);
	return 0;
}

static bool is_docker_hub(const char *host)
{
	return gg_streq(host, DOCKER_IO) || gg_streq(host, "index.docker.io") ||
	       (gg_starts(host, "registry-1.") && gg_streq(strchr(host, '.') + 1, DOCKER_IO));
}

char *auth_key_normal(const char *key)
{
	_cleanup_free_ char *copy = NULL, *host = NULL;
	size_t len, host_len;

	if (gg_starts(key, "https://"))
		key += strlen("https://");
	else if (gg_starts(key, "http://"))
		key += strlen("http://");
	copy = gg_strdup(key);
	len = strlen(copy);
	while (len > 0 && copy[len - 1] == '/')
		copy[--len] = '\0';
	host_len = strcspn(copy, "/");
	/* Right behind the host alone: a repository may be called v2 as well. */
	if (gg_streq(copy + host_len, "/v1") || gg_streq(copy + host_len, "/v2"))
		copy[host_len] = '\0';
	host = gg_strndup(copy, host_len);
	for (char *p = host; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return gg_asprintf("%s%s", is_docker_hub(host) ? DOCKER_IO : host, copy + host_len);
}

bool auth_key_covers(const char *key, const char *repository)
{
	size_t len = strlen(key);

	return len > 0 && gg_starts(repository, key) &&
	       (repository[len] == '\0' || repository[len] == '/');
}

void auth_helper_done(struct auth_helper *h)
{
	free(h->name);
	free(h->server);
	*h = (struct auth_helper){ 0 };
}

/* The member of `section` whose key is the normal one: as it is written, else in another spelling. */
static const struct gg_json *find_key(const struct gg_json *section, const char *normal)
{
	_cleanup_strv_ struct gg_strv keys = { 0 };

	if (!gg_json_is_object(section))
		return NULL;
	if (gg_json_get(section, normal))
		return gg_json_get(section, normal);
	gg_json_keys(section, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		_cleanup_free_ char *other = auth_key_normal(keys.v[i]);

		if (gg_streq(other, normal))
			return gg_json_get(section, keys.v[i]);
	}
	return NULL;
}

static void wipe(struct gg_buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	gg_buf_done(b);
}

/* base64 of "user:password". Old versions of docker padded the password with NULs. */
static int take_auth(const char *text, struct credentials *ret, struct gg_err *err)
{
	struct gg_buf plain GG_CLEANUP(wipe) = { 0 };
	char *colon = NULL;

	gg_buf_reserve(&plain, strlen(text));
	if (gg_base64_decode(text, strlen(text), &plain) == 0 && plain.len > 0) {
		while (plain.len > 0 && plain.data[plain.len - 1] == '\0')
			plain.len--;
		plain.data[plain.len] = '\0';
		colon = strlen(plain.data) == plain.len ? strchr(plain.data, ':') : NULL;
	}
	if (!colon)
		return gg_fail(err, GG_USAGE, "'auth' is not the base64 of USER:PASSWORD");
	ret->user = gg_strndup(plain.data, (size_t)(colon - plain.data));
	ret->password = gg_strdup(colon + 1);
	return 0;
}

/* It becomes a header as it is. */
static bool is_token(const char *text)
{
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return *text != '\0';
}

static const char *text_of(const struct gg_json *entry, const char *key)
{
	const char *text = gg_json_get_str(entry, key, "");

	return *text ? text : NULL;
}

static int take_entry(const struct gg_json *entry, struct credentials *ret, struct gg_err *err)
{
	const char *auth = text_of(entry, "auth"), *identity = text_of(entry, "identitytoken"),
		   *bearer = text_of(entry, "registrytoken"), *user = text_of(entry, "username"),
		   *password = text_of(entry, "password");

	if (!gg_json_is_object(entry))
		return gg_fail(err, GG_USAGE, "it is no object");
	if (bearer && !is_token(bearer))
		return gg_fail(err, GG_USAGE, "'registrytoken' is no token");
	if (auth) {
		if (take_auth(auth, ret, err) < 0)
			return -1;
	} else if (user && password) {
		ret->user = gg_strdup(user);
		ret->password = gg_strdup(password);
	}
	if (identity)
		ret->identity_token = gg_strdup(identity);
	if (bearer)
		ret->bearer = gg_strdup(bearer);
	return 0;
}

/* What helpers know a registry as. */
static char *server_of(const char *key)
{
	return gg_strdup(gg_streq(key, DOCKER_IO) ? DOCKER_KEY : key);
}

/* What the file says about exactly this key; *ret_any tells whether it says anything. */
static int find_level(const struct gg_json *file, const char *key, struct credentials *ret,
		      struct auth_helper *ret_helper, struct gg_err *err)
{
	const struct gg_json *helper = find_key(gg_json_get(file, "credHelpers"), key),
			     *entry = find_key(gg_json_get(file, "auths"), key);

	if (helper && gg_json_text(helper) && *gg_json_text(helper)) {
		ret_helper->name = gg_strdup(gg_json_text(helper));
		ret_helper->server = server_of(key);
		return 0;
	}
	if (entry && take_entry(entry, ret, err) < 0) {
		err->kind = GG_USAGE;
		return gg_context(err, "entry of '%s'", key);
	}
	return 0;
}

int auth_file_find(const struct gg_json *file, const char *repository, struct credentials *ret,
		   struct auth_helper *ret_helper, struct gg_err *err)
{
	_cleanup_free_ char *key = gg_strdup(repository);
	const char *store = text_of(file, "credsStore");
	char *slash;

	for (;;) {
		if (find_level(file, key, ret, ret_helper, err) < 0)
			return -1;
		if (ret_helper->name || !credentials_anonymous(ret))
			return 0;
		slash = strrchr(key, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	if (store) {
		ret_helper->name = gg_strdup(store);
		ret_helper->server = server_of(key);
	}
	return 0;
}

void auth_file_helper(const struct gg_json *file, const char *key, struct auth_helper *ret)
{
	const struct gg_json *own = find_key(gg_json_get(file, "credHelpers"), key);
	const char *name = own ? gg_json_text(own) : text_of(file, "credsStore");

	if (!name || !*name || (!own && strchr(key, '/')))
		return;
	ret->name = gg_strdup(name);
	ret->server = server_of(key);
}

static bool remove_from(struct gg_json *file, const char *name, const char *normal)
{
	struct gg_json *section = gg_json_get(file, name);
	_cleanup_strv_ struct gg_strv keys = { 0 };
	bool found = false;

	if (!gg_json_is_object(section))
		return false;
	gg_json_keys(section, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		_cleanup_free_ char *other = auth_key_normal(keys.v[i]);

		if (gg_streq(other, normal)) {
			gg_json_remove(section, keys.v[i]);
			found = true;
		}
	}
	return found;
}

bool auth_file_remove(struct gg_json *file, const char *key)
{
	return remove_from(file, "auths", key);
}

void auth_file_set(struct gg_json *file, const char *key, const char *user, const char *password,
		   bool docker)
{
	_cleanup_free_ char *plain = gg_asprintf("%s:%s", user, password);
	struct gg_buf text GG_CLEANUP(wipe) = { 0 };
	struct gg_json *entry = gg_json_object();

	auth_file_remove(file, key);
	gg_buf_reserve(&text, 2 * strlen(plain) + 8);
	gg_base64_encode(plain, strlen(plain), &text);
	explicit_bzero(plain, strlen(plain));
	gg_json_set_str(entry, "auth", text.data);
	if (!gg_json_is_object(gg_json_get(file, "auths")))
		gg_json_take(file, "auths", gg_json_object());
	gg_json_take(gg_json_get(file, "auths"),
		     docker && gg_streq(key, DOCKER_IO) ? DOCKER_KEY : key, entry);
}

void auth_file_keys(const struct gg_json *file, struct gg_strv *ret)
{
	static const char *const sections[] = { "auths", "credHelpers" };

	for (size_t s = 0; s < GG_LEN(sections); s++) {
		const struct gg_json *section = gg_json_get(file, sections[s]);
		_cleanup_strv_ struct gg_strv keys = { 0 };

		if (!gg_json_is_object(section))
			continue;
		gg_json_keys(section, &keys);
		for (size_t i = 0; i < keys.n; i++) {
			char *normal = auth_key_normal(keys.v[i]);

			if (gg_strv_has(ret, normal))
				free(normal);
			else
				gg_strv_take(ret, normal);
		}
	}
}
