/* SPDX-License-Identifier: Apache-2.0 */
#include "recipes/lock_private.h"

#include <inttypes.h>
#include <string.h>

/* ---- canonical text ---- */

static void set_hex(struct gg_json *object, const char *key, const struct gg_digest *d)
{
	char hex[GG_DIGEST_HEX];

	gg_json_set_str(object, key, gg_digest_hex(d, hex));
}

static void set_digest(struct gg_json *object, const char *key, const struct gg_digest *d)
{
	char text[GG_DIGEST_TEXT];

	gg_json_set_str(object, key, gg_digest_text(d, text));
}

static struct gg_json *list_json(const struct gg_strv *list)
{
	struct gg_json *array = gg_json_array();

	for (size_t i = 0; i < list->n; i++)
		gg_json_append_str(array, list->v[i]);
	return array;
}

static struct gg_json *package_json(const struct lock_package *p)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_str(o, "name", p->name);
	gg_json_set_str(o, "version", p->version);
	gg_json_set_str(o, "architecture", p->architecture);
	gg_json_set_str(o, "path", p->path);
	gg_json_set_str(o, "suite", p->suite);
	gg_json_set_int(o, "size", (int64_t)p->size);
	set_hex(o, "sha256", &p->sha256);
	return o;
}

static struct gg_json *distro_json(const struct lock_distro *d)
{
	struct gg_json *o = gg_json_object(), *releases = gg_json_array(),
		       *packages = gg_json_array();

	gg_json_set_str(o, "distro", d->distro);
	gg_json_take(o, "suites", list_json(&d->suites));
	gg_json_take(o, "components", list_json(&d->components));
	gg_json_take(o, "request", list_json(&d->request));
	gg_json_set_bool(o, "essential", d->essential);
	if (!gg_digest_is_zero(&d->keyring))
		set_hex(o, "keyring", &d->keyring);
	for (size_t i = 0; i < d->n_releases; i++) {
		struct gg_json *release = gg_json_object();

		gg_json_set_str(release, "suite", d->releases[i].suite);
		gg_json_set_int(release, "date", d->releases[i].date);
		set_hex(release, "sha256", &d->releases[i].sha256);
		gg_json_append_take(releases, release);
	}
	gg_json_take(o, "releases", releases);
	for (size_t i = 0; i < d->n_packages; i++)
		gg_json_append_take(packages, package_json(&d->packages[i]));
	gg_json_take(o, "packages", packages);
	return o;
}

static struct gg_json *platform_json(const struct lock_platform *p)
{
	struct gg_json *o = gg_json_object(), *debian = gg_json_object(),
		       *fetches = gg_json_object();
	char hex[GG_DIGEST_HEX];

	for (size_t i = 0; i < p->n_distros; i++)
		gg_json_take(debian, p->distros[i].key, distro_json(&p->distros[i]));
	gg_json_take(o, "debian", debian);
	for (size_t i = 0; i < p->n_fetches; i++) {
		struct gg_json *fetch = gg_json_object();

		gg_json_set_str(fetch, "name", p->fetches[i].name);
		set_digest(fetch, "tree", &p->fetches[i].tree);
		gg_json_take(fetches, gg_digest_hex(&p->fetches[i].definition, hex), fetch);
	}
	gg_json_take(o, "fetches", fetches);
	/* Locks of recipes without any are as they were before there were images. */
	if (p->n_images)
		gg_json_take(o, "images", lock_images_json(p));
	return o;
}

static void set_compressor(struct gg_json *formats, const char *key,
			   const struct lock_compressor *c)
{
	struct gg_json *o;

	if (gg_digest_is_zero(&c->golden)) {
		gg_json_set_int(formats, key, c->format);
		return;
	}
	o = gg_json_object();
	gg_json_set_int(o, "format", c->format);
	gg_json_set_str(o, "library", c->library);
	gg_json_set_int(o, "level", c->level);
	gg_json_set_int(o, "block", (int64_t)c->block);
	set_digest(o, "golden", &c->golden);
	gg_json_take(formats, key, o);
}

static struct gg_json *formats_json(const struct lock_formats *f)
{
	struct gg_json *o = gg_json_object();

	gg_json_set_int(o, "tar", f->tar);
	gg_json_set_int(o, "tree", f->tree);
	set_compressor(o, "gzip", &f->gzip);
	set_compressor(o, "zstd", &f->zstd);
	return o;
}

char *lock_text(const struct lock *l)
{
	_cleanup_json_ struct gg_json *o = gg_json_object();
	struct gg_json *platforms = gg_json_object(), *urls = gg_json_object(),
		       *pieces = gg_json_object();
	char hex[GG_DIGEST_HEX];

	gg_json_set_int(o, "lock", 1);
	gg_json_take(o, "formats", formats_json(&l->formats));
	if (l->epoch >= 0)
		gg_json_set_int(o, "epoch", l->epoch);
	for (size_t i = 0; i < l->n_platforms; i++)
		gg_json_take(platforms, l->platforms[i].name, platform_json(&l->platforms[i]));
	gg_json_take(o, "platforms", platforms);
	for (size_t i = 0; i < l->n_urls; i++) {
		struct gg_json *url = gg_json_object();

		gg_json_set_int(url, "size", (int64_t)l->urls[i].size);
		gg_json_take(urls, gg_digest_hex(&l->urls[i].sha256, hex), url);
	}
	gg_json_take(o, "urls", urls);
	for (size_t i = 0; i < l->n_pieces; i++)
		set_digest(pieces, l->pieces[i].name, &l->pieces[i].sha256);
	gg_json_take(o, "pieces", pieces);
	return gg_json_pretty(o);
}
