/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registries_file.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "layers/base/fd.h"
#include "layers/reference.h"
#include "layers/toml.h"

enum { FILE_MAX = 1 << 20 };
static const char SYSTEM[] = "/etc/containers/registries.conf";

void registries_done(struct registries *r)
{
	gg_arena_free(r->arena);
	free(r->entries);
	free(r->aliases);
	gg_strv_done(&r->search);
	*r = (struct registries){ 0 };
}

/* One file's reading. */
struct reading {
	struct registries *r;
	struct toml toml;
	struct gg_err *err;
};

static const struct toml_value *get(struct reading *p, const struct toml_value *table,
				    const char *key, enum toml_kind kind, bool *ret_bad)
{
	static const char *const kinds[] = { "a string", "a whole number", "true or false",
					     "an array", "a table" };
	const struct toml_value *v = toml_get(table, key);

	if (v && v->kind != kind) {
		toml_fail(&p->toml, v, p->err, "'%s' must be %s", key, kinds[kind]);
		*ret_bad = true;
		return NULL;
	}
	return v;
}

static bool truth(struct reading *p, const struct toml_value *table, const char *key, bool *ret_bad)
{
	const struct toml_value *v = get(p, table, key, TOML_BOOLEAN, ret_bad);

	return v && v->boolean;
}

/* "host[:port][/path]" without a slash at its end; NULL: absent or empty. */
static const char *place(struct reading *p, const struct toml_value *table, const char *key,
			 bool *ret_bad)
{
	const struct toml_value *v = get(p, table, key, TOML_STRING, ret_bad);
	char *text, *slash;
	size_t len;
	bool good;

	if (!v || !*v->string)
		return NULL;
	text = gg_arena_strdup(p->r->arena, v->string);
	len = strlen(text);
	while (len > 1 && text[len - 1] == '/')
		text[--len] = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	good = reference_domain_valid(gg_starts(text, "*.") ? text + 2 : text) &&
	       (!slash || reference_path_valid(slash + 1));
	if (slash)
		*slash = '/';
	if (!good) {
		toml_fail(&p->toml, v, p->err, "'%s' is no HOST[:PORT][/PATH] but '%.200s'", key,
			  v->string);
		if (strstr(v->string, "://"))
			gg_hint(p->err, "leave out the scheme; `insecure = true` allows http");
		*ret_bad = true;
		return NULL;
	}
	return text;
}

/* ---- [[registry]] ---- */

static int pull_from(struct reading *p, const struct toml_value *table, bool by_digest,
		     struct registries_mirror *m)
{
	bool bad = false;
	const struct toml_value *v = get(p, table, "pull-from-mirror", TOML_STRING, &bad);

	if (bad)
		return -1;
	m->digest_only = by_digest;
	if (!v || !*v->string || gg_streq(v->string, "all"))
		return 0;
	if (by_digest)
		return toml_fail(&p->toml, v, p->err,
				 "'pull-from-mirror' beside the registry's "
				 "'mirror-by-digest-only'");
	m->digest_only = gg_streq(v->string, "digest-only");
	m->tag_only = gg_streq(v->string, "tag-only");
	if (!m->digest_only && !m->tag_only)
		return toml_fail(
			&p->toml, v, p->err,
			"'pull-from-mirror' must be all, digest-only or tag-only, not '%.80s'",
			v->string);
	return 0;
}

static int take_mirrors(struct reading *p, const struct toml_value *table,
			struct registries_entry *e)
{
	bool bad = false, by_digest = truth(p, table, "mirror-by-digest-only", &bad);
	const struct toml_value *list = get(p, table, "mirror", TOML_ARRAY, &bad);
	struct registries_mirror *mirrors;

	if (bad)
		return -1;
	if (!list)
		return 0;
	mirrors = gg_arena_calloc(p->r->arena, list->n + 1, sizeof(*mirrors));
	for (size_t i = 0; i < list->n; i++) {
		const struct toml_value *t = list->v[i];

		if (t->kind != TOML_TABLE)
			return toml_fail(&p->toml, t, p->err, "a mirror must be a table");
		mirrors[i].location = place(p, t, "location", &bad);
		mirrors[i].insecure = truth(p, t, "insecure", &bad);
		if (bad || pull_from(p, t, by_digest, &mirrors[i]) < 0)
			return -1;
		if (!mirrors[i].location || mirrors[i].location[0] == '*')
			return toml_fail(&p->toml, t, p->err, "a mirror needs a location");
	}
	e->mirrors = mirrors;
	e->n_mirrors = list->n;
	return 0;
}

