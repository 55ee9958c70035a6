/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/resolve_distro.h"

#include <string.h>
#include <time.h>

#include "builder/beside.h"
#include "builder/bundle_import.h"
#include "builder/debian/index.h"
#include "builder/debian/release.h"
#include "builder/debian/resolve.h"
#include "builder/download.h"
#include "builder/mirror.h"
#include "builder/progress.h"
#include "builder/session.h"
#include "layers/base/fd.h"
#include "layers/store.h"
#include "recipes/lock.h"

enum { RELEASE_MAX = 8 << 20, PACKAGES_MAX = 512 << 20, PACKAGES_FILE_MAX = 128 << 20 };

struct suite {
	const char *name;
	const char *archive; /* URL of its archive */
	bool main;           /* must exist; -updates and -security may not */
	bool absent;
	struct gg_digest digest; /* of the InRelease file */
	struct release *release;
};

struct resolving {
	struct session *s;
	const struct recipe_stage *stage;
	const struct apt_mirrors *mirrors;
	struct gg_strv names;
	struct suite *suites;
	size_t n;
	bool reused; /* releases are the lock's, judged when they were pinned */
};

static void resolving_done(struct resolving *r)
{
	for (size_t i = 0; i < r->n; i++)
		release_free(r->suites[i].release);
	free(r->suites);
	gg_strv_done(&r->names);
}

static bool same_list(const struct gg_strv *a, const struct gg_strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!gg_streq(a->v[i], b->v[i]))
			return false;
	return true;
}

static const struct lock_release *release_of(const struct lock_distro *d, const char *suite)
{
	for (size_t i = 0; i < d->n_releases; i++)
		if (gg_streq(d->releases[i].suite, suite))
			return &d->releases[i];
	return NULL;
}

static int64_t newest_date(const struct lock_distro *d)
{
	int64_t newest = -1;

	for (size_t i = 0; i < d->n_releases; i++)
		if (d->releases[i].date > newest)
			newest = d->releases[i].date;
	return newest;
}

static bool store_has_releases(const struct resolving *r, const struct lock_distro *d)
{
	for (size_t i = 0; i < d->n_releases; i++)
		if (!store_blob_has(r->s->store, &d->releases[i].sha256))
			return false;
	return true;
}

/* The newest entry of the same suites whose releases the store still has. */
static bool reuse_releases(struct resolving *r, const struct lock_platform *platform)
{
	const struct lock_distro *found = NULL;

	for (size_t i = 0; i < platform->n_distros; i++) {
		const struct lock_distro *d = &platform->distros[i];

		if (gg_streq(d->distro, r->stage->from.distro) &&
		    same_list(&d->suites, &r->names) && store_has_releases(r, d) &&
		    (!found || newest_date(d) > newest_date(found)))
			found = d;
	}
	for (size_t i = 0; found && i < r->n; i++) {
		const struct lock_release *release = release_of(found, r->suites[i].name);

		r->suites[i].absent = !release;
		if (release)
			r->suites[i].digest = release->sha256;
	}
	return found;
}

