/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock_private.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

enum { LOCK_MAX_BYTES = 64 << 20 };

/* Relative, clean, below the archive's root: it becomes part of a URL and of a file name. */
static int check_pool_path(struct lock_reader *r, const struct lock_place *up, const char *path)
{
	struct lock_place at = { up, "path", 0 };
	const char *p = path;

	while (true) {
		size_t len = strcspn(p, "/");

		if (!len || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.') ||
		    memchr(p, ':', len) || memchr(p, '?', len) || memchr(p, '#', len))
			return lock_complain(
				r, &at, "'%s' is not a clean path below the archive's root", path);
		if (!p[len])
			return 0;
		p += len + 1;
	}
}

/* ---- packages ---- */

static int read_package(struct lock_reader *r, const struct lock_place *at, struct gg_json *o,
			const struct lock_distro *d, struct lock_package *p)
{
	static const char *const known[] = { "name",  "version", "architecture", "path",
					     "suite", "size",    "sha256",       NULL };
	int64_t size;

	if (lock_check_keys(r, at, o, known) < 0 ||
	    lock_read_member(r, at, o, "name", &p->name) < 0 ||
	    lock_read_member(r, at, o, "version", &p->version) < 0 ||
	    lock_read_member(r, at, o, "architecture", &p->architecture) < 0 ||
	    lock_read_member(r, at, o, "path", &p->path) < 0 ||
	    check_pool_path(r, at, p->path) < 0 ||
	    lock_read_member(r, at, o, "suite", &p->suite) < 0 ||
	    lock_read_int(r, at, o, "size", INT64_MAX, &size) < 0 ||
	    lock_read_hex(r, at, o, "sha256", &p->sha256) < 0)
		return -1;
	p->size = (uint64_t)size;
	if (!gg_strv_has(&d->suites, p->suite))
		return lock_complain(r, at, "suite '%s' is not one of the entry's", p->suite);
	return 0;
}

static int read_packages(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
			 struct lock_distro *d)
{
	struct gg_json *array = gg_json_get(o, "packages");
	struct lock_place at = { up, "packages", 0 };

	if (!gg_json_is_array(array))
		return lock_complain(r, &at, "not a list");
	d->n_packages = gg_json_len(array);
	d->packages = gg_arena_calloc(r->lock->arena, d->n_packages, sizeof(*d->packages));
	for (size_t i = 0; i < d->n_packages; i++) {
		struct lock_place here = { &at, NULL, i };
		int order;

		if (read_package(r, &here, gg_json_at(array, i), d, &d->packages[i]) < 0)
			return -1;
		if (!i)
			continue;
		order = strcmp(d->packages[i - 1].name, d->packages[i].name);
		if (!order)
			order = strcmp(d->packages[i - 1].architecture,
				       d->packages[i].architecture);
		if (order >= 0)
			return lock_complain(r, &here, "package '%s' is %s", d->packages[i].name,
					     order ? "out of order" : "there twice");
	}
	return 0;
}

static int read_releases(struct lock_reader *r, const struct lock_place *up, struct gg_json *o,
			 struct lock_distro *d)
{
	static const char *const known[] = { "suite", "date", "sha256", NULL };
	struct gg_json *array = gg_json_get(o, "releases");
	struct lock_place at = { up, "releases", 0 };

	if (!gg_json_is_array(array))
		return lock_complain(r, &at, "not a list");
	d->n_releases = gg_json_len(array);
	d->releases = gg_arena_calloc(r->lock->arena, d->n_releases, sizeof(*d->releases));
	for (size_t i = 0; i < d->n_releases; i++) {
		struct lock_release *release = &d->releases[i];
		struct gg_json *v = gg_json_at(array, i);
		struct lock_place here = { &at, NULL, i };

		if (lock_check_keys(r, &here, v, known) < 0 ||
		    lock_read_member(r, &here, v, "suite", &release->suite) < 0 ||
		    lock_read_int(r, &here, v, "date", INT64_MAX, &release->date) < 0 ||
		    lock_read_hex(r, &here, v, "sha256", &release->sha256) < 0)
			return -1;
		if (!gg_strv_has(&d->suites, release->suite))
			return lock_complain(r, &here, "suite '%s' is not one of the entry's",
					     release->suite);
		for (size_t k = 0; k < i; k++) {
			if (gg_streq(d->releases[k].suite, release->suite))
				return lock_complain(r, &here, "suite '%s' is there twice",
						     release->suite);
		}
	}
	return 0;
}