static void put_entry(struct registries *r, const struct registries_entry *e)
{
	for (size_t i = 0; i < r->n_entries; i++) {
		if (gg_streq(r->entries[i].prefix, e->prefix)) {
			r->entries[i] = *e;
			return;
		}
	}
	GG_GROW(r->entries, r->n_entries, r->cap_entries);
	r->entries[r->n_entries++] = *e;
}

static int take_registry(struct reading *p, const struct toml_value *t)
{
	struct registries_entry e = { 0 };
	bool bad = false;

	if (t->kind != TOML_TABLE)
		return toml_fail(&p->toml, t, p->err, "a registry must be a table");
	e.prefix = place(p, t, "prefix", &bad);
	e.location = place(p, t, "location", &bad);
	e.insecure = truth(p, t, "insecure", &bad);
	e.blocked = truth(p, t, "blocked", &bad);
	if (bad || take_mirrors(p, t, &e) < 0)
		return -1;
	if (e.location && e.location[0] == '*')
		return toml_fail(&p->toml, t, p->err, "a registry's location names no host");
	if (!e.prefix)
		e.prefix = e.location;
	if (!e.prefix)
		return toml_fail(&p->toml, t, p->err, "a registry needs a prefix or a location");
	/* A reference that the prefix names is already where it is. */
	if (e.location && gg_streq(e.location, e.prefix))
		e.location = NULL;
	if (!e.location && e.prefix[0] != '*')
		e.location = e.prefix;
	e.where = gg_arena_printf(p->r->arena, "%s:%u", p->toml.file, t->line);
	put_entry(p->r, &e);
	return 0;
}

static int take_registries(struct reading *p)
{
	bool bad = false;
	const struct toml_value *list = get(p, p->toml.root, "registry", TOML_ARRAY, &bad);

	for (size_t i = 0; list && i < list->n; i++)
		if (take_registry(p, list->v[i]) < 0)
			return -1;
	return bad ? -1 : 0;
}

/* ---- short names ---- */

static int take_aliases(struct reading *p)
{
	bool bad = false;
	const struct toml_value *table = get(p, p->toml.root, "aliases", TOML_TABLE, &bad);
	struct registries *r = p->r;

	for (size_t i = 0; table && i < table->n; i++) {
		struct registries_alias a = { .name = gg_arena_strdup(r->arena, table->keys[i]) };
		size_t at = 0;

		if (!reference_path_valid(a.name))
			return toml_fail(&p->toml, table->v[i], p->err,
					 "'%.200s' is no short name of an image", a.name);
		a.target = place(p, table, a.name, &bad);
		if (bad)
			return -1;
		if (a.target && !strchr(a.target, '/'))
			return toml_fail(&p->toml, table->v[i], p->err,
					 "alias '%.200s' must name HOST/PATH", a.name);
		while (at < r->n_aliases && !gg_streq(r->aliases[at].name, a.name))
			at++;
		if (at == r->n_aliases) {
			GG_GROW(r->aliases, r->n_aliases, r->cap_aliases);
			r->n_aliases++;
		}
		r->aliases[at] = a;
	}
	return bad ? -1 : 0;
}

static int take_search(struct reading *p)
{
	bool bad = false;
	const struct toml_value *list =
		get(p, p->toml.root, "unqualified-search-registries", TOML_ARRAY, &bad);
	const struct toml_value *mode = get(p, p->toml.root, "short-name-mode", TOML_STRING, &bad);

	if (bad)
		return -1;
	if (mode && !gg_streq(mode->string, "enforcing") && !gg_streq(mode->string, "permissive") &&
	    !gg_streq(mode->string, "disabled") && *mode->string)
		return toml_fail(&p->toml, mode, p->err,
				 "'short-name-mode' must be enforcing, permissive or disabled");
	if (mode && *mode->string)
		p->r->enforcing = gg_streq(mode->string, "enforcing");
	if (!list)
		return 0;
	gg_strv_done(&p->r->search);
	p->r->search = (struct gg_strv){ 0 };
	for (size_t i = 0; i < list->n; i++) {
		const struct toml_value *v = list->v[i];

		if (v->kind != TOML_STRING || !reference_domain_valid(v->string))
			return toml_fail(&p->toml, v, p->err,
					 "'unqualified-search-registries' must list HOST[:PORT]");
		gg_strv_add(&p->r->search, v->string);
	}
	return 0;
}