static int download_releases(struct resolving *r, struct gg_err *err)
{
	_cleanup_downloads_ struct downloads list = { 0 };

	for (size_t i = 0; i < r->n; i++) {
		struct suite *u = &r->suites[i];
		struct download *d = downloads_add(
			&list, gg_asprintf("%s/dists/%s/InRelease", u->archive, u->name),
			gg_asprintf("release of %s", u->name));

		d->kind = DOWNLOAD_RELEASE;
		d->optional = !u->main;
		d->max_size = RELEASE_MAX;
	}
	if (download_all(r->s, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++) {
		r->suites[i].absent = list.v[i].absent;
		r->suites[i].digest = list.v[i].digest;
	}
	return 0;
}

static int read_release(struct resolving *r, struct suite *u, struct gg_err *err)
{
	_cleanup_buf_ struct gg_buf signed_text = { 0 }, text = { 0 };
	_cleanup_free_ char *name = gg_asprintf("dists/%s/InRelease", u->name);
	unsigned flags = r->reused ? RELEASE_IGNORE_EXPIRY : 0;

	if (u->absent)
		return 0;
	if (store_blob_read(r->s->store, &u->digest, RELEASE_MAX, &signed_text, err) < 0)
		return -1;
	if (release_verify(name, r->stage->from.distro, signed_text.data, signed_text.len,
			   &r->mirrors->keys, &text, err) < 0 ||
	    release_parse(name, text.data, text.len, &u->release, err) < 0 ||
	    release_check(u->release, name, u->name, (int64_t)time(NULL), flags, err) < 0)
		return -1;
	return 0;
}

struct wanted {
	const struct release_file *file;
	const struct suite *suite;
	char *path; /* owned: below dists/SUITE/ */
	char *name; /* owned: for errors */
};

struct wanted_list {
	struct wanted *v;
	size_t n, cap;
};

static void wanted_done(struct wanted_list *w)
{
	for (size_t i = 0; i < w->n; i++) {
		free(w->v[i].path);
		free(w->v[i].name);
	}
	free(w->v);
}

static int want_index(struct wanted_list *w, const struct suite *u, const char *component,
		      const char *arch, struct gg_err *err)
{
	char *path = NULL;
	const struct release_file *file = release_packages(u->release, component, arch, &path);

	if (!file) {
		/* Only the main suite has to have every component. */
		if (!u->main)
			return 0;
		gg_fail(err, GG_RECIPE, "suite '%s' has no component '%s' for %s", u->name,
			component, arch);
		return gg_hint(err, "check `components:` and the machine's architecture");
	}
	GG_GROW(w->v, w->n, w->cap);
	w->v[w->n++] =
		(struct wanted){ .file = file,
				 .suite = u,
				 .path = path,
				 .name = gg_asprintf("packages of %s/%s", u->name, component) };
	return 0;
}

static int want_indexes(struct resolving *r, struct wanted_list *w, struct gg_err *err)
{
	const struct recipe_list *components = &r->stage->from.components;

	for (size_t i = 0; i < r->n; i++)
		for (size_t j = 0; !r->suites[i].absent && j < components->n; j++) {
			if (want_index(w, &r->suites[i], components->v[j], mirror_deb_arch(), err) <
			    0)
				return -1;
			if (r->suites[i].release->all_is_separate &&
			    want_index(w, &r->suites[i], components->v[j], "all", err) < 0)
				return -1;
		}
	return 0;
}

static int download_indexes(struct resolving *r, const struct wanted_list *w, struct gg_err *err)
{
	_cleanup_downloads_ struct downloads list = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		struct download *d;

		if (store_blob_has(r->s->store, &w->v[i].file->sha256))
			continue;
		d = downloads_add(&list,
				  gg_asprintf("%s/dists/%s/%s", w->v[i].suite->archive,
					      w->v[i].suite->name, w->v[i].path),
				  gg_strdup(w->v[i].name));
		d->kind = DOWNLOAD_INDEX;
		d->has_digest = true;
		d->digest = w->v[i].file->sha256;
		d->size = w->v[i].file->size;
		d->max_size = PACKAGES_FILE_MAX;
	}
	return download_all(r->s, &list, err);
}

static int load_indexes(struct resolving *r, const struct wanted_list *w, struct index *ix,
			struct gg_err *err)
{
	for (size_t i = 0; i < w->n; i++) {
		_cleanup_buf_ struct gg_buf text = { 0 };
		_cleanup_close_ int fd =
			store_blob_open(r->s->store, &w->v[i].file->sha256, NULL, err);

		if (fd < 0 || index_inflate(w->v[i].name, fd, PACKAGES_MAX, &text, err) < 0 ||
		    index_add(ix, w->v[i].suite->name, w->v[i].name, &text, err) < 0)
			return -1;
	}
	index_ready(ix);
	return 0;
}

int resolve_distro_keyring(const struct session *s, const struct recipe_from *from,
			   struct gg_digest *ret, struct gg_err *err)
{
	_cleanup_close_ int fd = -1;

	*ret = (struct gg_digest){ 0 };
	if (!from->keyring)
		return 0;
	if (s->bundle)
		return bundle_keyring(s->bundle, from, ret, err);
	fd = beside_open(s, "keyring", from->keyring, O_RDONLY | O_NONBLOCK, err);
	if (fd >= 0)
		return gg_digest_fd(fd, ret, NULL, err);
	err->pos = from->pos;
	return -1;
}

static char *keep(struct lock *lock, struct deb_slice s)
{
	return gg_arena_strndup(lock->arena, s.p, s.len);
}

static int put_entry(struct resolving *r, const char *key, const struct index *ix,
		     const struct resolution *found, struct lock *lock,
		     struct lock_platform *platform, struct gg_err *err)
{
	const struct recipe_from *from = &r->stage->from;
	struct lock_distro d = { .key = key, .distro = from->distro, .essential = from->essential };