static int read_distro(struct lock_reader *r, const struct lock_place *at, const char *key,
		       struct gg_json *o, struct lock_distro *d)
{
	static const char *const known[] = { "distro",    "suites",   "components", "request",
					     "essential", "releases", "packages",   "?",
					     "keyring",   NULL };
	struct lock_place essential = { at, "essential", 0 };
	_cleanup_free_ char *expected = NULL;

	if (!lock_is_hex(key, 16))
		return lock_complain(r, at, "the key is not 16 lower-case hexadecimal digits");
	d->key = gg_arena_strdup(r->lock->arena, key);
	if (lock_check_keys(r, at, o, known) < 0 ||
	    lock_read_member(r, at, o, "distro", &d->distro) < 0 ||
	    lock_read_list(r, at, o, "suites", false, &d->suites) < 0 ||
	    lock_read_list(r, at, o, "components", false, &d->components) < 0 ||
	    lock_read_list(r, at, o, "request", true, &d->request) < 0)
		return -1;
	d->essential = gg_json_get_bool(o, "essential", false);
	if (!d->essential && gg_json_get_bool(o, "essential", true))
		return lock_complain(r, &essential, "neither true nor false");
	expected =
		lock_distro_key(d->distro, &d->suites, &d->components, &d->request, d->essential);
	if (!gg_streq(expected, key))
		return lock_complain(r, at, "the key of this request is '%s'", expected);
	if (gg_json_get(o, "keyring") && lock_read_hex(r, at, o, "keyring", &d->keyring) < 0)
		return -1;
	return read_releases(r, at, o, d) < 0 || read_packages(r, at, o, d) < 0 ? -1 : 0;
}

/* ---- the document ---- */

static int read_fetch(struct lock_reader *r, const struct lock_place *at, const char *key,
		      struct gg_json *o, struct lock_fetch *f)
{
	static const char *const known[] = { "name", "tree", NULL };

	if (gg_digest_from_hex(key, &f->definition) < 0)
		return lock_complain(r, at,
				     "the key is not a sha256 in 64 lower-case hexadecimal digits");
	if (lock_check_keys(r, at, o, known) < 0 ||
	    lock_read_member(r, at, o, "name", &f->name) < 0)
		return -1;
	return lock_read_digest(r, at, gg_json_get(o, "tree"), "tree", &f->tree);
}

static int read_platform(struct lock_reader *r, const struct lock_place *up, const char *name,
			 struct gg_json *o)
{
	static const char *const known[] = { "debian", "fetches", "?", "images", NULL };
	_cleanup_strv_ struct gg_strv distros = { 0 }, fetches = { 0 };
	struct lock_place at = { up, name, 0 }, at_debian = { &at, "debian", 0 },
			  at_fetches = { &at, "fetches", 0 };
	struct gg_json *debian, *fetched;
	struct lock_platform *p;