/* ---- files ---- */

static int refuse_version_1(struct reading *p)
{
	const struct toml_value *v = toml_get(p->toml.root, "registries");

	if (!v)
		return 0;
	toml_fail(&p->toml, v, p->err, "version 1 of registries.conf is not read");
	return gg_hint(p->err, "write [[registry]] tables and unqualified-search-registries "
			       "instead of [registries.…]");
}

int registries_add(struct registries *r, const char *path, const char *text, size_t len,
		   struct gg_err *err)
{
	struct reading p = { .r = r, .err = err };
	int rc;

	if (!r->arena)
		r->arena = gg_arena_new();
	if (toml_parse(path, text, len, &p.toml, err) < 0)
		return -1;
	rc = refuse_version_1(&p) < 0 || take_registries(&p) < 0 || take_aliases(&p) < 0 ||
			     take_search(&p) < 0
		     ? -1
		     : 0;
	toml_done(&p.toml);
	return rc;
}

/* *ret_there false: there is no such file. */
static int read_file(struct registries *r, const char *path, bool *ret_there, struct gg_err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct gg_buf text = { 0 };

	*ret_there = fd >= 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return gg_fail_errno(err, "open '%s'", path);
	if (gg_read_fd(fd, FILE_MAX, &text, err) < 0)
		return gg_context(err, "'%s'", path);
	return registries_add(r, path, text.data ? text.data : "", text.len, err);
}

/* Every *.conf of "PATH.d", in the order of their names. */
static int read_dir(struct registries *r, const char *path, struct gg_err *err)
{
	_cleanup_free_ char *dir = gg_asprintf("%s.d", path);
	_cleanup_strv_ struct gg_strv names = { 0 };
	DIR *d = opendir(dir);
	bool there;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : gg_fail_errno(err, "read directory '%s'", dir);
	for (struct dirent *e; (e = readdir(d));)
		if (gg_ends(e->d_name, ".conf"))
			gg_strv_addf(&names, "%s/%s", dir, e->d_name);
	closedir(d);
	gg_strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		if (read_file(r, names.v[i], &there, err) < 0)
			return -1;
	return 0;
}

/* What podman has asked its user about. Who is root in a namespace of its own alone is not who root's place is for. */
static int read_chosen(struct registries *r, const char *home, struct gg_err *err)
{
	static const char roots[] = "/var/cache/containers/short-name-aliases.conf";
	const char *cache = getenv("XDG_CACHE_HOME");
	_cleanup_free_ char *path = NULL;
	bool there;

	if (geteuid() == 0 &&
	    (faccessat(AT_FDCWD, roots, R_OK, AT_EACCESS) == 0 || errno != EACCES))
		path = gg_strdup(roots);
	else if (cache && cache[0] == '/')
		path = gg_asprintf("%s/containers/short-name-aliases.conf", cache);
	else if (home)
		path = gg_asprintf("%s/.cache/containers/short-name-aliases.conf", home);
	/* In a user namespace its root may not read what is the machine's root's. */
	return path && access(path, R_OK) == 0 ? read_file(r, path, &there, err) : 0;
}

static int read_usual(struct registries *r, struct gg_err *err)
{
	const char *home = getenv("HOME");
	_cleanup_free_ char *own = NULL;
	bool there = false;

	if (!home || home[0] != '/')
		home = NULL;
	if (home) {
		own = gg_asprintf("%s/.config/containers/registries.conf", home);
		if (read_file(r, own, &there, err) < 0)
			return -1;
	}
	if (!there && (read_file(r, SYSTEM, &there, err) < 0 || read_dir(r, SYSTEM, err) < 0))
		return -1;
	if (own && read_dir(r, own, err) < 0)
		return -1;
	return read_chosen(r, home, err);
}

int registries_read(const char *named, struct registries *ret, struct gg_err *err)
{
	_cleanup_registries_ struct registries r = { 0 };
	const char *environment = getenv("CONTAINERS_REGISTRIES_CONF");
	bool there = true;
	int rc;

	if (!named && environment && *environment)
		named = environment;
	rc = named ? read_file(&r, named, &there, err) : read_usual(&r, err);
	if (rc < 0)
		return -1;
	if (!there && named)
		return gg_fail(err, GG_USAGE, "there is no file '%s'", named);
	*ret = r;
	r = (struct registries){ 0 };
	return 0;
}
