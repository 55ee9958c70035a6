/* SPDX-License-Identifier: Apache-2.0 */
#include "layers/registries_conf.h"

#include <string.h>

#include "layers/base/mem.h"
#include "layers/reference.h"
#include "layers/registries_file.h"
#include "layers/registry_settings.h"

static const char DOCKER_IO[] = "docker.io", HUB_HOST[] = "index.docker.io", LIBRARY[] = "library/";

void registry_places_done(struct registry_places *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].host);
		free(p->v[i].domain);
		free(p->v[i].path);
		certificates_done(&p->v[i].certificates);
	}
	free(p->v);
	*p = (struct registry_places)REGISTRY_PLACES_INIT;
}

/* ---- entries ---- */

/* How many bytes of "HOST/PATH" the prefix takes; 0: it is for others. */
static size_t matched(const char *prefix, const char *name)
{
	size_t host = strcspn(name, "/"), len = strlen(prefix);

	if (gg_starts(prefix, "*.")) {
		size_t tail = strcspn(prefix + 1, "/");
		const char *rest = prefix + 1 + tail;

		if (host <= tail || strncmp(name + host - tail, prefix + 1, tail) != 0 ||
		    !gg_starts(name + host, rest))
			return 0;
		len = host + strlen(rest);
	} else if (!gg_starts(name, prefix)) {
		return 0;
	}
	return name[len] == '\0' || name[len] == '/' ? len : 0;
}

static const struct registries_entry *find_entry(const struct registries *r, const char *name,
						 size_t *ret_matched)
{
	const struct registries_entry *best = NULL;

	for (size_t i = 0; i < r->n_entries; i++) {
		const struct registries_entry *e = &r->entries[i];
		size_t n = matched(e->prefix, name);

		if (n == 0 || (best && strlen(best->prefix) >= strlen(e->prefix)))
			continue;
		best = e;
		*ret_matched = n;
	}
	return best;
}

/* ---- places ---- */

/* A search for places. */
struct search {
	const struct registries *registries;
	const struct registry_settings *settings;
	struct registry_places *places;
	struct gg_err *err;
};

/* `name` is "HOST/PATH". */
static struct registry_place *add_place(struct search *s, const char *name, bool insecure)
{
	struct registry_places *p = s->places;
	size_t host = strcspn(name, "/");
	struct registry_place *place;

	p->v = gg_realloc_n(p->v, p->n + 1, sizeof(*p->v));
	place = &p->v[p->n++];
	*place = (struct registry_place){
		.domain = gg_strndup(name, host),
		.path = gg_strdup(name[host] ? name + host + 1 : ""),
		.insecure = s->settings->tls_verify == REGISTRY_TLS_LAX ||
			    (insecure && s->settings->tls_verify != REGISTRY_TLS_CHECKED),
		.certificates = CERTIFICATES_INIT,
	};
	if (gg_streq(place->domain, DOCKER_IO) && !strchr(place->path, '/')) {
		char *path = gg_asprintf("%s%s", LIBRARY, place->path);

		free(place->path);
		place->path = path;
	}
	place->host = gg_strdup(gg_streq(place->domain, DOCKER_IO) ? HUB_HOST : place->domain);
	return place;
}

static char *rewrite(const char *location, const char *name, size_t matched_len)
{
	return location ? gg_asprintf("%s%s", location, name + matched_len) : gg_strdup(name);
}

/* A host alone is no image: an entry's location may be one for a prefix with a path. */
static int check_path(const struct search *s, const char *name)
{
	const char *slash = strchr(name, '/');

	if (slash && reference_path_valid(slash + 1))
		return 0;
	return gg_fail(s->err, GG_USAGE, "registries.conf makes '%s' of it, which is no image",
		       name);
}

static int add_mirrors(struct search *s, const struct registries_entry *e, const char *name,
		       size_t matched_len)
{
	for (size_t i = 0; i < e->n_mirrors; i++) {
		const struct registries_mirror *m = &e->mirrors[i];
		_cleanup_free_ char *there = rewrite(m->location, name, matched_len);
		struct registry_place *place;

		if (check_path(s, there) < 0)
			return -1;
		place = add_place(s, there, m->insecure);
		place->mirror = true;
		place->digest_only = m->digest_only;
		place->tag_only = m->tag_only;
	}
	return 0;
}