	if (lock_check_keys(r, &at, o, known) < 0)
		return -1;
	if (!strchr(name, '/') ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789/") != strlen(name))
		return lock_complain(r, &at, "not a platform like 'linux/amd64'");
	debian = gg_json_get(o, "debian");
	fetched = gg_json_get(o, "fetches");
	if (!gg_json_is_object(debian) || !gg_json_is_object(fetched))
		return lock_complain(r, gg_json_is_object(debian) ? &at_fetches : &at_debian,
				     "not an object");
	p = lock_platform(r->lock, name);
	gg_json_keys(debian, &distros);
	p->n_distros = distros.n;
	p->distros = gg_arena_calloc(r->lock->arena, distros.n, sizeof(*p->distros));
	for (size_t i = 0; i < distros.n; i++) {
		struct lock_place here = { &at_debian, distros.v[i], 0 };

		if (read_distro(r, &here, distros.v[i], gg_json_get(debian, distros.v[i]),
				&p->distros[i]) < 0)
			return -1;
	}
	if (gg_json_get(o, "images") && lock_read_images(r, &at, gg_json_get(o, "images"), p) < 0)
		return -1;
	gg_json_keys(fetched, &fetches);
	p->n_fetches = fetches.n;
	p->fetches = gg_arena_calloc(r->lock->arena, fetches.n, sizeof(*p->fetches));
	for (size_t i = 0; i < fetches.n; i++) {
		struct lock_place here = { &at_fetches, fetches.v[i], 0 };

		if (read_fetch(r, &here, fetches.v[i], gg_json_get(fetched, fetches.v[i]),
			       &p->fetches[i]) < 0)
			return -1;
	}
	return 0;
}

/* An object, or the format's number alone. */
static int read_compressor(struct lock_reader *r, const struct lock_place *up,
			   struct gg_json *formats, const char *key, struct lock_compressor *c)
{
	static const char *const known[] = {
		"format", "library", "level", "block", "golden", NULL
	};
	struct gg_json *o = gg_json_get(formats, key);
	struct lock_place at = { up, key, 0 }, at_golden = { &at, "golden", 0 };
	int64_t format, level, block;