	if (resolve_distro_keyring(r->s, from, &d.keyring, err) < 0)
		return -1;
	gg_strv_copy(&d.suites, &r->names);
	for (size_t i = 0; i < from->components.n; i++)
		gg_strv_add(&d.components, from->components.v[i]);
	for (size_t i = 0; i < from->packages.n; i++)
		gg_strv_add(&d.request, from->packages.v[i]);
	d.releases = gg_arena_calloc(lock->arena, r->n, sizeof(*d.releases));
	for (size_t i = 0; i < r->n; i++)
		if (!r->suites[i].absent)
			d.releases[d.n_releases++] = (struct lock_release){
				.suite = r->suites[i].name,
				.date = r->suites[i].release->date,
				.sha256 = r->suites[i].digest,
			};
	d.packages = gg_arena_calloc(lock->arena, found->n + 1, sizeof(*d.packages));
	for (size_t i = 0; i < found->n; i++) {
		const struct index_package *p = found->packages[i].package;

		d.packages[d.n_packages++] = (struct lock_package){
			.name = keep(lock, p->name),
			.version = keep(lock, p->version),
			.architecture = keep(lock, p->architecture),
			.path = keep(lock, p->filename),
			.suite = index_suite(ix, p->suite),
			.size = p->size,
			.sha256 = p->sha256,
		};
	}
	lock_put_distro(lock, platform, &d);
	gg_strv_done(&d.suites);
	gg_strv_done(&d.components);
	gg_strv_done(&d.request);
	return 0;
}

static int choose(struct resolving *r, const char *key, const struct index *ix, struct lock *lock,
		  struct lock_platform *platform, struct gg_err *err)
{
	const struct recipe_from *from = &r->stage->from;
	_cleanup_resolution_ struct resolution *found = NULL;
	int request = RESOLVE_NO_REQUEST;

	if (resolve(ix, from->packages.v, from->packages.n, from->essential ? RESOLVE_ESSENTIAL : 0,
		    &found, &request, err) < 0) {
		if (request >= 0 && from->package_pos)
			err->pos = from->package_pos[request];
		return -1;
	}
	return put_entry(r, key, ix, found, lock, platform, err);
}

static int find_archives(struct resolving *r, struct gg_err *err)
{
	const struct recipe_from *from = &r->stage->from;

	plan_distro_suites(from, &r->names);
	r->n = r->names.n;
	r->suites = gg_calloc(r->n, sizeof(*r->suites));
	r->mirrors = mirror_find(r->s, from, err);
	if (!r->mirrors)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		r->suites[i] = (struct suite){ .name = r->names.v[i],
					       .archive = apt_archive_of(r->mirrors, r->names.v[i]),
					       .main = gg_streq(r->names.v[i], from->suite) ||
						       from->suites.n > 0 };
	return 0;
}

/* The releases and which of their files are wanted. */
static int take_releases(struct resolving *r, struct wanted_list *w, struct gg_err *err)
{
	if (!r->reused && r->s->offline) {
		gg_fail(err, GG_REMOTE,
			"its packages have to be resolved, and --offline forbids every connection");
		return gg_hint(err, "run `ggbuild lock` where there is a network");
	}
	if (!r->reused && download_releases(r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->n; i++)
		if (read_release(r, &r->suites[i], err) < 0)
			return -1;
	return want_indexes(r, w, err);
}

/* Indexes of an old release are gone from the mirror soon; without a copy in the store it cannot be used any more. */
static bool indexes_are_kept(const struct resolving *r, const struct wanted_list *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!store_blob_has(r->s->store, &w->v[i].file->sha256))
			return false;
	return true;
}

static void drop_releases(struct resolving *r, struct wanted_list *w)
{
	for (size_t i = 0; i < r->n; i++) {
		release_free(r->suites[i].release);
		r->suites[i].release = NULL;
	}
	wanted_done(w);
	*w = (struct wanted_list){ 0 };
	r->reused = false;
}

static int run(struct resolving *r, const char *key, struct lock *lock,
	       struct lock_platform *platform, bool fresh, struct gg_err *err)
{
	_cleanup_index_ struct index *ix = index_new(mirror_deb_arch());
	struct wanted_list w GG_CLEANUP(wanted_done) = { 0 };

	if (find_archives(r, err) < 0)
		return -1;
	r->reused = !fresh && reuse_releases(r, platform);
	if (take_releases(r, &w, err) < 0)
		return -1;
	if (r->reused && !indexes_are_kept(r, &w)) {
		drop_releases(r, &w);
		if (take_releases(r, &w, err) < 0)
			return -1;
	}
	if (download_indexes(r, &w, err) < 0 || load_indexes(r, &w, ix, err) < 0)
		return -1;
	return choose(r, key, ix, lock, platform, err);
}

int resolve_distro(struct session *s, const struct recipe_stage *stage, const char *key,
		   struct lock *lock, struct lock_platform *platform, bool fresh,
		   struct gg_err *err)
{
	struct resolving r = { .s = s, .stage = stage };
	_cleanup_free_ char *note =
		gg_asprintf("resolving the packages of stage '%s'", stage->name);
	int result;

	progress_note(s->progress, note);
	result = run(&r, key, lock, platform, fresh, err);
	if (result < 0) {
		if (!err->pos.file)
			err->pos = stage->from.pos;
		gg_context(err, "stage '%s'", stage->name);
	}
	resolving_done(&r);
	return result;
}