/* A registry with its mirrors before it. */
static int add_registry(struct search *s, const char *name, bool named, bool push)
{
	size_t matched_len = 0;
	const struct registries_entry *e = find_entry(s->registries, name, &matched_len);
	_cleanup_free_ char *there = e ? rewrite(e->location, name, matched_len) : gg_strdup(name);
	struct registry_place *place;

	if (e && e->blocked) {
		gg_fail(s->err, GG_USAGE, "registry '%s' is blocked by %s", e->prefix, e->where);
		return gg_hint(s->err, "--registries-conf names other rules");
	}
	if (check_path(s, there) < 0 || (e && !push && add_mirrors(s, e, name, matched_len) < 0))
		return -1;
	place = add_place(s, there, e && e->insecure);
	place->named = named;
	return 0;
}

/* ---- short names ---- */

static const struct registries_alias *find_alias(const struct registries *r, const char *name)
{
	for (size_t i = 0; i < r->n_aliases; i++)
		if (r->aliases[i].target && gg_streq(r->aliases[i].name, name))
			return &r->aliases[i];
	return NULL;
}

static int add_searched(struct search *s, const char *shorter)
{
	const struct gg_strv *list = &s->registries->search;

	if (list->n > 1 && s->registries->enforcing) {
		gg_fail(s->err, GG_USAGE,
			"'%s' may be in %zu registries, and short-name-mode is enforcing", shorter,
			list->n);
		return gg_hint(s->err, "write %s/%s, or whichever is meant", list->v[0], shorter);
	}
	for (size_t i = 0; i < list->n; i++) {
		_cleanup_free_ char *name =
			gg_streq(list->v[i], DOCKER_IO) && !strchr(shorter, '/')
				? gg_asprintf("%s/library/%s", list->v[i], shorter)
				: gg_asprintf("%s/%s", list->v[i], shorter);

		if (add_registry(s, name, list->n == 1, false) < 0)
			return -1;
	}
	return 0;
}

static int add_short(struct search *s, const struct reference *r, const char *name)
{
	const char *path = r->path, *shorter = path;
	const struct registries_alias *a;

	if (gg_starts(path, LIBRARY) && !strchr(path + strlen(LIBRARY), '/'))
		shorter += strlen(LIBRARY);
	a = find_alias(s->registries, path);
	if (!a)
		a = find_alias(s->registries, shorter);
	if (a)
		return add_registry(s, a->target, true, false);
	return s->registries->search.n ? add_searched(s, shorter)
				       : add_registry(s, name, true, false);
}

int registry_places_find(const struct reference *r, const struct registry_settings *settings,
			 bool push, struct registry_places *ret, struct gg_err *err)
{
	static const struct registry_settings usual = { 0 };
	_cleanup_free_ char *name = gg_asprintf("%s/%s", r->domain, r->path);
	_cleanup_registry_places_ struct registry_places places = REGISTRY_PLACES_INIT;
	_cleanup_registries_ struct registries registries = { 0 };
	struct search s = { .registries = &registries,
			    .settings = settings ? settings : &usual,
			    .places = &places,
			    .err = err };
	int rc;

	if (registries_read(s.settings->registries_conf, &registries, err) < 0)
		return -1;
	rc = r->unqualified && !push ? add_short(&s, r, name) : add_registry(&s, name, true, push);
	if (rc < 0)
		return gg_context(err, "'%s'", name);
	for (size_t i = 0; i < places.n; i++) {
		struct registry_place *p = &places.v[i];

		if (certificates_find(p->named ? s.settings->cert_dir : NULL, p->domain,
				      &p->certificates, err) < 0)
			return gg_context(err, "'%s'", name);
		p->ca_file = p->certificates.ca_file;
		p->cert_file = p->certificates.cert_file;
		p->key_file = p->certificates.key_file;
	}
	*ret = places;
	places = (struct registry_places)REGISTRY_PLACES_INIT;
	return 0;
}