	if (!gg_json_is_object(o)) {
		if (lock_read_int(r, up, formats, key, INT_MAX, &format) < 0)
			return -1;
		*c = (struct lock_compressor){ .format = (int)format };
		return 0;
	}
	if (lock_check_keys(r, &at, o, known) < 0 ||
	    lock_read_int(r, &at, o, "format", INT_MAX, &format) < 0 ||
	    lock_read_int(r, &at, o, "level", INT_MAX, &level) < 0 ||
	    lock_read_int(r, &at, o, "block", INT64_MAX, &block) < 0 ||
	    lock_read_text(r, &at, gg_json_get(o, "library"), "library", ' ', &c->library) < 0 ||
	    lock_read_digest(r, &at, gg_json_get(o, "golden"), "golden", &c->golden) < 0)
		return -1;
	if (gg_digest_is_zero(&c->golden))
		return lock_complain(r, &at_golden, "no digest of anything");
	c->format = (int)format;
	c->level = (int)level;
	c->block = (uint64_t)block;
	return 0;
}

static int read_formats(struct lock_reader *r, struct gg_json *o)
{
	static const char *const known[] = { "tar", "gzip", "zstd", "tree", NULL };
	struct lock_formats *f = &r->lock->formats;
	struct lock_place at = { NULL, "formats", 0 };
	int64_t tar, tree;

	if (lock_check_keys(r, &at, o, known) < 0 ||
	    lock_read_int(r, &at, o, "tar", INT_MAX, &tar) < 0 ||
	    read_compressor(r, &at, o, "gzip", &f->gzip) < 0 ||
	    read_compressor(r, &at, o, "zstd", &f->zstd) < 0 ||
	    lock_read_int(r, &at, o, "tree", INT_MAX, &tree) < 0)
		return -1;
	f->tar = (int)tar;
	f->tree = (int)tree;
	return 0;
}

static int read_urls(struct lock_reader *r, struct gg_json *o)
{
	static const char *const known[] = { "size", NULL };
	struct lock_place at = { NULL, "urls", 0 };
	_cleanup_strv_ struct gg_strv keys = { 0 };

	if (!gg_json_is_object(o))
		return lock_complain(r, &at, "not an object");
	gg_json_keys(o, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		struct lock_place here = { &at, keys.v[i], 0 };
		struct gg_json *v = gg_json_get(o, keys.v[i]);
		struct lock_url url;
		int64_t size;

		if (gg_digest_from_hex(keys.v[i], &url.sha256) < 0)
			return lock_complain(
				r, &here,
				"the key is not a sha256 in 64 lower-case hexadecimal digits");
		if (lock_check_keys(r, &here, v, known) < 0 ||
		    lock_read_int(r, &here, v, "size", INT64_MAX, &size) < 0)
			return -1;
		url.size = (uint64_t)size;
		lock_put_url(r->lock, &url);
	}
	return 0;
}

static int read_pieces(struct lock_reader *r, struct gg_json *o)
{
	struct lock_place at = { NULL, "pieces", 0 };
	_cleanup_strv_ struct gg_strv keys = { 0 };

	if (!gg_json_is_object(o))
		return lock_complain(r, &at, "not an object");
	gg_json_keys(o, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		struct lock_piece piece = { .name = keys.v[i] };
		struct lock_place here = { &at, keys.v[i], 0 };
		const char *version = strchr(keys.v[i], '@');

		if (!version || version == keys.v[i] || !version[1] ||
		    strspn(version + 1, "0123456789") != strlen(version + 1) ||
		    strpbrk(keys.v[i], " \"\\/"))
			return lock_complain(r, &here, "not a piece's name like 'rustup@1'");
		if (lock_read_digest(r, &at, gg_json_get(o, keys.v[i]), keys.v[i], &piece.sha256) <
		    0)
			return -1;
		lock_put_piece(r->lock, &piece);
	}
	return 0;
}

static int read_document(struct lock_reader *r, struct gg_json *o)
{
	static const char *const known[] = { "lock",   "formats", "platforms", "urls",
					     "pieces", "?",       "epoch",     NULL };
	struct lock_place version = { NULL, "lock", 0 }, at = { NULL, "platforms", 0 };
	_cleanup_strv_ struct gg_strv names = { 0 };
	struct gg_json *platforms;
	int64_t n;

	if (gg_json_is_object(o) && gg_json_is_int(gg_json_get(o, "lock")) &&
	    gg_json_get_int(o, "lock", 0) != 1)
		return lock_complain(r, &version,
				     "version %" PRId64 " of the lock is not known to this ggbuild",
				     gg_json_get_int(o, "lock", 0));
	if (lock_check_keys(r, NULL, o, known) < 0 ||
	    lock_read_int(r, NULL, o, "lock", 1, &n) < 0 ||
	    read_formats(r, gg_json_get(o, "formats")) < 0)
		return -1;
	if (gg_json_get(o, "epoch") &&
	    lock_read_int(r, NULL, o, "epoch", INT64_MAX, &r->lock->epoch) < 0)
		return -1;
	platforms = gg_json_get(o, "platforms");
	if (!gg_json_is_object(platforms))
		return lock_complain(r, &at, "not an object");
	gg_json_keys(platforms, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (read_platform(r, &at, names.v[i], gg_json_get(platforms, names.v[i])) < 0)
			return -1;
	}
	if (read_urls(r, gg_json_get(o, "urls")) < 0 ||
	    read_pieces(r, gg_json_get(o, "pieces")) < 0)
		return -1;
	return 0;
}

/* What a parser cannot see: order of keys, white space, line ends, another spelling of a string. */
static int check_canonical(struct lock_reader *r, const char *text, size_t len)
{
	_cleanup_free_ char *canonical = lock_text(r->lock);
	unsigned line = 1;
	size_t i = 0;

	while (i < len && canonical[i] && canonical[i] == text[i])
		line += text[i++] == '\n';
	if (i == len && !canonical[i])
		return 0;
	gg_fail_at(r->err, GG_LOCK, (struct gg_pos){ r->file, line, 1 },
		   "the lock is not in its canonical form from here on");
	return gg_hint(r->err, "it is written by `ggbuild lock`, not by hand; check that line ends "
			       "were not changed");
}

int lock_parse(const char *file, const char *text, size_t len, struct lock **ret,
	       struct gg_err *err)
{
	_cleanup_lock_ struct lock *l = lock_new();
	_cleanup_json_ struct gg_json *o = NULL;
	_cleanup_err_ struct gg_err syntax = GG_ERR_INIT;
	struct lock_reader r = { file, l, err };

	if (len > LOCK_MAX_BYTES)
		return gg_fail_at(err, GG_LOCK, (struct gg_pos){ .file = file },
				  "the lock is larger than %d bytes", LOCK_MAX_BYTES);
	o = gg_json_parse(text, len, &syntax);
	if (!o)
		return lock_complain(&r, NULL, "%s", syntax.text);
	if (read_document(&r, o) < 0 || check_canonical(&r, text, len) < 0)
		return -1;
	*ret = gg_steal(&l);
	return 0;
}
